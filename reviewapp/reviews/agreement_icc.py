"""Intraclass correlation, two-way random, absolute agreement. Plain arithmetic.

Shrout and Fleiss (1979); intervals by McGraw and Wong (1996), table 7.
"""

from __future__ import annotations

from dataclasses import replace
from typing import Literal, NamedTuple

import numpy as np
from scipy import special

from reviewapp.reviews.agreement_tables import Agreement, Ratings, Table, as_table, described, undefined

Form = Literal["single", "mean"]


class _Squares(NamedTuple):
    """Mean squares of a crossed table."""

    units: int
    raters: int
    between: float  # units
    severity: float  # raters
    rest: float


def intraclass(ratings: Ratings, form: Form = "single", confidence: float = 0.95) -> Agreement:
    """ICC(2,1) (single) or ICC(2,k) (mean of raters), absolute agreement; every rater on every unit."""
    table = as_table(ratings)
    result = described(table, f"ICC(2,{'1' if form == 'single' else 'k'}), absolute agreement")
    if result.missing:
        return undefined(result, "incomplete")
    if result.n_units < 2:
        return undefined(result, "no_pairs")
    squares = _squares(table)
    value = _single(squares)
    if value is None:
        return undefined(result, "no_variation")
    result = replace(result, value=value if form == "single" else _of_mean(value, squares.raters))
    if squares.rest < 1e-12:
        return replace(result, interval_reason="no_error")
    ends = _single_interval(squares, value, confidence)
    low, high = ends if form == "single" else (_of_mean(end, squares.raters) for end in ends)
    return replace(result, low=max(-1.0, low), high=min(1.0, high), confidence=confidence)


def crossed(table: Table) -> Table:
    """The largest crossed part that is easy to name: all raters who rated something, units that all of them rated."""
    present = table[(~np.isnan(table)).any(1)]
    return np.asarray(present[:, ~np.isnan(present).any(0)])


def _squares(table: Table) -> _Squares:
    raters, units = table.shape
    grand, by_unit, by_rater = table.mean(), table.mean(0), table.mean(1)
    between = raters * ((by_unit - grand) ** 2).sum() / (units - 1)
    severity = units * ((by_rater - grand) ** 2).sum() / (raters - 1)
    rest = ((table - by_unit[None] - by_rater[:, None] + grand) ** 2).sum() / ((units - 1) * (raters - 1))
    return _Squares(units, raters, float(between), float(severity), float(rest))


def _single(s: _Squares) -> float | None:
    total = s.between + (s.raters - 1) * s.rest + s.raters * (s.severity - s.rest) / s.units
    return None if abs(total) < 1e-12 else (s.between - s.rest) / total


def _of_mean(single: float, raters: int) -> float:
    """Spearman-Brown: from one rater to the mean of all of them; -1 where the formula has no value."""
    below = 1 + (raters - 1) * single
    return raters * single / below if below > 1e-12 else -1.0


def _single_interval(s: _Squares, value: float, confidence: float) -> tuple[float, float]:
    """McGraw and Wong's interval of ICC(A,1), with Satterthwaite's degrees of freedom."""
    n, k = s.units, s.raters
    ratio = s.severity / s.rest
    other = n * (1 + (k - 1) * value) - k * value
    degrees = (k - 1) * (n - 1) * (k * value * ratio + other) ** 2 / ((n - 1) * (k * value * ratio) ** 2 + other**2)
    tail = (1 + confidence) / 2
    above, below = special.fdtri(n - 1, degrees, tail), special.fdtri(degrees, n - 1, tail)
    raters = k * s.severity + (k * n - k - n) * s.rest
    low = n * (s.between - above * s.rest) / (above * raters + n * s.between)
    high = n * (below * s.between - s.rest) / (raters + n * below * s.between)
    return float(low), float(high)
