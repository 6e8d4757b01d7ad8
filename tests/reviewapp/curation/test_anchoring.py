from __future__ import annotations

from hypothesis import given, settings
from hypothesis import strategies as st

from reviewapp.curation.anchoring import spans_moved, text_replaced

texts = st.lists(st.sampled_from(["ab", "cd", " ", "\n", ".", "é", "12"]), max_size=20).map("".join)


def test_spans_before_and_after_an_edit_move_and_the_edited_one_goes() -> None:
    old = "Ring her on 07700 900142, or write to ann@example.org."
    new = "Ring her on [PHONE], or write to ann@example.org."
    phone, mail = old.index("07700"), old.index("ann@")
    spans = [(0, 4), (phone, phone + 12), (mail, mail + 15)]
    moved = spans_moved(old, new, spans)
    assert moved == [(0, 4), None, (33, 48)]
    assert new[33:48] == "ann@example.org"


def test_several_edits_at_once() -> None:
    old, new = "one two  three four\r\nfive six", "One two three four\nfive 6"
    where = [(old.index(word), old.index(word) + len(word)) for word in ("two", "four", "five", "six")]
    moved = spans_moved(old, new, where)
    assert [new[slice(*span)] if span else None for span in moved] == ["two", "four", "five", None]


def test_a_span_across_two_kept_stretches_survives() -> None:
    assert spans_moved("abcd", "abcd", [(1, 3)]) == [(1, 3)]
    assert spans_moved("", "new", [(0, 0)]) in ([(0, 0)], [None])


def test_very_long_texts_are_compared_by_lines() -> None:
    """Every other line is rewritten, in more words than could be compared one by one."""
    old = "".join(f"line {n} is kept\nline {n} is old\n" for n in range(1_500))
    new = "".join(f"line {n} is kept\nline {n} is new\n" for n in range(1_500))
    kept, gone = old.index("line 700 is kept"), old.index("700 is old")

    moved = spans_moved(old, new, [(kept, kept + 16), (gone, gone + 10)])

    assert moved == [(new.index("line 700 is kept"), new.index("line 700 is kept") + 16), None]


@settings(deadline=None)
@given(texts, texts, st.integers(0, 60), st.integers(0, 60))
def test_property_a_moved_span_holds_the_same_words(old: str, new: str, a: int, b: int) -> None:
    start, end = sorted((min(a, len(old)), min(b, len(old))))
    (moved,) = spans_moved(old, new, [(start, end)])
    if moved is not None:
        assert new[slice(*moved)] == old[start:end]


@settings(deadline=None)
@given(texts, st.integers(0, 60), st.integers(0, 60), texts, st.integers(0, 60), st.integers(0, 60))
def test_property_one_replacement_keeps_every_span_outside_it(
    old: str, a: int, b: int, replacement: str, c: int, d: int
) -> None:
    start, end = sorted((min(a, len(old)), min(b, len(old))))
    new = text_replaced(old, start, end, replacement)
    left, right = sorted((min(c, start), min(d, start)))
    if left == right:
        return
    (moved,) = spans_moved(old, new, [(left, right)])
    assert moved is not None
    assert new[slice(*moved)] == old[left:right]
