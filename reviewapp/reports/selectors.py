"""Reads of reports and gate sets."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

from django.db.models import Count, Q, QuerySet
from django.http import Http404

from reviewapp.evaluations.figures import metric_of, shown
from reviewapp.evaluations.models import Grade, GradeSpan, GradingRound, Output
from reviewapp.evaluations.selectors import effective_grades
from reviewapp.projects.models import Project
from reviewapp.reports.behind import Behind
from reviewapp.reports.defaults import OfferedGate, Setting, offered_gates
from reviewapp.reports.evidence import criteria_of
from reviewapp.reports.models import Report
from reviewapp.reports.planning_page import RANGES, USUAL_MINUTES, Asked
from reviewapp.reports.trends import MOST
from reviewapp.reviews.raters import quartiles
from reviewapp.runs.models import ModelVersion
from reviewapp.samples.models import HeldoutSet
from reviewapp.words import say

ENOUGH_TIMES = 10  # grades with a time, before they are called a pace


def reports_of(project: Project) -> QuerySet[Report]:
    """Newest first, without their data."""
    reports: QuerySet[Report] = Report.objects.filter(project=project).defer("data")
    return reports.select_related("round__generation_run__candidate", "frozen_by").prefetch_related(
        "signatures", "overrides"
    )


def reports_with_data(project: Project) -> QuerySet[Report]:
    """The newest first, as many as ``trends`` shows, with their frozen data."""
    reports: QuerySet[Report] = Report.objects.filter(project=project).prefetch_related("overrides")
    return reports.order_by("-number")[:MOST]


def report_get(project: Project, report_id: int) -> Report:
    """Raises Http404 for a report of another project."""
    report: Report | None = (
        Report.objects.filter(project=project, pk=report_id)
        .select_related("round__generation_run__candidate__run__version", "frozen_by", "gate_set", "project")
        .first()
    )
    if report is None:
        raise Http404("No such report.")
    return report


def outputs_behind(report: Report, found: Behind) -> QuerySet[Output]:
    """The outputs behind a number, by prompt; of prompts those of both models."""
    rows = Output.objects.filter(generation_run=report.round.generation_run, arm__in=("baseline", "candidate"))
    wanted = Q(heldout_prompt__external_id__in=found.prompts) | Q(pk__in=found.output_ids)
    return rows.filter(wanted).select_related("heldout_prompt").order_by("heldout_prompt_id", "arm")


def outputs_named(report: Report, ids: Sequence[int]) -> list[Output]:
    """These outputs of the report's generation run, in this order."""
    rows = Output.objects.filter(generation_run=report.round.generation_run, pk__in=ids).select_related(
        "heldout_prompt"
    )
    found = {output.pk: output for output in rows}
    return [found[pk] for pk in ids if pk in found]


def metric_told(report: Report, outputs: Sequence[Output], key: str) -> dict[int, str]:
    """The metric of each output in words, with that of the base on the same prompt."""
    prompts = [output.heldout_prompt_id for output in outputs]
    rows = Output.objects.filter(
        generation_run=report.round.generation_run, arm="baseline", heldout_prompt__in=prompts
    ).values_list("heldout_prompt_id", "metrics")
    base, metric = {prompt: metrics.get(key) for prompt, metrics in rows}, metric_of(key)
    return {
        output.pk: say(
            "%(tuned)s; base %(base)s",
            tuned=shown(metric, output.metrics.get(key)),
            base=shown(metric, base.get(output.heldout_prompt_id)),
        )
        for output in outputs
    }


def spans_of(report: Report, outputs: Sequence[Output]) -> list[GradeSpan]:
    """What graders marked in these outputs, of the grades that count."""
    grades = effective_grades(Grade.objects.filter(round=report.round, output__in=outputs))
    return list(
        GradeSpan.objects.filter(grade__in=grades).select_related("grade", "criterion").order_by("grade_id", "id")
    )


def reports_for_model_version(model_version: ModelVersion) -> QuerySet[Report]:
    """Reports in which this model version was the candidate, newest first."""
    return Report.objects.filter(round__generation_run__candidate=model_version).defer("data").order_by("-number")


def gates_offered(round: GradingRound) -> list[OfferedGate]:
    """The gates that the form starts from, for this round's rubric, prompts and candidate."""
    prompts = round.generation_run.heldout_set.prompts
    critical = round.rubric_version.criteria.filter(is_critical=True).values_list("key", flat=True)
    setting = Setting(
        prompts=prompts.count(),
        has_facts=prompts.exclude(facts=[]).exists(),
        has_training_rows=round.generation_run.candidate.run_id is not None,
        has_baseline=round.grade_baseline,
        critical=frozenset(critical),
    )
    return offered_gates(criteria_of(round.rubric_version), setting)


@dataclass(frozen=True)
class Pace:
    """Minutes that this project's graders took for one output, at the median; None where too few were timed."""

    timed: int
    minutes: float | None


def pace_of(project: Project) -> Pace:
    """Of grades that count, each with its time; under ten of them say nothing about a pace."""
    grades = effective_grades(Grade.objects.filter(round__project=project, seconds__gt=0))
    times = quartiles(grades.order_by().values_list("seconds", flat=True))
    minutes = None if times.median is None or times.n < ENOUGH_TIMES else round(times.median / 60, 1)
    return Pace(timed=times.n, minutes=minutes or None)


def plan_usual(project: Project, pace: Pace) -> Asked:
    """What the planner starts from: this project's largest held-out set and its own pace."""
    sizes = HeldoutSet.objects.filter(project=project).annotate(n=Count("prompts")).values_list("n", flat=True)
    low, high = RANGES["prompts"]
    largest = max(sizes, default=0)
    usual = Asked(minutes=pace.minutes or USUAL_MINUTES)
    return replace(usual, prompts=min(largest, int(high))) if largest >= low else usual


def prompts_and_groups(round: GradingRound) -> tuple[int, int]:
    """How many prompts a round is about, and from how many groups they come."""
    prompts = round.generation_run.heldout_set.prompts
    return prompts.count(), prompts.order_by().values("group").distinct().count()
