"""Looking early: textbook bounds (Jennison and Turnbull 2000; Lan and DeMets 1983), and chances by enumeration."""

from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from reviewapp.reports import statistics


@pytest.mark.parametrize(
    ("count", "pocock", "nominal", "last"),
    [(2, 2.178, 0.0294, 1.977), (3, 2.289, 0.0221, 2.004), (4, 2.361, 0.0182, 2.024), (5, 2.413, 0.0158, 2.040)],
)
def test_classic_bounds(count: int, pocock: float, nominal: float, last: float) -> None:
    equal, rising = statistics.classic_looks("pocock", count), statistics.classic_looks("obrien_fleming", count)
    assert equal.bounds == pytest.approx((pocock,) * count, abs=6e-4)
    assert equal.nominal == pytest.approx((nominal,) * count, abs=6e-5)
    assert rising.bounds[-1] == pytest.approx(last, abs=6e-4)
    for found in (equal, rising):
        assert found.spent[-1] == pytest.approx(0.05, abs=1e-6)


def test_obrien_fleming_bounds_of_five_looks() -> None:
    found = statistics.classic_looks("obrien_fleming", 5)
    assert found.bounds == pytest.approx((4.562, 3.226, 2.634, 2.281, 2.040), abs=6e-4)


@pytest.mark.parametrize(
    ("kind", "bounds"),
    [
        ("obrien_fleming", (4.8769, 3.3569, 2.6803, 2.2898, 2.0310)),
        ("pocock", (2.4380, 2.4268, 2.4101, 2.3966, 2.3859)),
    ],
)
def test_bounds_that_spend_alpha(kind: statistics.Spending, bounds: tuple[float, ...]) -> None:
    found = statistics.spending_looks(kind, statistics.equal_fractions(5))
    assert found.bounds == pytest.approx(bounds, abs=6e-4)
    expected = [statistics.spent_by(kind, t) for t in found.fractions]
    assert found.spent == pytest.approx(tuple(expected), abs=1e-6)


@pytest.mark.parametrize("kind", statistics.SPENDINGS)
def test_looks_at_any_shares_keep_the_alarm_rate(kind: statistics.Spending) -> None:
    found = statistics.spending_looks(kind, (0.3, 0.5, 1.0), alpha=0.1)
    assert found.spent[-1] == pytest.approx(0.1, abs=1e-6)
    one = statistics.spending_looks(kind, (1.0,))
    assert one.bounds[0] == pytest.approx(1.959964, abs=1e-5) and one.nominal[0] == pytest.approx(0.05, abs=1e-6)


@pytest.mark.parametrize(("looks", "rate"), [(1, 0.05), (2, 0.082), (5, 0.141), (10, 0.194), (20, 0.246), (200, 0.42)])
def test_peeking_inflates_false_alarms(looks: int, rate: float) -> None:
    assert statistics.peeking_alarm(looks) == pytest.approx(rate, abs=6e-3)


@pytest.mark.parametrize("fractions", [(), (0.5, 0.5), (0.5, 0.2), (0.5, 1.2), (0.0, 1.0)])
def test_looks_that_cannot_be_are_refused(fractions: tuple[float, ...]) -> None:
    with pytest.raises(ValueError, match="rising shares"):
        statistics.spending_looks("pocock", fractions)


def test_e_value_of_ten_wins_and_two_losses() -> None:
    found = statistics.e_value(10, 2, ties=3)
    assert found.value == pytest.approx(4.7739, abs=5e-5)
    assert (found.n, found.missing, found.is_shown()) == (12, 3, False)
    assert statistics.e_value(18, 2).is_shown()


@given(st.integers(0, 400), st.integers(0, 400))
def test_an_e_value_mirrors_and_never_overflows(wins: int, losses: int) -> None:
    found = statistics.e_value(wins, losses)
    assert found.value is not None and math.isfinite(found.value) and found.value > 0
    assert statistics.e_value(losses, wins).value == pytest.approx(found.value)


def wins_that_show(votes: int) -> list[int]:
    """For each number of votes the fewest wins whose e-value reaches 20; one more than the votes where none does."""
    found, wins = [], 1
    for n in range(1, votes + 1):
        wins = max(wins, (n + 1) // 2)
        while wins <= n and not statistics.e_value(wins, n - wins).is_shown():
            wins += 1
        found.append(wins)
    return found


def stopped(chance: float, bounds: list[int]) -> list[float]:
    """Exact: the chance that either side reached its bound by each vote."""
    alive, gone = np.array([1.0]), [0.0]
    for n, bound in enumerate(bounds, start=1):
        alive = np.append(alive * (1 - chance), 0.0) + np.append(0.0, alive * chance)
        wins = np.arange(n + 1)
        over = (wins >= bound) | (wins <= n - bound)
        gone.append(gone[-1] + float(alive[over].sum()))
        alive[over] = 0.0
    return gone


def test_an_e_value_keeps_the_alarm_rate_however_often_one_looks() -> None:
    assert stopped(0.5, wins_that_show(400))[-1] == pytest.approx(0.034, abs=1e-3)


def test_looking_at_every_vote_raises_a_false_alarm_in_two_of_five() -> None:
    """The plain z of a preference at p < .05, looked at from the tenth vote to the 400th."""
    bounds = [n + 1 if n < 10 else math.floor((n + 1.959964 * math.sqrt(n)) / 2) + 1 for n in range(1, 401)]
    assert stopped(0.5, bounds)[-1] == pytest.approx(0.40, abs=5e-3)


@pytest.mark.parametrize(("chance", "votes", "within"), [(0.6, 171, 3), (0.7, 47, 0), (0.8, 19, 0)])
def test_votes_until_a_preference_is_shown(chance: float, votes: int, within: int) -> None:
    """The median of those who stop within 400 votes; the reference simulated it, hence the small room at 60%."""
    gone = stopped(chance, wins_that_show(400))
    median = next(n for n, share in enumerate(gone) if share >= gone[-1] / 2)
    assert median == pytest.approx(votes, abs=within)


def test_a_sequential_p_keeps_the_alarm_rate_over_a_thousand_looks() -> None:
    rng = np.random.default_rng(1)
    runs = [statistics.sequential_p(rng.normal(0, 0.2, 1000), variance=0.04, prior=0.01).p for _ in range(1500)]
    assert sum(p is not None and p < 0.05 for p in runs) / 1500 == pytest.approx(0.03, abs=0.01)


def test_sequential_p_of_eight_scores() -> None:
    scores = [0.2, -0.1, 0.3, 0.4, 0.1, 0.25, -0.05, 0.3]
    found = statistics.sequential_p(scores, variance=0.04, prior=0.01)
    assert found.value == pytest.approx(4.4476, abs=5e-5) and found.p == pytest.approx(0.2248, abs=5e-5)
    assert statistics.sequential_p([], variance=1, prior=1).reason == "no_data"


@given(st.lists(st.floats(-2, 2), min_size=1, max_size=30))
def test_a_sequential_p_never_rises(scores: list[float]) -> None:
    values = [statistics.sequential_p(scores[:n], variance=0.5, prior=0.2).p for n in range(1, len(scores) + 1)]
    assert all(value is not None for value in values)
    assert values == sorted(values, reverse=True)
