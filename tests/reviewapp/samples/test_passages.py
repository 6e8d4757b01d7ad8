from __future__ import annotations

from dataclasses import dataclass

from hypothesis import given, settings
from hypothesis import strategies as st

from reviewapp.samples.exporting import csv_lines, safe_cell
from reviewapp.samples.passages import changes_of, pieces_of


@dataclass(frozen=True)
class Noted:
    number: int
    start: int | None
    end: int | None


def test_pieces_cut_where_findings_begin_and_end() -> None:
    first, second = Noted(1, 4, 9), Noted(2, 7, 12)
    pieces = pieces_of("abc defgh ijkl mno", [second, first])
    assert [(piece.text, piece.finding, piece.ends) for piece in pieces] == [
        ("abc ", None, ()),
        ("def", first, ()),
        ("gh", first, (first,)),
        (" ij", second, (second,)),
        ("kl mno", None, ()),
    ]


def test_pieces_leave_out_findings_on_the_whole_text_and_those_that_do_not_fit() -> None:
    assert [piece.text for piece in pieces_of("abc", [Noted(1, None, None), Noted(2, 1, 99), Noted(3, 2, 2)])] == [
        "abc"
    ]
    assert pieces_of("", []) == []


texts = st.text(st.sampled_from("ab \n.é"), max_size=30)


@settings(deadline=None)
@given(texts, st.lists(st.tuples(st.integers(0, 30), st.integers(0, 30)), max_size=6))
def test_property_pieces_are_the_whole_text(text: str, spans: list[tuple[int, int]]) -> None:
    noted = [Noted(number, *sorted(span)) for number, span in enumerate(spans, start=1)]
    pieces = pieces_of(text, noted)
    assert "".join(piece.text for piece in pieces) == text
    fitting = [row for row in noted if row.start != row.end and row.end is not None and row.end <= len(text)]
    assert sorted(row.number for piece in pieces for row in piece.ends) == [row.number for row in fitting]


def test_changes_are_of_whole_words() -> None:
    changes = changes_of("Take 50 mg daily.", "Take 25 mg twice daily.")
    assert [(change.kind, change.text) for change in changes] == [
        *[("same", "Take "), ("old", "50"), ("new", "25"), ("same", " mg "), ("new", "twice "), ("same", "daily.")]
    ]


@settings(deadline=None)
@given(texts, texts)
def test_property_changes_hold_both_texts(old: str, new: str) -> None:
    changes = changes_of(old, new)
    assert "".join(change.text for change in changes if change.kind != "new") == old
    assert "".join(change.text for change in changes if change.kind != "old") == new


@settings(deadline=None)
@given(st.text(max_size=10))
def test_property_no_cell_is_a_formula(text: str) -> None:
    cell = safe_cell(text)
    assert not cell.startswith(("=", "+", "-", "@", "\t", "\r"))
    assert cell in (text, f"'{text}")


def test_csv_lines() -> None:
    assert "".join(csv_lines(["a", "b"], [(1, "=x"), (None, 'say "so"\nnow')])) == (
        '\ufeffa,b\r\n1,\'=x\r\n,"say ""so""\nnow"\r\n'
    )
