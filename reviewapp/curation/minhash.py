"""MinHash signatures and banded look-up in NumPy (Broder 1997; Leskovec, Rajaraman, Ullman, chapter 3).

Each run of a text is hashed once: its first 7 bits choose one of 128 places, the least of a place stands in it (one
permutation hashing: Li, Owen, Zhang 2012), and an empty place borrows from others in an order that is the same for
every text (Shrivastava 2017). Two sets agree at one place with probability equal to their Jaccard similarity J, so the
share of agreeing places estimates J with standard error sqrt(J(1-J)/128), at most 0.044.

Two sets meet in at least one of b bands of r places with probability 1-(1-J^r)^b; ``layout_for`` takes the most rows
that still find 95% of the pairs that lie right at the limit. What is kept of a text is 128 bytes for the estimate and
4 bytes a band, whatever its length: 228 bytes at a limit of 0.7, so 228 MB for a million texts.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from reviewapp.curation.tokens import Counts, Hashes, Runs, char_runs, distinct, jaccard, mix

Signatures = npt.NDArray[np.uint32]  # (texts, PLACES)
Floats = npt.NDArray[np.float64]

PLACES = 128
SLACK = 0.12  # almost 3 standard errors: an estimate nearer to the limit than this is looked at exactly
_LIKELY = 0.95
_SHIFT = np.uint64(57)  # the first 7 of 64 bits
_NOTHING = np.uint64(2**64 - 1)
_PROBES = 64
_SEED = 20_261
_CHUNK = 128  # texts at a time: their runs stay in the processor's cache
_CHUNK_CHARACTERS = 1_000_000  # or as many as have so many characters
_MANY = 1 << 16  # pairs at a time: 16 MB
_CROWD = 64  # members of a band's bucket; in a larger one each meets its first and its nearest only
_NEAR, _NEAR_IN_CROWD = 16, 4
_KEPT = 512  # sets of hashes at hand for an exact look
_COMPARED = 64  # members of a cluster that stand for all in the check of its diameter


@dataclass(frozen=True)
class Layout:
    """How the places are cut into bands."""

    bands: int
    rows: int


@dataclass(frozen=True)
class Sketches:
    """What is kept of texts: the low bits of each place, the bands' names; ``has_runs`` is False for empty texts."""

    places: npt.NDArray[np.uint8]  # (texts, PLACES)
    bands: npt.NDArray[np.uint32]  # (texts, bands of the layout)
    has_runs: npt.NDArray[np.bool_]

    def __len__(self) -> int:
        return len(self.places)


@dataclass(frozen=True)
class Pairs:
    """Places ``a`` and ``b`` of texts and how alike they are, by estimate; sorted by both places."""

    a: Counts
    b: Counts
    similarity: Floats

    def __len__(self) -> int:
        return len(self.a)

    def where(self, chosen: npt.NDArray[np.bool_]) -> Pairs:
        return Pairs(self.a[chosen], self.b[chosen], self.similarity[chosen])


@dataclass(frozen=True, slots=True)
class Link:
    """Items ``a`` < ``b`` (places in the input) and the Jaccard similarity of their sets."""

    a: int
    b: int
    similarity: float


def layout_for(limit: float) -> Layout:
    """The bands with which pairs of similarity ``limit`` are found 95 times in 100, or more often."""
    for rows in range(12, 1, -1):
        bands = PLACES // rows
        if 1 - (1 - limit**rows) ** bands >= _LIKELY:
            return Layout(bands, rows)
    return Layout(PLACES, 1)


def _probes() -> npt.NDArray[np.intp]:
    return np.random.default_rng(_SEED).integers(0, PLACES, (_PROBES, PLACES))


def signatures_of(runs: Runs) -> Signatures:
    """(texts, 128) of 32 bits each; a text without runs has the same number everywhere, equal to no other's."""
    n = len(runs.counts)
    places = (runs.values >> _SHIFT).astype(np.intp)
    places += runs.owners * PLACES
    flat = np.full(n * PLACES, _NOTHING)
    np.minimum.at(flat, places, runs.values)
    least: Hashes = flat.reshape(n, PLACES)
    _fill(least)
    return (least >> np.uint64(25)).astype(np.uint32)


