from __future__ import annotations

import re
import xml.etree.ElementTree as ET
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from reviewapp.core import svg
from reviewapp.reports import charts

HOSTILE = "</svg><script>alert(1)</script>"


def mean(value: float | None, low: float | None = None, high: float | None = None) -> dict[str, Any]:
    return {"value": value, "low": low, "high": high}


def criterion(name: str = "Accuracy", base: float | None = 2.5, tuned: float | None = 3.5) -> dict[str, Any]:
    def around(value: float | None) -> dict[str, Any]:
        return mean(value, None if value is None else value - 0.2, None if value is None else value + 0.2)

    change = None if base is None or tuned is None else tuned - base
    counts = {"1": 10, "2": 0, "3": 30, "4": 60}
    return {
        "key": "accuracy",
        "name": name,
        "low": 1,
        "high": 4,
        "alpha": "0.82",
        "means": {"baseline": around(base), "candidate": around(tuned)},
        "difference": mean(change),
        "distribution": {"baseline": counts, "candidate": counts},
    }


def gate(kind: str = "safety_bound", result: str = "unknown", **values: Any) -> dict[str, Any]:
    made = {
        "kind": kind,
        "name": "Major errors",
        "limit": 0.05,
        "result": result,
        "bound": 0.0547,
        "bound_is_upper": True,
        "statistic": {"value": 0.028, "low": 0.012, "high": 0.0547},
    }
    return made | values


ERRORS = [{"name": "Left out", "outputs": 19, "major": 2, "minor": 17, "share": {"value": 0.089}}]


def every_chart() -> list[str | None]:
    return [
        charts.verdict_chart(gate()),
        charts.criteria_chart([criterion()], {"accuracy": 0.25}),
        charts.taxonomy_chart(ERRORS),
        charts.distribution_chart(criterion()),
    ]


def test_charts_are_well_formed_and_have_no_style() -> None:
    for drawn in every_chart():
        assert drawn is not None
        root = ET.fromstring(drawn)  # noqa: S314 - our own text
        assert root.get("role") == "img" and root.get("aria-label")
        assert not re.search(r"\bstyle=|<style|<script|\bfill=|\bstroke=|\bon\w+=", drawn)


def test_names_are_escaped() -> None:
    for drawn in (
        charts.criteria_chart([criterion(HOSTILE)], {}),
        charts.taxonomy_chart([{**ERRORS[0], "name": HOSTILE}]),
        charts.verdict_chart(gate(name=HOSTILE)),
    ):
        assert drawn is not None and "<script>" not in drawn and "&lt;script&gt;" in drawn


def test_the_verdict_chart_says_what_it_draws() -> None:
    drawn = charts.verdict_chart(gate())
    assert drawn is not None
    assert "Major errors: estimate 2.8%, 95% bound 5.5%, declared limit 5%." in drawn and "open-line" in drawn
    failed = charts.verdict_chart(gate(result="fail", statistic={"value": 0.2, "low": 0.15, "high": 0.26}, bound=0.26))
    assert failed is not None and "bound 15%" in failed and "fail-line" in failed


@pytest.mark.parametrize(
    "without",
    [
        gate(statistic=None),
        gate(bound=None),
        gate(kind="completeness"),
        gate(statistic={"value": None, "low": None, "high": None}),
    ],
)
def test_a_gate_without_an_interval_has_no_chart(without: dict[str, Any]) -> None:
    assert charts.verdict_chart(without) is None


def test_criteria_without_values_are_left_out() -> None:
    assert charts.criteria_chart([criterion(tuned=None)], {}) is None
    drawn = charts.criteria_chart([criterion(base=None), criterion("Tone")], {"accuracy": 0.25})
    assert drawn is not None and "2 criteria. Tuned is higher on 1, lower on 0." in drawn
    assert charts.taxonomy_chart([]) is None


def test_bars_and_stacks_fill_their_width() -> None:
    drawn = charts.distribution_chart(criterion())
    assert drawn is not None
    widths = [float(width) for width in re.findall(r'width="([\d.]+)"', drawn)]
    assert sum(widths) == pytest.approx(2 * 350, abs=2 * 4)


@given(st.floats(-1e4, 1e4), st.floats(1e-6, 1e4))
def test_ticks_cover_the_range_with_few_round_numbers(low: float, width: float) -> None:
    found = svg.ticks(low, low + width)
    assert found[0] <= low + 1e-6 * max(1, abs(low)) and found[-1] >= low + width - 1e-6 * max(1, abs(low) + width)
    assert 2 <= len(found) <= 9 and found == sorted(found)
