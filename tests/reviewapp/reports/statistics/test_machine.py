from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from reviewapp.reports import statistics


def right(value: float, n: int) -> statistics.Proportion:
    return statistics.wilson(round(value * n), n)


def test_rogan_gladen_of_fifteen_percent() -> None:
    found = statistics.rogan_gladen(150, 1000, right(0.8, 100), right(0.92, 100))
    assert found.value == pytest.approx(0.0972, abs=5e-5)
    assert found.low is not None and found.high is not None and found.low < 0.0972 < found.high


@given(st.integers(0, 100), st.integers(0, 60), st.integers(0, 60))
def test_a_corrected_rate_stays_a_rate_within_its_interval(flags: int, caught: int, passed: int) -> None:
    found = statistics.rogan_gladen(flags, 100, statistics.wilson(caught, 60), statistics.wilson(passed, 60))
    if caught + passed <= 60:
        assert (found.value, found.reason) == (None, "useless_judge")
        return
    assert found.low is not None and found.high is not None and found.value is not None
    assert 0 <= found.low <= found.value <= found.high <= 1


def test_more_graded_outputs_narrow_the_corrected_rate() -> None:
    few = statistics.rogan_gladen(150, 1000, right(0.8, 50), right(0.92, 50))
    many = statistics.rogan_gladen(150, 1000, right(0.8, 500), right(0.92, 500))
    assert (many.high or 0) - (many.low or 0) < (few.high or 0) - (few.low or 0)


def test_a_perfect_judge_needs_no_correction() -> None:
    assert statistics.rogan_gladen(30, 200, right(1, 80), right(1, 80)).value == pytest.approx(0.15)


def test_a_judge_is_measured_against_the_experts() -> None:
    pairs = [(True, True)] * 8 + [(True, False)] * 2 + [(False, False)] * 81 + [(False, True)] * 9 + [(None, True)]
    found = statistics.judge_validity(pairs)
    assert (found.sensitivity.value, found.specificity.value) == (0.8, 0.9)
    assert (found.n, found.missing, found.is_useful) == (100, 1, True)
    assert found.bias == pytest.approx(0.07)
    empty = statistics.judge_validity([])
    assert empty.bias is None and not empty.is_useful and empty.sensitivity.reason == "no_data"


def sample(seed: int, n: int, se: float = 0.8, sp: float = 0.92) -> tuple[list[float], list[float]]:
    rng = np.random.default_rng(seed)
    truth = rng.random(n) < 0.075
    flagged = np.where(truth, rng.random(n) < se, rng.random(n) < 1 - sp)
    return list(truth.astype(float)), list(flagged.astype(float))


def test_a_judge_who_follows_the_experts_sharpens_their_estimate() -> None:
    truth, judged = sample(1, 200)
    _, alone = sample(2, 2000)
    found = statistics.prediction_powered(alone, zip(truth, judged, strict=True))
    only = statistics.prediction_powered([0.0] * 2000, zip(truth, [0.0] * 200, strict=True))
    assert 0 < found.weight < 1 and only.weight == 0.0
    assert only.value == pytest.approx(np.mean(truth))
    assert (found.high or 0) - (found.low or 0) < (only.high or 0) - (only.low or 0)


def test_a_judge_of_noise_gets_hardly_any_weight() -> None:
    truth, _ = sample(1, 400)
    rng = np.random.default_rng(9)
    found = statistics.prediction_powered(list(rng.random(2000)), zip(truth, rng.random(400), strict=True))
    assert found.weight < 0.1 and found.value == pytest.approx(np.mean(truth), abs=0.01)


def test_too_few_graded_outputs_give_no_estimate_and_missing_is_counted() -> None:
    found = statistics.prediction_powered([1.0, None], [(1.0, 1.0), (None, 0.0)])
    assert (found.value, found.reason, found.n, found.missing) == (None, "too_few", 1, 2)


Estimates = dict[str, list[float]]


def simulated(se: float, sp: float, runs: int = 600) -> Estimates:
    """A true error of 7.5%; 200 outputs with both grades, 2,000 with the judge's alone. Estimates in percent."""
    rng = np.random.default_rng(5)
    found: Estimates = {name: [] for name in ("raw", "human", "rogan_gladen", "ppi", "ppi++")}
    for _ in range(runs):
        truth = rng.random(2200) < 0.075
        flagged = np.where(truth, rng.random(2200) < se, rng.random(2200) < 1 - sp)
        human, judge, alone = truth[:200], flagged[:200], flagged[200:]
        valid = statistics.judge_validity(zip(human.tolist(), judge.tolist(), strict=True))
        corrected = statistics.rogan_gladen(int(flagged.sum()), 2200, valid.sensitivity, valid.specificity)
        tuned = statistics.prediction_powered(list(alone * 1.0), zip(human * 1.0, judge * 1.0, strict=True))
        one = {"raw": alone.mean(), "human": human.mean(), "rogan_gladen": corrected.value, "ppi++": tuned.value}
        one["ppi"] = alone.mean() + human.mean() - judge.mean()  # the judge's weight fixed at 1
        for name, value in one.items():
            assert value is not None
            found[name].append(100 * float(value))
    return found


def test_a_mediocre_judge_makes_a_rare_error_harder_to_see_unless_it_is_weighed() -> None:
    found = simulated(0.80, 0.92)
    means = {"raw": 13.4, "human": 7.5, "rogan_gladen": 7.6, "ppi": 7.5, "ppi++": 7.3}
    assert {name: float(np.mean(values)) for name, values in found.items()} == pytest.approx(means, abs=0.15)
    spreads = {"human": 1.9, "rogan_gladen": 2.9, "ppi": 2.3, "ppi++": 1.6}
    assert {name: float(np.std(found[name])) for name in spreads} == pytest.approx(spreads, abs=0.15)


def test_a_good_judge_sharpens_the_estimate_whichever_way_it_is_used() -> None:
    found = simulated(0.90, 0.98)
    spreads = {"human": 1.9, "rogan_gladen": 1.4, "ppi": 1.3, "ppi++": 1.2}
    assert {name: float(np.std(found[name])) for name in spreads} == pytest.approx(spreads, abs=0.1)
