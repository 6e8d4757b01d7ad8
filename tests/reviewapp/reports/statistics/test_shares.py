"""Intervals of shares: values of the literature, and statsmodels as the independent computation."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import stats
from statsmodels.stats.proportion import confint_proportions_2indep, proportion_confint

from reviewapp.reports import statistics

COUNTS = st.integers(1, 300).flatmap(lambda n: st.tuples(st.integers(0, n), st.just(n)))


@settings(max_examples=50)
@given(COUNTS)
def test_two_sided_intervals_contain_the_estimate_and_equal_statsmodels(case: tuple[int, int]) -> None:
    count, n = case
    exact, jeffreys = statistics.clopper_pearson(count, n), statistics.jeffreys(count, n)
    for found in (exact, jeffreys):
        assert found.low is not None and found.high is not None and found.value is not None
        assert 0 <= found.low <= found.value <= found.high <= 1
    assert (exact.low, exact.high) == pytest.approx(proportion_confint(count, n, method="beta"), abs=1e-9)
    if 0 < count < n:  # at the ends the interval keeps to 0 and 1, which the plain form does not
        assert (jeffreys.low, jeffreys.high) == pytest.approx(proportion_confint(count, n, method="jeffreys"), abs=1e-9)


@given(st.integers(0, 40), st.integers(41, 200))
def test_the_same_share_of_more_outputs_is_narrower(count: int, n: int) -> None:
    for interval in (statistics.wilson, statistics.clopper_pearson, statistics.jeffreys):
        one, ten = interval(count, n), interval(10 * count, 10 * n)
        assert None not in (one.low, one.high, ten.low, ten.high)
        assert (ten.high or 0) - (ten.low or 0) < (one.high or 0) - (one.low or 0)


def test_nothing_graded_has_no_share() -> None:
    for interval in (statistics.clopper_pearson, statistics.jeffreys):
        found = interval(0, 0, missing=4)
        assert (found.value, found.low, found.n, found.missing, found.reason) == (None, None, 0, 4, "no_data")


def test_newcombes_own_example_of_a_difference() -> None:
    found = statistics.newcombe_difference(56, 70, 48, 80)
    assert found.value == pytest.approx(0.2)
    assert (found.low, found.high) == (pytest.approx(0.0524, abs=5e-5), pytest.approx(0.3339, abs=5e-5))


@settings(max_examples=40)
@given(COUNTS, COUNTS)
def test_a_difference_contains_its_estimate_and_equals_statsmodels(one: tuple[int, int], two: tuple[int, int]) -> None:
    found = statistics.newcombe_difference(*one, *two)
    assert found.low is not None and found.high is not None and found.value is not None
    assert found.low - 1e-12 <= found.value <= found.high + 1e-12
    expected = confint_proportions_2indep(*one, *two, method="newcomb", compare="diff")
    assert (found.low, found.high) == pytest.approx(expected, abs=1e-9)


def test_a_difference_against_nothing_is_undefined() -> None:
    assert statistics.newcombe_difference(1, 10, 0, 0).reason == "no_data"


@pytest.mark.parametrize(("tests", "alarms"), [(5, 0.23), (10, 0.40), (20, 0.64)])
def test_false_alarms_of_many_tests(tests: int, alarms: float) -> None:
    assert statistics.any_of(0.05, tests) == pytest.approx(alarms, abs=5e-3)


def test_a_rate_per_sentence_is_not_a_rate_per_note() -> None:
    assert statistics.any_of(0.0147, 30) == pytest.approx(0.36, abs=5e-3)
    assert statistics.any_of(1.0, 3) == 1.0 and statistics.any_of(0.0, 3) == 0.0


def test_five_independent_gates_have_less_power_together() -> None:
    assert 1 - statistics.any_of(0.10, 5) == pytest.approx(0.59, abs=5e-3)


def test_claims_of_one_document_are_worth_fewer() -> None:
    assert int(statistics.effective_size(2400, 12, 0.1)) == 1142
    assert statistics.effective_size(2400, 1, 0.9) == 2400


@pytest.mark.parametrize(("method", "coverage"), [("wilson", 0.948), ("clopper_pearson", 0.984)])
def test_coverage_of_one_percent_at_200(method: str, coverage: float) -> None:
    """Exactly: every possible count, weighed by how likely it is."""
    found = 0.0
    for count in range(0, 25):
        interval = getattr(statistics, method)(count, 200)
        found += stats.binom.pmf(count, 200, 0.01) * (interval.low <= 0.01 <= interval.high)
    assert found == pytest.approx(coverage, abs=2e-3)


@pytest.mark.parametrize(("right", "low", "high"), [(16, 0.58, 0.92)])
def test_repeats_of_one_grader_say_little(right: int, low: float, high: float) -> None:
    found = statistics.wilson(right, 20)
    assert (found.low, found.high) == (pytest.approx(low, abs=5e-3), pytest.approx(high, abs=5e-3))


def test_the_plain_normal_interval_would_be_sure_of_nothing_seen() -> None:
    """Why it is never shown: it covers 1% at 200 in .865 of samples, and says [0, 0] where no failure was seen."""
    covered = 0.0
    for count in range(0, 40):
        low, high = proportion_confint(count, 200, method="normal")
        covered += stats.binom.pmf(count, 200, 0.01) * (low <= 0.01 <= high)
    assert covered == pytest.approx(0.865, abs=5e-4)
    assert proportion_confint(0, 200, method="normal") == (0.0, 0.0)
    shown = statistics.wilson(0, 200)
    assert (shown.low, shown.high) == (0.0, pytest.approx(0.019, abs=5e-4))


@pytest.mark.parametrize(
    ("count", "rate", "claimed"),
    [(0, 0.0, True), (2, 0.01, True), (4, 0.02, True), (5, 0.025, False), (8, 0.04, False), (16, 0.08, False)],
)
def test_failures_of_200_that_still_claim_below_five_percent(count: int, rate: float, claimed: bool) -> None:
    found = statistics.share(count, 200)
    assert found.value == pytest.approx(rate) and found.high is not None
    assert (found.high < 0.05) == claimed


def test_no_failure_of_200_is_firm_evidence_against_five_percent() -> None:
    assert stats.binomtest(0, 200, 0.05, alternative="less").pvalue < 1e-4
    assert statistics.exact_upper(0, 200, 1 - 1e-4) < 0.05, "the bound says the same at that confidence"
