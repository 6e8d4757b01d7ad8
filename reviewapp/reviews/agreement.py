"""Agreement between raters: plain arithmetic on a table of ratings.

Every function takes ratings as raters x units (a row a rater, a column a unit), missing ratings as None or
nan, and returns an Agreement. An undefined statistic has value None and a reason code, never 0 or 1;
``REASONS`` holds the sentence of each code.

Methods: Krippendorff, "Computing Krippendorff's alpha-reliability" (2011); Gwet, Handbook of Inter-Rater
Reliability, 4th ed. (2014), missing ratings as in its chapter 2; Hughes, arXiv 2210.13265 (jackknife);
Fleiss, Cohen and Everitt (1969) for the standard error of kappa; Shrout and Fleiss (1979) for ICC.
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
Scale = Literal["nominal", "ordinal", "interval", "ratio"]
Weights = Literal["identity", "quadratic"]

# Under this many units with two ratings the interval of alpha is too wide to act on (half-width .14 at 50).
ENOUGH_UNITS = 50

REASONS = {
    "no_ratings": "Nothing has been rated yet.",
    "no_pairs": "No unit has two ratings yet.",
    "no_variation": "All ratings are the same, so chance agreement cannot be estimated.",
    "one_category": "Only one category is known, so there is nothing to agree on.",
    "no_positives": "No rater marked a violation.",
    "not_two_raters": "This statistic compares exactly two raters.",
    "incomplete": "This statistic needs every rater on every unit.",
    "too_few_units": "An interval needs at least two units with two ratings.",
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


def krippendorff_alpha(ratings: Ratings, scale: Scale = "ordinal", confidence: float = 0.95) -> Agreement:
    """Krippendorff's alpha with a delete-one-unit jackknife t interval.

    Raises ValueError for an unknown scale, or for negative ratings on a ratio scale.
    """
    table = _table(ratings)
    _check_scale(table, scale)
    result = _described(table, f"Krippendorff's alpha, {scale}")
    values, counts = _counts(table)
    counts = counts[counts.sum(1) >= 2]
    value = _alpha(values, _coincidences(counts), scale)
    if value is None:
        return _undefined(result, "no_variation" if len(counts) else None)
    return _alpha_interval(replace(result, value=value), values, counts, scale, confidence)


def percent_agreement(ratings: Ratings) -> Agreement:
    """Share of agreeing pairs in a unit, averaged over units (0 to 1)."""
    table = _table(ratings)
    result = _described(table, "Percent agreement, mean over units")
    _, counts = _counts(table)
    if result.n_units == 0:
        return _undefined(result)
    return replace(result, value=float(_pair_agreement(counts, np.eye(counts.shape[1])).mean()))


def gwet(
    ratings: Ratings,
    categories: Sequence[float] | None = None,
    weights: Weights = "identity",
    confidence: float = 0.95,
) -> Agreement:
    """Gwet's AC1 (identity weights) or AC2 (quadratic weights), with Gwet's linearised standard error.

    categories: all points of the scale, also those nobody used; by default the values that occur.
    """
    table = _table(ratings)
    result = _described(table, "Gwet's AC1" if weights == "identity" else "Gwet's AC2, quadratic weights")
    values, counts = _counts(table, categories)
    if result.n_units == 0:
        return _undefined(result)
    if len(values) < 2:
        return _undefined(result, "one_category")
    matrix = _weights(values, weights)
    rated = counts[counts.sum(1) > 0]
    shares = rated / rated.sum(1, keepdims=True)
    usual = shares.mean(0)
    scale = matrix.sum() / (len(values) * (len(values) - 1))
    chance = float(scale * (usual * (1 - usual)).sum())
    chance_by_unit = scale * (shares * (1 - usual)).sum(1)
    return _gwet_interval(result, rated, matrix, chance, chance_by_unit, confidence)


def fleiss_kappa(ratings: Ratings, categories: Sequence[float] | None = None) -> Agreement:
    """Fleiss' kappa; with missing ratings Gwet's generalisation of it (the same where none is missing)."""
    table = _table(ratings)
    _, counts = _counts(table, categories)
    usual = _shares(counts)
    return _chance_corrected(table, counts, float((usual**2).sum()), "Fleiss' kappa")


def brennan_prediger(ratings: Ratings, categories: Sequence[float] | None = None) -> Agreement:
    """Brennan-Prediger coefficient: chance is one over the number of categories."""
    table = _table(ratings)
    values, counts = _counts(table, categories)
    return _chance_corrected(table, counts, 1 / max(len(values), 1), "Brennan-Prediger coefficient")


def cohen_kappa(
    ratings: Ratings,
    categories: Sequence[float] | None = None,
    weights: Weights = "identity",
    confidence: float = 0.95,
) -> Agreement:
    """Cohen's kappa of two raters on the units both rated, with the large-sample normal interval."""
    table = _table(ratings)
    result = _described(table, "Cohen's kappa" if weights == "identity" else "Cohen's kappa, quadratic weights")
    if len(table) != 2:
        return _undefined(result, "not_two_raters")
    both = table[:, ~np.isnan(table).any(0)]
    values, _ = _counts(both, categories)
    if both.shape[1] == 0:
        return _undefined(result)
    matrix = _weights(values, weights) if len(values) > 1 else np.ones((1, 1))
    joint = _joint(both, values)
    rows, columns = joint.sum(1), joint.sum(0)
    observed, chance = float((matrix * joint).sum()), float((matrix * np.outer(rows, columns)).sum())
    if np.isclose(chance, 1.0):
        return _undefined(result, "no_variation")
    lean = (matrix @ columns)[:, None] + (rows @ matrix)[None, :]
    inner = (joint * (matrix * (1 - chance) - lean * (1 - observed)) ** 2).sum()
    variance = (inner - (observed * chance - 2 * chance + observed) ** 2) / (both.shape[1] * (1 - chance) ** 4)
    half = float(special.ndtri((1 + confidence) / 2))
    error = float(max(variance, 0.0)) ** 0.5
    return _with_interval(result, (observed - chance) / (1 - chance), error, half, confidence)


