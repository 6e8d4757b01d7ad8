"""Agreement on marked passages. Plain arithmetic.

Two readings, because neither is enough alone:

* matched F1: the share of passages that the other rater marked too, by pairs of raters. Hripcsak and Rothschild,
  "Agreement, the F-measure, and reliability in information retrieval" (JAMIA 2005): with text that nobody marks
  without bound, kappa converges to this value, so it needs no count of "true negatives". Not corrected for chance.
* alpha over characters: Krippendorff's nominal alpha (2011) of what each character was marked as ("nothing" is a
  category), corrected for chance. Characters of one text hang together, so its interval leaves out whole texts.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from itertools import combinations
from typing import NamedTuple

import numpy as np

from reviewapp.reviews.agreement_alpha import alpha_of
from reviewapp.reviews.agreement_tables import Agreement, Table, jackknife_interval, undefined


class Span(NamedTuple):
    """Characters start..end (end not included) marked with a label; labels may be empty."""

    start: int
    end: int
    label: str = ""


@dataclass(frozen=True, kw_only=True)
class MarkedText:
    """One text of ``length`` characters with what each rater marked in it; a rater who marked nothing has ()."""

    length: int
    marks: Mapping[int | str, Sequence[Span]]


def spans_overlap(one: Span, other: Span) -> bool:
    """Whether they share a character and their label."""
    return one.label == other.label and one.start < other.end and other.start < one.end


def spans_matched(ones: Sequence[Span], others: Sequence[Span], *, is_exact: bool = False) -> int:
    """How many spans of one rater can be paired with spans of the other, each used once (a maximum matching)."""
    partner: dict[int, int] = {}

    def place(index: int, tried: set[int]) -> bool:
        for number, other in enumerate(others):
            fits = ones[index] == other if is_exact else spans_overlap(ones[index], other)
            if not fits or number in tried:
                continue
            tried.add(number)
            if number not in partner or place(partner[number], tried):
                partner[number] = index
                return True
        return False

    return sum(place(index, set()) for index in range(len(ones)))


def span_f1(texts: Iterable[MarkedText], *, is_exact: bool = False, confidence: float = 0.95) -> Agreement:
    """Matched F1 over all pairs of raters of each text: 2 x matched / marked, with a delete-one-text jackknife."""
    kept = [text for text in texts if len(text.marks) >= 2]
    result = _described(kept, f"Matched F1 of passages, {'same ends' if is_exact else 'any overlap'}")
    if not kept:
        return undefined(result)
    parts = np.array([_matched_parts(text, is_exact) for text in kept], dtype=np.float64)
    matched, marked = parts.sum(0)
    if marked == 0:
        return undefined(result, "no_spans")
    without = [(matched - a) / (marked - b) if marked > b else None for a, b in parts]
    return jackknife_interval(result, float(matched / marked), without, np.ones(len(kept)), confidence)


def span_alpha(texts: Iterable[MarkedText], confidence: float = 0.95) -> Agreement:
    """Krippendorff's nominal alpha over characters, with a delete-one-text jackknife t interval."""
    kept = [text for text in texts if len(text.marks) >= 2]
    result = _described(kept, "Krippendorff's alpha over characters, nominal")
    if not kept:
        return undefined(result)
    categories: dict[frozenset[str], int] = {frozenset(): 0}
    for text in kept:
        for _, cells in _pieces(text):
            for cell in cells:
                categories.setdefault(cell, len(categories))
    if len(categories) == 1:
        return undefined(result, "no_spans")
    pairs = [_text_pairs(text, categories) for text in kept]
    whole = np.sum(pairs, axis=0)
    values = np.arange(len(categories), dtype=np.float64)
    value = alpha_of(values, whole, "nominal")
    if value is None:
        return undefined(result, "no_variation")
    without = [alpha_of(values, whole - one, "nominal") for one in pairs]
    return jackknife_interval(result, value, without, np.ones(len(kept)), confidence)


def _described(texts: Sequence[MarkedText], method: str) -> Agreement:
    raters = {rater for text in texts for rater in text.marks}
    ratings = sum(len(text.marks) for text in texts)
    return Agreement(
        method=method,
        value=None,
        n_units=len(texts),
        n_ratings=ratings,
        n_raters=len(raters),
        missing=len(texts) * len(raters) - ratings,
    )


def _matched_parts(text: MarkedText, is_exact: bool) -> tuple[int, int]:
    """(2 x matched, marked), summed over pairs of raters."""
    matched = marked = 0
    for one, other in combinations(text.marks.values(), 2):
        matched += 2 * spans_matched(one, other, is_exact=is_exact)
        marked += len(one) + len(other)
    return matched, marked


def _pieces(text: MarkedText) -> list[tuple[int, list[frozenset[str]]]]:
    """The text cut at every end of a span: (characters, what each rater marked there)."""
    ends = {0, text.length}
    for spans in text.marks.values():
        ends |= {min(max(place, 0), text.length) for span in spans for place in (span.start, span.end)}
    cuts = sorted(ends)
    return [
        (right - left, [_marked_at(spans, left) for spans in text.marks.values()])
        for left, right in zip(cuts, cuts[1:], strict=False)
    ]


def _marked_at(spans: Sequence[Span], place: int) -> frozenset[str]:
    # A label that is empty still marks: it is kept apart from "nothing".
    return frozenset(f"={span.label}" for span in spans if span.start <= place < span.end)


def _text_pairs(text: MarkedText, categories: Mapping[frozenset[str], int]) -> Table:
    """Coincidences of one text: each character is a unit, and each piece stands for its characters."""
    q = len(categories)
    pairs = np.zeros((q, q))
    for length, cells in _pieces(text):
        counts = np.bincount([categories[cell] for cell in cells], minlength=q).astype(np.float64)
        pairs += length * (np.outer(counts, counts) - np.diag(counts)) / (len(cells) - 1)
    return pairs
