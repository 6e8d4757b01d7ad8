"""How alike is too alike: recall and precision by limit, measured on variants planted among a project's own texts.

Among up to 500 texts 13 variants each are planted for 100 of them, and the very search that a scan uses is run at each
limit. Recall is the share of variants linked to their original. Pairs of two different originals are counted as false,
though some may be real duplicates that nobody has settled, so the precision shown is a lower bound. It is that of a
corpus in which every text has one copy: right pairs grow with the number of texts, false ones with its square, and both
are reckoned up from the texts looked at to all there are.
"""

from __future__ import annotations

import random
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np

from reviewapp.curation.duplicates.planting import KINDS, Planter
from reviewapp.curation.minhash import Pairs, Sets, layout_for, near_pairs, signatures_of, sketched
from reviewapp.curation.tokens import Counts, char_runs, char_shingles, normal_form

LIMITS = (0.5, 0.55, 0.6, 0.65, 0.7, 0.75, 0.8, 0.85, 0.9, 0.95)
TEXTS = 500
PLANTED_FOR = 100  # of these texts: 13 variants each, 1,300 at most
MIN_TEXTS = 20
PRECISION = 0.99
SEED = 7
_CHUNK = 256
KIND_NAMES = {
    "exact": "Exact copy",
    "case_space": "Case and spaces",
    "words_1": "1 word in 100 replaced",
    "words_3": "3 words in 100 replaced",
    "words_6": "6 words in 100 replaced",
    "words_10": "10 words in 100 replaced",
    "names_dates": "Names and figures swapped",
    "sentences_cut": "1 or 2 sentences left out",
    "sentences_added": "1 or 2 sentences added",
    "sentences_reordered": "Sentences in another order",
    "end_cut": "The last quarter cut off",
    "ocr_1": "1 letter in 100 misread",
    "ocr_3": "3 letters in 100 misread",
}


@dataclass(frozen=True, kw_only=True)
class AtLimit:
    """What a limit finds: ``recall`` of all variants and by kind; ``others`` are pairs of two originals.

    ``precision`` is None where nothing is found.
    """

    limit: float
    recall: float
    by_kind: dict[str, float]
    others: int
    precision: float | None


@dataclass(frozen=True, kw_only=True)
class Measured:
    """``n`` texts looked at, of ``available``; ``suggested`` is None where no limit is precise enough."""

    n: int
    available: int
    variants: dict[str, int]
    seed: int
    rows: list[AtLimit]
    suggested: float | None

    def as_json(self) -> dict[str, Any]:
        return asdict(self)

    @classmethod
    def of_json(cls, values: dict[str, Any]) -> Measured:
        """Reads what ``as_json`` wrote."""
        return cls(**{**values, "rows": [AtLimit(**row) for row in values["rows"]]})


def measure(texts: Sequence[str], *, available: int | None = None, seed: int = SEED) -> Measured:
    """Plants and finds. Raises ValueError for fewer than 20 different texts."""
    chosen = _chosen(texts, seed)
    planted = _planted(chosen, seed)
    corpus = [*chosen, *(text for _, _, text in planted)]
    origins = np.array([*range(len(chosen)), *(origin for origin, _, _ in planted)])
    kinds = Counter(kind for _, kind, _ in planted)
    n, total = len(chosen), max(len(chosen), available or len(texts))
    rows = [_at(limit, pairs, origins, planted, n, total) for limit, pairs in _found(corpus)]
    return Measured(
        n=n,
        available=total,
        variants={kind: kinds[kind] for kind in KINDS if kinds[kind]},
        seed=seed,
        rows=rows,
        suggested=suggested(rows),
    )


def suggested(rows: Sequence[AtLimit]) -> float | None:
    """The limit with the highest recall of those whose precision is 0.99 or more; of equals the highest limit."""
    precise = [row for row in rows if row.precision is not None and row.precision >= PRECISION]
    best = max(precise, key=lambda row: (round(row.recall, 3), row.limit), default=None)
    return best.limit if best else None


def _chosen(texts: Sequence[str], seed: int) -> list[str]:
    """Different texts with something to change, in a random order."""
    forms = {normal_form(text): text for text in texts}
    known = [text for form, text in forms.items() if len(form) >= 40]
    if len(known) < MIN_TEXTS:
        raise ValueError(f"at least {MIN_TEXTS} different texts of 40 characters or more are needed")
    return random.Random(seed).sample(known, min(TEXTS, len(known)))  # noqa: S311 - no secret


def _planted(chosen: Sequence[str], seed: int) -> list[tuple[int, str, str]]:
    """(place of the original, kind, text); a kind that could change nothing is left out for that text."""
    planter = Planter(chosen, seed)
    made = []
    for origin, text in enumerate(chosen[:PLANTED_FOR]):
        for kind in KINDS:
            variant = planter.variant(text, kind)
            if kind == "exact" or variant != text:
                made.append((origin, kind, variant))
    return made


def _found(corpus: Sequence[str]) -> Iterator[tuple[float, Pairs]]:
    """The pairs that a scan would find at each limit, each with the bands of that limit."""
    parts = [char_runs(corpus[start : start + _CHUNK]) for start in range(0, len(corpus), _CHUNK)]
    signatures = np.concatenate([signatures_of(part) for part in parts])
    has_runs = np.concatenate([part.counts > 0 for part in parts])
    kept = {place: char_shingles(text) for place, text in enumerate(corpus)}
    for limit in LIMITS:
        yield limit, near_pairs(sketched(signatures, has_runs, layout_for(limit)), Sets(kept.__getitem__), limit)


def _at(
    limit: float, pairs: Pairs, origins: Counts, planted: Sequence[tuple[int, str, str]], n: int, total: int
) -> AtLimit:
    right = pairs.where((pairs.a < n) & (pairs.b >= n) & (origins[pairs.a] == origins[pairs.b]))
    linked = set(right.b.tolist())
    kinds, found = Counter[str](), Counter[str]()
    for place, (_, kind, _) in enumerate(planted, start=n):
        kinds[kind] += 1
        found[kind] += place in linked
    recall = found.total() / kinds.total()
    others = int(((pairs.a < n) & (pairs.b < n)).sum())
    right_ones, false_ones = recall * total, others * (total / n) ** 2
    return AtLimit(
        limit=limit,
        recall=recall,
        by_kind={kind: found[kind] / kinds[kind] for kind in KINDS if kinds[kind]},
        others=others,
        precision=right_ones / (right_ones + false_ones) if right_ones + false_ones else None,
    )
