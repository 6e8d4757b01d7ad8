"""Samples whose words have little in common with the rest.

TF-IDF over words and pairs of words, cosine to the centroid of all other samples, corrected for length (short
texts are always further off), then how many robust standard deviations (1.4826 MAD) below the usual it lies.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from reviewapp.curation.checks.finding import Corpus, FindingDraft, Item, Scope
from reviewapp.curation.checks.lazy import batches, keys_of
from reviewapp.curation.tokens import Counts, words_and_pairs

NAME, TITLE = "off_topic", "Off topic"
SCOPE: Scope = "corpus"
VERSION = 2
MIN_ITEMS = 50  # below that there is no usual
LIMIT = -2.5
FAR = -4.0
_EDGE = 0.1
# Terms are told apart by numbers; two rare ones may share one. So many for each text, and so many at most (192 MB).
_FOR_EACH, _LEAST_TERMS, _MOST_TERMS = 4_096, 1 << 20, 1 << 24

Floats = npt.NDArray[np.float64]


def check(corpus: Corpus) -> Iterator[FindingDraft]:
    """A finding on each item at least 2.5 robust deviations further from the centroid than its length explains."""
    if len(corpus.items) < MIN_ITEMS:
        return
    deviations, keys = deviations_of(corpus.items), keys_of(corpus.items)
    for place in np.flatnonzero(deviations <= LIMIT).tolist():
        yield _finding(int(keys[place]), float(deviations[place]))


def deviations_of(items: Sequence[Item]) -> Floats:
    """Robust deviations of the length-corrected cosine, one an item; zeros when all texts are alike."""
    cosines, sizes = _cosines(items)
    lengths = np.log(1 + sizes)
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


@dataclass(frozen=True)
class _Terms:
    """The terms of some texts: whose, which, how often; ``sizes`` counts all of each text."""

    owners: Counts
    terms: Counts
    numbers: Floats
    sizes: Floats

    def vectors(self, found: npt.NDArray[np.int32], n: int) -> Floats:
        """The weight of each term in the unit vector of its text; ``found``: in how many of ``n`` texts each is."""
        values = (1 + np.log(self.numbers)) * (np.log((1 + n) / (1 + found[self.terms])) + 1)
        lengths = np.sqrt(self.sums(values * values))
        return np.asarray(values / np.where(lengths > 0, lengths, 1)[self.owners], dtype=np.float64)

    def sums(self, values: Floats) -> Floats:
        """Added up by text."""
        return np.asarray(np.bincount(self.owners, weights=values, minlength=len(self.sizes)), dtype=np.float64)


def _read(items: Sequence[Item], size: int) -> Iterator[_Terms]:
    """Words and pairs of words of all items, as numbers under ``size``; nothing is kept of them between readings."""
    for some in batches(items):
        both = words_and_pairs([f"{item.prompt}\n{item.completion}" for item in some])
        owners = np.concatenate([runs.owners for runs in both])
        hashes = np.concatenate([runs.values for runs in both]) % np.uint64(size)
        found, numbers = np.unique(owners * size + hashes.astype(np.int64), return_counts=True)
        sizes = np.asarray(both[0].counts + both[1].counts, dtype=np.float64)
        yield _Terms(found // size, found % size, numbers.astype(np.float64), sizes)


def _cosines(items: Sequence[Item]) -> tuple[Floats, Floats]:
    """Cosine of each text's TF-IDF vector to the sum of all others', and how many terms it has. Reads three times."""
    n = len(items)
    size = min(_MOST_TERMS, max(_LEAST_TERMS, 1 << (_FOR_EACH * n).bit_length()))
    found = np.zeros(size, dtype=np.int32)
    for some in _read(items, size):
        np.add.at(found, some.terms, 1)
    total = np.zeros(size)
    for some in _read(items, size):
        np.add.at(total, some.terms, some.vectors(found, n))
    squared, cosines, sizes = float(total @ total), [np.empty(0)], [np.empty(0)]
    for some in _read(items, size):
        values = some.vectors(found, n)
        shared, itself = some.sums(values * total[some.terms]), some.sums(values * values)
        rest = squared - 2 * shared + itself
        cosines.append(np.divide(shared - itself, np.sqrt(np.maximum(rest, 0)), out=0 * rest, where=rest > 1e-12))
        sizes.append(some.sizes)
    return np.concatenate(cosines), np.concatenate(sizes)


def _finding(key: int, deviation: float) -> FindingDraft:
    return FindingDraft(
        key=key,
        check=NAME,
        kind="off_topic",
        severity="medium" if deviation <= FAR else "low",
        field="prompt",
        message="Its words have little in common with the other samples. Check that it belongs here.",
        score=round(deviation, 3),
    )
