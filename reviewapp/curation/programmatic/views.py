"""Labelling functions: written and tried, run, looked into, and what they say handed to experts as a suggestion."""

from __future__ import annotations

from typing import Any

from django.conf import settings
from django.contrib import messages
from django.core.paginator import Paginator
from django.http import Http404, HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.utils.translation import gettext as _
from django.views.decorators.http import require_GET, require_http_methods, require_POST

from reviewapp.audit.services import Target, ViewKind, view_record
from reviewapp.core import queues
from reviewapp.core.exceptions import ApplicationError
from reviewapp.core.http import AuthenticatedRequest, wants_fragment
from reviewapp.curation.models import LabellingFunction, LabellingRun
from reviewapp.curation.programmatic import asked, page
from reviewapp.curation.programmatic.forms import FunctionForm, RunForm, SuggestForm
from reviewapp.curation.services import programmatic as services
from reviewapp.projects.models import Project
from reviewapp.projects.permissions import Permission
from reviewapp.projects.selectors import project_for
from reviewapp.words import grouped, named

PER_PAGE = 20
STOP_POLLING = 286  # htmx swaps the answer in and asks no more


@require_GET
def labelling_function_list(request: AuthenticatedRequest, slug: str) -> HttpResponse:
    return _list(request, project_for(request.user, slug))


def _list(request: AuthenticatedRequest, project: Project, error: str = "") -> HttpResponse:
    of = asked.field_of(project, request.GET.get("field", "") or request.POST.get("field", ""))
    context: dict[str, Any] = {"project": project, "field": of, "error": error, "form": RunForm.fresh()}
    if of is not None:
        runs = list(asked.runs_of(project, of.key)[:10])
        made = next((run for run in runs if run.made_at), None)
        context |= {
            "runs": runs, "made": made, "rows": page.function_rows(project, of, made),
            "has_folder": settings.LABEL_FUNCTIONS_DIR is not None,
            "last": runs[0] if runs else None, **_job_context(runs[0] if runs else None),
            "matrix": page.matrix(made) if made else [], "stopped": page.stopped_all(made) if made else [],
        }  # fmt: skip
    return render(request, "curation/labelling_function_list.html", context, status=422 if error else 200)


def _job_context(run: LabellingRun | None) -> dict[str, Any]:
    job = run.job if run else None
    return {"job": job, "wait": queues.job_wait(job) if job else None}


def _function(project: Project, function_id: int) -> LabellingFunction:
    return get_object_or_404(
        LabellingFunction.objects.prefetch_related("versions__made_by"), project=project, pk=function_id
    )


@require_http_methods(["GET", "POST"])
def labelling_function_new(request: AuthenticatedRequest, slug: str) -> HttpResponse:
    """A function that is tried as often as one likes and stored only when it is saved."""
    project = project_for(request.user, slug, Permission.RUBRIC)
    of = asked.field_of(project, request.GET.get("field", ""))
    if of is None:
        return redirect("curation:labelling_function_list", slug)
    if request.method == "POST":
        return _posted(request, project, of, None)
    return _editor(request, project, of, None, FunctionForm.fresh())


@require_http_methods(["GET", "POST"])
def labelling_function_edit(request: AuthenticatedRequest, slug: str, function_id: int) -> HttpResponse:
    """A change makes a new version; runs name the one that they used."""
    project = project_for(request.user, slug, Permission.RUBRIC)
    function = _function(project, function_id)
    of = asked.field_of(project, function.field)
    if of is None or of.key != function.field:
        messages.info(request, _("The field of this function is not in the label schema that is offered now."))
        return redirect("curation:labelling_function_list", slug)
    if request.method == "POST":
        return _posted(request, project, of, function)
    return _editor(request, project, of, function, FunctionForm.fresh(function.versions.all()[0]))


