"""Which training examples resemble a model answer most. Plain Python; no model is asked."""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass

_WORD = re.compile(r"\w+")
SHINGLE = 3  # words


@dataclass(frozen=True)
class Resemblance:
    """``share``: how much of the answer's word triples also stand in the example's completion (0 to 1)."""

    key: int
    share: float


def shingles(text: str) -> frozenset[tuple[str, ...]]:
    """All runs of three words, case-folded; a shorter text is one run of what it has."""
    words = _WORD.findall(text.casefold())
    if not words:
        return frozenset()
    return frozenset(tuple(words[i : i + SHINGLE]) for i in range(max(1, len(words) - SHINGLE + 1)))


def nearest(text: str, candidates: Iterable[tuple[int, str]], *, limit: int = 5) -> list[Resemblance]:
    """The ``limit`` candidates (key, text) that hold the largest share of the triples of ``text``.

    Containment rather than Jaccard (Broder 1997, section 2): a long example may hold a short answer whole.
    """
    wanted = shingles(text)
    if not wanted:
        return []
    found = [Resemblance(key, len(wanted & shingles(other)) / len(wanted)) for key, other in candidates]
    found = [resemblance for resemblance in found if resemblance.share > 0]
    return sorted(found, key=lambda r: (-r.share, r.key))[:limit]
