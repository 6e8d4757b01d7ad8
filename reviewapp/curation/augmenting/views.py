"""Synthetic samples: the ledger, a recipe, its preview with marked changes, making, withdrawing, the limit."""

from __future__ import annotations

from typing import Any

from django.contrib import messages
from django.core.paginator import Paginator
from django.http import Http404, HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.utils.translation import gettext as _
from django.views.decorators.http import require_GET, require_http_methods, require_POST

from reviewapp.audit.services import Target, view_record
from reviewapp.core import queues
from reviewapp.core.exceptions import ApplicationError
from reviewapp.core.http import AuthenticatedRequest, wants_fragment
from reviewapp.core.models import Job
from reviewapp.curation import services
from reviewapp.curation.augmenting.forms import LimitForm, NoiseForm, RecipeForm, TemplatesForm
from reviewapp.curation.augmenting.noise import SET
from reviewapp.curation.augmenting.page import (
    Decided,
    again,
    ledger_rows,
    left_rows,
    recipe_rows,
    shown,
    tabs_of,
    worth_chart,
)
from reviewapp.curation.augmenting.reading import (
    augmentations_of,
    decided_of,
    most_synthetic,
    noise_estimate,
    synthetic_count,
    templates_proposed,
)
from reviewapp.curation.augmenting.reasons import KEPT
from reviewapp.curation.models import Augmentation
from reviewapp.projects.models import Project
from reviewapp.projects.permissions import Permission
from reviewapp.projects.selectors import project_for

Kind = Augmentation.Kind
FORMS: dict[str, type[RecipeForm]] = {Kind.TEMPLATES: TemplatesForm, Kind.NOISE: NoiseForm}
ROWS_PER_PAGE, TEXTS_PER_PAGE = 20, 10
STOP_POLLING = 286  # htmx swaps the answer in and asks no more


@require_GET
def augmentation_list(request: AuthenticatedRequest, slug: str) -> HttpResponse:
    return _list(request, project_for(request.user, slug))


def _list(request: AuthenticatedRequest, project: Project, error: str = "") -> HttpResponse:
    page = Paginator(augmentations_of(project), ROWS_PER_PAGE).get_page(request.GET.get("page"))
    synthetic, total = synthetic_count(project)
    chart, others = worth_chart(project)
    context = {
        "project": project,
        "page": page,
        "rows": ledger_rows(list(page)),
        "chart": chart,
        "others": others,
        "most": most_synthetic(project),
        "form": LimitForm(initial={"most": most_synthetic(project)}),
        "synthetic": synthetic,
        "total": total,
        "error": error,
    }
    return render(request, "curation/augmentation_list.html", context, status=422 if error else 200)


@require_POST
def synthetic_limit(request: AuthenticatedRequest, slug: str) -> HttpResponse:
    """How much of a version may be synthetic; holds from the next freeze and signature on."""
    project = project_for(request.user, slug, Permission.MANAGE)
    form = LimitForm(request.POST)
    if not form.is_valid():
        return _list(request, project, _("Give a share from 0 to 100 per cent."))
    services.synthetic_limit_set(project=project, most=form.cleaned_data["most"], set_by=request.user)
    messages.success(request, _("Kept. It holds from the next freeze and signature on."))
    return redirect("curation:augmentation_list", slug)


@require_http_methods(["GET", "POST"])
def augmentation_create(request: AuthenticatedRequest, slug: str, kind: str) -> HttpResponse:
    """A recipe of templates or of noise; sending it makes a preview and changes nothing."""
    project = project_for(request.user, slug, Permission.CURATE)
    if kind not in FORMS:
        raise Http404
    if request.method == "GET":
        return _create(request, project, kind, FORMS[kind].fresh(**_initial(request, project, kind)))
    form = FORMS[kind](request.POST)
    if not form.is_valid():
        return _create(request, project, kind, form)
    try:
        return _asked(request, project, kind, form)
    except ApplicationError as refusal:
        return _create(request, project, kind, form, refusal.message)


def _asked(request: AuthenticatedRequest, project: Project, kind: str, form: RecipeForm) -> HttpResponse:
    values = form.values()
    if kind == Kind.NOISE:
        values["fillers"] = list(noise_estimate(project).fillers)
    made = services.augmentation_request(
        project=project,
        kind=kind,
        values=values,
        requested_by=request.user,
        idempotency_key=form.cleaned_data["idempotency_key"],
    )
    return redirect("curation:augmentation_detail", project.slug, made.number)


def _initial(request: AuthenticatedRequest, project: Project, kind: str) -> dict[str, Any]:
    """What the form opens with: an earlier recipe, else what the corpus has or proposes."""
    number = request.GET.get("again", "")
    if number.isdecimal() and len(number) < 9:
        return again(get_object_or_404(augmentations_of(project), number=int(number), kind=kind))
    if kind == Kind.TEMPLATES:
        return {"templates": "\n".join(one.line for one in templates_proposed(project) if not one.is_own)}
    estimate = noise_estimate(project)
    return estimate.rates if estimate.is_known else SET


