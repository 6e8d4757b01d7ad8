"""Generation runs: ask for one, watch it, read its figures; bring in the outputs of another system."""

from __future__ import annotations

from typing import Any

from django.contrib import messages
from django.http import HttpResponse
from django.shortcuts import redirect, render
from django.views.decorators.http import require_GET, require_http_methods, require_POST

from reviewapp.audit.services import Target, view_record
from reviewapp.core import queues
from reviewapp.core.exceptions import ApplicationError
from reviewapp.core.http import AuthenticatedRequest, wants_fragment
from reviewapp.evaluations import output_page, selectors
from reviewapp.evaluations.figures import class_rows, figure_rows
from reviewapp.evaluations.forms import GenerationForm, OutputImportForm, SystemImportForm
from reviewapp.evaluations.grade_import_form import GradeImportForm
from reviewapp.evaluations.models import GenerationRun
from reviewapp.evaluations.services import explanations, generations, outside_grades, systems
from reviewapp.projects.permissions import Permission
from reviewapp.projects.selectors import project_for


@require_http_methods(["GET", "POST"])
def generation_create(request: AuthenticatedRequest, slug: str) -> HttpResponse:
    project = project_for(request.user, slug, Permission.TRAIN)
    form = GenerationForm(request.POST or None, project=project)
    context: dict[str, Any] = {"project": project, "form": form, "error": "", "health": queues.queue_health()}
    context["start_command"] = queues.START_COMMAND
    if request.method == "POST" and form.is_valid():
        chosen = {name: form.cleaned_data[name] for name in ("candidate", "baseline", "heldout_set", "idempotency_key")}
        try:
            run = generations.generation_run_request(
                project=project, requested_by=request.user, values=form.values(), **chosen
            )
            return redirect("evaluations:generation_detail", slug, run.pk)
        except ApplicationError as error:
            context["error"] = error.message
    status = 422 if context["error"] or form.errors else 200
    return render(request, "evaluations/generation_create.html", context, status=status)


@require_GET
def generation_detail(request: AuthenticatedRequest, slug: str, run_id: int) -> HttpResponse:
    project = project_for(request.user, slug)
    run = selectors.generation_run_get(project, run_id)
    context = {
        "project": project,
        "run": run,
        "rows": figure_rows(run.metrics),
        "classes": class_rows(run.metrics),
        "noise": run.metrics.get("noise"),
        **output_page.counts_of(run),
        "rounds": selectors.rounds(project).filter(generation_run=run),
        "is_hidden": selectors.is_hidden(run),
        "judges": run.judge_runs.select_related("judge", "job"),
        "wait": queues.job_wait(run.job) if run.job else None,
        "error": "",
        "form": None,
    }
    return render(request, "evaluations/generation_detail.html", context)


@require_GET
def generation_live(request: AuthenticatedRequest, slug: str, run_id: int) -> HttpResponse:
    """The job panel alone, asked for while it runs; when it has ended, the whole page is loaded once more."""
    project = project_for(request.user, slug)
    run = selectors.generation_run_get(project, run_id)
    if not wants_fragment(request) or run.job is None:
        return redirect("evaluations:generation_detail", slug, run_id)
    context = {"project": project, "run": run, "wait": queues.job_wait(run.job)}
    response = render(request, "evaluations/generation_detail.html#job", context)
    if run.job.is_terminal:
        response["HX-Refresh"] = "true"
    return response


@require_POST
def generation_cancel(request: AuthenticatedRequest, slug: str, run_id: int) -> HttpResponse:
    project = project_for(request.user, slug, Permission.TRAIN)
    run = selectors.generation_run_get(project, run_id)
    return _decide(request, run, lambda: generations.generation_run_cancel(run=run, cancelled_by=request.user))


@require_POST
def generation_resume(request: AuthenticatedRequest, slug: str, run_id: int) -> HttpResponse:
    project = project_for(request.user, slug, Permission.TRAIN)
    run = selectors.generation_run_get(project, run_id)
    return _decide(request, run, lambda: generations.generation_run_resume(run=run, resumed_by=request.user))


def _decide(request: AuthenticatedRequest, run: GenerationRun, act: Any) -> HttpResponse:
    try:
        act()
    except ApplicationError as error:
        messages.error(request, error.message)
    return redirect("evaluations:generation_detail", run.project.slug, run.pk)


