"""Tables of ratings and what every statistic of agreement stands on. Plain arithmetic.

A table is raters x units (a row a rater, a column a unit); a missing rating is nan. An undefined statistic has value
None and a reason code, never 0 or 1; ``REASONS`` holds the sentence of each code.
"""

from __future__ import annotations

from collections.abc import Hashable, Iterable, Sequence
from dataclasses import dataclass, replace
from typing import Literal

import numpy as np
import numpy.typing as npt
from scipy import special

Table = npt.NDArray[np.float64]
Ratings = Sequence[Sequence[float | None]] | Table
Weights = Literal["identity", "linear", "quadratic"]

# Under this many units with two ratings the interval of alpha is too wide to act on (half-width .14 at 50).
ENOUGH_UNITS = 50

REASONS = {
    "no_ratings": "Nothing has been rated yet.",
    "no_pairs": "No unit has two ratings yet.",
    "no_variation": "All ratings are the same, so chance agreement cannot be estimated.",
    "one_category": "Only one category is known, so there is nothing to agree on.",
    "no_positives": "No rater marked a violation.",
    "no_spans": "No rater marked a passage.",
    "no_order": "The categories have no order, so a mean of them means nothing.",
    "not_two_raters": "This statistic compares exactly two raters.",
    "incomplete": "This statistic needs every rater on every unit.",
    "unequal": "This statistic needs the same number of ratings on every unit.",
    "too_few_units": "An interval needs at least two units with two ratings.",
    "no_error": "Raters differ by a constant at most, so there is no error to measure an interval by.",
    "hangs_on_one_unit": "All variation comes from one unit, so no interval can be given.",
}


@dataclass(frozen=True)
class Agreement:
    """One statistic with what it stands on.

    n_units: units with two ratings or more; n_ratings: their ratings; n_raters: raters with a rating in
    the table; missing: empty cells of the table; confidence: of [low, high], which are None where no
    interval is defined (interval_reason tells why, None for a statistic that has none).
    """

    method: str
    value: float | None
    n_units: int
    n_ratings: int
    n_raters: int
    missing: int
    reason: str | None = None
    low: float | None = None
    high: float | None = None
    standard_error: float | None = None
    confidence: float | None = None
    interval_reason: str | None = None

    @property
    def is_enough(self) -> bool:
        """Whether so many units were rated twice that the value may be acted on."""
        return self.value is not None and self.n_units >= ENOUGH_UNITS

    @property
    def sentence(self) -> str:
        """Why there is no value, in words; empty when there is one."""
        return REASONS[self.reason] if self.reason else ""

    @property
    def interval_sentence(self) -> str:
        """Why there is no interval, in words; empty when there is one or the statistic has none."""
        return REASONS[self.interval_reason] if self.interval_reason else ""


def ratings_table(ratings: Iterable[tuple[Hashable, Hashable, float | None]]) -> Table:
    """(rater, unit, value) in any order -> raters x units; the last rating of a pair holds."""
    raters: dict[Hashable, int] = {}
    units: dict[Hashable, int] = {}
    cells: dict[tuple[int, int], float] = {}
    for rater, unit, value in ratings:
        cell = raters.setdefault(rater, len(raters)), units.setdefault(unit, len(units))
        cells[cell] = np.nan if value is None else float(value)
    table = np.full((len(raters), len(units)), np.nan)
    for (row, column), number in cells.items():
        table[row, column] = number
    return table


def as_table(ratings: Ratings) -> Table:
    """Ratings with None for a missing one as a table with nan."""
    return np.atleast_2d(np.asarray(ratings, dtype=np.float64))


def described(table: Table, method: str) -> Agreement:
    """A statistic without a value yet, with everything it stands on."""
    present = ~np.isnan(table)
    by_unit = present.sum(0)
    paired = by_unit >= 2
    return Agreement(
        method=method,
        value=None,
        n_units=int(paired.sum()),
        n_ratings=int(by_unit[paired].sum()),
        n_raters=int(present.any(1).sum()),
        missing=int((~present).sum()),
    )


def undefined(result: Agreement, reason: str | None = None) -> Agreement:
    """The given reason, or the plain one where there is nothing to compare."""
    return replace(result, reason=reason or ("no_pairs" if result.n_raters else "no_ratings"))


def value_counts(table: Table, categories: Sequence[float] | None = None) -> tuple[Table, Table]:
    """Values (q) and how often each unit got each of them (units x q); a value off the scale raises ValueError."""
    seen = np.unique(table[~np.isnan(table)])
    values = seen if categories is None else np.unique(np.asarray(categories, dtype=np.float64))
    if len(strange := np.setdiff1d(seen, values)):
        raise ValueError(f"Ratings outside the scale: {strange.tolist()}")
    if not len(values):
        return values, np.zeros((table.shape[1], 0))
    return values, np.stack([(table == value).sum(0) for value in values], 1).astype(np.float64)


def weight_matrix(values: Table, weights: Weights) -> Table:
    """Credit for each pair of categories (q x q): 1 on the diagonal, 0 for the two ends of the scale."""
    if weights == "identity" or len(values) < 2:
        return np.eye(len(values))
    apart = np.abs(values[:, None] - values[None]) / (values.max() - values.min())
    return np.asarray(1 - apart if weights == "linear" else 1 - apart**2)


def pair_agreement(counts: Table, matrix: Table) -> Table:
    """Weighted share of agreeing pairs of each unit that has two ratings."""
    paired = counts[counts.sum(1) >= 2]
    rated = paired.sum(1)
    return np.asarray((paired * (paired @ matrix.T - 1)).sum(1) / (rated * (rated - 1)))


def with_interval(result: Agreement, value: float, error: float, factor: float, confidence: float) -> Agreement:
    """value +- factor * error, cut to [-1, 1]."""
    low, high = max(-1.0, value - factor * error), min(1.0, value + factor * error)
    return replace(result, value=value, standard_error=error, low=low, high=high, confidence=confidence)


def student(degrees: int, confidence: float) -> float:
    """The two-sided factor of Student's t."""
    return float(special.stdtrit(degrees, (1 + confidence) / 2))


def normal(confidence: float) -> float:
    """The two-sided factor of the normal distribution."""
    return float(special.ndtri((1 + confidence) / 2))


def jackknife_interval(
    result: Agreement, value: float, without: Sequence[float | None], times: Table, confidence: float
) -> Agreement:
    """Delete-one-unit jackknife t interval (Hughes, arXiv 2210.13265).

    without: the statistic without one unit of each pattern; times: how many units have the pattern. Units with the
    same ratings have the same pseudo-value, so a few patterns stand for thousands of units.
    """
    n = int(times.sum())
    result = replace(result, value=value)
    if n < 2:
        return replace(result, interval_reason="too_few_units")
    if any(one is None for one in without):
        return replace(result, interval_reason="hangs_on_one_unit")
    pseudo = n * value - (n - 1) * np.array(without, dtype=np.float64)
    mean = float((pseudo * times).sum()) / n
    error = float(((pseudo - mean) ** 2 * times).sum() / (n - 1) / n) ** 0.5
    return with_interval(result, value, error, student(n - 1, confidence), confidence)