def positive_agreement(ratings: Ratings, positive: float = 1.0) -> Agreement:
    """Of the pairs in which one rater marked the violation, the share in which the other did too.

    2a / (2a + b + c) for two raters; the useful reading for rare gate items, where alpha falls to 0.
    """
    table = _table(ratings)
    result = _described(table, "Positive agreement")
    if result.n_units == 0:
        return _undefined(result)
    marked, rated = (table == positive).sum(0).astype(float), (~np.isnan(table)).sum(0).astype(float)
    possible = float((marked * np.maximum(rated - 1, 0)).sum())
    if possible == 0:
        return _undefined(result, "no_positives")
    return replace(result, value=float((marked * (marked - 1)).sum()) / possible)


def intraclass(ratings: Ratings, form: Literal["single", "mean"] = "single") -> Agreement:
    """ICC(2,1) (single) or ICC(2,k) (mean of raters), absolute agreement; every rater on every unit."""
    table = _table(ratings)
    raters, units = table.shape
    result = _described(table, f"ICC(2,{'1' if form == 'single' else 'k'}), absolute agreement")
    if result.missing:
        return _undefined(result, "incomplete")
    if result.n_units < 2:
        return _undefined(result, "no_pairs")
    grand, by_unit, by_rater = table.mean(), table.mean(0), table.mean(1)
    between = raters * ((by_unit - grand) ** 2).sum() / (units - 1)
    severity = units * ((by_rater - grand) ** 2).sum() / (raters - 1)
    rest = ((table - by_unit[None] - by_rater[:, None] + grand) ** 2).sum() / ((units - 1) * (raters - 1))
    extra = (raters - 1) * rest if form == "single" else 0.0
    share = (severity - rest) / units * (raters if form == "single" else 1)
    total = between + extra + share
    return _undefined(result, "no_variation") if total == 0 else replace(result, value=float((between - rest) / total))


def _table(ratings: Ratings) -> Table:
    return np.atleast_2d(np.asarray(ratings, dtype=np.float64))


def _described(table: Table, method: str) -> Agreement:
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


def _undefined(result: Agreement, reason: str | None = None) -> Agreement:
    """The given reason, or the plain one where there is nothing to compare."""
    return replace(result, reason=reason or ("no_pairs" if result.n_raters else "no_ratings"))


def _counts(table: Table, categories: Sequence[float] | None = None) -> tuple[Table, Table]:
    """Values (q) and how often each unit got each of them (units x q); a value off the scale raises ValueError."""
    seen = np.unique(table[~np.isnan(table)])
    values = seen if categories is None else np.unique(np.asarray(categories, dtype=np.float64))
    if len(strange := np.setdiff1d(seen, values)):
        raise ValueError(f"Ratings outside the scale: {strange.tolist()}")
    if not len(values):
        return values, np.zeros((table.shape[1], 0))
    return values, np.stack([(table == value).sum(0) for value in values], 1).astype(np.float64)


def _shares(counts: Table) -> Table:
    rated = counts[counts.sum(1) > 0]
    return np.asarray((rated / rated.sum(1, keepdims=True)).mean(0)) if len(rated) else np.zeros(counts.shape[1])


def _weights(values: Table, weights: Weights) -> Table:
    if weights == "identity":
        return np.eye(len(values))
    return np.asarray(1 - (values[:, None] - values[None]) ** 2 / (values.max() - values.min()) ** 2)


def _joint(both: Table, values: Table) -> Table:
    joint = np.zeros((len(values), len(values)))
    np.add.at(joint, (np.searchsorted(values, both[0]), np.searchsorted(values, both[1])), 1.0)
    return np.asarray(joint / both.shape[1])


