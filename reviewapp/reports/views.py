from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from django.contrib import messages
from django.core.paginator import Paginator
from django.http import Http404, HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.urls import reverse
from django.utils.translation import gettext as _
from django.utils.translation import override
from django.views.decorators.http import require_GET, require_http_methods, require_POST

from reviewapp.audit.services import Target, ViewKind, view_record
from reviewapp.core.documents.html import document_html
from reviewapp.core.documents.pdf import document_pdf
from reviewapp.core.exceptions import ApplicationError
from reviewapp.core.http import AuthenticatedRequest
from reviewapp.evaluations import output_page
from reviewapp.evaluations.models import GradingRound, Output
from reviewapp.evaluations.selectors import grader_labels, is_hidden, output_numbers, round_get
from reviewapp.projects.permissions import Permission
from reviewapp.projects.selectors import project_for
from reviewapp.reports import defaults, exports, looks, planning_page, report_page, selectors, services
from reviewapp.reports.behind import Behind, behind
from reviewapp.reports.document import document_of
from reviewapp.reports.errors_found import WORST, marked_in
from reviewapp.reports.evidence import round_facts
from reviewapp.reports.forms import gate_fields, gates_from_form, plan_fields
from reviewapp.reports.gates import KINDS
from reviewapp.reports.models import GateSet, Report
from reviewapp.reports.trends import trends_of
from reviewapp.reports.wording import declared_words
from reviewapp.words import named

PAGE_SIZE = 25
FILES = {
    "report.pdf": "application/pdf",
    "report.html": "text/html; charset=utf-8",
    "report.json": "application/json; charset=utf-8",
    "summary.csv": "text/csv; charset=utf-8",
    "ratings.csv": "text/csv; charset=utf-8",
}


@require_GET
def report_list(request: AuthenticatedRequest, slug: str) -> HttpResponse:
    project = project_for(request.user, slug)
    page = Paginator(selectors.reports_of(project), PAGE_SIZE).get_page(request.GET.get("page"))
    return render(request, "reports/report_list.html", {"project": project, "page": page})


@require_GET
def report_plan(request: AuthenticatedRequest, slug: str) -> HttpResponse:
    """How many prompts a claim needs and what grading them costs, before anybody grades."""
    project = project_for(request.user, slug)
    pace = selectors.pace_of(project)
    asked, problems = planning_page.asked_from(request.GET.dict(), selectors.plan_usual(project, pace))
    context = {
        "project": project,
        "pace": pace,
        "asked": asked,
        "problems": problems,
        "fields": plan_fields(asked, request.GET.dict()),
        "plan": planning_page.plan_of(asked),
    }
    return render(request, "reports/report_plan.html", context)


@require_GET
def report_trends(request: AuthenticatedRequest, slug: str) -> HttpResponse:
    project = project_for(request.user, slug)
    context = {"project": project, "trends": trends_of(selectors.reports_with_data(project))}
    return render(request, "reports/report_trends.html", context)


@require_GET
def report_detail(request: AuthenticatedRequest, slug: str, report_id: int) -> HttpResponse:
    project = project_for(request.user, slug)
    report = selectors.report_get(project, report_id)
    view_record(request=request, project=slug, target=Target.REPORT, shown=report.pk)
    return report_page.shown(request, report)


@require_GET
def report_items(request: AuthenticatedRequest, slug: str, report_id: int, place: str) -> HttpResponse:
    """The outputs behind one number (``place``, as ``behind`` names it), for those who may read them."""
    project = project_for(request.user, slug)
    report = selectors.report_get(project, report_id)
    output_page.reading_check(request.user, project)
    found = behind(report.data, place)
    if found is None:
        raise Http404("This report has no such number, or it was frozen before its numbers could be opened.")
    hidden = is_hidden(report.round.generation_run)
    page, outputs = _items_page(report, found, request.GET.get("page"), is_hidden=hidden)
    view_record(request=request, project=slug, target=Target.OUTPUT, shown=[output.pk for output in outputs])
    numbers, marked = output_numbers(report.round), marked_in(outputs, selectors.spans_of(report, outputs))
    told = selectors.metric_told(report, outputs, found.metric) if found.metric else {}
    rows = [(one, numbers.get(one.pk), marked.get(one.pk), told.get(one.pk) or found.words(one.pk)) for one in outputs]
    context = {"project": project, "report": report, "found": found, "page": page, "rows": rows, "is_hidden": hidden}
    return render(request, "reports/report_items.html", context)


def _items_page(report: Report, found: Behind, number: str | None, *, is_hidden: bool) -> tuple[Any, list[Output]]:
    """A page of what stands behind a number and its outputs: ten at a time where the worst come first."""
    if is_hidden:
        return Paginator([], PAGE_SIZE).get_page(number), []
    if found.order:
        ids = Paginator(found.output_ids, WORST).get_page(number)
        return ids, selectors.outputs_named(report, list(ids))
    page = Paginator(selectors.outputs_behind(report, found), PAGE_SIZE).get_page(number)
    return page, list(page)


@require_http_methods(["GET", "POST"])
def gates_declare(request: AuthenticatedRequest, slug: str, round_id: int) -> HttpResponse:
    """The form of a round's gates; once declared they are only read."""
    project = project_for(request.user, slug, Permission.REPORT)
    round = round_get(project, round_id)
    if GateSet.objects.filter(round=round).exists():
        messages.info(request, _("The gates of this round are declared; they cannot be changed any more."))
        return redirect("reports:gates_detail", slug, round_id)
    if request.method == "GET":
        return _gates_page(request, round)
    sent = request.POST.dict()
    try:
        gates = gates_from_form(selectors.gates_offered(round), sent)
        services.gates_declare(round=round, declared=gates, declared_by=request.user)
    except ApplicationError as error:
        return _gates_page(request, round, sent, error)
    messages.success(
        request, _("The gates stand. Grading of %(lower)s is open.") % {"lower": named(round, is_within=True)}
    )
    return redirect("evaluations:round_detail", slug, round_id)


