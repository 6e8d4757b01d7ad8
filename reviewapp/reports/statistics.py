"""Statistics of the report: pure functions over numbers, numpy and scipy only.

Every function returns a frozen ``Statistic`` that carries n, missing, method and seed. What cannot be computed is
``value=None`` with a reason code from ``REASONS``; nothing is ever replaced by 0. Sources: Newcombe 1998 (intervals),
Clopper and Pearson 1934, Agresti and Min 2005 (paired difference), Pratt 1959, Korn and Graubard 1998 (clusters).
"""

from __future__ import annotations

import dataclasses
import math
from collections.abc import Hashable, Iterable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy import special

from reviewapp.reports.distributions import beta_quantile, binomial_cdf, t_quantile

DEFAULT_SEED = 20261121
RESAMPLES = 10_000
EXACT_SIGNS = 16  # 2**16 sign patterns are enumerated; above that they are drawn
REASONS = {
    "no_data": "there is nothing to compute it from",
    "one_value": "one value gives no interval",
    "one_group": "all values come from one group",
    "no_difference": "all pairs are equal",
}
Floats = NDArray[np.float64]


@dataclass(frozen=True, kw_only=True)
class Statistic:
    """An estimate with its interval. ``low`` or ``high`` is None where no interval exists on that side."""

    value: float | None
    low: float | None = None
    high: float | None = None
    confidence: float = 0.95
    n: int
    missing: int = 0
    method: str
    seed: int | None = None
    reason: str = ""

    def as_json(self) -> dict[str, Any]:
        return dataclasses.asdict(self)


@dataclass(frozen=True, kw_only=True)
class Proportion(Statistic):
    count: int


@dataclass(frozen=True, kw_only=True)
class Mean(Statistic):
    sd: float | None = None
    clusters: int | None = None
    design_effect: float | None = None


@dataclass(frozen=True, kw_only=True)
class Comparison(Statistic):
    """A paired comparison; ``value`` is the effect (candidate minus baseline unless the method says otherwise)."""

    p: float | None


@dataclass(frozen=True, kw_only=True)
class McNemar(Comparison):
    """Pairs of yes/no facts about faults: ``fixed`` only baseline at fault, ``broken`` only candidate at fault."""

    fixed: int
    broken: int
    both: int
    neither: int


@dataclass(frozen=True, kw_only=True)
class SignedRank(Comparison):
    statistic: float | None
    zeros: int


def split_missing(values: Iterable[float | None]) -> tuple[Floats, int]:
    """Returns the known values and how many are missing (None or NaN)."""
    all_values = np.array([math.nan if value is None else float(value) for value in values], dtype=np.float64)
    known = all_values[~np.isnan(all_values)]
    return known, int(all_values.size - known.size)


def paired_differences(pairs: Iterable[tuple[float | None, float | None]]) -> tuple[Floats, int]:
    """(baseline, candidate) pairs to candidate minus baseline; a pair with one side missing is missing."""
    return split_missing(None if a is None or b is None else b - a for a, b in pairs)


def _check_count(count: float, n: float) -> None:
    if n < 0 or not 0 <= count <= n:
        raise ValueError(f"A count of {count} out of {n} is impossible.")


# --- proportions ---


def wilson(count: int, n: int, *, confidence: float = 0.95, missing: int = 0) -> Proportion:
    """Wilson score interval, two-sided, without continuity correction (Newcombe 1998, method 3)."""
    _check_count(count, n)
    method = "Wilson, two-sided"
    if n == 0:
        return Proportion(value=None, n=0, missing=missing, method=method, count=0, reason="no_data")
    z, p = float(special.ndtri((1 + confidence) / 2)), count / n
    centre = p + z * z / (2 * n)
    half = z * math.sqrt(p * (1 - p) / n + z * z / (4 * n * n))
    scale = 1 + z * z / n
    low = 0.0 if count == 0 else max(0.0, (centre - half) / scale)
    high = 1.0 if count == n else min(1.0, (centre + half) / scale)
    return Proportion(
        value=p, low=low, high=high, confidence=confidence, n=n, missing=missing, method=method, count=count
    )


