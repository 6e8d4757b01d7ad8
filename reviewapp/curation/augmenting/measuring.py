"""What a set of variants adds: how near they are to their parents, and whether their words are new."""

from __future__ import annotations

from collections.abc import Sequence

from reviewapp.curation.tokens import char_shingles, distinct, jaccard, word_runs

VERSION = 1


def similarity_of(a: str, b: str) -> float:
    """Jaccard similarity of the runs of five characters, 0..1, as near-duplicates are measured."""
    return round(jaccard(char_shingles(a), char_shingles(b)), 4)


def variety_of(texts: Sequence[str]) -> float | None:
    """Distinct pairs of neighbouring words per pair (Li et al. 2016, distinct-2), 0..1; None without any."""
    values = word_runs(texts, 2).values
    return round(len(distinct(values)) / len(values), 4) if len(values) else None


def spread_of(values: Sequence[float]) -> dict[str, float]:
    """The least, the median and the largest; empty without values."""
    found = sorted(values)
    return {"least": found[0], "median": found[len(found) // 2], "most": found[-1]} if found else {}
