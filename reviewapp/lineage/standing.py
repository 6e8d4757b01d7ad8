"""Where a model version stands: whether it is promoted, which report decides, what is in the way. Reads only."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from typing import Any

from django.db.models import Q

from reviewapp.core.kept import small
from reviewapp.evaluations.selectors import suites_measured
from reviewapp.lineage.models import Promotion
from reviewapp.projects.models import Project
from reviewapp.reports.models import Report
from reviewapp.reports.sign_off import release_problems
from reviewapp.runs.ancestry import ancestors, runs_behind, versions_behind
from reviewapp.runs.models import ModelVersion
from reviewapp.samples.holds import hold_sentence, holds_blocking
from reviewapp.samples.models import Hold
from reviewapp.words import named, say

Kind = Hold.Kind


def promotion_of(project: Project, model_id: int) -> Promotion | None:
    """The promotion that holds now."""
    rows = Promotion.objects.filter(project=project, model_version=model_id, withdrawal=None)
    found: Promotion | None = rows.select_related("promoted_by", "report", "model_version__project").first()
    return found


def promoted_in(project: Project) -> list[Promotion]:
    """Promotions that hold now, the newest first."""
    rows = Promotion.objects.filter(project=project, withdrawal=None)
    return list(rows.select_related("promoted_by", "report", "model_version"))


def held_models(project: Project, model_ids: Collection[int]) -> set[int]:
    """Which of these are out of use: a promotion says that a model may ship, a hold on it that it may not yet."""
    rows = holds_blocking(project).filter(kind=Kind.MODEL, object_id__in=model_ids)
    return set(rows.values_list("object_id", flat=True))


def promotions_of(model: ModelVersion) -> list[Promotion]:
    """All that were ever given, with their withdrawals, the newest first."""
    rows = Promotion.objects.filter(model_version=model)
    return list(rows.select_related("promoted_by", "report", "withdrawal__withdrawn_by"))


def report_deciding(model: ModelVersion) -> Report | None:
    """The newest report in which this model version was the candidate and which may decide anything.

    An exploratory report and one with simulated graders or outputs decide nothing. The newest of the others does: a
    later DO NOT SHIP ends an earlier SHIP.
    """
    rows = Report.objects.filter(round__generation_run__candidate=model, is_exploratory=False, is_simulated=False)
    found: Report | None = rows.select_related("round__generation_run").order_by("-number").first()
    return found


def promotion_problems(model: ModelVersion, report: Report | None) -> list[str]:
    """Everything that stands against promoting this model version, as sentences that say what to do; empty: nothing.

    ``report`` is the one of ``report_deciding``; without one there is always a problem.
    """
    problems = [*_of_promotion(model), *(release_problems(report) if report else [_no_report(model)])]
    return [*problems, *hold_problems(model, report)]


def promotion_remarks(model: ModelVersion) -> list[str]:
    """What does not stand against a promotion and whoever signs it should know."""
    if suites_measured(model.pk):
        return []
    return [
        say(
            "No suite run of %(model)s is finished: what it forgot, what it memorised and what leaks was not measured.",
            model=model.label,
        )
    ]


def _of_promotion(model: ModelVersion) -> list[str]:
    known = promotion_of(model.project, model.pk)
    if known is None:
        return []
    return [say("%(model)s is promoted already, by %(who)s.", model=model.label, who=str(known.promoted_by))]


def _no_report(model: ModelVersion) -> str:
    last = (
        Report.objects.filter(round__generation_run__candidate=model)
        .select_related("round")
        .order_by("-number")
        .first()
    )
    if last is None:
        return say(
            "No report was frozen on %(model)s. Grade its outputs, declare gates and freeze a report first.",
            model=model.label,
        )
    if last.round.imported:
        return say(
            "%(report)s stands on grades from elsewhere, with gates declared afterwards. Grade a round here.",
            report=named(last),
        )
    if last.is_exploratory:
        return say(
            "%(report)s is exploratory: its round was unsealed before every grade was in. Grade a round to its end.",
            report=named(last),
        )
    return say(
        "%(report)s stands on simulated graders or outputs and releases no model. Let people grade real outputs.",
        report=named(last),
    )


def hold_problems(model: ModelVersion, report: Report | None) -> list[str]:
    """Holds on the model and on what it was made from and judged by; of the latter only those that are open.

    A data version may be retired while the model that learned from it is kept, by a decision of its own.
    """
    objects = chain_of(model, report)
    stays_out = {Kind.MODEL, Kind.REPORT}
    holds = [
        hold
        for hold in holds_blocking(model.project).filter(_any_of(objects))
        if hold.kind in stays_out or hold.decision is None
    ]
    holds.sort(key=lambda hold: list(objects).index((hold.kind, hold.object_id)))  # the model's own first
    over = [
        hold_sentence(hold, named(objects[hold.kind, hold.object_id])) for hold in holds if hold.decision is not None
    ]
    return [*over, *_of_open([hold for hold in holds if hold.decision is None], objects)]


def holds_ever(model: ModelVersion) -> list[Hold]:
    """Every hold that was ever put on it or on what it was made from, with what became of it, the oldest first."""
    rows = Hold.objects.filter(_any_of(chain_of(model, None)), project=model.project)
    return list(rows.select_related("resolution__resolved_by").order_by("pk"))


def _any_of(objects: Collection[tuple[str, int]]) -> Q:
    wanted = Q(pk__in=[])
    for kind, pk in objects:
        wanted |= Q(kind=kind, object_id=pk)
    return wanted


def _of_open(holds: list[Hold], objects: Mapping[tuple[str, int], Any]) -> list[str]:
    """One sentence a recall, whatever it holds."""
    problems = []
    for number in sorted({hold.recall_number for hold in holds}):
        same = [hold for hold in holds if hold.recall_number == number]
        problems.append(
            say(
                "On hold after recall %(recall)s (%(reason)s): %(names)s. A lead resolves each of these on the page of "
                "the recall.",
                recall=number,
                reason=small(say(same[0].get_reason_display())),
                names="; ".join(named(objects[hold.kind, hold.object_id]) for hold in same),
            )
        )
    return problems


def chain_of(model: ModelVersion, report: Report | None) -> dict[tuple[str, int], Any]:
    """What a promotion stands on, by kind and id: the model, its run and versions, the report and its generation run.

    Of a merge or a student also the parents or the teacher, and what those learned from.
    """
    rows: list[tuple[str, Any]] = [(Kind.MODEL, each) for each in ancestors(model)]
    rows += [(Kind.RUN, run) for run in runs_behind(model)]
    rows += [(Kind.VERSION, version) for version in versions_behind(model)]
    if report is not None:
        rows += [(Kind.REPORT, report), (Kind.GENERATION, report.round.generation_run)]
    return {(kind, row.pk): row for kind, row in rows}
