from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from reviewapp.reports import planning
from reviewapp.reports.planning import More
from reviewapp.reports.statistics import exact_upper


@pytest.mark.parametrize(("limit", "n"), [(0.1, 29), (0.05, 59), (0.03, 99), (0.02, 149), (0.01, 299)])
def test_outputs_without_a_failure_that_a_claim_needs(limit: float, n: int) -> None:
    assert planning.zero_failures_needed(limit) == n
    assert planning.failures_allowed(n, limit) == 0
    assert planning.failures_allowed(n - 1, limit) is None


@pytest.mark.parametrize(
    ("n", "limit", "allowed"),
    [
        (100, 0.05, 1),
        (200, 0.05, 4),
        (220, 0.05, 5),
        (300, 0.05, 8),
        (400, 0.05, 12),
        (500, 0.05, 16),
        (1000, 0.05, 38),
        (200, 0.10, 12),
        (200, 0.02, 0),
        (200, 0.01, None),
        (300, 0.01, 0),
    ],
)
def test_failures_that_a_limit_tolerates(n: int, limit: float, allowed: int | None) -> None:
    assert planning.failures_allowed(n, limit) == allowed


@pytest.mark.parametrize(
    ("rate", "chance"),
    [(0.005, 0.996), (0.01, 0.948), (0.015, 0.817), (0.02, 0.629), (0.03, 0.281), (0.04, 0.095), (0.05, 0.026)],
)
def test_chance_to_pass_five_percent_at_200(rate: float, chance: float) -> None:
    assert planning.chance_to_pass(200, 0.05, rate) == pytest.approx(chance, abs=5e-4)


@pytest.mark.parametrize(
    ("rate", "eighty", "ninety"),
    [(0.005, 93, 93), (0.01, 124, 153), (0.015, 153, 208), (0.02, 234, 311), (0.025, 361, 506), (0.03, 601, 832)],
)
def test_outputs_needed_to_certify_five_percent(rate: float, eighty: int, ninety: int) -> None:
    assert planning.items_to_certify(0.05, rate, 0.8) == eighty
    assert planning.items_to_certify(0.05, rate, 0.9) == ninety


def test_a_rate_at_the_limit_is_never_certified() -> None:
    assert planning.items_to_certify(0.05, 0.05) is None


@given(st.integers(1, 600), st.sampled_from([0.01, 0.02, 0.05, 0.1]))
def test_one_failure_more_than_allowed_breaks_the_bound(n: int, limit: float) -> None:
    allowed = planning.failures_allowed(n, limit)
    if allowed is None:
        assert exact_upper(0, n) >= limit
    else:
        assert exact_upper(allowed, n) < limit <= exact_upper(allowed + 1, n)


def test_how_many_more_decide_an_open_bound() -> None:
    assert planning.more_for_share(6, 214, 0.05) == More(items=46, faults=1)
    assert exact_upper(7, 260) < 0.05 <= exact_upper(7, 259)


@pytest.mark.parametrize(("count", "n"), [(11, 214), (214, 214), (0, 0)])
def test_more_outputs_at_a_bad_rate_never_pass(count: int, n: int) -> None:
    more = planning.more_for_share(count, n, 0.05)
    assert more.items == (59 if n == 0 else None)


