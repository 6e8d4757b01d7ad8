"""Numbers of a report for a German reader; what is frozen stays as it was written."""

from __future__ import annotations

import pytest
from django.utils import translation

from reviewapp.core.svg import text
from reviewapp.reports import localised, wording


@pytest.mark.parametrize(
    ("value", "english", "german"),
    [
        (0.125, "12.5%", "12,5%"),
        (0.0001, "below 0.1%", "unter 0,1%"),
        (0.9999, "above 99.9%", "über 99,9%"),
        (1.0, "100%", "100%"),
        (None, "unknown", "unbekannt"),
    ],
)
def test_shares(value: float | None, english: str, german: str) -> None:
    assert localised.percent(value) == wording.percent(value) == english
    with translation.override("de"):
        assert localised.percent(value) == german
        assert wording.percent(value) == english


def test_measures_differences_tests_and_intervals() -> None:
    with translation.override("de"):
        assert localised.number(-4.315) == "−4,32"
        assert localised.signed(0.42) == "+0,42"
        assert localised.p_value(0.00001) == "p < 0,0001"
        assert localised.p_value(0.0312) == "p = 0,031"
        assert localised.p_value(None) == "p unbekannt"
        assert localised.interval(0.025, 0.061, as_percent=True) == "2,5% bis 6,1%"
        assert localised.interval(None, 0.1) == "kein Intervall"
    for p in (0.00001, 0.0042, 0.5, None):
        assert localised.p_value(p) == wording.p_value(p)
    assert localised.interval(1.5, 2.25) == wording.interval(1.5, 2.25) == "1.50 to 2.25"
    assert localised.interval(None, 2.25) == wording.interval(None, 2.25)


def test_a_number_in_a_chart_is_said_as_the_reader_writes_it() -> None:
    with translation.override("de"):
        assert ">0,5<" in text("", 0, 0, "0.5")
        assert ">v0.5<" in text("", 0, 0, "v0.5")
    assert ">0.5<" in text("", 0, 0, "0.5")