def _pair_agreement(counts: Table, matrix: Table) -> Table:
    """Weighted share of agreeing pairs of each unit that has two ratings."""
    paired = counts[counts.sum(1) >= 2]
    rated = paired.sum(1)
    return np.asarray((paired * (paired @ matrix.T - 1)).sum(1) / (rated * (rated - 1)))


def _chance_corrected(table: Table, counts: Table, chance: float, method: str) -> Agreement:
    result = _described(table, method)
    if result.n_units == 0:
        return _undefined(result)
    if np.isclose(chance, 1.0):
        return _undefined(result, "no_variation")
    observed = float(_pair_agreement(counts, np.eye(counts.shape[1])).mean())
    return replace(result, value=(observed - chance) / (1 - chance))


def _with_interval(result: Agreement, value: float, error: float, factor: float, confidence: float) -> Agreement:
    low, high = max(-1.0, value - factor * error), min(1.0, value + factor * error)
    return replace(result, value=value, standard_error=error, low=low, high=high, confidence=confidence)


def _student(degrees: int, confidence: float) -> float:
    return float(special.stdtrit(degrees, (1 + confidence) / 2))


def _gwet_interval(
    result: Agreement, rated: Table, matrix: Table, chance: float, chance_by_unit: Table, confidence: float
) -> Agreement:
    n, paired = len(rated), rated.sum(1) >= 2
    agreeing = np.zeros(n)
    agreeing[paired] = _pair_agreement(rated, matrix)
    value = (float(agreeing[paired].mean()) - chance) / (1 - chance)
    if n < 2:
        return replace(result, value=value, interval_reason="too_few_units")
    by_unit = n / paired.sum() * (agreeing - chance * paired) / (1 - chance)
    by_unit = by_unit - 2 * (1 - value) * (chance_by_unit - chance) / (1 - chance)
    error = float(((by_unit - value) ** 2).sum() / (n * (n - 1))) ** 0.5
    return _with_interval(result, value, error, _student(n - 1, confidence), confidence)


def _check_scale(table: Table, scale: str) -> None:
    if scale not in ("nominal", "ordinal", "interval", "ratio"):
        raise ValueError(f"Unknown scale {scale!r}: use nominal, ordinal, interval or ratio.")
    if scale == "ratio" and bool((table < 0).any()):
        raise ValueError("A ratio scale has no negative ratings.")


def _coincidences(counts: Table) -> Table:
    """o[c, k] summed over units with two ratings or more."""
    if not len(counts):
        return np.zeros((counts.shape[1], counts.shape[1]))
    share = counts / (counts.sum(1, keepdims=True) - 1)
    return np.asarray(share.T @ counts - np.diag(share.sum(0)))


def _distances(values: Table, totals: Table, scale: Scale) -> Table:
    """Squared differences between values; the ordinal ones depend on how often each value occurs."""
    if scale == "nominal":
        return 1.0 - np.eye(len(values))
    if scale == "interval":
        return np.asarray((values[:, None] - values[None]) ** 2)
    if scale == "ratio":
        total = values[:, None] + values[None]
        return np.asarray(((values[:, None] - values[None]) / np.where(total == 0, 1.0, total)) ** 2)
    # The ranks between c and k, each end counted half: a difference of the middles of their runs.
    middle = np.cumsum(totals) - totals / 2
    return np.asarray((middle[:, None] - middle[None]) ** 2)


def _alpha(values: Table, coincidences: Table, scale: Scale) -> float | None:
    totals = coincidences.sum(1)
    used = totals > 1e-9
    if used.sum() < 2:
        return None
    values, totals, coincidences = values[used], totals[used], coincidences[np.ix_(used, used)]
    distances = _distances(values, totals, scale)
    expected = float((np.outer(totals, totals) * distances).sum())
    observed = float((coincidences * distances).sum())
    return 1 - (float(totals.sum()) - 1) * observed / expected


def _alpha_interval(result: Agreement, values: Table, counts: Table, scale: Scale, confidence: float) -> Agreement:
    n = len(counts)
    if n < 2 or result.value is None:
        return replace(result, interval_reason="too_few_units")
    # Units with the same ratings have the same pseudo-value: a few patterns instead of thousands of units.
    patterns, times = np.unique(counts, axis=0, return_counts=True)
    whole = _coincidences(counts)
    without = [_alpha(values, whole - _coincidences(pattern[None]), scale) for pattern in patterns]
    if any(value is None for value in without):
        return replace(result, interval_reason="hangs_on_one_unit")
    pseudo = n * result.value - (n - 1) * np.array(without, dtype=np.float64)
    mean = float((pseudo * times).sum()) / n
    error = float(((pseudo - mean) ** 2 * times).sum() / (n - 1) / n) ** 0.5
    return _with_interval(result, result.value, error, _student(n - 1, confidence), confidence)
