"""Who opened what: the filters of its page, what else shows an object's text, and how a row is said."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from datetime import date

from django.db.models import Q, QuerySet
from django.http import QueryDict
from django.urls import reverse

from reviewapp.audit.models import RecordView, Target
from reviewapp.audit.selectors import Targets, shows, views_filtered
from reviewapp.evaluations.models import GradeAssignment, Output
from reviewapp.projects.models import Project
from reviewapp.reports.models import Report
from reviewapp.samples.models import ImportBatch
from reviewapp.trainingsets.models import Example
from reviewapp.words import say

FILTERS = ("person", "type", "id", "day", "kind")
HEADER = ("at", "person", "what", "id", "number shown", "ids", "how", "page", "client")
_PAGES = {
    Target.SAMPLE: "samples:sample_detail",
    Target.OUTPUT: "evaluations:output_detail",
    Target.IMPORT: "samples:import_detail",
    Target.VERSION: "trainingsets:version_detail",
    Target.REPORT: "reports:report_detail",
    Target.FEEDBACK: "feedback:item_detail",
}


def chosen_of(query: QueryDict) -> dict[str, str]:
    """The filters in the address; what makes no sense there is left out."""
    chosen = {name: query.get(name, "").strip()[:150] for name in FILTERS}
    chosen["type"] = chosen["type"] if chosen["type"] in Target.values else ""
    chosen["kind"] = chosen["kind"] if chosen["kind"] in RecordView.Kind.values else ""
    chosen["id"] = chosen["id"] if chosen["id"].isdecimal() and len(chosen["id"]) < 19 else ""
    chosen["day"] = chosen["day"] if _day(chosen["day"]) else ""
    return chosen


def _day(text: str) -> date | None:
    try:
        return date.fromisoformat(text)
    except ValueError:
        return None


def views_chosen(project: Project, chosen: dict[str, str]) -> QuerySet[RecordView]:
    one = bool(chosen["type"] and chosen["id"])
    found = views_filtered(
        project.slug,
        person=chosen["person"],
        kind=chosen["kind"],
        day=_day(chosen["day"]),
        target="" if one else chosen["type"],
    )
    if one:
        return found.filter(_showing(project, chosen["type"], int(chosen["id"])))
    return found.filter(target_id=int(chosen["id"])) if chosen["id"] else found


def _showing(project: Project, target: str, target_id: int) -> Q:
    within: Targets = {}
    if target == Target.SAMPLE:
        within = _around_sample(project, target_id)
    elif target == Target.OUTPUT:
        within = _around_output(project, target_id)
    return shows(target, target_id, within)


def _around_sample(project: Project, sample_id: int) -> Targets:
    """The versions that hold the sample, and the file that it came in."""
    versions = Example.objects.filter(sample__project=project, sample=sample_id).values_list("version", flat=True)
    batches = ImportBatch.objects.filter(project=project, samples=sample_id).values_list("pk", flat=True)
    return {Target.VERSION: versions, Target.IMPORT: batches}


def _around_output(project: Project, output_id: int) -> Targets:
    """The assignments under which graders saw the output, and the reports on its generation run."""
    outputs = Output.objects.filter(generation_run__project=project, pk=output_id)
    runs = list(outputs.values_list("generation_run", flat=True))
    seen = Q(item__output__in=outputs) | Q(item__other_output__in=outputs)
    assignments = GradeAssignment.objects.filter(seen).values_list("pk", flat=True)
    reports = Report.objects.filter(round__generation_run__in=runs).values_list("pk", flat=True)
    return {Target.GRADING: assignments, Target.REPORT: reports}


@dataclass(frozen=True)
class ViewRow:
    view: RecordView
    what: str
    url: str  # '' where there is no page, or a list


def rows_of(views: Iterable[RecordView]) -> list[ViewRow]:
    return [ViewRow(view=view, what=what_of(view), url=_url(view)) for view in views]


def what_of(view: RecordView) -> str:
    """``Sample 12``, or ``Sample: 30 shown`` for a list."""
    name = say(view.get_target_type_display())
    if view.target_id is None:
        return say("%(name)s: %(n)s shown", name=name, n=view.count)
    return f"{name} {view.target_id}" + (say(", %(n)s inside", n=view.count) if view.count > 1 else "")


def _url(view: RecordView) -> str:
    name = _PAGES.get(Target(view.target_type))
    return reverse(name, args=[view.project_slug, view.target_id]) if name and view.target_id else ""


def cells_of(views: QuerySet[RecordView]) -> Iterator[list[object]]:
    """The rows of the CSV file, by HEADER."""
    for view in views.iterator(chunk_size=1_000):
        at, what = view.at.isoformat(timespec="seconds"), view.get_target_type_display()
        ids = view.target_ids.strip(",").replace(",", " ")
        yield [
            at, view.person_name, what, view.target_id, view.count, ids, view.get_kind_display(), view.page, view.client
        ]  # fmt: skip