def _posted(
    request: AuthenticatedRequest, project: Project, of: asked.Field, function: LabellingFunction | None
) -> HttpResponse:
    form = FunctionForm(request.POST)
    form.offer(asked.class_names(of.version, of.key), asked.sources_of(project, of))
    if not form.is_valid():
        return _editor(request, project, of, function, form, status=422)
    data = form.cleaned_data
    if request.POST.get("act") == "try":
        trial = page.trial_of(project, of, data["name"], data["target"], form.condition())
        return _editor(request, project, of, function, form, trial=trial, status=422 if trial.problem else 200)
    try:
        version = services.labelling_function_save(
            project=project, field=of, function=function, name=data["name"], target=data["target"],
            condition=form.condition(), saved_by=request.user, idempotency_key=data["idempotency_key"],
        )  # fmt: skip
    except ApplicationError as refusal:
        return _editor(request, project, of, function, form, error=refusal.message, status=422)
    told = _("“%(name)s”, version %(number)s is saved. It takes part in the next run.")
    messages.success(request, told % {"name": version.function.name, "number": version.number})
    return _to_list(project, of.key)


def _to_list(project: Project, field: str) -> HttpResponse:
    response = redirect("curation:labelling_function_list", project.slug)
    response["Location"] += f"?field={field}"
    return response


def _editor(
    request: AuthenticatedRequest,
    project: Project,
    of: asked.Field,
    function: LabellingFunction | None,
    form: FunctionForm,
    *,
    trial: page.Trial | None = None,
    error: str = "",
    status: int = 200,
) -> HttpResponse:
    if not form.is_bound:
        form.offer(asked.class_names(of.version, of.key), asked.sources_of(project, of))
    if trial is not None:
        shown = [sample.pk for sample, _passage, _chosen in trial.rows]
        view_record(request=request, project=project.slug, target=Target.SAMPLE, shown=shown, kind=ViewKind.LIST)
    versions = [(one, page.condition_words(one.condition)) for one in function.versions.all()] if function else []
    context = {
        "project": project, "field": of, "function": function, "form": form, "trial": trial, "error": error,
        "columns": page.columns_of(project), "versions": versions, "tried": page.TRIED,
    }  # fmt: skip
    return render(request, "curation/labelling_function_edit.html", context, status=status)


@require_POST
def labelling_function_switch(request: AuthenticatedRequest, slug: str, function_id: int) -> HttpResponse:
    project = project_for(request.user, slug, Permission.RUBRIC)
    function = _function(project, function_id)
    is_on = request.POST.get("on", "1") == "1"
    services.labelling_function_switch(function=function, is_on=is_on, switched_by=request.user)
    return _to_list(project, function.field)


@require_POST
def labelling_run_request(request: AuthenticatedRequest, slug: str) -> HttpResponse:
    project = project_for(request.user, slug, Permission.CURATE)
    form, of = RunForm(request.POST), asked.field_of(project, request.POST.get("field", ""))
    if of is None or not form.is_valid():
        return _list(request, project, _("This form was out of date. Look at the page as it is now, then run again."))
    try:
        services.labelling_run_request(
            project=project, field=of, requested_by=request.user, files=settings.LABEL_FUNCTIONS_DIR is not None,
            idempotency_key=form.cleaned_data["idempotency_key"],
        )  # fmt: skip
    except ApplicationError as refusal:
        return _list(request, project, refusal.message)
    return _to_list(project, of.key)


def _run(project: Project, number: int) -> LabellingRun:
    found = LabellingRun.objects.select_related("job", "requested_by", "schema_version__schema", "project")
    return get_object_or_404(found, project=project, number=number)


@require_GET
def labelling_run_live(request: AuthenticatedRequest, slug: str, number: int) -> HttpResponse:
    """The job panel alone, asked for while it runs; when it has ended, the whole page is loaded once more."""
    project = project_for(request.user, slug)
    run = _run(project, number)
    if not wants_fragment(request) or run.job is None:
        return _to_list(project, run.field)
    context = {"project": project, "last": run, **_job_context(run)}
    response = render(request, "curation/labelling_function_list.html#job", context)
    if run.job.is_terminal:
        response.status_code = STOP_POLLING
        response["HX-Refresh"] = "true"
    return response


