"""MinHash signatures and banded look-up in NumPy (Broder 1997; Leskovec, Rajaraman, Ullman, chapter 3).

Two sets agree at one place of their signatures with probability equal to their Jaccard similarity J, so the
share of agreeing places estimates J with standard error sqrt(J(1-J)/128), at most 0.044. With BANDS bands of
ROWS places, two sets meet in at least one band with probability 1-(1-J^ROWS)^BANDS: 0.99 at J=0.7, 0.22 at 0.4.
"""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from reviewapp.curation.tokens import Hashes, jaccard, mix

Signature = npt.NDArray[np.uint32]

PLACES = 128
BANDS, ROWS = 25, 5
_CHUNK = 2_048  # shingles at a time: 128 x 2,048 x 8 bytes = 2 MiB
_MAX_CANDIDATES = 64  # of one item, those it shares the most bands with
_SLACK = 0.12  # an estimate this far below the limit is still worth an exact look (almost 3 standard errors)
_SEED = 20_261


@dataclass(frozen=True)
class Link:
    """Items ``a`` < ``b`` (places in the input) and the exact Jaccard similarity of their sets."""

    a: int
    b: int
    similarity: float


def _multipliers() -> tuple[Hashes, Hashes]:
    random = np.random.default_rng(_SEED)
    odd = random.integers(1, 2**63, PLACES, dtype=np.uint64) * np.uint64(2) + np.uint64(1)
    return odd, random.integers(0, 2**63, PLACES, dtype=np.uint64)


def signature(shingles: Hashes) -> Signature:
    """The 128 minima of a set of hashes; an empty set has the signature of maxima, equal to no other's."""
    odd, shift = _multipliers()
    lowest = np.full(PLACES, np.iinfo(np.uint64).max, dtype=np.uint64)
    for start in range(0, len(shingles), _CHUNK):
        block = shingles[start : start + _CHUNK]
        lowest = np.minimum(lowest, mix(block[None, :] * odd[:, None] + shift[:, None]).min(axis=1))
    return (lowest >> np.uint64(32)).astype(np.uint32)


def estimate(a: Signature, b: Signature) -> float:
    """Estimated Jaccard similarity of the sets behind two signatures."""
    return float(np.mean(a == b))


class Index:
    """Finds earlier items that probably resemble a new one."""

    def __init__(self) -> None:
        self._signatures: dict[int, Signature] = {}
        self._bands: list[dict[bytes, list[int]]] = [defaultdict(list) for _ in range(BANDS)]

    def add(self, key: int, own: Signature) -> None:
        self._signatures[key] = own
        for band, name in enumerate(self._names(own)):
            self._bands[band][name].append(key)

    def near(self, own: Signature, limit: float) -> list[tuple[int, float]]:
        """(key, estimated similarity) of items at or above ``limit`` less some slack, likeliest first."""
        met: Counter[int] = Counter()
        for band, name in enumerate(self._names(own)):
            met.update(self._bands[band].get(name, ())[-4 * _MAX_CANDIDATES :])
        candidates = [key for key, _ in met.most_common(_MAX_CANDIDATES)]
        scored = [(key, estimate(own, self._signatures[key])) for key in candidates]
        return sorted((pair for pair in scored if pair[1] >= limit - _SLACK), key=lambda pair: -pair[1])

    @staticmethod
    def _names(own: Signature) -> list[bytes]:
        return [own[band * ROWS : (band + 1) * ROWS].tobytes() for band in range(BANDS)]


def links_of(
    count: int, shingles: Callable[[int], Hashes], limit: float, *, step: Callable[[int], None] = lambda _: None
) -> tuple[list[Link], list[Signature]]:
    """All pairs of ``count`` sets with exact similarity at or above ``limit``, and the signatures.

    ``shingles(i)`` is called again for an exact look instead of being kept: sets of a large corpus fill the
    memory. ``step`` is called with the number of sets done.
    """
    index, links, signatures = Index(), [], []
    for b in range(count):
        own = shingles(b)
        signed = signature(own)
        for a, _ in index.near(signed, limit) if len(own) else ():
            similarity = jaccard(shingles(a), own)
            if similarity >= limit:
                links.append(Link(a, b, similarity))
        if len(own):
            index.add(b, signed)
        signatures.append(signed)
        step(b + 1)
    return links, signatures


def clusters_of(links: Sequence[Link], signatures: Sequence[Signature], *, diameter: float) -> list[list[int]]:
    """Clusters of linked items, closest pairs first, each sorted; single items are left out.

    Two clusters join only if every member resembles every other by at least 1 - ``diameter`` (estimated): a chain
    of small steps from one text to a quite different one is cut, not swallowed whole.
    """
    cluster: dict[int, list[int]] = {}
    for link in sorted(links, key=lambda link: (-link.similarity, link.a, link.b)):
        left, right = cluster.get(link.a, [link.a]), cluster.get(link.b, [link.b])
        if left is right or _furthest(left, right, signatures) < 1 - diameter:
            continue
        joined = left + right
        cluster.update(dict.fromkeys(joined, joined))
    return sorted({id(members): sorted(members) for members in cluster.values()}.values())


def _furthest(left: list[int], right: list[int], signatures: Sequence[Signature]) -> float:
    rows, columns = np.stack([signatures[i] for i in left]), np.stack([signatures[i] for i in right])
    return min(float((row == columns).mean(axis=1).min()) for row in rows)
