"""The balance of a corpus: its report, what it should look like, mitigations with their preview, the ledger."""

from __future__ import annotations

import uuid
from typing import Any
from urllib.parse import urlencode

from django.contrib import messages
from django.core.paginator import Paginator
from django.http import Http404, HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.utils.translation import gettext as _
from django.views.decorators.http import require_GET, require_http_methods, require_POST

from reviewapp.audit.services import Target, view_record
from reviewapp.core import queues
from reviewapp.core.exceptions import ApplicationError
from reviewapp.core.http import AuthenticatedRequest, form_key, wants_fragment
from reviewapp.curation import services
from reviewapp.curation.balance.copying import examples_of
from reviewapp.curation.balance.exports import associations_csv, report_json, weights_csv
from reviewapp.curation.balance.forms import BalanceSettingsForm, MitigationForm, association_of, targets_read
from reviewapp.curation.balance.page import (
    KINDS,
    NAMES,
    STANDINGS,
    Filters,
    association_rows,
    association_said,
    associations_chart,
    composition_parts,
    costs_of,
    mix_rows,
    moved_rows,
    value_said,
    wording_rows,
)
from reviewapp.curation.balance.reading import (
    conditions_of,
    mitigations_of,
    report_current,
    reports_of,
    samples_changed,
    samples_counted,
    settings_of,
)
from reviewapp.curation.bias.planning import MOST_COPIES, Cells, copies_needed
from reviewapp.curation.bias.standing import EXPECTED
from reviewapp.curation.bias.swapping import BARS
from reviewapp.curation.models import BiasReport, Mitigation
from reviewapp.curation.services.mitigations import association_find
from reviewapp.projects.models import Project
from reviewapp.projects.permissions import Permission
from reviewapp.projects.selectors import project_for
from reviewapp.samples.models import Sample

ROWS_PER_PAGE = 20
STOP_POLLING = 286  # htmx swaps the answer in and asks no more


@require_GET
def balance(request: AuthenticatedRequest, slug: str) -> HttpResponse:
    return _balance(request, project_for(request.user, slug))


def _balance(request: AuthenticatedRequest, project: Project, error: str = "") -> HttpResponse:
    report, latest = report_current(project), reports_of(project).first()
    context: dict[str, Any] = {
        "project": project,
        "report": report,
        "latest": latest,
        "key": uuid.uuid4(),
        "error": error,
        "has_samples": samples_counted(project).exists(),
        **_job_context(latest),
    }
    if report is not None:
        context |= _report_context(request, project, report)
    return render(request, "curation/balance.html", context, status=422 if error else 200)


def _job_context(row: BiasReport | Mitigation | None) -> dict[str, Any]:
    job = row.job if row else None
    return {"job": job, "wait": queues.job_wait(job) if job else None, "is_running": bool(job and not job.is_terminal)}


def _report_context(request: AuthenticatedRequest, project: Project, report: BiasReport) -> dict[str, Any]:
    given = {name: request.GET.get(name, "")[:20] for name in ("attribute", "kind")}
    filters = Filters(**given, standing=request.GET.get("standing", "")[:10])
    rows = association_rows(report, filters)
    twins = report.content["twins"]
    seen = [key for pair in twins["differing"] for key in pair]
    names = dict(Sample.objects.filter(project=project, pk__in=seen).values_list("pk", "external_id"))
    return {
        "content": report.content,
        "changed": samples_changed(report),
        "parts": composition_parts(report),
        "page": Paginator(rows, ROWS_PER_PAGE).get_page(request.GET.get("page")),
        "chart": associations_chart(rows),
        "filters": filters,
        "is_filtered": filters != Filters(),
        "attributes": {name: words for name, words in NAMES.items() if name in ("gender", "age", "ethnicity", "site")},
        "kinds": KINDS,
        "standings": STANDINGS,
        "wordings": wording_rows(report),
        "twin_pairs": [[(key, names[key]) for key in pair if key in names] for pair in twins["differing"]],
        "n_ledger": mitigations_of(project).count(),
    }


@require_POST
def balance_request(request: AuthenticatedRequest, slug: str) -> HttpResponse:
    project = project_for(request.user, slug, Permission.CURATE)
    key = form_key(request.POST)
    if key is None:
        return _balance(request, project, _("This form was out of date. Ask again."))
    try:
        services.bias_report_request(project=project, requested_by=request.user, idempotency_key=key)
    except ApplicationError as refusal:
        return _balance(request, project, refusal.message)
    return redirect("curation:balance", slug)


