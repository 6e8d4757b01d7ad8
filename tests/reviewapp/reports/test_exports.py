from __future__ import annotations

import csv
import io
import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from reviewapp.reports import exports


@pytest.mark.parametrize("text", ["=1+1", "+1", "-1", "@SUM(A1)", "\t=1", "\r=1", "  =1"])
def test_a_cell_is_never_a_formula(text: str) -> None:
    assert exports.safe_cell(text) == f"'{text}"


@pytest.mark.parametrize(("value", "cell"), [(-0.11, -0.11), (3, 3), (None, ""), ("a=b", "a=b"), ("", "")])
def test_numbers_and_plain_text_stay(value: object, cell: object) -> None:
    assert exports.safe_cell(value) == cell


@given(st.lists(st.tuples(st.text(st.characters(exclude_characters="\0", exclude_categories=("Cs",))), st.integers())))
def test_a_file_reads_back_as_it_was_written(rows: list[tuple[str, int]]) -> None:
    text = exports.csv_text(("name", "n"), rows)
    read = list(csv.reader(io.StringIO(text, newline="")))
    assert read[0] == ["name", "n"] and len(read) == len(rows) + 1
    assert not any(cell.lstrip(" ").startswith(("=", "+", "@", "\t", "\r")) for row in read[1:] for cell in row[:1])


def test_the_json_withholds_passages_and_names_what_is_withheld() -> None:
    data = {
        "worst": [{"number": 1, "quotes": [["secret"]], "passages": [{"excerpt": "secret"}]}],
        "verdict": {"word": "SHIP"},
    }
    found = json.loads(exports.report_json(data, "abc"))
    assert found["content_hash"] == "abc" and found["withheld"] == ["worst.passages", "worst.quotes"]
    assert found["report"]["worst"] == [{"number": 1, "quotes": [], "passages": []}]
    assert data["worst"][0]["passages"], "the frozen data itself must stay whole"  # type: ignore[index]