@given(st.integers(10, 400).flatmap(lambda n: st.tuples(st.integers(0, n // 25), st.just(n))))
def test_more_is_smallest_and_sufficient(case: tuple[int, int]) -> None:
    count, n = case
    more = planning.more_for_share(count, n, 0.05)
    if exact_upper(count, n) < 0.05:
        assert more == More(items=0, faults=0)
    elif more.items is not None:
        assert more.faults is not None
        assert exact_upper(count + more.faults, n + more.items) < 0.05
        assert exact_upper(count + more.faults, n + more.items - 1) >= 0.05


def test_more_to_show_that_a_rate_is_too_high() -> None:
    extra = planning.more_to_reject_share(20, 214, 0.08)
    assert extra is not None and extra > 0
    assert planning.more_to_reject_share(8, 214, 0.08) is None


@pytest.mark.parametrize(
    ("sd", "eighty", "ninety"), [(0.08, 23, 29), (0.10, 34, 44), (0.15, 73, 97), (0.20, 128, 171), (0.25, 199, 265)]
)
def test_pairs_needed_for_five_points_of_rouge(sd: float, eighty: int, ninety: int) -> None:
    assert planning.items_for_mean(0.05, sd, 0.8) == eighty
    assert planning.items_for_mean(0.05, sd, 0.9) == ninety


@pytest.mark.parametrize(
    ("difference", "sd", "n"),
    [(0.25, 0.8, 83), (0.25, 1.0, 128), (0.25, 1.2, 183), (0.5, 0.8, 23), (0.5, 1.0, 34), (0.5, 1.2, 48)],
)
def test_pairs_needed_for_a_step_of_a_level(difference: float, sd: float, n: int) -> None:
    assert planning.items_for_mean(difference, sd) == n


@pytest.mark.parametrize(("sd", "smallest"), [(0.15, 0.030), (1.0, 0.20)])
def test_smallest_difference_that_200_pairs_show(sd: float, smallest: float) -> None:
    assert planning.smallest_difference(200, sd) == pytest.approx(smallest, abs=0.0015 if sd == 1.0 else 5e-4)


@pytest.mark.parametrize(
    ("baseline", "candidate", "eighty", "ninety"), [(0.7, 0.05, 12, 13), (0.4, 0.05, 26, 32), (0.2, 0.05, 83, 108)]
)
def test_pairs_needed_to_show_fewer_faults(baseline: float, candidate: float, eighty: int, ninety: int) -> None:
    assert planning.items_for_mcnemar(baseline, candidate, 0.8) == eighty
    assert planning.items_for_mcnemar(baseline, candidate, 0.9) == ninety


def test_two_hundred_cannot_show_a_fall_from_ten_to_five_percent() -> None:
    power = planning.mcnemar_power(200, 0.10 * 0.95, 0.05 * 0.90)
    assert power == pytest.approx(0.40, abs=0.02)


def test_more_for_a_mean_is_smallest() -> None:
    more = planning.more_for_mean(-0.11, 1.2, 214, -0.25)
    assert more.items is not None and 0 < more.items < 214
    assert planning.more_for_mean(-0.3, 1.2, 214, -0.25).items is None


@pytest.mark.parametrize(
    ("baseline", "candidate", "eighty", "ninety"),
    [
        (0.2, 0.05, 61, 76),
        (0.15, 0.05, 100, 125),
        (0.10, 0.05, 245, None),
        (0.2, 0.1, 125, None),
        (0.3, 0.2, 170, None),
    ],
)
def test_fewer_pairs_where_most_faults_are_those_of_the_base(
    baseline: float, candidate: float, eighty: int, ninety: int | None
) -> None:
    assert planning.items_for_mcnemar(baseline, candidate, new=0.25) == pytest.approx(eighty, abs=4)
    if ninety:
        assert planning.items_for_mcnemar(baseline, candidate, 0.9, new=0.25) == ninety


@pytest.mark.parametrize(("baseline", "candidate", "items"), [(0.15, 0.05, 160), (0.2, 0.1, 215), (0.3, 0.2, 315)])
def test_pairs_where_faults_fall_independently(baseline: float, candidate: float, items: int) -> None:
    assert planning.items_for_mcnemar(baseline, candidate) == pytest.approx(items, abs=4)


@pytest.mark.parametrize(
    ("baseline", "candidate", "new", "items", "power"),
    [
        (0.2, 0.05, None, 110, 0.9),
        (0.15, 0.05, None, 160, 0.8),
        (0.15, 0.05, None, 200, 0.9),
        (0.10, 0.05, None, 465, 0.8),
        (0.10, 0.05, None, 610, 0.9),
        (0.10, 0.05, 0.25, 320, 0.9),
        (0.08, 0.05, None, 1115, 0.8),
        (0.08, 0.05, 0.25, 515, 0.8),
    ],
)
def test_power_at_the_pairs_of_the_planners_table(
    baseline: float, candidate: float, new: float | None, items: int, power: float
) -> None:
    """The table rounds up to fives: there the power is reached, and five pairs fewer hardly have it."""
    fixed, broken = planning.changes(baseline, candidate, new)
    assert power <= planning.mcnemar_power(items, fixed, broken) < power + 0.015
    assert planning.mcnemar_power(items - 5, fixed, broken) < power + 0.005


def test_what_no_number_of_pairs_shows() -> None:
    assert planning.items_for_mcnemar(0.05, 0.05) is None
    assert planning.items_for_mcnemar(0.051, 0.05) is None


@pytest.mark.parametrize(("overlap", "hours"), [(0.0, 33), (0.25, 42), (1.0, 67)])
def test_hours_of_two_hundred_prompts_on_two_systems(overlap: float, hours: int) -> None:
    assert round(planning.grading_hours(200, 2, 5, overlap)) == hours