def exact_upper(count: float, n: float, confidence: float = 0.95) -> float:
    """Clopper-Pearson one-sided upper bound of a share; fractional counts serve the clustered form."""
    _check_count(count, n)
    return 1.0 if count >= n else beta_quantile(confidence, count + 1, n - count)


def exact_lower(count: float, n: float, confidence: float = 0.95) -> float:
    """Clopper-Pearson one-sided lower bound of a share."""
    _check_count(count, n)
    return 0.0 if count <= 0 else beta_quantile(1 - confidence, count, n - count + 1)


def share(count: int, n: int, *, confidence: float = 0.95, missing: int = 0) -> Proportion:
    """A share with both one-sided exact bounds, each at ``confidence``: the pair that gates are decided on."""
    _check_count(count, n)
    method = "Clopper-Pearson, one-sided"
    if n == 0:
        return Proportion(value=None, n=0, missing=missing, method=method, count=0, reason="no_data")
    low, high = exact_lower(count, n, confidence), exact_upper(count, n, confidence)
    return Proportion(
        value=count / n, low=low, high=high, confidence=confidence, n=n, missing=missing, method=method, count=count
    )


def clustered_share(flags: Sequence[bool], groups: Sequence[Hashable], *, confidence: float = 0.95) -> Proportion:
    """As ``share`` at the effective sample size n / design effect (Korn and Graubard 1998; effect at least 1)."""
    count, n = sum(flags), len(flags)
    if count in (0, n):
        return share(count, n, confidence=confidence)
    effect = design_effect(np.array(flags, dtype=np.float64), groups) or 1.0
    size = n / max(1.0, effect)
    low, high = exact_lower(count / n * size, size, confidence), exact_upper(count / n * size, size, confidence)
    method = "Clopper-Pearson at the effective sample size, one-sided"
    return Proportion(value=count / n, low=low, high=high, confidence=confidence, n=n, method=method, count=count)


# --- means ---


def cluster_error(values: Floats, groups: Sequence[Hashable]) -> tuple[float | None, int]:
    """Standard error of the mean with residuals summed by group, and the number of groups (None under two)."""
    residuals: dict[Hashable, float] = {}
    for value, group in zip(values - values.mean(), groups, strict=True):
        residuals[group] = residuals.get(group, 0.0) + float(value)
    clusters = len(residuals)
    if clusters < 2:
        return None, clusters
    total = sum(residual**2 for residual in residuals.values())
    return math.sqrt(clusters / (clusters - 1) * total) / values.size, clusters


def design_effect(values: Floats, groups: Sequence[Hashable]) -> float | None:
    """Variance with clusters over variance without: how many times fewer independent values there are."""
    error, _ = cluster_error(values, groups)
    plain = float(values.var(ddof=1)) / values.size if values.size > 1 else 0.0
    return None if error is None or plain == 0 else error**2 / plain


def mean(
    values: Iterable[float | None],
    *,
    groups: Sequence[Hashable] | None = None,
    confidence: float = 0.95,
    one_sided: bool = False,
) -> Mean:
    """Mean with a t interval over items; with ``groups`` (one per value) the standard error is clustered.

    ``one_sided`` makes each bound hold at ``confidence`` by itself. The clustered form has clusters - 1 degrees of
    freedom. Raises ValueError when groups and values differ in number.
    """
    listed = list(values)
    known, missing = split_missing(listed)
    side = "one-sided" if one_sided else "two-sided"
    method = f"t, {side}" if groups is None else f"t, {side}, standard error clustered by group"
    if known.size == 0:
        return Mean(value=None, n=0, missing=missing, method=method, reason="no_data")
    estimate, n = float(known.mean()), int(known.size)
    sd = float(known.std(ddof=1)) if n > 1 else None
    error, df, clusters, effect = (sd or 0.0) / math.sqrt(n), n - 1, None, None
    if groups is not None:
        kept = [group for group, value in zip(groups, listed, strict=True) if value is not None and value == value]
        clustered, clusters = cluster_error(known, kept)
        if clustered is None:
            return Mean(value=estimate, n=n, missing=missing, method=method, reason="one_group", clusters=clusters)
        error, df, effect = clustered, clusters - 1, design_effect(known, kept)
    if df < 1:
        return Mean(value=estimate, n=n, missing=missing, method=method, reason="one_value")
    half = t_quantile(confidence if one_sided else (1 + confidence) / 2, df) * error
    return Mean(
        value=estimate,
        low=estimate - half,
        high=estimate + half,
        confidence=confidence,
        n=n,
        missing=missing,
        method=method,
        sd=sd,
        clusters=clusters,
        design_effect=effect,
    )


