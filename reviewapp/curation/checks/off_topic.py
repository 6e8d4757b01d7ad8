"""Samples whose words have little in common with the rest.

TF-IDF over words and pairs of words, cosine to the centroid of all other samples, corrected for length (short
texts are always further off), then how many robust standard deviations (1.4826 MAD) below the usual it lies.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence

import numpy as np
import numpy.typing as npt

from reviewapp.curation.checks.finding import Corpus, FindingDraft, Item, Scope
from reviewapp.curation.tokens import words_of

NAME, TITLE = "off_topic", "Off topic"
SCOPE: Scope = "corpus"
VERSION = 1
MIN_ITEMS = 50  # below that there is no usual
LIMIT = -2.5
FAR = -4.0
_EDGE = 0.1

Floats = npt.NDArray[np.float64]


def check(corpus: Corpus) -> list[FindingDraft]:
    """A finding on each item at least 2.5 robust deviations further from the centroid than its length explains."""
    if len(corpus.items) < MIN_ITEMS:
        return []
    deviations = deviations_of([f"{item.prompt}\n{item.completion}" for item in corpus.items])
    return [
        _finding(item, float(deviation))
        for item, deviation in zip(corpus.items, deviations, strict=True)
        if deviation <= LIMIT
    ]


def deviations_of(texts: Sequence[str]) -> Floats:
    """Robust deviations of the length-corrected cosine, one a text; zeros when all texts are alike."""
    counts = [_terms(text) for text in texts]
    cosines = _cosines(counts)
    lengths = np.log([1 + counted.total() for counted in counts])
    residuals = cosines - _usual(lengths, cosines)
    centred = residuals - np.median(residuals)
    spread = 1.4826 * float(np.median(np.abs(centred)))
    return centred / spread if spread > 1e-9 else np.zeros_like(centred)


def _usual(lengths: Floats, cosines: Floats) -> Floats:
    """The cosine that a text's length explains: a parabola fitted to the middle 80% of lengths, flat outside.

    Fitted to all, the few odd texts of an odd length would bend it towards themselves and disappear.
    """
    low, high = np.quantile(lengths, [_EDGE, 1 - _EDGE])
    inside = (lengths >= low) & (lengths <= high)
    clamped = np.clip(lengths, low, high)
    design = np.column_stack([np.ones_like(clamped), clamped, clamped**2])
    fitted: Floats = design @ np.linalg.lstsq(design[inside], cosines[inside], rcond=None)[0]
    return fitted


def _terms(text: str) -> Counter[str]:
    words = [word for word, _, _ in words_of(text)]
    return Counter(words) + Counter(f"{a} {b}" for a, b in zip(words, words[1:], strict=False))


def _cosines(counts: list[Counter[str]]) -> Floats:
    """Cosine of each text's TF-IDF vector to the sum of all others'."""
    places: dict[str, int] = {}
    for counted in counts:
        for term in counted:
            places.setdefault(term, len(places))
    found = np.zeros(len(places))
    for counted in counts:
        found[[places[term] for term in counted]] += 1
    idf = np.log((1 + len(counts)) / (1 + found)) + 1
    vectors = [_vector(counted, places, idf) for counted in counts]
    total = np.zeros(len(places))
    for where, values in vectors:
        total[where] += values
    squared = float(total @ total)
    return np.array([_cosine(values, total[where], squared) for where, values in vectors])


def _vector(counted: Counter[str], places: dict[str, int], idf: Floats) -> tuple[npt.NDArray[np.int64], Floats]:
    where = np.array([places[term] for term in counted], dtype=np.int64)
    values = (1 + np.log(np.array(list(counted.values()), dtype=np.float64))) * idf[where]
    length = float(np.linalg.norm(values))
    return where, values / length if length else values


def _cosine(own: Floats, total: Floats, squared: float) -> float:
    """Of a unit vector to (total - own), from the parts where ``own`` is not zero."""
    shared, itself = float(own @ total), float(own @ own)
    rest = squared - 2 * shared + itself
    return (shared - itself) / rest**0.5 if rest > 1e-12 else 0.0


def _finding(item: Item, deviation: float) -> FindingDraft:
    return FindingDraft(
        key=item.key,
        check=NAME,
        kind="off_topic",
        severity="medium" if deviation <= FAR else "low",
        field="prompt",
        message="Its words have little in common with the other samples. Check that it belongs here.",
        score=round(deviation, 3),
    )
