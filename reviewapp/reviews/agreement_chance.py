"""Plain and chance-corrected agreement beside alpha. Plain arithmetic.

Methods: Gwet, Handbook of Inter-Rater Reliability, 4th ed. (2014), missing ratings as in its chapter 2; Fleiss, Cohen
and Everitt (1969) for the standard error of kappa; Fleiss (1971); Brennan and Prediger (1981).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import numpy as np

from reviewapp.reviews.agreement_tables import (
    Agreement,
    Ratings,
    Table,
    Weights,
    as_table,
    described,
    jackknife_interval,
    normal,
    pair_agreement,
    student,
    undefined,
    value_counts,
    weight_matrix,
    with_interval,
)

_WEIGHT_WORDS = {"identity": "", "linear": ", linear weights", "quadratic": ", quadratic weights"}


def percent_agreement(ratings: Ratings) -> Agreement:
    """Share of agreeing pairs in a unit, averaged over units (0 to 1)."""
    table = as_table(ratings)
    result = described(table, "Percent agreement, mean over units")
    _, counts = value_counts(table)
    if result.n_units == 0:
        return undefined(result)
    return replace(result, value=float(pair_agreement(counts, np.eye(counts.shape[1])).mean()))


def positive_agreement(ratings: Ratings, positive: float = 1.0) -> Agreement:
    """Of the pairs in which one rater marked the violation, the share in which the other did too.

    2a / (2a + b + c) for two raters; the useful reading for rare gate items, where alpha falls to 0.
    """
    table = as_table(ratings)
    result = described(table, "Positive agreement")
    if result.n_units == 0:
        return undefined(result)
    marked, rated = (table == positive).sum(0).astype(float), (~np.isnan(table)).sum(0).astype(float)
    possible = float((marked * np.maximum(rated - 1, 0)).sum())
    if possible == 0:
        return undefined(result, "no_positives")
    return replace(result, value=float((marked * (marked - 1)).sum()) / possible)


def gwet(
    ratings: Ratings,
    categories: Sequence[float] | None = None,
    weights: Weights = "identity",
    confidence: float = 0.95,
) -> Agreement:
    """Gwet's AC1 (identity weights) or AC2 (linear or quadratic), with Gwet's linearised standard error.

    categories: all points of the scale, also those nobody used; by default the values that occur.
    """
    table = as_table(ratings)
    result = described(table, f"Gwet's {'AC1' if weights == 'identity' else 'AC2'}{_WEIGHT_WORDS[weights]}")
    values, counts = value_counts(table, categories)
    if result.n_units == 0:
        return undefined(result)
    if len(values) < 2:
        return undefined(result, "one_category")
    matrix = weight_matrix(values, weights)
    rated = counts[counts.sum(1) > 0]
    shares = rated / rated.sum(1, keepdims=True)
    usual = shares.mean(0)
    scale = matrix.sum() / (len(values) * (len(values) - 1))
    chance = float(scale * (usual * (1 - usual)).sum())
    chance_by_unit = scale * (shares * (1 - usual)).sum(1)
    return _gwet_interval(result, rated, matrix, chance, chance_by_unit, confidence)


def _gwet_interval(
    result: Agreement, rated: Table, matrix: Table, chance: float, chance_by_unit: Table, confidence: float
) -> Agreement:
    n, paired = len(rated), rated.sum(1) >= 2
    agreeing = np.zeros(n)
    agreeing[paired] = pair_agreement(rated, matrix)
    value = (float(agreeing[paired].mean()) - chance) / (1 - chance)
    if n < 2:
        return replace(result, value=value, interval_reason="too_few_units")
    by_unit = n / paired.sum() * (agreeing - chance * paired) / (1 - chance)
    by_unit = by_unit - 2 * (1 - value) * (chance_by_unit - chance) / (1 - chance)
    error = float(((by_unit - value) ** 2).sum() / (n * (n - 1))) ** 0.5
    return with_interval(result, value, error, student(n - 1, confidence), confidence)


def fleiss_kappa(
    ratings: Ratings, categories: Sequence[float] | None = None, *, strict: bool = False, confidence: float = 0.95
) -> Agreement:
    """Fleiss' kappa with a delete-one-unit jackknife t interval.

    Where units have different numbers of ratings: Gwet's generalisation, or with ``strict`` no value at all.
    """
    table = as_table(ratings)
    result = described(table, "Fleiss' kappa")
    _, counts = value_counts(table, categories)
    rated = counts.sum(1)
    if strict and len(np.unique(rated[rated > 0])) > 1:
        return undefined(result, "unequal")
    value = _fleiss(counts)
    if value is None:
        return undefined(result, "no_variation" if result.n_units else None)
    patterns, times = np.unique(counts[rated > 0], axis=0, return_counts=True)
    without = [_fleiss(_less_one(counts, pattern)) for pattern in patterns]
    return jackknife_interval(result, value, without, times.astype(np.float64), confidence)


def _less_one(counts: Table, pattern: Table) -> Table:
    place = int(np.flatnonzero((counts == pattern).all(1))[0])
    return np.delete(counts, place, 0)


def _fleiss(counts: Table) -> float | None:
    rated = counts[counts.sum(1) > 0]
    if not (rated.sum(1) >= 2).any():
        return None
    usual = (rated / rated.sum(1, keepdims=True)).mean(0)
    return _corrected(counts, float((usual**2).sum()))


def brennan_prediger(ratings: Ratings, categories: Sequence[float] | None = None) -> Agreement:
    """Brennan-Prediger coefficient: chance is one over the number of categories."""
    table = as_table(ratings)
    result = described(table, "Brennan-Prediger coefficient")
    values, counts = value_counts(table, categories)
    value = _corrected(counts, 1 / max(len(values), 1))
    return (
        undefined(result, "no_variation" if result.n_units else None) if value is None else replace(result, value=value)
    )


def _corrected(counts: Table, chance: float) -> float | None:
    if np.isclose(chance, 1.0) or not (counts.sum(1) >= 2).any():
        return None
    observed = float(pair_agreement(counts, np.eye(counts.shape[1])).mean())
    return (observed - chance) / (1 - chance)


def cohen_kappa(
    ratings: Ratings,
    categories: Sequence[float] | None = None,
    weights: Weights = "identity",
    confidence: float = 0.95,
) -> Agreement:
    """Cohen's kappa of two raters on the units both rated, with the large-sample normal interval."""
    table = as_table(ratings)
    result = described(table, f"Cohen's kappa{_WEIGHT_WORDS[weights]}")
    if len(table) != 2:
        return undefined(result, "not_two_raters")
    both = table[:, ~np.isnan(table).any(0)]
    values, _ = value_counts(both, categories)
    if both.shape[1] == 0:
        return undefined(result)
    matrix = weight_matrix(values, weights)
    joint = _joint(both, values)
    rows, columns = joint.sum(1), joint.sum(0)
    observed, chance = float((matrix * joint).sum()), float((matrix * np.outer(rows, columns)).sum())
    if np.isclose(chance, 1.0):
        return undefined(result, "no_variation")
    lean = (matrix @ columns)[:, None] + (rows @ matrix)[None, :]
    inner = (joint * (matrix * (1 - chance) - lean * (1 - observed)) ** 2).sum()
    variance = (inner - (observed * chance - 2 * chance + observed) ** 2) / (both.shape[1] * (1 - chance) ** 4)
    error = float(max(variance, 0.0)) ** 0.5
    return with_interval(result, (observed - chance) / (1 - chance), error, normal(confidence), confidence)


def _joint(both: Table, values: Table) -> Table:
    joint = np.zeros((len(values), len(values)))
    np.add.at(joint, (np.searchsorted(values, both[0]), np.searchsorted(values, both[1])), 1.0)
    return np.asarray(joint / both.shape[1])
