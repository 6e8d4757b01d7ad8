"""Golden values: the literature (Newcombe 1998, Darwin's maize, Agresti) and independent computations."""

from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import stats
from statsmodels.stats.contingency_tables import mcnemar as statsmodels_mcnemar
from statsmodels.stats.proportion import proportion_confint

from reviewapp.reports import statistics

MAIZE = [6, 8, 14, 16, 23, 24, 28, 29, 41, -48, 49, 56, 60, -67, 75]


def flags(fixed: int, broken: int, both: int, neither: int) -> list[tuple[bool, bool]]:
    return [(True, False)] * fixed + [(False, True)] * broken + [(True, True)] * both + [(False, False)] * neither


@pytest.mark.parametrize(
    ("count", "n", "low", "high"),
    [(81, 263, 0.2553, 0.3662), (15, 148, 0.0624, 0.1605), (0, 20, 0.0, 0.1611), (1, 29, 0.0061, 0.1718)],
)
def test_wilson_gives_newcombes_values(count: int, n: int, low: float, high: float) -> None:
    found = statistics.wilson(count, n)
    assert (found.low, found.high) == (pytest.approx(low, abs=5e-5), pytest.approx(high, abs=5e-5))
    assert found.n == n and found.count == count and found.seed is None


@pytest.mark.parametrize(
    ("count", "wilson_low", "wilson_high", "upper", "p"),
    [
        (0, 0.0, 0.019, 0.015, None),
        (2, 0.003, 0.036, 0.031, 0.002),
        (4, 0.008, 0.050, 0.045, 0.026),
        (5, 0.011, 0.057, 0.052, 0.062),
        (8, 0.020, 0.077, 0.071, 0.327),
        (16, 0.050, 0.126, 0.119, 0.976),
    ],
)
def test_failures_out_of_200(count: int, wilson_low: float, wilson_high: float, upper: float, p: float | None) -> None:
    interval, bound = statistics.wilson(count, 200), statistics.share(count, 200)
    assert (interval.low, interval.high) == (pytest.approx(wilson_low, abs=5e-4), pytest.approx(wilson_high, abs=5e-4))
    assert bound.high == pytest.approx(upper, abs=5e-4)
    exact = stats.binomtest(count, 200, 0.05, alternative="less").pvalue
    assert (exact < 0.05) == (bound.high is not None and bound.high < 0.05), "the bound and the exact test must agree"
    if p is not None:
        assert exact == pytest.approx(p, abs=5e-4)


@pytest.mark.parametrize(("n", "upper"), [(200, 0.01487), (60, 0.0487)])
def test_rule_of_three(n: int, upper: float) -> None:
    assert statistics.exact_upper(0, n) == pytest.approx(upper, abs=5e-5)
    assert statistics.exact_upper(0, n) < 3 / n


@given(st.integers(1, 400).flatmap(lambda n: st.tuples(st.integers(0, n), st.just(n))))
def test_bounds_of_a_share_are_ordered_and_equal_statsmodels(case: tuple[int, int]) -> None:
    count, n = case
    wilson, exact = statistics.wilson(count, n), statistics.share(count, n)
    for found in (wilson, exact):
        assert found.low is not None and found.high is not None and found.value is not None
        assert 0 <= found.low <= found.value <= found.high <= 1
    assert (wilson.low, wilson.high) == pytest.approx(proportion_confint(count, n, method="wilson"), abs=1e-9)
    # a one-sided 95% bound is a side of the two-sided 90% interval
    assert (exact.low, exact.high) == pytest.approx(proportion_confint(count, n, alpha=0.1, method="beta"), abs=1e-9)


@given(st.integers(0, 50), st.integers(51, 300))
def test_a_bound_grows_with_failures_and_shrinks_with_n(count: int, n: int) -> None:
    assert statistics.exact_upper(count, n) < statistics.exact_upper(count + 1, n)
    assert statistics.exact_upper(count, n + 1) < statistics.exact_upper(count, n)
    assert statistics.exact_lower(count, n) <= statistics.exact_upper(count, n)


def test_nothing_gives_a_reason_and_no_number() -> None:
    for found in (
        statistics.wilson(0, 0, missing=3),
        statistics.share(0, 0, missing=3),
        statistics.mean([None, math.nan, None]),
        statistics.bootstrap_difference([None] * 3),
        statistics.permutation([None] * 3),
        statistics.wilcoxon([None] * 3),
        statistics.mcnemar([(None, True), (True, None), (None, None)]),
    ):
        assert (found.value, found.low, found.high, found.n, found.missing) == (None, None, None, 0, 3)
        assert found.reason == "no_data"


