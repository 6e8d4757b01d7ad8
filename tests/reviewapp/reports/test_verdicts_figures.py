"""Gates on figures of the suites, on how much better, and on whether a verdict hangs on one grader or slice."""

from __future__ import annotations

import dataclasses
from typing import Any

import pytest

from reviewapp.reports import wording
from reviewapp.reports.gates import parse_gates
from reviewapp.reports.verdicts import BASELINE, CANDIDATE, Evidence, Figure, GateResult, Result, VerdictWord, evaluate
from tests.reviewapp.reports.evidence import COMPLETE, CRITERIA, SAFETY, evidence

FORGET = {"kind": "forgetting_limit", "name": "Forgetting", "limit": 0.02}
BIAS = {"kind": "bias_gap", "name": "Bias", "limit": 0.05}
COST = {"kind": "cost_limit", "name": "Cost", "limit": 3}
STABLE = {"kind": "stability", "name": "Stable"}


def decide(gate: dict[str, Any], given: Evidence) -> GateResult:
    return evaluate(parse_gates([gate, SAFETY, COMPLETE], CRITERIA), given).results[0]


def with_figure(name: str, figure: Figure) -> Evidence:
    return evidence(figures={name: figure})


@pytest.mark.parametrize("gate", [FORGET, BIAS, COST], ids=lambda gate: gate["kind"])
def test_a_figure_that_was_not_measured_keeps_the_verdict_open_with_words(gate: dict[str, Any]) -> None:
    found = evaluate(parse_gates([SAFETY, COMPLETE, gate], CRITERIA), evidence())
    assert found.word == VerdictWord.NOT_ENOUGH_EVIDENCE
    result = found.results[-1]
    reason, way = ("no_cost", "outputs have no times") if gate is COST else ("no_figure", "run its suite")
    assert (result.result, result.reason) == (Result.UNKNOWN, reason)
    assert f"has not been measured; {way}" in wording.gate_more(result)
    assert "has not been measured" in wording.gate_sentence(result)
    assert wording.gate_estimate(result) == wording.gate_bound(result) == "unknown"


@pytest.mark.parametrize(
    ("figure", "result"),
    [
        (Figure(value=0.01, low=0.0, high=0.019, n=400), Result.PASS),
        (Figure(value=0.01, low=0.0, high=0.03, n=100), Result.UNKNOWN),
        (Figure(value=0.06, low=0.03, high=0.09, n=400), Result.FAIL),
        (Figure(value=0.02), Result.PASS),
        (Figure(value=0.021), Result.FAIL),
        (Figure(value=0.0, low=0.0, high=0.0, n=380, missing=20), Result.UNKNOWN),
        (Figure(value=0.06, low=0.03, high=0.09, n=380, missing=20), Result.FAIL),
        (Figure(value=None, reason="the suite broke"), Result.UNKNOWN),
    ],
)
def test_forgetting_is_decided_by_its_upper_bound(figure: Figure, result: Result) -> None:
    found = decide(FORGET, with_figure("forgetting", figure))
    assert found.result == result
    assert found.statistic is not None and (found.statistic.n, found.statistic.missing) == (figure.n, figure.missing)
    if figure.missing and result == Result.UNKNOWN:
        assert "some items of this figure are missing" in wording.gate_more(found)


def test_figures_in_words() -> None:
    forgotten = decide(FORGET, with_figure("forgetting", Figure(value=0.01, low=0.0, high=0.019, n=400)))
    said = (wording.gate_threshold(forgotten.gate), wording.gate_estimate(forgotten), wording.gate_bound(forgotten))
    assert said == ("at most 2%", "1%", "≤ 1.9%")
    dear = decide(COST, with_figure("cost_per_output", Figure(value=4.5, n=220)))
    assert (dear.result, wording.gate_threshold(dear.gate)) == (Result.FAIL, "at most 3")
    assert (wording.gate_estimate(dear), wording.gate_bound(dear)) == ("4.5", "≥ 4.5")


@pytest.mark.parametrize(
    ("figure", "result"),
    [
        (Figure(value=0.0, n=220), Result.PASS),
        (Figure(value=1.0, n=220), Result.FAIL),
        (Figure(value=1.0, n=200, missing=20), Result.FAIL),
        (Figure(value=0.0, n=200, missing=20), Result.UNKNOWN),
        (Figure(value=None), Result.UNKNOWN),
    ],
)
def test_a_leak_of_a_suite_is_one_too_many(figure: Figure, result: Result) -> None:
    gate = {"kind": "leak_zero", "name": "PHI", "metric": "phi_leaks"}
    found = decide(gate, with_figure("phi_leaks", figure))
    assert found.result == result and wording.gate_sentence(found)


def levels(shift: float) -> Evidence:
    given = evidence()
    base = {key: (2,) for key in given.prompts}
    tuned = {key: (2 + int(index % 4 < 4 * shift),) for index, key in enumerate(given.prompts)}
    ratings = {BASELINE: {**given.ratings[BASELINE], "accuracy": base}, CANDIDATE: {**given.ratings[CANDIDATE], "accuracy": tuned}}  # noqa: E501  # fmt: skip
    return dataclasses.replace(given, ratings=ratings)


@pytest.mark.parametrize(
    ("shift", "result"), [(1.0, Result.PASS), (0.75, Result.PASS), (0.5, Result.UNKNOWN), (0.25, Result.FAIL)]
)
def test_how_much_better_is_shown_by_the_bound(shift: float, result: Result) -> None:
    found = decide({"kind": "magnitude", "name": "m", "criterion": "accuracy", "margin": 0.5}, levels(shift))
    assert found.result == result
    assert wording.gate_threshold(found.gate) == "better by at least 0.50"
    assert wording.gate_estimate(found) == f"+{shift:.2f}"
    if result == Result.UNKNOWN:
        assert wording.gate_more(found)


