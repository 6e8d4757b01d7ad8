"""Reads everything that a round's gates are decided on: grades, spans, machine figures, counts."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from django.db.models import Count

from reviewapp.evaluations import figures
from reviewapp.evaluations.models import GradeScore, GradeSpan, GradingRound, Output, RoundItem, SuiteRun
from reviewapp.evaluations.selectors import effective_grades, grader_labels, suites_measured
from reviewapp.evaluations.suites.contents import CANDIDATE as OF_TUNED
from reviewapp.evaluations.suites.contents import CHANGE, gate_key
from reviewapp.evaluations.suites.measuring import CONFIDENCE
from reviewapp.reports.costs import cost_figures
from reviewapp.reports.gates import CriterionInfo
from reviewapp.reports.verdicts import BASELINE, CANDIDATE, Counts, CriterionAgreement, Evidence, Figure
from reviewapp.reviews.agreement import gwet, krippendorff_alpha, percent_agreement, ratings_table
from reviewapp.rubrics.models import RubricVersion

MOST_SLICES, SMALLEST_SLICE = 8, 5
METRICS = tuple(metric.key for metric in figures.METRICS)  # what a gate may name, where every output has a value


@dataclass(frozen=True)
class Score:
    """One answer to one criterion. value None: not applicable."""

    arm: str
    prompt: str
    output_id: int
    grader_id: int
    criterion: str
    value: int | None


@dataclass(frozen=True, kw_only=True)
class RoundFacts:
    """The rows of a round, read once. ``spans`` come with grader and severity; outputs are keyed by id."""

    round: GradingRound
    prompts: tuple[str, ...]
    groups: dict[str, str]
    outputs: dict[int, Output]
    scores: list[Score]
    spans: list[GradeSpan]
    grades_per_output: dict[int, int]
    slots_per_output: dict[int, int]
    slices: dict[str, dict[str, str]]  # kind of slice -> prompt -> slice
    suites: dict[str, SuiteRun]  # by suite the newest finished run of the same two model versions


def criteria_of(version: RubricVersion) -> dict[str, CriterionInfo]:
    """Criteria by key with the range of their levels, in the order of the rubric.

    Only what gates and tables can measure: violations, levels of which a higher one is better, and points, won by what
    is met (0 or 1) or lost as by a violation. Counts, errors, words and preferences stand in the export of ratings.
    """
    found = {}
    measured = version.criteria.filter(kind__in=["gate", "levels", "points"]).exclude(kind="levels", direction="lower")
    for criterion in measured.prefetch_related("levels").order_by("position"):
        values = [level.value for level in criterion.levels.all()]
        is_violation = criterion.kind == "gate" or (criterion.points or 0) < 0
        found[criterion.key] = CriterionInfo(
            key=criterion.key,
            name=criterion.name,
            kind="gate" if is_violation else "levels",
            low=min(values, default=0),
            high=max(values, default=1),
        )
    return found


def round_facts(round: GradingRound) -> RoundFacts:
    """All rows that a report needs, in a fixed number of queries."""
    prompts = round.generation_run.heldout_set.prompts.order_by("id").values_list(
        "external_id", "group__key", "metadata"
    )
    generated = round.generation_run
    outputs = Output.objects.filter(generation_run=generated).select_related("heldout_prompt")
    outputs = outputs.filter(arm__in=(BASELINE, CANDIDATE))  # a run may have more systems; a verdict is about these two
    grades = effective_grades().filter(round=round, output__arm__in=(BASELINE, CANDIDATE))
    scores = GradeScore.objects.filter(grade__in=grades).exclude(criterion__kind="text")
    scores = scores.order_by("grade_id", "criterion__position")
    rows = scores.values_list(
        "grade__output__arm",
        "grade__output__heldout_prompt__external_id",
        "grade__output_id",
        "grade__grader_id",
        "criterion__key",
        "value",
    )
    spans = GradeSpan.objects.filter(grade__in=grades).select_related("grade", "criterion").order_by("grade_id", "id")
    return RoundFacts(
        round=round,
        prompts=tuple(name for name, _, _ in prompts),
        groups={name: group for name, group, _ in prompts},
        outputs={output.pk: output for output in outputs},
        scores=[Score(*row) for row in rows],
        spans=list(spans),
        grades_per_output=dict(grades.order_by().values_list("output_id").annotate(n=Count("id"))),
        slots_per_output=dict(RoundItem.objects.filter(round=round).values_list("output_id", "slots")),
        slices=slices_of({name: metadata for name, _, metadata in prompts}),
        suites=suites_measured(generated.candidate_id, generated.baseline_id),
    )


def slices_of(metadata: Mapping[str, Mapping[str, Any]]) -> dict[str, dict[str, str]]:
    """Kinds of slices that the held-out set declares: metadata of 2 to 8 values, each on enough prompts to look at."""
    found: dict[str, dict[str, str]] = defaultdict(dict)
    for prompt, values in metadata.items():
        for kind, value in values.items():
            if isinstance(value, str | int | bool) and str(value).strip():
                found[kind][prompt] = str(value)
    return {
        kind: of
        for kind, of in sorted(found.items())
        if 2 <= len(sizes := Counter(of.values())) <= MOST_SLICES and min(sizes.values()) >= SMALLEST_SLICE
    }


def evidence_of(facts: RoundFacts) -> Evidence:
    criteria = criteria_of(facts.round.rubric_version)
    return Evidence(
        prompts=facts.prompts,
        groups=facts.groups,
        criteria=criteria,
        ratings=_by_score(facts, lambda score: score.value),
        counts=counts_of(facts),
        agreement={key: agreement_of(facts, info) for key, info in criteria.items()},
        metrics=_metrics(facts),
        slots=_slots(facts),
        graders=_by_score(facts, lambda score: score.grader_id),
        slices=facts.slices,
        names=grader_labels(facts.round),
        figures={**_figures(facts), **cost_figures(facts)},
    )


def _by_score(
    facts: RoundFacts, part: Callable[[Score], int | None]
) -> dict[str, dict[str, dict[str, tuple[int, ...]]]]:
    """Arm -> criterion -> prompt -> one part of each score that was given."""
    found: dict[str, dict[str, dict[str, list[int]]]] = {BASELINE: {}, CANDIDATE: {}}
    for score in facts.scores:
        value = part(score)
        if score.value is not None and value is not None:
            found[score.arm].setdefault(score.criterion, {}).setdefault(score.prompt, []).append(value)
    return {
        arm: {key: {prompt: tuple(values) for prompt, values in by.items()} for key, by in criteria.items()}
        for arm, criteria in found.items()
    }


def counts_of(facts: RoundFacts) -> dict[str, Counts]:
    """Per arm, from sources that are independent of each other: prompts of the set, grades given, and what is missing
    (prompts that the generation run names as unanswered, and outputs with fewer grades than were asked for)."""
    unanswered = (facts.round.generation_run.result or {}).get("unanswered", {})
    found = {}
    for arm in (BASELINE, CANDIDATE) if facts.round.grade_baseline else (CANDIDATE,):
        mine = [key for key, output in facts.outputs.items() if output.arm == arm and key in facts.slots_per_output]
        done = sum(facts.grades_per_output.get(key, 0) >= facts.slots_per_output[key] for key in mine)
        missing = len(unanswered.get(arm, [])) + len(mine) - done
        found[arm] = Counts(attempted=len(facts.prompts), completed=done, missing=missing)
    return found


def agreement_of(facts: RoundFacts, info: CriterionInfo) -> CriterionAgreement:
    """Agreement of graders on one criterion over the outputs of both arms: alpha ordinal for levels, nominal else."""
    rows = [(score.grader_id, score.output_id, score.value) for score in facts.scores if score.criterion == info.key]
    double: dict[int, int] = defaultdict(int)
    for _, output, value in rows:
        double[output] += value is not None
    # outputs that one person graded say nothing about agreement and only make the table wide; where there are no
    # others they stay, so that the reason is "none has two" and not "nothing was graded"
    table = ratings_table([row for row in rows if double[row[1]] > 1] or rows)
    categories = [float(value) for value in range(info.low, info.high + 1)]
    return CriterionAgreement(
        alpha=krippendorff_alpha(table, "nominal" if info.kind == "gate" else "ordinal"),
        ac1=gwet(table, categories),
        percent=percent_agreement(table),
    )


def _metrics(facts: RoundFacts) -> dict[str, dict[str, dict[str, float]]]:
    found: dict[str, dict[str, dict[str, float]]] = {BASELINE: {}, CANDIDATE: {}}
    for output in facts.outputs.values():
        for name in METRICS:
            value = output.metrics.get(name)
            if isinstance(value, int | float):
                found[output.arm].setdefault(name, {})[output.heldout_prompt.external_id] = float(value)
    return found


def _figures(facts: RoundFacts) -> dict[str, Figure]:
    """Of the tuned model by their key, and of the change by their key with "_change" behind it."""
    kept = ("value", "low", "high", "n", "missing", "method", "reason")
    return {
        gate_key(row["key"], row["arm"]): Figure(confidence=CONFIDENCE, **{name: row[name] for name in kept})
        for suite, run in sorted(facts.suites.items())
        for row in run.figures[suite]
        if row["arm"] in (OF_TUNED, CHANGE)
    }


def _slots(facts: RoundFacts) -> dict[str, dict[str, tuple[int, int]]]:
    found: dict[str, dict[str, tuple[int, int]]] = {BASELINE: {}, CANDIDATE: {}}
    for output in facts.outputs.values():
        slots = output.metrics.get("slots")
        if slots:
            right = sum(slot["right"] is True for slot in slots)
            found[output.arm][output.heldout_prompt.external_id] = (right, len(slots))
    return found