@pytest.mark.parametrize(("count", "n"), [(-1, 5), (6, 5), (0, -1)])
def test_an_impossible_count_is_refused(count: int, n: int) -> None:
    with pytest.raises(ValueError, match="impossible"):
        statistics.share(count, n)


def test_mean_of_darwins_maize() -> None:
    found = statistics.mean(MAIZE)
    assert found.value == pytest.approx(20.933, abs=5e-4)
    assert (found.low, found.high) == (pytest.approx(0.03, abs=5e-3), pytest.approx(41.84, abs=5e-3))
    assert found.sd is not None and found.value is not None
    assert found.value / found.sd == pytest.approx(0.555, abs=5e-4)
    assert stats.ttest_1samp(MAIZE, 0).pvalue == pytest.approx(0.0497, abs=5e-5)


def test_one_value_has_no_interval_and_missing_is_counted() -> None:
    found = statistics.mean([3.0, None])
    assert (found.value, found.low, found.high, found.n, found.missing) == (3.0, None, None, 1, 1)
    assert found.reason == "one_value"


def test_one_sided_bounds_are_those_of_a_wider_risk() -> None:
    one, two = statistics.mean(MAIZE, one_sided=True), statistics.mean(MAIZE, confidence=0.9)
    assert (one.low, one.high) == (pytest.approx(two.low), pytest.approx(two.high))
    assert "one-sided" in one.method


def test_clusters_of_one_equal_no_clusters() -> None:
    plain, clustered = statistics.mean(MAIZE), statistics.mean(MAIZE, groups=list(range(len(MAIZE))))
    assert (clustered.low, clustered.high) == (pytest.approx(plain.low), pytest.approx(plain.high))
    assert clustered.design_effect == pytest.approx(1.0)


def test_repeating_items_within_a_group_adds_no_evidence() -> None:
    groups = [group for group in range(len(MAIZE)) for _ in range(4)]
    found = statistics.mean([value for value in MAIZE for _ in range(4)], groups=groups)
    plain = statistics.mean(MAIZE)
    assert (found.low, found.high) == (pytest.approx(plain.low), pytest.approx(plain.high))
    assert found.clusters == len(MAIZE) and found.n == 4 * len(MAIZE)
    assert found.design_effect == pytest.approx(4 * (59 / 60) / (14 / 15), rel=1e-6)


def test_one_group_gives_no_interval() -> None:
    found = statistics.mean([1.0, 2.0, 3.0], groups=["a", "a", "a"])
    assert found.value == 2.0 and found.low is None and found.reason == "one_group"


def test_groups_drop_with_their_missing_values() -> None:
    found = statistics.mean([1.0, None, 3.0, 5.0], groups=["a", "b", "c", "d"])
    assert (found.n, found.missing, found.clusters) == (3, 1, 3)