def _fill(least: Hashes) -> None:
    """Empty places borrow from the first that is not, of 64 drawn for each place; the rest from their left."""
    rows, columns = np.nonzero(least == _NOTHING)
    if not len(rows):
        return
    given = least.copy()
    for probe in _probes():
        found = given[rows, probe[columns]]
        least[rows, columns] = found
        is_empty = found == _NOTHING
        rows, columns = rows[is_empty], columns[is_empty]
        if not len(rows):
            return
    some = distinct(rows)
    at = np.where(least[some] != _NOTHING, np.arange(PLACES), -PLACES)
    last = np.maximum.accumulate(np.concatenate([at, at + PLACES], axis=1), axis=1)[:, PLACES:]
    least[some] = np.take_along_axis(least[some], np.maximum(last, 0) % PLACES, axis=1)


def _band_names(signatures: Signatures, layout: Layout) -> npt.NDArray[np.uint32]:
    used = signatures[:, : layout.bands * layout.rows].reshape(-1, layout.bands, layout.rows).astype(np.uint64)
    name = np.broadcast_to(np.arange(layout.bands, dtype=np.uint64), used.shape[:2])
    for row in range(layout.rows):
        name = mix(name ^ used[:, :, row])
    return (name >> np.uint64(32)).astype(np.uint32)


def sketched(signatures: Signatures, has_runs: npt.NDArray[np.bool_], layout: Layout) -> Sketches:
    """Signatures cut down to what is kept."""
    return Sketches((signatures & np.uint32(0xFF)).astype(np.uint8), _band_names(signatures, layout), has_runs)


def sketches_of(
    texts: Iterable[str],
    layout: Layout,
    *,
    runs: Callable[[Sequence[str]], Runs] = char_runs,
    step: Callable[[int], None] = lambda _: None,
) -> Sketches:
    """Reads the texts once, 128 at a time. ``step`` is called with the number of texts done."""
    none = sketched(np.empty((0, PLACES), np.uint32), np.empty(0, bool), layout)
    places, bands, has_runs, done = [none.places], [none.bands], [none.has_runs], 0
    for chunk in _chunks(texts):
        found = runs(chunk)
        part = sketched(signatures_of(found), found.counts > 0, layout)
        places.append(part.places)
        bands.append(part.bands)
        has_runs.append(part.has_runs)
        done += len(chunk)
        step(done)
    all_places = np.concatenate(places)
    places.clear()  # the largest: it is not held twice while the others are put together
    return Sketches(all_places, np.concatenate(bands), np.concatenate(has_runs))


def _chunks(texts: Iterable[str]) -> Iterator[list[str]]:
    chunk, size = list[str](), 0
    for text in texts:
        chunk.append(text)
        size += len(text)
        if len(chunk) == _CHUNK or size > _CHUNK_CHARACTERS:
            yield chunk
            chunk, size = [], 0
    if chunk:
        yield chunk


def estimates(left: Sketches, a: Counts, right: Sketches, b: Counts) -> Floats:
    """Estimated similarity of pairs; two unlike sets agree at one place in 256 by the eight bits that are kept."""
    found = np.empty(len(a))
    for start in range(0, len(a), _MANY):
        some = slice(start, start + _MANY)
        found[some] = (left.places[a[some]] == right.places[b[some]]).mean(axis=1)
    return np.maximum(0.0, (found - 1 / 256) / (1 - 1 / 256))


def pairs_within(sketches: Sketches, least: float) -> Pairs:
    """Pairs that share a band and are estimated ``least`` alike or more.

    Where more than 64 texts share a band each is compared with the first and the next four of them only, so that a
    phrase that everybody uses does not cost the square of their number.
    """
    alive = np.flatnonzero(sketches.has_runs)
    kept = np.empty(0, dtype=np.int64)
    for band in range(sketches.bands.shape[1]):
        met = _met(sketches.bands[alive, band], alive)
        met = met[estimates(sketches, met >> 32, sketches, met & 0xFFFFFFFF) >= least]
        kept = distinct(np.concatenate([kept, met]))
    return _pairs(kept, sketches, sketches)


def _met(names: npt.NDArray[np.uint32], keys: Counts) -> Counts:
    """Pairs with the same name, as a * 2^32 + b with a < b."""
    order = np.argsort(names, kind="stable")
    names, keys = names[order], keys[order]
    is_first = np.concatenate([[True], names[1:] != names[:-1]])[: len(names)]
    first = np.flatnonzero(is_first)
    sizes = np.diff(np.append(first, len(names)))
    heads, is_crowd = np.repeat(first, sizes), np.repeat(sizes > _CROWD, sizes)
    beyond = np.flatnonzero(is_crowd & (np.arange(len(names)) - heads > _NEAR_IN_CROWD))
    found = [(keys[heads[beyond]] << 32) | keys[beyond]]
    for apart in range(1, _NEAR + 1):
        same = names[apart:] == names[:-apart]
        if apart > _NEAR_IN_CROWD:
            same &= ~is_crowd[apart:]
        at = np.flatnonzero(same)
        if not len(at):
            break
        found.append((keys[at] << 32) | keys[at + apart])
    return np.concatenate(found)


