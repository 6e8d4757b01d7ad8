"""What is said more often of one group than of another: log odds with an informative prior, and how sure that is.

Monroe, Colaresi and Quinn (2008), "Fightin' Words", equations 15 to 22: the log odds ratio of a term between two
groups under a Dirichlet prior that holds the term as often as the whole corpus does, divided by its standard error.
The unit is the sample, in which a term is or is not. Samples of one group (a patient, a matter) resemble each other,
so the standard error is the larger of the model's own and one clustered by group (linearised, Binder 1983).
Multiplicity is controlled over all comparisons of a report by Benjamini and Hochberg (1995).
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
import numpy.typing as npt
from scipy import special

# the parts that need it load it themselves: pages read plans without matrices
if TYPE_CHECKING:
    from scipy import sparse

Floats = npt.NDArray[np.float64]
PRIOR = 20.0  # samples that the prior weighs as much as
LEAST_COUNT = 0.5  # of every cell besides: without it one sample of a rare word would be an odds ratio of ten
LEAST_GROUPS = 5  # groups that must hold a term before anything is said of it
LEAST_SAMPLES = 5


@dataclass(frozen=True)
class LogOdds:
    """Of each term: log odds ratio (first less second), its standard error, how many samples of each side hold it."""

    value: Floats
    error: Floats
    first: Floats
    second: Floats
    n_first: int
    n_second: int
    groups: Floats  # groups that hold the term

    @property
    def z(self) -> Floats:
        return self.value / self.error


def log_odds(
    first: Floats, n_first: float, second: Floats, n_second: float, prior: float = PRIOR
) -> tuple[Floats, Floats]:
    """Log odds ratio of each term and its standard error, shrunk to none by ``prior`` pseudo-samples a side.

    ``first`` and ``second``: samples that hold the term; ``n_first`` and ``n_second``: samples of each side.
    """
    pooled = (first + second + 0.5) / (n_first + n_second + 1)
    held, lacking = prior * pooled + LEAST_COUNT, prior * (1 - pooled) + LEAST_COUNT
    yes_1, no_1 = first + held, n_first - first + lacking
    yes_2, no_2 = second + held, n_second - second + lacking
    value = np.log(yes_1 / no_1) - np.log(yes_2 / no_2)
    return value, np.sqrt(1 / yes_1 + 1 / no_1 + 1 / yes_2 + 1 / no_2)


def clustered_error(
    matrix: sparse.csr_array,
    side: npt.NDArray[np.int8],
    clusters: npt.NDArray[np.intp],
    n_clusters: int,
    prior: float = PRIOR,
) -> Floats:
    """Standard error of the log odds ratio when samples of a cluster are not independent; 0 for what cannot be told.

    ``side``: 1 for a sample of the first group, -1 of the second, 0 of neither. Each cluster's share in the estimate is
    w1 (y1 - p1 n1) - w2 (y2 - p2 n2), where w = 1 / (n p (1 - p)) with the prior's weight in n and p; the variance is
    the sum of the squares times G / (G - 1).
    """
    from scipy import sparse

    rows = {1: np.flatnonzero(side == 1), -1: np.flatnonzero(side == -1)}
    held, counts = {}, {}
    for which, chosen in rows.items():
        into = sparse.csr_array(
            (np.ones(len(chosen)), (clusters[chosen], np.arange(len(chosen)))), shape=(n_clusters, len(chosen))
        )
        held[which] = into @ matrix[chosen]
        counts[which] = np.bincount(clusters[chosen], minlength=n_clusters).astype(np.float64)
    y = {which: np.asarray(held[which].sum(axis=0)).ravel() for which in held}
    n = {which: float(len(rows[which])) for which in rows}
    pooled = (y[1] + y[-1] + 0.5) / (n[1] + n[-1] + 1)
    p = {which: (y[which] + prior * pooled) / (n[which] + prior) for which in rows}
    w = {which: 1 / ((n[which] + prior) * p[which] * (1 - p[which])) for which in rows}
    squares = _sums(held, counts, p, w)
    seen = int(((counts[1] + counts[-1]) > 0).sum())
    return np.sqrt(np.maximum(squares, 0) * seen / (seen - 1)) if seen > 1 else np.zeros(matrix.shape[1])


def _sums(
    held: dict[int, sparse.csr_array], counts: dict[int, Floats], p: dict[int, Floats], w: dict[int, Floats]
) -> Floats:
    """Sum over clusters of (w1 y1 - w2 y2 - (w1 p1 n1 - w2 p2 n2))^2 without a dense matrix."""

    def product(a: sparse.csr_array, b: sparse.csr_array) -> Floats:
        return np.asarray(a.multiply(b).sum(axis=0)).ravel()

    a, b = w[1] * p[1], w[-1] * p[-1]
    own = w[1] ** 2 * product(held[1], held[1]) + w[-1] ** 2 * product(held[-1], held[-1])
    own -= 2 * w[1] * w[-1] * product(held[1], held[-1])
    cross = w[1] * (a * (held[1].T @ counts[1]) - b * (held[1].T @ counts[-1]))
    cross -= w[-1] * (a * (held[-1].T @ counts[1]) - b * (held[-1].T @ counts[-1]))
    flat = a**2 * (counts[1] @ counts[1]) + b**2 * (counts[-1] @ counts[-1]) - 2 * a * b * (counts[1] @ counts[-1])
    total: Floats = own - 2 * cross + flat
    return total


def _held(matrix: sparse.csr_array) -> Floats:
    return np.asarray(matrix.sum(axis=0), dtype=np.float64).ravel()


def compare(
    matrix: sparse.csr_array, side: npt.NDArray[np.int8], clusters: npt.NDArray[np.intp], n_clusters: int
) -> LogOdds:
    """Every term of ``matrix`` (samples by terms) between the samples of side 1 and of side -1."""
    from scipy import sparse

    first, second = _held(matrix[np.flatnonzero(side == 1)]), _held(matrix[np.flatnonzero(side == -1)])
    n_first, n_second = int((side == 1).sum()), int((side == -1).sum())
    value, error = log_odds(first, n_first, second, n_second)
    clustered = clustered_error(matrix, side, clusters, n_clusters)
    known = np.flatnonzero(side != 0)
    into = sparse.csr_array(
        (np.ones(len(known)), (clusters[known], np.arange(len(known)))), shape=(n_clusters, len(known))
    )
    groups = np.asarray(((into @ matrix[known]) > 0).sum(axis=0)).ravel().astype(np.float64)
    return LogOdds(value, np.maximum(error, clustered), first, second, n_first, n_second, groups)


def p_of(z: Floats) -> Floats:
    """Two-sided p of standard normal deviates."""
    return np.asarray(2 * special.ndtr(-np.abs(z)), dtype=np.float64)


def benjamini_hochberg(p: Sequence[float] | Floats) -> Floats:
    """Adjusted p (q): the smallest false discovery rate at which each comparison would be kept."""
    given = np.asarray(p, dtype=np.float64)
    if not len(given):
        return given
    order = np.argsort(given)
    scaled = given[order] * len(given) / np.arange(1, len(given) + 1)
    adjusted = np.empty_like(given)
    adjusted[order] = np.minimum(1, np.minimum.accumulate(scaled[::-1])[::-1])
    return adjusted


def interval(value: float, error: float, level: float = 0.95) -> tuple[float, float]:
    """The interval of a log odds ratio, as odds ratios."""
    reach = float(special.ndtri(0.5 + level / 2)) * error
    return math.exp(value - reach), math.exp(value + reach)