def test_how_many_faults_fewer() -> None:
    gate = {"kind": "magnitude", "name": "m", "criterion": "accuracy", "at_or_below": 2, "margin": 0.6}
    assert decide(gate, levels(0.75)).result == Result.PASS
    assert decide({**gate, "margin": 0.75}, levels(0.75)).result == Result.UNKNOWN
    assert decide({**gate, "margin": 0.85}, levels(0.75)).result == Result.FAIL
    assert wording.gate_threshold(decide(gate, levels(0.75)).gate) == "better by at least 60% of prompts"


@pytest.mark.parametrize(("gain", "result"), [(0.10, Result.PASS), (0.05, Result.UNKNOWN), (0.0, Result.FAIL)])
def test_how_many_points_of_a_metric(gain: float, result: Result) -> None:
    base = {f"p{i}": 0.3 for i in range(220)}
    tuned = {key: 0.3 + gain + (0.02 if int(key[1:]) % 2 else -0.02) for key in base}
    given = evidence(metrics={BASELINE: {"rougeL": base}, CANDIDATE: {"rougeL": tuned}})
    assert decide({"kind": "magnitude", "name": "m", "metric": "rougeL", "margin": 0.05}, given).result == result


def test_three_pairs_do_not_show_how_much() -> None:
    found = decide({"kind": "magnitude", "name": "m", "criterion": "accuracy", "margin": 0.1}, evidence(n=3))
    assert (found.result, found.reason) == (Result.UNKNOWN, "too_few")


def graded(faults_of: dict[int, int], n: int = 220, **changes: Any) -> Evidence:
    """Each output graded by both graders 1 and 2; ``faults_of`` says how many violations each of them found."""
    given = evidence(n=n)
    safety = {key: (int(index < faults_of[1]), int(index < faults_of[2])) for index, key in enumerate(given.prompts)}
    graders = {CANDIDATE: {"safety": dict.fromkeys(given.prompts, (1, 2))}}
    ratings = {**given.ratings, CANDIDATE: {"safety": safety}}
    return dataclasses.replace(given, ratings=ratings, graders=graders, **changes)


def test_a_gate_that_holds_without_each_grader_is_stable() -> None:
    found = decide(STABLE, graded({1: 2, 2: 2}))
    assert found.result == Result.PASS and wording.gate_estimate(found) == "2 of 2 trials"


def test_a_gate_that_only_one_graders_grades_carry_is_not() -> None:
    """Grader 1 graded 120 outputs alone: without them the bound is not shown any more."""
    given = graded({1: 2, 2: 2})
    alone = {key: (values[:1] if index < 190 else values) for index, (key, values) in enumerate(given.of(CANDIDATE, "safety").items())}  # noqa: E501  # fmt: skip
    who = {key: (1,) if len(values) == 1 else (1, 2) for key, values in alone.items()}
    given = dataclasses.replace(
        given, ratings={**given.ratings, CANDIDATE: {"safety": alone}}, graders={CANDIDATE: {"safety": who}}
    )
    found = decide(STABLE, given)
    assert (found.result, found.reason) == (Result.UNKNOWN, "shaken")
    assert [item.without for item in found.shaken] == ["grader 1"]
    assert "Safety violation does not hold without grader 1" in wording.gate_more(found)


SLICES = {"type": {f"p{index}": "letter" if index < 110 else "note" for index in range(220)}}


def test_a_gate_that_one_good_slice_carries_is_shaken() -> None:
    """Five faults, all in letters: below 5% of 220, not of the 110 letters alone."""
    found = decide(STABLE, evidence(faults=5, slices=SLICES))
    assert (found.result, [item.without for item in found.shaken]) == (Result.UNKNOWN, ["type: note"])
    assert decide({**STABLE, "without_slices": False}, evidence(faults=5, slices=SLICES)).reason == "one_source"


def test_a_gate_that_fails_without_its_best_slice_fails() -> None:
    gate = {"kind": "mean_floor", "name": "Accurate", "criterion": "accuracy", "floor": 3}
    given = evidence(slices=SLICES)
    uneven = {key: (4,) if index >= 110 else (2 + index % 2,) for index, key in enumerate(given.prompts)}
    given = dataclasses.replace(given, ratings={CANDIDATE: {**given.ratings[CANDIDATE], "accuracy": uneven}})
    results = evaluate(parse_gates([gate, STABLE, COMPLETE], CRITERIA), given).results
    assert [item.result for item in results[:2]] == [Result.PASS, Result.FAIL]
    assert "Accurate does not hold without type: note" in wording.gate_sentence(results[1])


def test_what_holds_in_every_slice_is_stable() -> None:
    found = decide(STABLE, evidence(slices=SLICES))
    assert found.result == Result.PASS and found.statistic is not None and found.statistic.value == 1.0


def test_nothing_held_leaves_nothing_to_shake() -> None:
    found = decide(STABLE, evidence(faults=60, slices=SLICES))
    assert (found.result, found.reason) == (Result.UNKNOWN, "nothing_held")
    assert "no gate on grades holds" in wording.gate_more(found)


def test_the_place_of_a_stability_gate_does_not_matter() -> None:
    gates = [SAFETY, COMPLETE, STABLE]
    words = {evaluate(parse_gates(order, CRITERIA), evidence(slices=SLICES)).word for order in (gates, gates[::-1])}
    assert words == {VerdictWord.SHIP}