def test_clustered_share_is_wider_when_a_group_fails_together() -> None:
    together = [index // 10 == 0 for index in range(200)]
    found = statistics.clustered_share(together, [index // 10 for index in range(200)])
    assert found.high is not None and found.high > statistics.exact_upper(10, 200)
    assert found.value == 0.05 and found.count == 10
    none = statistics.clustered_share([False] * 200, [index // 10 for index in range(200)])
    assert none.high == statistics.exact_upper(0, 200)


def test_ratio_is_clustered_by_group() -> None:
    counts = [(5, 6), (6, 6), (4, 6), (6, 6)] * 10
    alone = statistics.ratio(counts, list(range(40)))
    pairs = statistics.ratio(counts, [index % 4 for index in range(40)])
    assert alone.value == pairs.value == pytest.approx(21 / 24)
    assert alone.low is not None and pairs.low is not None and pairs.low < alone.low
    assert alone.n == 240 and alone.clusters == 40


def test_ratio_without_an_error_is_not_certain() -> None:
    found = statistics.ratio([(6, 6)] * 30, list(range(30)))
    assert found.value == 1.0
    assert found.low == pytest.approx(0.05 ** (1 / 30))


@pytest.mark.parametrize(
    ("table", "p"),
    [((1, 8, 0, 0), 0.0390625), ((121, 59, 101, 33), 4.43e-6), ((0, 0, 5, 5), 1.0), ((3, 3, 0, 0), 1.0)],
)
def test_exact_mcnemar(table: tuple[int, int, int, int], p: float) -> None:
    found = statistics.mcnemar(flags(*table))
    assert found.p == pytest.approx(p, rel=2e-3)
    assert (found.fixed, found.broken, found.both, found.neither) == table


def test_agresti_min_interval() -> None:
    found = statistics.mcnemar(flags(30, 9, 40, 121))
    # .104 is the interval's centre (30 - 9) / 202; the estimate itself is 21 / 200
    assert found.low is not None and found.high is not None
    assert (found.low + found.high) / 2 == pytest.approx(0.104, abs=5e-4)
    assert (found.low, found.high) == (pytest.approx(0.044, abs=5e-4), pytest.approx(0.164, abs=5e-4))
    assert found.value == pytest.approx(0.105)


@given(*[st.integers(0, 60)] * 4)
def test_mcnemar_equals_statsmodels_and_contains_its_estimate(fixed: int, broken: int, both: int, neither: int) -> None:
    found = statistics.mcnemar(flags(fixed, broken, both, neither))
    if found.n == 0:
        assert found.value is None
        return
    assert found.p == pytest.approx(statsmodels_mcnemar([[both, fixed], [broken, neither]], exact=True).pvalue)
    assert found.low is not None and found.high is not None
    assert -1 <= found.low <= found.high <= 1


def test_mcnemar_mirrors_when_the_models_swap() -> None:
    one, other = statistics.mcnemar(flags(7, 3, 1, 9)), statistics.mcnemar(flags(3, 7, 1, 9))
    assert one.value == -(other.value or 0) and one.p == other.p
    assert one.low == pytest.approx(-(other.high or 0))


def test_wilcoxon_of_darwins_maize() -> None:
    found = statistics.wilcoxon(MAIZE)
    assert found.statistic == 24 and found.p == pytest.approx(0.04126, abs=5e-6)
    assert found.value == pytest.approx(0.60)
    assert found.p is not None and found.p / 2 == pytest.approx(0.02063, abs=5e-6), "one-sided"


def test_wilcoxon_without_a_difference() -> None:
    found = statistics.wilcoxon([0.0] * 12)
    assert (found.p, found.value, found.reason, found.zeros) == (1.0, None, "no_difference", 12)


def test_rank_biserial_counts_zero_ranks_as_pratt_does() -> None:
    # ranks of |0, 0, 1, 2, -3|: zeros take 1.5 each and leave the sums; 3 + 4 against 5
    assert statistics.wilcoxon([0, 0, 1, 2, -3]).value == pytest.approx((7 - 5) / 12)


def test_permutation_of_darwins_maize_is_exact() -> None:
    found = statistics.permutation(MAIZE)
    assert found.p == pytest.approx(0.05267, abs=5e-6) and found.p == 1726 / 32768
    assert "exact" in found.method and found.seed is None


@pytest.mark.slow
def test_permutation_by_draws_agrees_with_the_exact_one() -> None:
    values = [*MAIZE, 3, -2, 1, 5]
    found, again = statistics.permutation(values, seed=5), statistics.permutation(values, seed=5)
    assert found == again and found.seed == 5
    reference = stats.permutation_test(
        (np.array(values),), np.mean, permutation_type="samples", n_resamples=2**19, vectorized=False
    )
    assert found.p == pytest.approx(reference.pvalue, abs=0.01)


def test_permutation_of_no_difference() -> None:
    assert statistics.permutation([0.0, 0.0]).p == 1.0


def test_bootstrap_is_reproducible_and_near_the_t_interval() -> None:
    rng = np.random.default_rng(3)
    values = list(rng.normal(0.05, 0.15, 200))
    found, again = statistics.bootstrap_difference(values), statistics.bootstrap_difference(values)
    assert found == again and found.seed == statistics.DEFAULT_SEED and found.n == 200
    interval = statistics.mean(values)
    assert (found.low, found.high) == (pytest.approx(interval.low, abs=0.003), pytest.approx(interval.high, abs=0.003))
    assert statistics.bootstrap_difference(values, seed=4).low != found.low


@settings(max_examples=25)
@given(st.lists(st.floats(-5, 5), min_size=2, max_size=40))
def test_bootstrap_stays_between_the_extremes(values: list[float]) -> None:
    found = statistics.bootstrap_difference(values, resamples=400)
    assert found.low is not None and found.high is not None
    assert min(values) - 1e-9 <= found.low <= found.high <= max(values) + 1e-9


def test_a_pair_with_one_side_missing_is_missing() -> None:
    differences, missing = statistics.paired_differences([(1, 2), (None, 2), (1, None), (3, 1)])
    assert list(differences) == [1, -2] and missing == 2


def test_every_statistic_becomes_json() -> None:
    found = statistics.mcnemar(flags(1, 8, 0, 0)).as_json()
    assert {"value", "low", "high", "confidence", "n", "missing", "method", "seed", "reason", "p"} <= set(found)
