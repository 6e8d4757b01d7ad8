"""A judge model beside the experts in a report: agreement, how often it is right, rates corrected for where it is not;
which of two outputs it prefers, beside whom the experts prefer.

Of single outputs only rules of faults are looked at, as the gates are: a violation, or a level at or below a limit. No
gate stands on any of it.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from reviewapp.evaluations.judges import selectors, services
from reviewapp.evaluations.judges.figures import ENOUGH, Outcome, expert_value, match, outcomes
from reviewapp.evaluations.judges.models import JudgeRun
from reviewapp.evaluations.judges.questions import ORDERS
from reviewapp.evaluations.models import GenerationRun
from reviewapp.reports import statistics
from reviewapp.reports.evidence import RoundFacts
from reviewapp.reports.gates import CriterionInfo
from reviewapp.reports.verdicts import CANDIDATE
from reviewapp.reviews.agreement import Agreement

Rule = tuple[str, CriterionInfo, int | None]
LEAST_ALONE = 2  # outputs that the judge alone read, below which there is nothing to sharpen the experts' mean with


def judge_json(facts: RoundFacts, rules: Sequence[Rule]) -> dict[str, Any] | None:
    """The newest finished judge run by single criteria of this rubric version; None without one."""
    run = selectors.newest_for(facts.round.generation_run, facts.round.rubric_version)
    if run is None:
        return None
    found = outcomes(selectors.verdicts_of(run), is_pairs=False)
    kinds = {one.key: one for one in map(services.told, services.judged_criteria(facts.round.rubric_version))}
    given = _experts(facts)
    generation = facts.round.generation_run
    rows = []
    for name, info, at_or_below in rules:
        if info.key in found:
            points = [int(option.value) for option in kinds[info.key].options]
            rows.append(_row(name, info, at_or_below, found[info.key], given.get(info.key, {}), points, facts))
    return {**_about(run, generation), "rules": rows}


def _about(run: JudgeRun, generation: GenerationRun) -> dict[str, Any]:
    return {
        "run": run.number,
        "judge": run.judge_name,
        "is_local": run.judge is not None,
        "is_own": run.judge_id in (generation.baseline_id, generation.candidate_id),
        "questions": (run.result or {}).get("questions"),
        "orders": len(ORDERS),
        "enough": ENOUGH,
    }


def judge_pairs_json(facts: RoundFacts) -> dict[str, Any] | None:
    """The newest finished judge run that compared base and tuned in both orders; None without one.

    Experts compare all in all, so only that question carries an agreement; they are those of every unsealed
    comparison of the same outputs.
    """
    generation = facts.round.generation_run
    run = selectors.newest_pairs(generation)
    if run is None:
        return None
    names = {one.key: one.name for one in services.judged_criteria(run.rubric_version)}
    choices = selectors.expert_choices(generation)
    found = outcomes(selectors.verdicts_of(run), is_pairs=True)
    return {
        **_about(run, generation),
        "experts": _won(choices.values(), missing=0) if choices else None,
        "compared": [_compared(key, names, one, choices) for key, one in found.items()],
    }


def _compared(key: str, names: Mapping[str, str], outcome: Outcome, choices: Mapping[int, int]) -> dict[str, Any]:
    row = {
        "criterion": key,
        "name": names.get(key, key),
        "won": _won(outcome.values.values(), missing=outcome.missing),
        "asked": outcome.asked,
        "missing": outcome.missing,
        "reasons": dict(sorted(outcome.reasons.items())),
        "changed": outcome.share_changed,
    }
    if key or not choices:
        return row
    agreed = match(choices, outcome.values, (-1, 0, 1), is_ordered=False)
    parts = {"kappa": agreed.kappa, "ac1": agreed.ac1, "equal": agreed.percent}
    return {**row, "both": agreed.n, **{name: _measure(part) for name, part in parts.items()}}


def _won(values: Iterable[int], *, missing: int) -> dict[str, Any]:
    """The win rate of the tuned model; a value is 1 where it won, -1 where the base did."""
    given = list(values)
    return statistics.win_rate(given.count(1), given.count(-1), ties=given.count(0), missing=missing).as_json()


def _experts(facts: RoundFacts) -> dict[str, dict[int, list[int]]]:
    """Criterion -> output -> values, of this round."""
    found: dict[str, dict[int, list[int]]] = {}
    for score in facts.scores:
        if score.value is not None:
            found.setdefault(score.criterion, {}).setdefault(score.output_id, []).append(score.value)
    return found


def _row(
    name: str,
    info: CriterionInfo,
    at_or_below: int | None,
    outcome: Outcome,
    given: Mapping[int, Sequence[int]],
    points: Sequence[int],
    facts: RoundFacts,
) -> dict[str, Any]:
    is_ordered = info.kind == "levels"
    agreed = match(
        {output: expert_value(values, is_violation=not is_ordered) for output, values in given.items()},
        outcome.values,
        points,
        is_ordered=is_ordered,
    )
    return {
        "name": name,
        "criterion": info.key,
        "at_or_below": at_or_below,
        "asked": outcome.asked,
        "missing": outcome.missing,
        "reasons": dict(sorted(outcome.reasons.items())),
        "changed": outcome.share_changed,
        "both": agreed.n,
        "kappa": _measure(agreed.kappa),
        "ac1": _measure(agreed.ac1),
        "equal": _measure(agreed.percent),
        **_corrected(at_or_below, outcome, given, facts),
    }


def _measure(found: Agreement) -> dict[str, Any]:
    return {
        "value": found.value,
        "low": found.low,
        "high": found.high,
        "n": found.n_units,
        "method": found.method,
        "reason": found.reason or "",
    }


def _corrected(
    at_or_below: int | None, outcome: Outcome, given: Mapping[int, Sequence[int]], facts: RoundFacts
) -> dict[str, Any]:
    """Sensitivity and specificity on outputs of both models; rates of the tuned one, raw and corrected.

    ``reason``: why there is none. Rogan-Gladen is of the outputs that the judge alone read: those that tell how
    often it is right must be others. Where experts graded all of them nothing needs correcting.
    """

    def at_fault(values: Sequence[int]) -> bool:
        return max(values) > 0 if at_or_below is None else min(values) <= at_or_below

    judged = {output: at_fault([value]) for output, value in outcome.values.items()}
    truth = {output: at_fault(values) for output, values in given.items()}
    tuned = [output for output, row in facts.outputs.items() if row.arm == CANDIDATE]
    validity = statistics.judge_validity((truth[one], judged.get(one)) for one in sorted(truth))
    flags = [judged[one] for one in tuned if one in judged]
    alone = [float(judged[one]) for one in tuned if one in judged and one not in truth]
    both = [(float(truth[one]), float(judged[one])) for one in tuned if one in judged and one in truth]
    reason = ""
    if validity.n < ENOUGH:
        reason = "few_both"
    elif not validity.is_useful:
        reason = "useless_judge" if validity.sensitivity.value is not None else "no_fault_seen"
        reason = reason if validity.specificity.value is not None else "all_at_fault"
    corrected = powered = None
    if not reason and len(alone) >= LEAST_ALONE:
        flagged = round(sum(alone))
        corrected = statistics.rogan_gladen(flagged, len(alone), validity.sensitivity, validity.specificity).as_json()
        powered = statistics.prediction_powered(alone, both).as_json()
    return {
        "sensitivity": validity.sensitivity.as_json(),
        "specificity": validity.specificity.as_json(),
        "bias": validity.bias,
        "raw": statistics.wilson(sum(flags), len(flags), missing=len(tuned) - len(flags)).as_json(),
        "rogan_gladen": corrected,
        "ppi": powered,
        "alone": len(alone),
        "reason": reason,
    }
