"""Selections: asked for, watched, read with the reason for every sample, handed on, compared, exported."""

from __future__ import annotations

import uuid
from typing import Any

from django.contrib import messages
from django.core.paginator import Paginator
from django.http import HttpResponse, StreamingHttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.utils.translation import gettext as _
from django.views.decorators.http import require_GET, require_POST

from reviewapp.audit.services import Target, ViewKind, view_record
from reviewapp.core import queues
from reviewapp.core.exceptions import ApplicationError
from reviewapp.core.http import AuthenticatedRequest, wants_fragment
from reviewapp.curation import services
from reviewapp.curation.languages.reading import language_mix
from reviewapp.curation.meaning.embedded import encoder_in_use, space_of, space_told
from reviewapp.curation.meaning.searching import index_state
from reviewapp.curation.models import Selection
from reviewapp.curation.selections import asked as selecting
from reviewapp.curation.selections import page as selection_page
from reviewapp.curation.selections.forms import ReviseForm, SelectionForm
from reviewapp.curation.selections.golden_page import relevant_count
from reviewapp.curation.selections.reasons import REASONS
from reviewapp.projects.models import Project
from reviewapp.projects.permissions import Permission
from reviewapp.projects.selectors import project_for
from reviewapp.samples.exporting import csv_lines
from reviewapp.samples.models import MOST_SAMPLES

PER_PAGE = 20
STOP_POLLING = 286  # htmx swaps the answer in and asks no more


@require_GET
def selection_list(request: AuthenticatedRequest, slug: str) -> HttpResponse:
    return _list(request, project_for(request.user, slug))


def _list(
    request: AuthenticatedRequest, project: Project, form: SelectionForm | None = None, error: str = ""
) -> HttpResponse:
    page = Paginator(selection_page.selections_of(project), PER_PAGE).get_page(request.GET.get("page"))
    is_working = any(row.job and not row.job.is_terminal for row in page)
    limit = selecting.limit_current(project)
    context = {
        "project": project,
        "page": page,
        "form": form or SelectionForm.fresh(project),
        "error": error,
        "is_working": is_working,
        "golden": selecting.golden_of(project).count(),
        "mix": selection_page.mix_said(language_mix(project)),
        "limit": limit,
        "limit_holds": selecting.limit_holds(limit, encoder_in_use(project)),
        "sizes": selecting.SIZES,
        **_eligible_context(project, selecting.ANY, None),
    }
    is_refused = bool(error or (form is not None and form.errors))
    return render(request, "curation/selection_list.html", context, status=422 if is_refused else 200)


@require_GET
def selection_eligible(request: AuthenticatedRequest, slug: str) -> HttpResponse:
    """How many come into question with the settings as they are in the form; a part of the page to htmx."""
    project = project_for(request.user, slug)
    if not wants_fragment(request):
        return redirect("curation:selection_list", slug)
    scope = request.GET.get("scope", "")
    scope = scope if scope in (selecting.OPEN, selecting.ACCEPTED) else selecting.ANY
    try:
        limit = float(request.GET.get("least_relevance", "")[:20])
    except ValueError:
        limit = None
    context = {"project": project, **_eligible_context(project, scope, limit)}
    return render(request, "curation/selection_list.html#eligible", context)


def _eligible_context(project: Project, scope: str, limit: float | None) -> dict[str, Any]:
    eligible = selecting.samples_eligible(project, scope)
    relevant = None
    if limit is not None and 0 <= limit <= 1 and (index := index_state(project).index) is not None:
        relevant = relevant_count(project, space_of(project, index).vectors, scope, limit)
    left_out = [(code, _(REASONS[code].label), n) for code, n in eligible.left_out]
    return {"eligible": eligible, "left_out": left_out, "relevant": relevant, "asked_limit": limit}


@require_POST
def selection_create(request: AuthenticatedRequest, slug: str) -> HttpResponse:
    project = project_for(request.user, slug, Permission.DRAFT)
    form = SelectionForm(request.POST)
    if not form.is_valid():
        return _list(request, project, form)
    try:
        selection = services.selection_request(
            project=project, config=form.config(language_mix(project)), requested_by=request.user,
            idempotency_key=form.cleaned_data["idempotency_key"],
        )  # fmt: skip
    except ApplicationError as refusal:
        return _list(request, project, form, refusal.message)
    return redirect("curation:selection_detail", slug, selection.number)


def _selection(project: Project, number: int) -> Selection:
    return get_object_or_404(selection_page.selections_of(project), number=number)


@require_GET
def selection_detail(request: AuthenticatedRequest, slug: str, number: int) -> HttpResponse:
    project = project_for(request.user, slug)
    return _detail(request, project, _selection(project, number))


def _detail(request: AuthenticatedRequest, project: Project, selection: Selection, error: str = "") -> HttpResponse:
    context = {
        "project": project,
        "selection": selection,
        "settings": selection_page.settings_words(selecting.Config.of_json(selection.config)),
        "error": error,
        **_job_context(selection),
    }
    if selection.made_at is not None:
        context |= _made_context(request, project, selection)
    return render(request, "curation/selection_detail.html", context, status=422 if error else 200)