@require_GET
def balance_live(request: AuthenticatedRequest, slug: str) -> HttpResponse:
    """The job panel alone, asked for while a report is made; then the whole page is loaded once more."""
    project = project_for(request.user, slug)
    latest = reports_of(project).first()
    if not wants_fragment(request) or latest is None or latest.job is None:
        return redirect("curation:balance", slug)
    context = {"project": project, "latest": latest, **_job_context(latest)}
    return _live(render(request, "curation/balance.html#job", context), not context["is_running"])


def _live(response: HttpResponse, has_ended: bool) -> HttpResponse:
    if has_ended:
        response.status_code = STOP_POLLING
        response["HX-Refresh"] = "true"
    return response


@require_GET
def balance_export(request: AuthenticatedRequest, slug: str, number: int, form: str) -> HttpResponse:
    """One report as a file: counts and figures, no text of any sample."""
    project = project_for(request.user, slug)
    report = get_object_or_404(reports_of(project).filter(made_at__isnull=False), number=number)
    if form not in ("json", "csv"):
        raise Http404
    text = report_json(report) if form == "json" else associations_csv(report)
    return _file(text, f"{slug}-balance-{number}.{form}")


def _file(text: str, name: str) -> HttpResponse:
    kind = "application/json" if name.endswith("json") else "text/csv; charset=utf-8"
    return HttpResponse(text, content_type=kind, headers={"Content-Disposition": f'attachment; filename="{name}"'})


@require_http_methods(["GET", "POST"])
def balance_settings(request: AuthenticatedRequest, slug: str) -> HttpResponse:
    """The wanted shares and the list of terms; both hold from the next report on."""
    project = project_for(request.user, slug, Permission.MANAGE)
    form, error = BalanceSettingsForm.filled(settings_of(project), conditions_of(project)), ""
    if request.method == "POST":
        form = BalanceSettingsForm(request.POST)
        if form.is_valid():
            try:
                _settings_save(project, form, request)
                return redirect("curation:balance", slug)
            except ApplicationError as refusal:
                error = refusal.message
    context = {"project": project, "form": form, "error": error}
    return render(request, "curation/balance_settings.html", context, status=422 if request.method == "POST" else 200)


def _settings_save(project: Project, form: BalanceSettingsForm, request: AuthenticatedRequest) -> None:
    services.balance_settings_update(
        project=project,
        targets=targets_read(form.cleaned_data["targets"]),
        conditions=form.cleaned_data["conditions"],
        updated_by=request.user,
    )
    messages.success(request, _("Kept. The next report goes by it."))


# ---- mitigations


@require_GET
def mitigation_list(request: AuthenticatedRequest, slug: str) -> HttpResponse:
    """The ledger: every mitigation with what it came to, who did it and when."""
    project = project_for(request.user, slug)
    page = Paginator(mitigations_of(project), ROWS_PER_PAGE).get_page(request.GET.get("page"))
    rows = [(row, _association_said(row)) for row in page]
    return render(request, "curation/mitigation_list.html", {"project": project, "page": page, "rows": rows})


def _association_said(row: Mitigation) -> str:
    return _("%(term)s, %(first)s against %(second)s") % {
        "term": row.term,
        "first": value_said(row.attribute, row.first),
        "second": value_said(row.attribute, row.second),
    }


@require_http_methods(["GET", "POST"])
def mitigation_create(request: AuthenticatedRequest, slug: str) -> HttpResponse:
    """What to do about one association of the report; answering it makes a preview and changes nothing."""
    project = project_for(request.user, slug, Permission.CURATE)
    report = report_current(project)
    chosen = association_of(request.GET)
    row = association_find(report, chosen) if report else None
    if report is None or row is None or row["standing"] == EXPECTED:
        messages.error(request, _("Choose an association of the report that is open to question."))
        return redirect("curation:balance", slug)
    form, error = MitigationForm.fresh(_limit(row)), ""
    if request.method == "POST":
        form = MitigationForm(request.POST)
        if form.is_valid():
            try:
                return _planned(request, report, chosen, form)
            except ApplicationError as refusal:
                error = refusal.message
    return _create(request, project, row, form, error)


def _limit(row: dict[str, Any]) -> int:
    """What brings the association down by 80%, with some to spare for texts that cannot be swapped."""
    cells = Cells(row["first_n"], row["first_of"], row["second_n"], row["second_of"])
    needed = copies_needed(cells)
    return MOST_COPIES if needed is None else min(MOST_COPIES, max(20, round(1.25 * needed)))


