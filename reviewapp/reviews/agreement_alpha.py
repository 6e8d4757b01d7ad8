"""Krippendorff's alpha: Krippendorff, "Computing Krippendorff's alpha-reliability" (2011). Plain arithmetic."""

from __future__ import annotations

from typing import Literal

import numpy as np

from reviewapp.reviews.agreement_tables import (
    Agreement,
    Ratings,
    Table,
    as_table,
    described,
    jackknife_interval,
    undefined,
    value_counts,
)

Scale = Literal["nominal", "ordinal", "interval", "ratio"]


def krippendorff_alpha(ratings: Ratings, scale: Scale = "ordinal", confidence: float = 0.95) -> Agreement:
    """Krippendorff's alpha with a delete-one-unit jackknife t interval.

    Raises ValueError for an unknown scale, or for negative ratings on a ratio scale.
    """
    table = as_table(ratings)
    _check_scale(table, scale)
    result = described(table, f"Krippendorff's alpha, {scale}")
    values, counts = value_counts(table)
    counts = counts[counts.sum(1) >= 2]
    whole = coincidences(counts)
    value = alpha_of(values, whole, scale)
    if value is None:
        return undefined(result, "no_variation" if len(counts) else None)
    patterns, times = np.unique(counts, axis=0, return_counts=True)
    without = [alpha_of(values, whole - coincidences(pattern[None]), scale) for pattern in patterns]
    return jackknife_interval(result, value, without, times.astype(np.float64), confidence)


def coincidences(counts: Table) -> Table:
    """Pairs of values within units, each unit weighing its number of ratings (q x q); units need two ratings."""
    if not len(counts):
        return np.zeros((counts.shape[1], counts.shape[1]))
    share = counts / (counts.sum(1, keepdims=True) - 1)
    return np.asarray(share.T @ counts - np.diag(share.sum(0)))


def alpha_of(values: Table, pairs: Table, scale: Scale) -> float | None:
    """Alpha of a matrix of coincidences; None where fewer than two values occur in pairs."""
    totals = pairs.sum(1)
    used = totals > 1e-9
    if used.sum() < 2:
        return None
    values, totals, pairs = values[used], totals[used], pairs[np.ix_(used, used)]
    distances = _distances(values, totals, scale)
    expected = float((np.outer(totals, totals) * distances).sum())
    observed = float((pairs * distances).sum())
    return 1 - (float(totals.sum()) - 1) * observed / expected


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


def _check_scale(table: Table, scale: str) -> None:
    if scale not in ("nominal", "ordinal", "interval", "ratio"):
        raise ValueError(f"Unknown scale {scale!r}: use nominal, ordinal, interval or ratio.")
    if scale == "ratio" and bool((table < 0).any()):
        raise ValueError("A ratio scale has no negative ratings.")
