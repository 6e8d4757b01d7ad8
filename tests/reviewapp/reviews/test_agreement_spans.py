"""Passages marked by several raters; worked by hand, and against plain definitions."""

from __future__ import annotations

from itertools import permutations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from reviewapp.reviews import agreement
from reviewapp.reviews.agreement_spans import MarkedText, Span, span_alpha, span_f1, spans_matched, spans_overlap


def text(length: int = 20, **marks: list[Span]) -> MarkedText:
    return MarkedText(length=length, marks=marks)


def test_spans_overlap_when_they_share_a_character_and_a_label() -> None:
    assert spans_overlap(Span(0, 5), Span(4, 9))
    assert not spans_overlap(Span(0, 5), Span(5, 9))
    assert not spans_overlap(Span(0, 5, "name"), Span(0, 5, "place"))


def test_each_span_is_paired_once() -> None:
    wide, narrow = [Span(0, 20)], [Span(0, 4), Span(6, 9)]
    assert spans_matched(wide, narrow) == 1
    # The first could take the partner that the second needs: the best pairing leaves nobody out.
    assert spans_matched([Span(0, 10), Span(0, 3)], [Span(0, 4), Span(5, 8)]) == 2
    assert spans_matched([Span(0, 4)], [Span(0, 5)], is_exact=True) == 0


def test_matched_f1_by_hand() -> None:
    texts = [
        text(ann=[Span(0, 4), Span(6, 9)], bob=[Span(1, 3)]),  # 2 x 1 of 3
        text(ann=[], bob=[Span(0, 2)]),  # 0 of 1
        text(ann=[Span(3, 8)], bob=[Span(3, 8)]),  # 2 x 1 of 2
    ]
    result = span_f1(texts)
    assert result.value == pytest.approx(4 / 6)
    assert (result.n_units, result.n_ratings, result.n_raters, result.missing) == (3, 6, 2, 0)
    assert span_f1(texts, is_exact=True).value == pytest.approx(2 / 6)
    assert result.low is not None and result.high is not None and result.low < 4 / 6 < result.high


def test_alpha_over_characters_by_hand() -> None:
    """Ten characters, one marks the first five, the other the first four: a plain table of two raters."""
    result = span_alpha([text(10, ann=[Span(0, 5)], bob=[Span(0, 4)])])
    plain = agreement.krippendorff_alpha([[1] * 5 + [0] * 5, [1] * 4 + [0] * 6], "nominal")
    assert result.value == pytest.approx(plain.value)
    assert (result.n_units, result.low, result.interval_reason) == (1, None, "too_few_units")


def test_labels_count_and_an_empty_label_still_marks() -> None:
    same = [text(ann=[Span(0, 5, "name")], bob=[Span(0, 5, "name")])]
    other = [text(ann=[Span(0, 5, "name")], bob=[Span(0, 5, "place")])]
    unnamed = [text(ann=[Span(0, 5)], bob=[])]
    assert (span_alpha(same).value, span_f1(same).value) == (1.0, 1.0)
    assert span_f1(other).value == 0.0
    assert (span_alpha(other).value or 0) < 1 and (span_alpha(unnamed).value or 0) < 1


def test_what_is_undefined_says_why() -> None:
    assert span_f1([]).reason == span_alpha([]).reason == "no_ratings"
    assert span_f1([text(ann=[Span(0, 2)])]).reason == "no_ratings"
    nothing = [text(ann=[], bob=[]), text(ann=[], bob=[])]
    assert (span_f1(nothing).reason, span_alpha(nothing).reason) == ("no_spans", "no_spans")
    everything = [text(5, ann=[Span(0, 5)], bob=[Span(0, 5)])]
    assert span_alpha(everything).reason == "no_variation" and span_f1(everything).value == 1.0
    one_text = span_f1([text(ann=[Span(0, 2)], bob=[Span(0, 2)]), text(ann=[], bob=[])])
    assert (one_text.value, one_text.interval_reason) == (1.0, "hangs_on_one_unit")


spans = st.builds(
    lambda start, length, label: Span(start, min(start + length, 20), label),
    st.integers(0, 18),
    st.integers(1, 8),
    st.sampled_from(["", "name"]),
)
marked = st.lists(st.lists(spans, max_size=3), min_size=2, max_size=3).map(
    lambda rows: MarkedText(length=20, marks=dict(enumerate(rows)))
)


@given(st.lists(spans, max_size=4), st.lists(spans, max_size=4))
def test_the_matching_is_the_largest_one(ones: list[Span], others: list[Span]) -> None:
    few, many = sorted((ones, others), key=len)
    best = max(sum(map(spans_overlap, few, chosen)) for chosen in permutations(many, len(few)))
    assert spans_matched(ones, others) == spans_matched(others, ones) == best


@given(st.lists(marked, min_size=1, max_size=4))
def test_alpha_by_pieces_is_alpha_over_single_characters(texts: list[MarkedText]) -> None:
    names: dict[frozenset[tuple[str, str]], float] = {}
    columns = []
    for one in texts:
        for place in range(one.length):
            cells = [
                frozenset(("label", span.label) for span in marks if span.start <= place < span.end)
                for marks in one.marks.values()
            ]
            columns.append([names.setdefault(cell, len(names)) for cell in cells] + [np.nan] * (3 - len(cells)))
    plain = agreement.krippendorff_alpha(np.array(columns, dtype=float).T, "nominal").value
    result = span_alpha(texts)
    assert result.value == (plain if plain is None else pytest.approx(plain, abs=1e-9))


@given(st.lists(marked, min_size=1, max_size=4))
def test_the_order_of_raters_does_not_matter(texts: list[MarkedText]) -> None:
    turned = [MarkedText(length=one.length, marks=dict(reversed(list(one.marks.items())))) for one in texts]
    for statistic in (span_f1, span_alpha):
        one, other = statistic(texts), statistic(turned)
        assert one.reason == other.reason
        assert one.value is None or one.value == pytest.approx(other.value)
