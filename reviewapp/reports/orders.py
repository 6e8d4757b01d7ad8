"""Outputs behind the numbers that no fault and no level shows: agreement, machine figures, facts, what is missing.

Plain JSON for the frozen content; each list stands worst first.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Mapping
from itertools import combinations
from typing import Any

from reviewapp.evaluations.figures import metric_of
from reviewapp.reports import gates as declared
from reviewapp.reports.evidence import RoundFacts
from reviewapp.reports.gates import CriterionInfo, Gate
from reviewapp.reports.verdicts import BASELINE, CANDIDATE, Evidence


def orders_json(
    facts: RoundFacts, gates: Iterable[Gate], evidence: Evidence, *, reported: Iterable[str]
) -> dict[str, Any]:
    """``reported``: metrics that the report shows; those that a gate names come with them."""
    gates = list(gates)
    compared = [one.metric for one in gates if isinstance(one, declared.Improvement | declared.Magnitude)]
    leaks = {one.metric for one in gates if isinstance(one, declared.LeakZero) and one.metric not in evidence.figures}
    return {
        "agreement": {info.key: differing(facts, info) for info in evidence.criteria.values()},
        "metric": {key: by_loss(facts, key) for key in dict.fromkeys([*reported, *compared]) if metric_of(key).better},
        "leak": {key: leaking(facts, key) for key in sorted(leaks)},
        "facts": by_facts(facts),
        "ungraded": ungraded(facts),
        "slow": slowest(facts) if any(isinstance(one, declared.CostLimit) for one in gates) else None,
    }


def differing(facts: RoundFacts, info: CriterionInfo) -> list[list[Any]]:
    """[output id, levels given in ascending order] of every output with two grades: the widest apart first."""
    given: dict[int, list[int]] = defaultdict(list)
    for score in facts.scores:
        if score.criterion == info.key and score.value is not None:
            given[score.output_id].append(score.value)

    def agrees(output: int) -> tuple[int, float, int]:
        values = given[output]
        pairs = [a == b for a, b in combinations(values, 2)]
        return (min(values) - max(values), sum(pairs) / len(pairs), output)

    double = [output for output, values in given.items() if len(values) > 1]
    return [[output, sorted(given[output])] for output in sorted(double, key=agrees)]


def by_loss(facts: RoundFacts, metric: str) -> list[int]:
    """The tuned model's outputs by what they lost against the base, the most first; those without a base's value last.

    Equal losses: the worse value of the tuned model first.
    """
    sign = -1.0 if metric_of(metric).better == "lower" else 1.0
    values = _values(facts, metric)
    base = {facts.outputs[one].heldout_prompt_id: v for one, v in values.items() if facts.outputs[one].arm == BASELINE}

    def gain(output: int) -> tuple[bool, float, float, int]:
        value = sign * values[output]
        other = base.get(facts.outputs[output].heldout_prompt_id)
        return (other is None, 0.0 if other is None else value - sign * other, value, output)

    return sorted((one for one in values if facts.outputs[one].arm == CANDIDATE), key=gain)


def leaking(facts: RoundFacts, metric: str) -> list[int]:
    """The tuned model's outputs that the metric marks, the largest value first."""
    marked = {
        one: value for one, value in _values(facts, metric).items() if facts.outputs[one].arm == CANDIDATE and value > 0
    }
    return sorted(marked, key=lambda output: (-marked[output], output))


def _values(facts: RoundFacts, metric: str) -> Mapping[int, float]:
    found = {output: row.metrics.get(metric) for output, row in facts.outputs.items()}
    return {output: float(value) for output, value in found.items() if isinstance(value, int | float)}


def by_facts(facts: RoundFacts) -> list[list[int]]:
    """[output id, facts right, facts] of the tuned model's outputs with known facts: the smallest share first."""
    rows = []
    for output, row in facts.outputs.items():
        slots = row.metrics.get("slots") if row.arm == CANDIDATE else None
        if slots:
            rows.append([output, sum(slot["right"] is True for slot in slots), len(slots)])
    return sorted(rows, key=lambda row: (row[1] / row[2], -row[2], row[0]))


def ungraded(facts: RoundFacts) -> list[int]:
    """Outputs of both models with fewer grades than were asked for."""
    return sorted(one for one, slots in facts.slots_per_output.items() if facts.grades_per_output.get(one, 0) < slots)


def slowest(facts: RoundFacts) -> list[list[Any]]:
    """[output id, seconds, tokens] of the tuned model's outputs with a time: the longest first."""
    timed = [
        [output, round(row.seconds, 3), row.tokens]
        for output, row in facts.outputs.items()
        if row.arm == CANDIDATE and row.seconds is not None
    ]
    return sorted(timed, key=lambda row: (-row[1], row[0]))
