"""The content of a report: every number with its n, missing, method and seed, as plain JSON. Frozen as it is made."""

from __future__ import annotations

import dataclasses
import hashlib
import math
import platform
from importlib.metadata import version
from typing import Any

import reviewapp
from reviewapp.evaluations.figures import metric_of
from reviewapp.reports import effort, statistics, wording
from reviewapp.reports import gates as declared
from reviewapp.reports.costs import costs_json
from reviewapp.reports.errors_found import outputs_at_fault, taxonomy, worst_outputs
from reviewapp.reports.evidence import RoundFacts, evidence_of
from reviewapp.reports.gates import CriterionInfo, Gate, gates_to_json
from reviewapp.reports.judge_results import judge_json, judge_pairs_json
from reviewapp.reports.orders import orders_json
from reviewapp.reports.rater_results import claims_json, missed_json, preferences_json, raters_json, slices_json
from reviewapp.reports.verdicts import (
    ARMS,
    BASELINE,
    CANDIDATE,
    CriterionAgreement,
    Evidence,
    GateResult,
    Verdict,
    evaluate,
)
from reviewapp.reviews.agreement import Agreement
from training.contract import canonical_json

# 4: outputs behind agreement, figures and facts; the judge's pairs; costs. 3: outputs behind faults, worst first;
# looks; grades from elsewhere. 2: outputs behind levels and errors
SCHEMA = 4
REPORTED = ("rougeL", "rouge1", "bleu", "exact_match")
DIGITS = 10  # significant digits that are kept: equal on every machine, and far beyond what is shown


def report_content(facts: RoundFacts, gates: tuple[Gate, ...]) -> dict[str, Any]:
    """Everything that the page shows and the exports hold. The same rows give the same content, to the digit."""
    evidence = evidence_of(facts)
    verdict = evaluate(gates, evidence)
    elsewhere = bool(facts.round.imported)  # its gates were declared after the grades were in
    exploratory = elsewhere or (facts.round.is_early_unseal and not verdict.is_early_look)
    rules = fault_rules(gates, evidence)
    at_fault = outputs_at_fault(facts, evidence, rules)
    usable = effort.usable_json(facts, evidence, rules)
    content = {
        "schema": SCHEMA,
        "verdict": _verdict_json(verdict, is_exploratory=exploratory, is_imported=elsewhere),
        "gates": [
            _gate_json(item, declaration)
            for item, declaration in zip(verdict.results, gates_to_json(gates), strict=True)
        ],
        "counts": {
            arm: {"attempted": c.attempted, "completed": c.completed, "missing": c.missing}
            for arm, c in evidence.counts.items()
        },
        "criteria": [
            {**_criterion_json(info, evidence), "output_ids": _outputs_by_level(info, facts)}
            for info in evidence.criteria.values()
            if info.kind == "levels"
        ],
        "faults": [{**_fault_json(rule, evidence), "output_ids": at_fault[rule[0]]} for rule in rules],
        "agreement": [_agreement_json(info, evidence.agreement[info.key]) for info in evidence.criteria.values()],
        "metrics": [_metric_json(name, evidence) for name in REPORTED],
        "slots": _slots_json(facts, evidence),
        "taxonomy": {arm: taxonomy(facts, arm) for arm in ARMS},
        "worst": worst_outputs(facts, evidence, rules),
        "raters": raters_json(facts, evidence),
        "missed": missed_json(facts, rules),
        "claims": claims_json(evidence, rules),
        "by_slice": slices_json(evidence, rules),
        "preferences": preferences_json(facts),
        "suites": suites_json(facts),
        "judge": judge_json(facts, rules),
        "judge_pairs": judge_pairs_json(facts),
        "orders": orders_json(facts, gates, evidence, reported=REPORTED),
        "figures": {name: dataclasses.asdict(figure) for name, figure in sorted(evidence.figures.items())},
        "usable": usable,
        "costs": costs_json(facts, usable),
        "seconds": effort.grading_seconds(facts),
        "process": process_json(facts),
        "method": method_json(evidence),
    }
    return dict(_rounded(content))


def _verdict_json(verdict: Verdict, *, is_exploratory: bool, is_imported: bool) -> dict[str, Any]:
    return {
        "word": verdict.word.value,
        "sentences": wording.verdict_sentences(verdict, is_exploratory=is_exploratory, is_imported=is_imported),
        "is_exploratory": is_exploratory,
        "is_reconciled": verdict.is_reconciled,
        "results": {kind: sum(item.result == kind for item in verdict.results) for kind in ("pass", "fail", "unknown")},
    }