def pairs_between(left: Sketches, right: Sketches, least: float) -> Pairs:
    """Pairs of a text of ``left`` and one of ``right`` that share a band and are estimated ``least`` alike or more."""
    kept = np.empty(0, dtype=np.int64)
    for band in range(left.bands.shape[1]):
        order = np.argsort(right.bands[:, band], kind="stable")
        names = right.bands[order, band]
        begin = np.searchsorted(names, left.bands[:, band], side="left")
        counts = np.searchsorted(names, left.bands[:, band], side="right") - begin
        counts = np.minimum(counts, _CROWD) * left.has_runs
        a = np.repeat(np.arange(len(left)), counts)
        nth = np.arange(len(a)) - np.repeat(np.cumsum(counts) - counts, counts)
        b = order[np.repeat(begin, counts) + nth]
        is_alike = (estimates(left, a, right, b) >= least) & right.has_runs[b]
        kept = distinct(np.concatenate([kept, (a[is_alike] << 32) | b[is_alike]]))
    return _pairs(kept, left, right)


def _pairs(both: Counts, left: Sketches, right: Sketches) -> Pairs:
    a, b = both >> 32, both & 0xFFFFFFFF
    return Pairs(a, b, estimates(left, a, right, b))


class Sets:
    """Sets of hashes made when they are asked for; the last few hundred are kept.

    ``ahead`` is told which are about to be asked for, so that their texts can be read together.
    """

    def __init__(
        self, make: Callable[[int], Hashes], ahead: Callable[[Iterable[int]], None] = lambda places: None
    ) -> None:
        self._make, self.ahead, self._kept = make, ahead, dict[int, Hashes]()

    def __getitem__(self, key: int) -> Hashes:
        found = self._kept.get(key)
        if found is None:
            if len(self._kept) >= _KEPT:
                self._kept.clear()
            found = self._kept[key] = self._make(key)
        return found


def verified(pairs: Pairs, left: Sets, right: Sets, limit: float) -> Pairs:
    """Pairs at or above ``limit``: by their estimate where it is clear, by their sets where it is near the limit."""
    similarity = pairs.similarity.copy()
    unclear = np.flatnonzero(np.abs(similarity - limit) < SLACK)
    for start in range(0, len(unclear), _CHUNK):
        some = unclear[start : start + _CHUNK]
        left.ahead(pairs.a[some])
        right.ahead(pairs.b[some])
        for place in some.tolist():
            similarity[place] = jaccard(left[int(pairs.a[place])], right[int(pairs.b[place])])
    return Pairs(pairs.a, pairs.b, similarity).where(similarity >= limit)


def near_pairs(sketches: Sketches, sets: Sets, limit: float) -> Pairs:
    """All pairs of texts at or above ``limit`` that banding finds."""
    return verified(pairs_within(sketches, limit - SLACK), sets, sets, limit)


def clusters_of(links: Sequence[Link], sketches: Sketches, *, diameter: float) -> list[list[int]]:
    """Clusters of linked items, closest pairs first, each sorted; single items are left out.

    Two clusters join only if every member resembles every other by at least 1 - ``diameter`` (estimated; of more than
    64 members the first stand for all): a chain of small steps from one text to a quite different one is cut, not
    swallowed whole.
    """
    cluster: dict[int, list[int]] = {}
    for link in sorted(links, key=lambda link: (-link.similarity, link.a, link.b)):
        left, right = cluster.setdefault(link.a, [link.a]), cluster.setdefault(link.b, [link.b])
        if left is right or _furthest(left, right, sketches) < 1 - diameter:
            continue
        more, fewer = (left, right) if len(left) >= len(right) else (right, left)
        more += fewer
        cluster.update(dict.fromkeys(fewer, more))
    found = {id(members): sorted(members) for members in cluster.values() if len(members) > 1}
    return sorted(found.values())


def _furthest(left: list[int], right: list[int], sketches: Sketches) -> float:
    a, b = np.array(left[:_COMPARED]), np.array(right[:_COMPARED])
    return float(estimates(sketches, np.repeat(a, len(b)), sketches, np.tile(b, len(a))).min())