def ratio(
    counts: Sequence[tuple[int, int]], groups: Sequence[Hashable], *, confidence: float = 0.95, missing: int = 0
) -> Mean:
    """Sum of rights over sum of totals with one-sided bounds, clustered: facts of one output are not independent.

    ``counts`` are (right, total) an output. Linearised standard error by group, t with clusters - 1 degrees of
    freedom; where every cluster agrees exactly, the exact bound over clusters is used instead of a width of 0.
    """
    right, total = sum(a for a, _ in counts), sum(b for _, b in counts)
    method = "ratio, one-sided, standard error clustered by group"
    if total == 0:
        return Mean(value=None, n=0, missing=missing, method=method, reason="no_data")
    value = right / total
    sums: dict[Hashable, float] = {}
    for (a, b), group in zip(counts, groups, strict=True):
        sums[group] = sums.get(group, 0.0) + a - value * b
    clusters = len(sums)
    if clusters < 2:
        return Mean(value=value, n=total, missing=missing, method=method, reason="one_group", clusters=clusters)
    error = math.sqrt(clusters / (clusters - 1) * sum(part**2 for part in sums.values())) / total
    half = t_quantile(confidence, clusters - 1) * error
    low, high = max(0.0, value - half), min(1.0, value + half)
    if value in (0.0, 1.0):
        whole = round(value * clusters)
        low, high = exact_lower(whole, clusters, confidence), exact_upper(whole, clusters, confidence)
        method = "Clopper-Pearson over groups, one-sided"
    return Mean(
        value=value,
        low=low,
        high=high,
        confidence=confidence,
        n=total,
        missing=missing,
        method=method,
        clusters=clusters,
    )


# --- paired comparisons ---


def mcnemar(pairs: Iterable[tuple[bool | None, bool | None]], *, confidence: float = 0.95) -> McNemar:
    """Exact McNemar test of (baseline at fault, candidate at fault), with Agresti and Min's interval.

    ``value`` is (fixed - broken) / n: the share of prompts by which the candidate has fewer faults.
    """
    listed = list(pairs)
    known = [(a, b) for a, b in listed if a is not None and b is not None]
    table = {cell: known.count(cell) for cell in ((True, False), (False, True), (True, True), (False, False))}
    fixed, broken, both, neither = table.values()
    n, missing = len(known), len(listed) - len(known)
    p = min(1.0, 2 * float(binomial_cdf(min(fixed, broken), fixed + broken, 0.5))) if fixed + broken else 1.0
    size, difference = n + 2, (fixed - broken) / (n + 2)
    error = math.sqrt((fixed + broken + 1) - (fixed - broken) ** 2 / size) / size
    half = float(special.ndtri((1 + confidence) / 2)) * error
    return McNemar(
        value=(fixed - broken) / n if n else None,
        low=max(-1.0, difference - half) if n else None,
        high=min(1.0, difference + half) if n else None,
        confidence=confidence,
        p=p if n else None,
        n=n,
        missing=missing,
        method="exact McNemar; Agresti-Min interval of the difference",
        reason="" if n else "no_data",
        fixed=fixed,
        broken=broken,
        both=both,
        neither=neither,
    )