def content_hash(content: dict[str, Any]) -> str:
    """sha256 (hex) over the canonical JSON."""
    return hashlib.sha256(canonical_json(content).encode()).hexdigest()


def _rounded(value: Any) -> Any:
    """Floats to DIGITS significant digits; a float that is no number is a bug and raises."""
    if isinstance(value, dict):
        return {str(key): _rounded(item) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [_rounded(item) for item in value]
    if isinstance(value, float):
        if not math.isfinite(value):
            raise ValueError("A report holds no NaN: what is undefined is null with a reason.")
        return float(f"{value:.{DIGITS}g}")
    return value


def fault_rules(gates: tuple[Gate, ...], evidence: Evidence) -> list[tuple[str, CriterionInfo, int | None]]:
    """What counts as a fault of an output: the declared safety bounds first, then every yes or no criterion."""
    rules: dict[tuple[str, int | None], tuple[str, CriterionInfo, int | None]] = {}
    for gate in gates:
        if isinstance(gate, declared.SafetyBound):
            info = evidence.criteria[gate.criterion]
            rules.setdefault((info.key, gate.at_or_below), (gate.name, info, gate.at_or_below))
    for info in evidence.criteria.values():
        if info.kind == "gate":
            rules.setdefault((info.key, None), (info.name, info, None))
    return list(rules.values())


def _gate_json(item: GateResult, declaration: dict[str, Any]) -> dict[str, Any]:
    more = item.more
    return {
        **declaration,
        "result": item.result.value,
        "statistic": item.statistic.as_json() if item.statistic else None,
        "bound": item.bound,
        "bound_is_upper": item.bound_is_upper,
        "reason": item.reason,
        "shaken": [dataclasses.asdict(one) for one in item.shaken],
        "more": None if more is None else {"items": more.items, "faults": more.faults},
        "words": {
            "threshold": wording.gate_threshold(item.gate),
            "estimate": wording.gate_estimate(item),
            "bound": wording.gate_bound(item),
            "reliability": wording.gate_reliability(item),
            "more": wording.gate_more(item),
            "sentence": wording.gate_sentence(item),
        },
    }


def _criterion_json(info: CriterionInfo, evidence: Evidence) -> dict[str, Any]:
    """One criterion of levels: means with clustered intervals, paired difference, distribution, and its test."""
    groups = evidence.prompt_groups()
    differences = evidence.differences(info.key)
    return {
        "key": info.key,
        "name": info.name,
        "low": info.low,
        "high": info.high,
        "means": {arm: statistics.mean(evidence.means(arm, info.key), groups=groups).as_json() for arm in ARMS},
        "difference": statistics.mean(differences, groups=groups).as_json(),
        "wilcoxon": statistics.wilcoxon(differences).as_json(),
        "permutation": statistics.permutation(differences, seed=evidence.seed).as_json(),
        "distribution": {arm: _distribution(evidence, arm, info) for arm in ARMS},
    }


def _distribution(evidence: Evidence, arm: str, info: CriterionInfo) -> dict[str, int]:
    """How often each level was given; every grade counts, also the second of one output."""
    given = [value for values in evidence.of(arm, info.key).values() for value in values]
    return {str(level): given.count(level) for level in range(info.low, info.high + 1)}


def _outputs_by_level(info: CriterionInfo, facts: RoundFacts) -> dict[str, dict[str, list[int]]]:
    """Outputs that were given a level by any grader: arm, level, ids in ascending order."""
    found: dict[str, dict[str, set[int]]] = {arm: {} for arm in ARMS}
    for score in facts.scores:
        if score.criterion == info.key and score.value is not None:
            found[score.arm].setdefault(str(score.value), set()).add(score.output_id)
    return {arm: {level: sorted(ids) for level, ids in by_level.items()} for arm, by_level in found.items()}


def _fault_json(rule: tuple[str, CriterionInfo, int | None], evidence: Evidence) -> dict[str, Any]:
    name, info, at_or_below = rule
    flags = {arm: evidence.flags(arm, info.key, at_or_below) for arm in ARMS}
    pairs = list(zip(flags[BASELINE], flags[CANDIDATE], strict=True))
    test = statistics.mcnemar(pairs)
    cells = {"fixed": (True, False), "broken": (False, True), "both": (True, True)}
    return {
        "name": name,
        "criterion": info.key,
        "rule": "a violation" if at_or_below is None else f"level {at_or_below} or below",
        "rates": {arm: _share(flags[arm]) for arm in ARMS},
        "mcnemar": test.as_json(),
        "claim": wording.difference_claim(test, "The tuned model has fewer", "The tuned model has more"),
        "p": wording.p_value(test.p),
        "prompts": {
            cell: [prompt for prompt, pair in zip(evidence.prompts, pairs, strict=True) if pair == wanted]
            for cell, wanted in cells.items()
        },
    }


def _share(flags: list[bool | None]) -> dict[str, Any]:
    known = [flag for flag in flags if flag is not None]
    return statistics.wilson(sum(known), len(known), missing=len(flags) - len(known)).as_json()


def _agreement_json(info: CriterionInfo, found: CriterionAgreement) -> dict[str, Any]:
    parts = {"alpha": found.alpha, "ac1": found.ac1, "percent": found.percent}
    return {"key": info.key, "name": info.name, "kind": info.kind, **{k: _measure(v) for k, v in parts.items()}}


def _measure(found: Agreement) -> dict[str, Any]:
    return {
        "value": found.value,
        "low": found.low,
        "high": found.high,
        "n": found.n_units,
        "ratings": found.n_ratings,
        "graders": found.n_raters,
        "missing": found.missing,
        "method": found.method,
        "reason": found.reason or "",
        "words": wording.reason(found.reason or ""),
        "is_enough": found.is_enough,
    }


def _metric_json(name: str, evidence: Evidence) -> dict[str, Any]:
    """A machine figure: mean of each model, and the paired difference with bootstrap interval and permutation test."""
    metric = metric_of(name)
    values = {arm: evidence.metrics.get(arm, {}).get(name, {}) for arm in ARMS}
    differences = evidence.metric_differences(name)
    return {
        "key": name,
        "name": metric.name,
        "scale": metric.scale,
        "means": {arm: statistics.mean([values[arm].get(key) for key in evidence.prompts]).as_json() for arm in ARMS},
        "difference": statistics.bootstrap_difference(differences, seed=evidence.seed).as_json(),
        "permutation": statistics.permutation(differences, seed=evidence.seed).as_json(),
    }


def suites_json(facts: RoundFacts) -> list[dict[str, Any]]:
    """The figures of the suites as they stood, each with the run that made it; how many items count, not which."""
    return [
        {
            "suite": suite,
            "run": run.number,
            "figures": [{**row, "failing": len(row["failing"])} for row in run.figures[suite]],
        }
        for suite, run in sorted(facts.suites.items())
    ]


def _slots_json(facts: RoundFacts, evidence: Evidence) -> dict[str, Any]:
    kinds: dict[str, dict[str, list[int]]] = {}
    for output in facts.outputs.values():
        for slot in output.metrics.get("slots") or []:
            tally = kinds.setdefault(slot["slot"], {arm: [0, 0] for arm in ARMS})[output.arm]
            tally[0] += slot["right"] is True
            tally[1] += 1
    return {
        "accuracy": {arm: _slot_ratio(evidence, arm) for arm in ARMS},
        "by_slot": [{"slot": name, **by_arm} for name, by_arm in sorted(kinds.items())],
    }


def _slot_ratio(evidence: Evidence, arm: str) -> dict[str, Any]:
    known = evidence.slots.get(arm, {})
    keys = [key for key in evidence.prompts if key in known]
    groups = [evidence.groups.get(key, key) for key in keys]
    missing = len(evidence.prompts) - len(keys)
    return statistics.ratio([known[key] for key in keys], groups, missing=missing).as_json()


def process_json(facts: RoundFacts) -> dict[str, Any]:
    """How the grades came about: how many, by how many, what was not applicable, what was taken back."""
    needed, given = sum(facts.slots_per_output.values()), sum(facts.grades_per_output.values())
    asked = len(facts.scores)
    return {
        "grades_needed": needed,
        "grades_given": given,
        "graders": len({score.grader_id for score in facts.scores}),
        "double": sum(count > 1 for count in facts.grades_per_output.values()),
        "answers": asked,
        "not_applicable": sum(score.value is None for score in facts.scores),
        "spans": len(facts.spans),
        "groups": len(set(facts.groups.values())),
        "prompts": len(facts.prompts),
        **effort.deviations_json(facts.round),
    }


def method_json(evidence: Evidence) -> dict[str, Any]:
    names = ("numpy", "scipy")
    return {
        "seed": evidence.seed,
        "resamples": statistics.RESAMPLES,
        "item": "Means are over prompts; several grades of one output are averaged first.",
        "fault": "An output is at fault when any of its graders found the fault.",
        "libraries": {"countersign": reviewapp.__version__, **{name: version(name) for name in names}},
        "python": platform.python_version(),
    }
