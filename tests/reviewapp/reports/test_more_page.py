"""What a report says beside its verdict, as tables of words."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

from reviewapp.projects.models import Project
from reviewapp.reports.more_page import forest, tables_of
from tests.reviewapp.reports.test_trends import frozen


def slice_row(name: str, value: float | None, n: int = 40) -> dict[str, Any]:
    low, high = (None, None) if value is None else (max(0.0, value - 0.1), value + 0.1)
    return {
        "kind": "note type", "name": name, "adjusted": 0.4, "is_small": n < 20,
        "rate": {"value": value, "low": low, "high": high, "n": n}, "change": {"fixed": 3, "broken": 1},
    }  # fmt: skip


def test_claims_and_missed_errors_are_told_of_a_real_report(project: Project, people: SimpleNamespace) -> None:
    data = frozen(project, people, wrong_each=4).data
    tables = tables_of(data)
    assert all(len(row) == len(table.header) for table in tables for row in table.rows)
    claims = tables[0]
    assert [is_number for _, is_number in claims.head] == [False, True, True, True, False]
    assert claims.title.startswith("Better on ") and len(claims.rows) == len(data["claims"]["claims"])
    better = [row["name"] for row in data["claims"]["claims"] if row["is_better"]]
    assert [row[0] for row in claims.rows if row[-1] == "better"] == better
    missed = next(table for table in tables if table.title == "Errors that nobody saw")
    assert [row[0] for row in missed.rows] == [row["name"] for row in data["missed"]]


def test_graders_are_told_with_what_to_read_them_by() -> None:
    nothing = {"value": None, "low": None, "high": None}
    grader = {
        "grader": "Grader A", "outputs": 50, "is_careless": True, "difference_without": {"value": 0.25},
        "severity": {"effect": -0.4, "low": -0.6, "high": -0.2, "is_notable": True},
    }  # fmt: skip
    other = {**grader, "grader": "Grader B", "is_careless": False}
    alone = {**other, "grader": "Grader C", "severity": None}
    row = {"name": "Accuracy", "adjusted_difference": nothing, "graders": [grader, other, alone]}
    table = tables_of({"raters": [row]})[0]
    assert table.title == "Graders on Accuracy"
    assert [cells[-1] for cells in table.rows] == [
        "grades that do not follow the outputs",
        "clearly stricter or milder than the others",
        "",
    ]
    assert table.rows[0][2] == "−0.40 (−0.60 to −0.20)" and table.rows[2][2] == "unknown"


def test_small_slices_are_grey_and_the_chart_says_where_it_is_worst() -> None:
    slices = [slice_row("letter", 0.1), slice_row("summary", 0.4, n=8), slice_row("none graded", None, n=0)]
    table = tables_of({"by_slice": {"fault": "Wrong", "method": "BH", "slices": slices}})[0]
    assert table.grey == {1, 2} and [is_grey for is_grey, _ in table.cells] == [False, True, True]
    assert "most at note type summary" in str(table.chart)
    assert table.places == {}, "a report from before names no prompts"
    slices[0]["prompts"] = {"judged": ["1", "2"], "fault": ["2"], "fixed": [], "broken": ["2"]}
    table = tables_of({"by_slice": {"fault": "Wrong", "method": "BH", "slices": slices}})[0]
    assert table.places == {(0, 1): "slice-0-judged", (0, 2): "slice-0-fault", (0, 4): "slice-0-broken"}
    assert [cell[3] for cell in table.cells[0][1]] == ["", "slice-0-judged", "slice-0-fault", "", "slice-0-broken", ""]
    assert str(table.chart).count("<circle") == 2, "what was not graded has no dot"
    assert forest([slice_row("none", None)], "Wrong") is None


def test_preferences_are_shares_with_intervals() -> None:
    rate = {"value": 0.6, "low": 0.5, "high": 0.7, "n": 90}
    table = tables_of({"preferences": {"round": 3, "win_rate": rate, "at_equal_length": {**rate, "value": None}}})[0]
    assert table.rows[0][1:] == ["60% (50% to 70%)", "90"] and table.rows[1][1] == "not graded"


def test_reports_from_before_show_nothing_more() -> None:
    assert tables_of({}) == []