def _made_context(request: AuthenticatedRequest, project: Project, selection: Selection) -> dict[str, Any]:
    chosen = {name: request.GET.get(name, "")[:200].replace("\0", "") for name in ("tab", "reason", "q")}
    chosen["tab"] = selection_page.DROPPED if chosen["tab"] == selection_page.DROPPED else selection_page.KEPT
    page = Paginator(selection_page.entries_filtered(selection, chosen), PER_PAGE).get_page(request.GET.get("page"))
    shown = [entry.sample_id for entry in page]
    view_record(request=request, project=project.slug, target=Target.SAMPLE, shown=shown, kind=ViewKind.LIST)
    reasons = selection_page.reason_rows(selection.counts)
    return {
        "page": page,
        "rows": [selection_page.Row(entry) for entry in page],
        "chosen": chosen,
        "reasons": reasons,
        "tab_reasons": [row for row in reasons if row.is_kept == (chosen["tab"] == selection_page.KEPT)],
        "reasons_chart": selection_page.reasons_drawn(reasons),
        "compared": selection_page.compared(selection.figures),
        "space": space_told(selection.counts),
        "quality": selection_page.quality_facts(selection.quality),
        "dropped": selection.counts["samples"] - selection.counts["kept"],
        "others": selection_page.selections_of(project).filter(made_at__isnull=False).exclude(pk=selection.pk)[:20],
        "key": uuid.uuid4(),
    }


def _job_context(selection: Selection) -> dict[str, Any]:
    job = selection.job
    return {"job": job, "wait": queues.job_wait(job) if job else None}


@require_GET
def selection_live(request: AuthenticatedRequest, slug: str, number: int) -> HttpResponse:
    """The job panel alone, asked for while it runs; when it has ended, the whole page is loaded once more."""
    project = project_for(request.user, slug)
    selection = _selection(project, number)
    if not wants_fragment(request) or selection.job is None:
        return redirect("curation:selection_detail", slug, number)
    context = {"project": project, "selection": selection, **_job_context(selection)}
    response = render(request, "curation/selection_detail.html#job", context)
    if selection.job.is_terminal:
        response.status_code = STOP_POLLING
        response["HX-Refresh"] = "true"
    return response


@require_POST
def selection_cancel(request: AuthenticatedRequest, slug: str, number: int) -> HttpResponse:
    project = project_for(request.user, slug, Permission.DRAFT)
    selection = _selection(project, number)
    try:
        services.selection_cancel(selection=selection, cancelled_by=request.user)
    except ApplicationError as refusal:
        return _detail(request, project, selection, refusal.message)
    return redirect("curation:selection_detail", slug, number)


@require_POST
def selection_revise(request: AuthenticatedRequest, slug: str, number: int) -> HttpResponse:
    """Another selection in which the ticked samples are kept, or dropped; this one stays as it is."""
    project = project_for(request.user, slug, Permission.DRAFT)
    selection = _selection(project, number)
    form = ReviseForm(request.POST)
    if not form.is_valid():
        return _detail(request, project, selection, _("This form was out of date. Tick the samples again."))
    ticked = [int(pk) for pk in request.POST.getlist("sample") if pk.isdecimal() and len(pk) < 19]
    try:
        made = services.selection_revise(
            selection=selection, act=form.cleaned_data["act"], sample_ids=ticked[:MOST_SAMPLES],
            revised_by=request.user, idempotency_key=form.cleaned_data["idempotency_key"],
        )  # fmt: skip
    except ApplicationError as refusal:
        return _detail(request, project, selection, refusal.message)
    messages.success(request, _("Selection %(number)s is made from this one.") % {"number": made.number})
    return redirect("curation:selection_detail", slug, made.number)


@require_GET
def selection_review(request: AuthenticatedRequest, slug: str, number: int) -> HttpResponse:
    """Hands the kept samples to an act on many samples, in parts of what one act takes."""
    project = project_for(request.user, slug, Permission.CURATE)
    selection = get_object_or_404(selection_page.selections_of(project), number=number, made_at__isnull=False)
    parts, settled = selection_page.parts_to_review(selection)
    context = {"project": project, "selection": selection, "parts": parts, "settled": settled}
    return render(request, "curation/selection_review.html", context)


@require_GET
def selection_compare(request: AuthenticatedRequest, slug: str, number: int) -> HttpResponse:
    """This selection beside another one: what both keep, and what only one of them."""
    project = project_for(request.user, slug)
    made = selection_page.selections_of(project).filter(made_at__isnull=False)
    wanted = request.GET.get("with", "")
    here = get_object_or_404(made, number=number)
    there = made.filter(number=int(wanted) if wanted.isdecimal() and len(wanted) < 9 else 0).first()
    if there is None:
        return redirect("curation:selection_detail", slug, number)
    tab = request.GET.get("tab", "")
    tab = tab if tab in (selection_page.ONLY_HERE, selection_page.ONLY_THERE) else selection_page.BOTH
    comparison = selection_page.comparison_of(here, there)
    page = Paginator(comparison.entries(tab), PER_PAGE).get_page(request.GET.get("page"))
    view_record(request=request, project=slug, target=Target.SAMPLE, shown=[entry.sample_id for entry in page])
    rows = comparison.rows(tab, list(page))
    context = {"project": project, "comparison": comparison, "tab": tab, "page": page, "rows": rows}
    return render(request, "curation/selection_compare.html", context)


@require_GET
def selection_export(request: AuthenticatedRequest, slug: str, number: int) -> HttpResponse | StreamingHttpResponse:
    """Every sample with its reason as CSV (no cell is a formula) or, with ``form=json``, as one JSON object."""
    project = project_for(request.user, slug)
    selection = _selection(project, number)
    form = "json" if request.GET.get("form") == "json" else "csv"
    try:
        services.selection_exported(selection=selection, form=form, exported_by=request.user)
    except ApplicationError as refusal:
        return _detail(request, project, selection, refusal.message)
    csv = csv_lines(selection_page.HEADER, selection_page.export_rows(selection))
    lines = selection_page.export_json(selection) if form == "json" else csv
    kind = "application/json" if form == "json" else "text/csv; charset=utf-8"
    response = StreamingHttpResponse(lines, content_type=kind)
    response["Content-Disposition"] = f'attachment; filename="{slug}-selection-{number}.{form}"'
    return response