@require_http_methods(["GET", "POST"])
def output_import(request: AuthenticatedRequest, slug: str) -> HttpResponse:
    project = project_for(request.user, slug, Permission.TRAIN)
    form = OutputImportForm(request.POST or None, request.FILES or None, project=project)
    context: dict[str, Any] = {"project": project, "form": form, "error": "", "problems": []}
    if request.method == "POST" and form.is_valid():
        data = dict(form.cleaned_data)
        content = data.pop("file").read()
        try:
            run = generations.outputs_import(project=project, content=content, imported_by=request.user, **data)
            return redirect("evaluations:generation_detail", slug, run.pk)
        except ApplicationError as error:
            context |= {"error": error.message, "problems": error.extra.get("problems", [])}
    status = 422 if context["error"] or form.errors else 200
    return render(request, "evaluations/output_import.html", context, status=status)


@require_http_methods(["GET", "POST"])
def system_import(request: AuthenticatedRequest, slug: str) -> HttpResponse:
    project = project_for(request.user, slug, Permission.TRAIN)
    form = SystemImportForm(request.POST or None, request.FILES or None, project=project)
    context: dict[str, Any] = {"project": project, "form": form, "error": "", "problems": []}
    if request.method == "POST" and form.is_valid():
        file = form.cleaned_data["file"]
        given = form.values() | {"content": file.read(), "file_name": file.name}
        try:
            run = systems.systems_import(project=project, imported_by=request.user, **given)
            return redirect("evaluations:generation_detail", slug, run.pk)
        except ApplicationError as error:
            context |= {"error": error.message, "problems": error.extra.get("problems", [])}
    status = 422 if context["error"] or form.errors else 200
    return render(request, "evaluations/system_import.html", context, status=status)


@require_http_methods(["GET", "POST"])
def grade_import(request: AuthenticatedRequest, slug: str, run_id: int) -> HttpResponse:
    """The grades of an evaluation that was done elsewhere: a round that is complete and unsealed."""
    project = project_for(request.user, slug, Permission.REPORT)
    run = selectors.generation_run_get(project, run_id)
    form = GradeImportForm(request.POST or None, request.FILES or None, project=project)
    context: dict[str, Any] = {"project": project, "run": run, "form": form, "error": "", "problems": []}
    context["arms"] = selectors.arms_of(run)
    if request.method == "POST" and form.is_valid():
        file = form.cleaned_data["file"]
        given = form.values() | {"content": file.read(), "file_name": file.name}
        try:
            round = outside_grades.grades_import(generation_run=run, imported_by=request.user, **given)
            return redirect("evaluations:round_detail", slug, round.pk)
        except ApplicationError as error:
            context |= {"error": error.message, "problems": error.extra.get("problems", [])}
    status = 422 if context["error"] or form.errors else 200
    return render(request, "evaluations/grade_import.html", context, status=status)


@require_GET
def output_list(request: AuthenticatedRequest, slug: str, run_id: int) -> HttpResponse:
    """Outputs of all systems side by side, once experts have graded them and the round is unsealed."""
    project = project_for(request.user, slug)
    run = selectors.generation_run_get(project, run_id)
    output_page.reading_check(request.user, project)
    hidden = selectors.is_hidden(run)
    page = None if hidden else output_page.rows_page(run, request.GET.get("page"))
    rows: Any = page or []
    outputs = [cell.output.pk for row in rows for cell in row.cells if cell.output]
    view_record(request=request, project=slug, target=Target.OUTPUT, shown=outputs)
    context = {"project": project, "run": run, "is_hidden": hidden, "page": page}
    return render(request, "evaluations/output_list.html", context)


@require_POST
def explanation_request(request: AuthenticatedRequest, slug: str, output_id: int) -> HttpResponse:
    """Asks which words an answer of a classification model hangs on; the page of the output shows it."""
    project = project_for(request.user, slug)
    output_page.reading_check(request.user, project)
    output = selectors.output_get(project, output_id)
    try:
        explanations.explanation_request(output=output, requested_by=request.user)
    except ApplicationError as error:
        messages.error(request, error.message)
    return redirect("evaluations:output_detail", slug, output_id)


@require_GET
def output_detail(request: AuthenticatedRequest, slug: str, output_id: int) -> HttpResponse:
    project = project_for(request.user, slug)
    output_page.reading_check(request.user, project)
    output = selectors.output_get(project, output_id)
    view_record(request=request, project=slug, target=Target.OUTPUT, shown=output.pk)
    return render(request, "evaluations/output_detail.html", {"project": project, **output_page.page_of(output)})