def bootstrap_difference(
    differences: Iterable[float | None],
    *,
    confidence: float = 0.95,
    seed: int = DEFAULT_SEED,
    resamples: int = RESAMPLES,
) -> Comparison:
    """Paired percentile bootstrap of the mean difference. ``p`` is None: the test is ``permutation``."""
    known, missing = split_missing(differences)
    method = f"paired percentile bootstrap, {resamples:,} resamples"
    if known.size == 0:
        return Comparison(value=None, p=None, n=0, missing=missing, method=method, seed=seed, reason="no_data")
    rng = np.random.default_rng(seed)
    block = max(1, 2_000_000 // known.size)  # bounds memory at 16 MB a block
    means = np.concatenate(
        [
            known[rng.integers(0, known.size, (min(block, resamples - start), known.size))].mean(axis=1)
            for start in range(0, resamples, block)
        ]
    )
    low, high = np.quantile(means, [(1 - confidence) / 2, (1 + confidence) / 2])
    return Comparison(
        value=float(known.mean()),
        low=float(low),
        high=float(high),
        confidence=confidence,
        p=None,
        n=int(known.size),
        missing=missing,
        method=method,
        seed=seed,
    )


def permutation(
    differences: Iterable[float | None], *, seed: int = DEFAULT_SEED, resamples: int = RESAMPLES
) -> Comparison:
    """Sign-flip permutation test of the mean difference, two-sided; exact up to 16 pairs that differ."""
    known, missing = split_missing(differences)
    if known.size == 0:
        return Comparison(
            value=None, p=None, n=0, missing=missing, method="paired permutation", seed=seed, reason="no_data"
        )
    moved, exact = known[known != 0], int(np.count_nonzero(known)) <= EXACT_SIGNS
    method = "paired permutation, exact" if exact else f"paired permutation, {resamples:,} draws"
    sums = _all_sign_sums(moved) if exact else _drawn_sign_sums(moved, seed, resamples)
    # a tolerance, or sums that are equal on paper but not in floating point would be lost
    extreme = int(np.count_nonzero(np.abs(sums) >= abs(float(moved.sum())) * (1 - 1e-12) - 1e-12))
    p = extreme / sums.size if exact else (extreme + 1) / (sums.size + 1)
    return Comparison(
        value=float(known.mean()), p=p, n=int(known.size), missing=missing, method=method, seed=None if exact else seed
    )


def _all_sign_sums(values: Floats) -> Floats:
    sums = np.zeros(1)
    for value in values:
        sums = np.concatenate([sums + value, sums - value])
    return sums


def _drawn_sign_sums(values: Floats, seed: int, resamples: int) -> Floats:
    rng = np.random.default_rng(seed)
    block = max(1, 2_000_000 // values.size)
    return np.concatenate(
        [
            (rng.integers(0, 2, (min(block, resamples - start), values.size)) * 2.0 - 1.0) @ values
            for start in range(0, resamples, block)
        ]
    )


def wilcoxon(differences: Iterable[float | None]) -> SignedRank:
    """Wilcoxon signed-rank test (zeros by Pratt), two-sided; ``value`` is the matched rank-biserial correlation."""
    from scipy import stats  # two seconds; only a frozen report needs it

    known, missing = split_missing(differences)
    method = "Wilcoxon signed-rank, Pratt"
    n, zeros = int(known.size), int(np.count_nonzero(known == 0))
    if n == 0 or zeros == n:
        reason, p = ("no_data", None) if n == 0 else ("no_difference", 1.0)
        return SignedRank(value=None, p=p, n=n, missing=missing, method=method, reason=reason, statistic=None, zeros=n)
    ranks = stats.rankdata(np.abs(known))
    up, down = float(ranks[known > 0].sum()), float(ranks[known < 0].sum())
    test = stats.wilcoxon(known, zero_method="pratt")
    return SignedRank(
        value=(up - down) / (up + down),
        p=float(test.pvalue),
        n=n,
        missing=missing,
        method=method,
        statistic=float(test.statistic),
        zeros=zeros,
    )


def non_inferiority(
    differences: Iterable[float | None], *, groups: Sequence[Hashable] | None = None, confidence: float = 0.95
) -> Mean:
    """Mean paired difference with one-sided t bounds; "not worse" holds when ``low`` > -margin."""
    return mean(differences, groups=groups, confidence=confidence, one_sided=True)