def _gates_page(
    request: AuthenticatedRequest,
    round: GradingRound,
    sent: Mapping[str, str] | None = None,
    error: ApplicationError | None = None,
) -> HttpResponse:
    n, groups = selectors.prompts_and_groups(round)
    fields = gate_fields(selectors.gates_offered(round), sent)
    context = {
        "project": round.project,
        "round": round,
        "prompts": n,
        "groups": groups,
        "is_clustered": "clustered" in (sent or {}),
        "fields": [(field, defaults.offer_arithmetic(field.offer, field.threshold, n)) for field in fields],
        "more": (sent or {}).get("more", ""),
        "kinds": list(KINDS),
        "error": error.message if error else "",
        "problems": error.extra.get("problems", []) if error else [],
    }
    return render(request, "reports/gates_declare.html", context, status=422 if error else 200)


@require_GET
def gates_detail(request: AuthenticatedRequest, slug: str, round_id: int) -> HttpResponse:
    project = project_for(request.user, slug)
    round = round_get(project, round_id)
    gate_set = get_object_or_404(GateSet.objects.select_related("declared_by"), round=round)
    n = round.generation_run.heldout_set.prompts.count()
    rows = [(gate, declared_words(gate), defaults.arithmetic(gate, n)) for gate in gate_set.gates]
    context = {"project": project, "round": round, "gate_set": gate_set, "rows": rows, "prompts": n}
    return render(request, "reports/gates_detail.html", context)


@require_GET
def gate_arithmetic(request: AuthenticatedRequest, slug: str, round_id: int) -> HttpResponse:
    """What a threshold means, as somebody types it: ``gate`` is its number, the threshold comes as typed."""
    project = project_for(request.user, slug, Permission.REPORT)
    round = round_get(project, round_id)
    offers = selectors.gates_offered(round)
    number = request.GET.get("gate", "")
    if not number.isdecimal() or int(number) >= len(offers):
        raise Http404("No such gate.")
    typed = request.GET.get(f"gate-{number}-threshold", "").replace(",", ".")
    words = defaults.offer_arithmetic(offers[int(number)], typed, round.generation_run.heldout_set.prompts.count())
    return render(request, "reports/_arithmetic.html", {"words": words})


@require_POST
def look_take(request: AuthenticatedRequest, slug: str, round_id: int) -> HttpResponse:
    """Answers go on or stop, on the page of the round; no grade is shown."""
    project = project_for(request.user, slug, Permission.REPORT)
    round = round_get(project, round_id)
    try:
        looks.look_take(round=round, taken_by=request.user)
    except ApplicationError as error:
        messages.error(request, error.message)
    return redirect(f"{reverse('evaluations:round_detail', args=[slug, round_id])}#looks")


@require_POST
def report_freeze(request: AuthenticatedRequest, slug: str, round_id: int) -> HttpResponse:
    project = project_for(request.user, slug, Permission.REPORT)
    round = round_get(project, round_id)
    try:
        report = services.report_freeze(round=round, frozen_by=request.user)
    except ApplicationError as error:
        messages.error(request, error.message)
        return redirect("evaluations:round_detail", slug, round_id)
    return redirect("reports:report_detail", slug, report.pk)


@require_GET
def report_export(request: AuthenticatedRequest, slug: str, report_id: int, kind: str) -> HttpResponse:
    """A report as a file, by its name (FILES); passages of held-out texts are withheld from each."""
    project = project_for(request.user, slug)
    report = selectors.report_get(project, report_id)
    if kind not in FILES:
        raise Http404(f"Choose one of {', '.join(FILES)}.")
    view_record(request=request, project=slug, target=Target.REPORT, shown=report.pk, kind=ViewKind.DOWNLOAD)
    return _download(report, kind, _written(report, kind))


def _written(report: Report, kind: str) -> str | bytes:
    match kind:
        case "summary.csv":
            return exports.summary_csv(report.data)
        case "report.json":
            return exports.report_json(report.data, report.content_hash)
        case "ratings.csv":
            round = report.round
            return exports.ratings_csv(round_facts(round), grader_labels(round), output_numbers(round))
    with override("en"):  # whoever asks: the same report gives the same file
        document = document_of(report, report_page.people_of(report))
        return document_pdf(document) if kind == "report.pdf" else document_html(document)


@require_POST
def report_export_passages(request: AuthenticatedRequest, slug: str, report_id: int) -> HttpResponse:
    """The whole frozen report, with passages; written into the audit log."""
    project = project_for(request.user, slug, Permission.HELDOUT)
    report = selectors.report_get(project, report_id)
    view_record(request=request, project=slug, target=Target.REPORT, shown=report.pk, kind=ViewKind.DOWNLOAD)
    text = services.report_export_record(report=report, exported_by=request.user)
    return _download(report, "report-with-passages.json", text)


def _download(report: Report, name: str, content: str | bytes) -> HttpResponse:
    kind = FILES.get(name, "application/json; charset=utf-8")
    response = HttpResponse(content, content_type=kind)
    response["Content-Disposition"] = f'attachment; filename="{report.project.slug}-report-{report.number}-{name}"'
    return response