def _planned(
    request: AuthenticatedRequest, report: BiasReport, chosen: dict[str, str], form: MitigationForm
) -> HttpResponse:
    made = services.mitigation_plan(
        report=report,
        kind=form.cleaned_data["what"],
        association=chosen,
        limit=form.cleaned_data["limit"],
        requested_by=request.user,
        idempotency_key=form.cleaned_data["idempotency_key"],
    )
    return redirect("curation:mitigation_detail", report.project.slug, made.number)


def _create(
    request: AuthenticatedRequest, project: Project, row: dict[str, Any], form: MitigationForm, error: str
) -> HttpResponse:
    context = {
        "project": project,
        "row": association_said(row),
        "form": form,
        "error": error,
        "can_swap": row["attribute"] in BARS,
        "here": f"?{urlencode({name: row[name] for name in ('attribute', 'first', 'second', 'term', 'kind')})}",
    }
    status = 422 if request.method == "POST" else 200
    return render(request, "curation/mitigation_create.html", context, status=status)


@require_GET
def mitigation_detail(request: AuthenticatedRequest, slug: str, number: int) -> HttpResponse:
    """The preview of a mitigation, or what became of it."""
    project = project_for(request.user, slug)
    return _detail(request, project, _mitigation(project, number))


def _mitigation(project: Project, number: int) -> Mitigation:
    return get_object_or_404(mitigations_of(project), number=number)


def _detail(request: AuthenticatedRequest, project: Project, row: Mitigation, error: str = "") -> HttpResponse:
    context: dict[str, Any] = {
        "project": project,
        "row": row,
        "said": _association_said(row),
        "error": error,
        **_job_context(row),
    }
    if row.plan:
        examples = examples_of(row)
        shown = [pk for example in examples for pk in example.seen]
        view_record(request=request, project=project.slug, target=Target.SAMPLE, shown=shown)
        context |= {
            "effect": row.plan["effect"],
            "costs": costs_of(row),
            "mix": mix_rows(row),
            "moved": moved_rows(row),
            "n_chosen": _n_chosen(row),
            "left": row.plan["left"],
            "examples": examples,
        }
    return render(request, "curation/mitigation_detail.html", context, status=422 if error else 200)


def _n_chosen(row: Mitigation) -> int:
    chosen = row.plan["chosen"]
    return sum(len(ids) for _weight, ids in chosen) if row.kind == Mitigation.Kind.WEIGHTS else len(chosen)


@require_GET
def mitigation_live(request: AuthenticatedRequest, slug: str, number: int) -> HttpResponse:
    project = project_for(request.user, slug)
    row = _mitigation(project, number)
    if not wants_fragment(request) or row.job is None:
        return redirect("curation:mitigation_detail", slug, number)
    context = {"project": project, "row": row, **_job_context(row)}
    return _live(render(request, "curation/mitigation_detail.html#job", context), not context["is_running"])


@require_POST
def mitigation_apply(request: AuthenticatedRequest, slug: str, number: int) -> HttpResponse:
    project = project_for(request.user, slug, Permission.WITHDRAW)
    row = _mitigation(project, number)
    try:
        services.mitigation_apply(mitigation=row, applied_by=request.user)
    except ApplicationError as refusal:
        return _detail(request, project, row, refusal.message)
    messages.success(request, _("Applied. It stands in the ledger and can be undone."))
    return redirect("curation:mitigation_detail", slug, number)


@require_POST
def mitigation_undo(request: AuthenticatedRequest, slug: str, number: int) -> HttpResponse:
    project = project_for(request.user, slug, Permission.WITHDRAW)
    row = _mitigation(project, number)
    try:
        services.mitigation_undo(mitigation=row, undone_by=request.user)
    except ApplicationError as refusal:
        return _detail(request, project, row, refusal.message)
    messages.success(request, _("Undone. What was changed since is left alone."))
    return redirect("curation:mitigation_detail", slug, number)


@require_GET
def mitigation_export(request: AuthenticatedRequest, slug: str, number: int) -> HttpResponse:
    """The weights of a mitigation by weights, a line a sample."""
    project = project_for(request.user, slug)
    row = get_object_or_404(mitigations_of(project), number=number, kind=Mitigation.Kind.WEIGHTS)
    if not row.plan:
        raise Http404
    return _file(weights_csv(row), f"{slug}-weights-{number}.csv")