@require_POST
def labelling_run_cancel(request: AuthenticatedRequest, slug: str, number: int) -> HttpResponse:
    project = project_for(request.user, slug, Permission.CURATE)
    run = _run(project, number)
    try:
        services.labelling_run_cancel(run=run, cancelled_by=request.user)
    except ApplicationError as refusal:
        return _list(request, project, refusal.message)
    return _to_list(project, run.field)


@require_GET
def labelling_run_detail(request: AuthenticatedRequest, slug: str, number: int) -> HttpResponse:
    project = project_for(request.user, slug)
    return _detail(request, project, _run(project, number))


def _detail(
    request: AuthenticatedRequest, project: Project, run: LabellingRun, form: SuggestForm | None = None, error: str = ""
) -> HttpResponse:
    if run.made_at is None:
        return _to_list(project, run.field)
    tab, words = request.GET.get("tab", ""), request.GET.get("q", "")[:200].replace("\0", "")
    counts = page.tab_counts(run)
    tab = tab if tab in page.TABS else (page.WRONG if counts[page.WRONG] else page.UNSURE)
    found = page.answers_of(run, tab, words)
    shown = Paginator(found, PER_PAGE).get_page(request.GET.get("page"))
    ids = [answer.sample_id for answer in shown]
    view_record(request=request, project=project.slug, target=Target.SAMPLE, shown=ids, kind=ViewKind.LIST)
    of = asked.field_of(project, run.field)
    context = {
        "project": project, "run": run, "error": error, "form": form or SuggestForm.better(run), "tab": tab, "q": words,
        "counts": counts, "page": shown, "rows": page.answer_rows(run, list(shown)), "ids": page.ids_handed_on(found),
        "methods": page.method_rows(run), "classes": page.class_rows(run), "functions": page.rows_of_run(run),
        "is_current": of is not None and of.version.content_hash == run.schema_hash,
        "is_shown_at_once": of is not None and of.is_shown_at_once, "stopped": page.stopped_all(run),
    }  # fmt: skip
    return render(request, "curation/labelling_run_detail.html", context, status=422 if error else 200)


@require_GET
def labelling_run_votes(request: AuthenticatedRequest, slug: str, number: int, place: int) -> HttpResponse:
    """Where one function of a run fires, where others vote differently, where experts say something else."""
    project = project_for(request.user, slug)
    run = _run(project, number)
    if run.made_at is None or place >= len(run.functions):
        raise Http404
    tab = request.GET.get("tab", "")
    tab = tab if tab in (page.OTHERS, page.EXPERTS) else page.FIRES
    shown = Paginator(page.votes_of(run, place, tab), PER_PAGE).get_page(request.GET.get("page"))
    ids = [vote.sample_id for vote in shown]
    view_record(request=request, project=slug, target=Target.SAMPLE, shown=ids, kind=ViewKind.LIST)
    context = {
        "project": project, "run": run, "function": page.rows_of_run(run)[place], "place": place, "tab": tab,
        "page": shown, "rows": page.vote_rows(run, list(shown)),
    }  # fmt: skip
    return render(request, "curation/labelling_run_votes.html", context)


@require_POST
def labelling_run_suggest(request: AuthenticatedRequest, slug: str, number: int) -> HttpResponse:
    """Puts a run's answers before experts, after their own; or takes them back."""
    project = project_for(request.user, slug, Permission.RUBRIC)
    run = _run(project, number)
    if request.POST.get("act") == "take_back":
        services.labelling_run_unsuggest(run=run, taken_by=request.user)
        messages.success(request, _("The form shows nothing of this run any more."))
        return redirect("curation:labelling_run_detail", slug, number)
    form = SuggestForm(request.POST)
    if not form.is_valid():
        return _detail(request, project, run, form, _("Nothing is suggested yet. Look at the marked fields."))
    try:
        n = services.labelling_run_suggest(run=run, suggested_by=request.user, **form.cleaned_data)
    except ApplicationError as refusal:
        return _detail(request, project, run, form, refusal.message)
    told = _("%(run)s: %(n)s suggestions wait behind the experts' own answers.")
    messages.success(request, told % {"run": named(run), "n": grouped(n)})
    return redirect("curation:labelling_run_detail", slug, number)