def _create(
    request: AuthenticatedRequest, project: Project, kind: str, form: RecipeForm, error: str = ""
) -> HttpResponse:
    context: dict[str, Any] = {"project": project, "kind": kind, "form": form, "error": error}
    if kind == Kind.NOISE:
        context["estimate"] = noise_estimate(project)
    else:
        context["proposals"] = templates_proposed(project)
    return render(
        request, f"curation/augmentation_{kind}.html", context, status=422 if request.method == "POST" else 200
    )


# ---- one of them


@require_GET
def augmentation_detail(request: AuthenticatedRequest, slug: str, number: int) -> HttpResponse:
    """The preview with its changes marked, or what became of the samples."""
    project = project_for(request.user, slug)
    return _detail(request, project, _row(project, number))


def _row(project: Project, number: int) -> Augmentation:
    return get_object_or_404(augmentations_of(project), number=number)


def _detail(request: AuthenticatedRequest, project: Project, row: Augmentation, error: str = "") -> HttpResponse:
    context: dict[str, Any] = {
        "project": project,
        "row": row,
        "error": error,
        "recipe": recipe_rows(row),
        "left": left_rows(row),
        **_job_context(row),
    }
    if row.plan:
        context |= _texts_context(request, project, row)
    return render(request, "curation/augmentation_detail.html", context, status=422 if error else 200)


def _texts_context(request: AuthenticatedRequest, project: Project, row: Augmentation) -> dict[str, Any]:
    tabs = tabs_of(row)
    chosen = request.GET.get("outcome", "")
    chosen = chosen if chosen in {code for code, *_rest in tabs} else KEPT
    found = row.texts.filter(outcome=chosen).select_related("parent", "parent_revision", "sample", "near")
    page = Paginator(found.order_by("pk"), TEXTS_PER_PAGE).get_page(request.GET.get("page"))
    seen = [key for text in page for key in (text.parent_id, text.sample_id, text.near_id) if key]
    view_record(request=request, project=project.slug, target=Target.SAMPLE, shown=seen)
    synthetic, total = synthetic_count(project)
    return {
        "tabs": tabs,
        "chosen": chosen,
        "page": page,
        "texts": [shown(text) for text in page],
        "decided": Decided(decided_of([row])[row.pk]),
        "synthetic": synthetic,
        "total": total,
        "most": most_synthetic(project),
    }


def _job_context(row: Augmentation) -> dict[str, Any]:
    job = row.job
    can_resume = bool(job and job.is_terminal and job.state != Job.State.SUCCEEDED and not row.plan)
    return {
        "job": job,
        "wait": queues.job_wait(job) if job else None,
        "is_running": bool(job and not job.is_terminal),
        "can_resume": can_resume,
    }


@require_GET
def augmentation_live(request: AuthenticatedRequest, slug: str, number: int) -> HttpResponse:
    """The job panel alone; when the job has ended, the whole page is loaded once more."""
    project = project_for(request.user, slug)
    row = _row(project, number)
    if not wants_fragment(request) or row.job is None:
        return redirect("curation:augmentation_detail", slug, number)
    context = {"project": project, "row": row, **_job_context(row)}
    response = render(request, "curation/augmentation_detail.html#job", context)
    if not context["is_running"]:
        response.status_code = STOP_POLLING
        response["HX-Refresh"] = "true"
    return response


@require_POST
def augmentation_cancel(request: AuthenticatedRequest, slug: str, number: int) -> HttpResponse:
    project = project_for(request.user, slug, Permission.CURATE)
    row = _row(project, number)
    try:
        services.augmentation_cancel(augmentation=row, cancelled_by=request.user)
    except ApplicationError as refusal:
        return _detail(request, project, row, refusal.message)
    messages.success(request, _("It stops. What is written stays, and resume goes on from there."))
    return redirect("curation:augmentation_detail", slug, number)


@require_POST
def augmentation_resume(request: AuthenticatedRequest, slug: str, number: int) -> HttpResponse:
    project = project_for(request.user, slug, Permission.CURATE)
    row = _row(project, number)
    try:
        services.augmentation_resume(augmentation=row, resumed_by=request.user)
    except ApplicationError as refusal:
        return _detail(request, project, row, refusal.message)
    return redirect("curation:augmentation_detail", slug, number)


@require_POST
def augmentation_apply(request: AuthenticatedRequest, slug: str, number: int) -> HttpResponse:
    project = project_for(request.user, slug, Permission.WITHDRAW)
    row = _row(project, number)
    try:
        services.augmentation_apply(augmentation=row, applied_by=request.user)
    except ApplicationError as refusal:
        return _detail(request, project, row, refusal.message)
    messages.success(request, _("Made. A scan opens them for review; none can train before an expert accepted it."))
    return redirect("curation:augmentation_detail", slug, number)


@require_POST
def augmentation_withdraw(request: AuthenticatedRequest, slug: str, number: int) -> HttpResponse:
    project = project_for(request.user, slug, Permission.WITHDRAW)
    row = _row(project, number)
    try:
        services.augmentation_withdraw(augmentation=row, withdrawn_by=request.user)
    except ApplicationError as refusal:
        return _detail(request, project, row, refusal.message)
    messages.success(request, _("Withdrawn. What somebody has in hand now is left alone."))
    return redirect("curation:augmentation_detail", slug, number)
