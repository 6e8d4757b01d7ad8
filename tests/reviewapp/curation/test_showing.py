from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from reviewapp.curation.showing import AROUND, WHOLE, Passage, passage, side_by_side, visible, whole


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("Plain, with é and 漢.\n\tNext", "Plain, with é and 漢.\n\tNext"),
        ("no\u200bthing", "no‹zero width space›thing"),
        ("38\u00a0°C", "38‹no-break space›°C"),
        ("abc\u202edef", "abc‹right-to-left override›def"),
        ("bell\x07", "bell‹U+0007›"),
        ("\ue001", "‹U+E001›"),
    ],
)
def test_what_cannot_be_seen_is_named(text: str, shown: str) -> None:
    assert visible(text) == shown


def test_a_passage_comes_with_its_line_and_the_one_before() -> None:
    text = "Doctor: Hello.\nDoctor: Your number?\nPatient: It is 555-0100, at home.\nDoctor: Thanks."
    start = text.index("555")

    assert passage(text, start, start + 8) == Passage("Doctor: Your number?\nPatient: It is ", "555-0100", ", at home.")


def test_long_surroundings_are_cut_at_words() -> None:
    shown = passage("word " * 100 + "HERE" + " word" * 100, 500, 504)

    assert shown.words == "HERE"
    assert shown.before.startswith("… word ")
    assert shown.after.endswith(" word …")
    assert max(len(shown.before), len(shown.after)) <= AROUND + 2


def test_without_a_span_the_text_begins() -> None:
    assert passage("Short.", None, None) == Passage("", "", "Short.")
    assert passage("word " * 200, None, None).after.endswith("word …")
    assert len(passage("x" * 2 * WHOLE, None, None).after) == WHOLE + 2


@given(st.text(max_size=300), st.integers(0, 300), st.integers(0, 300))
def test_a_whole_text_loses_nothing(text: str, a: int, b: int) -> None:
    start, end = sorted((min(a, len(text)), min(b, len(text))))

    shown = whole(text, start, end)

    assert shown.before + shown.words + shown.after == visible(text)
    assert passage(text, start, end).words == visible(text[start:end])


def test_two_texts_are_cut_where_they_differ() -> None:
    left, right = side_by_side("the old red house stands", "the new blue house stands")

    assert [(piece.text, piece.is_same) for piece in left] == [
        ("the ", True), ("old red", False), (" house stands", True),
    ]  # fmt: skip
    assert [piece.text for piece in right if not piece.is_same] == ["new blue"]


def test_words_in_common_are_a_passage_from_five_on() -> None:
    left, _ = side_by_side("x I carry the shopping home y now", "z I carry the shopping home w now")

    assert [piece.text.strip() for piece in left if piece.is_passage] == ["I carry the shopping home"]


_sentences = st.lists(st.sampled_from(["a", "b", " ", "\n", "long word", ".", "\u200b", "<b>"]), max_size=30).map(
    "".join
)


@given(_sentences, _sentences)
def test_both_sides_stay_whole(left: str, right: str) -> None:
    ours, theirs = side_by_side(left, right)

    assert "".join(piece.text for piece in ours) == visible(left)
    assert "".join(piece.text for piece in theirs) == visible(right)
    assert (left == right) == all(piece.is_same for piece in ours + theirs)


def test_very_long_texts_are_compared_by_lines() -> None:
    left, right = "same line here\n" * 3_000 + "old end", "same line here\n" * 3_000 + "new end"

    ours, _ = side_by_side(left, right)

    assert [piece.text for piece in ours if not piece.is_same] == ["old end"]
