"""The numbers of ``wording`` in the reader's language, for pages. What is frozen and every file of it stay English."""

from __future__ import annotations

from reviewapp.reports import wording
from reviewapp.words import figure_said, say


def percent(value: float | None, digits: int = 1) -> str:
    """A share as percent; what would round to 0 or 100 but is not keeps its distance."""
    side, _, share = wording.percent(value, digits).rpartition(" ")
    match side:
        case "below":
            return say("below %(share)s", share=share)
        case "above":
            return say("above %(share)s", share=share)
    return _one(share)


def number(value: float | None, digits: int = 2) -> str:
    """A measure, such as 4.31."""
    return _one(wording.number(value, digits))


def signed(value: float | None, digits: int = 2) -> str:
    """A difference with its sign: +0.42, −0.11, 0.00."""
    return _one(wording.signed(value, digits))


def p_value(p: float | None) -> str:
    """The p of a test, as in 'p = 0.031'."""
    start, _, value = wording.p_value(p).rpartition(" ")
    return say("p unknown") if p is None else f"{start} {figure_said(value)}"


def interval(low: float | None, high: float | None, *, as_percent: bool = False, digits: int = 2) -> str:
    """From low to high, or that there is none."""
    if low is None or high is None:
        return say("no interval")
    ends = (percent(low), percent(high)) if as_percent else (number(low, digits), number(high, digits))
    return say("%(low)s to %(high)s", low=ends[0], high=ends[1])


def _one(text: str) -> str:
    return say("unknown") if text == "unknown" else figure_said(text)
