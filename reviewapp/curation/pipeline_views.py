"""The pipeline of a project (edit, try, save) and the summary of what curation did to its samples."""

from __future__ import annotations

import uuid
from typing import Any

from django.contrib import messages
from django.core.paginator import Paginator
from django.http import HttpResponse, QueryDict
from django.shortcuts import get_object_or_404, redirect, render
from django.utils.translation import gettext as _
from django.views.decorators.http import require_GET, require_POST

from reviewapp.core import queues
from reviewapp.core.exceptions import ApplicationError
from reviewapp.core.http import AuthenticatedRequest, form_key, wants_fragment
from reviewapp.curation import selectors, services, summary
from reviewapp.curation.checks.registry import TITLES
from reviewapp.curation.models import Scan
from reviewapp.curation.pipeline import ALWAYS, SEVERITIES, Pipeline, Step, pipeline_read
from reviewapp.curation.views import STOP_POLLING
from reviewapp.projects.models import Project
from reviewapp.projects.permissions import Permission
from reviewapp.projects.selectors import project_for

DRY_SIZE = 200


@require_GET
def pipeline_edit(request: AuthenticatedRequest, slug: str) -> HttpResponse:
    project = project_for(request.user, slug)
    return _page(request, project, selectors.pipeline_of(project.pk))


def _page(
    request: AuthenticatedRequest, project: Project, pipeline: Pipeline, error: str = "", given: Any = None
) -> HttpResponse:
    given = given or {}
    counts = selectors.finding_counts(project, {"state": "open"}).check
    tried = selectors.dry_runs_of(project).first()
    context = {
        "project": project,
        "pipeline": pipeline,
        "rows": [_row(number, step, counts.get(step.check, 0)) for number, step in enumerate(pipeline.steps, start=1)],
        "severities": SEVERITIES,
        "version": selectors.pipeline_version(project),
        "versions": selectors.pipelines_of(project)[:20],
        "size": given.get("size", DRY_SIZE),
        "note": given.get("note", ""),
        "idempotency_key": uuid.uuid4(),
        "error": error,
        **_dry_context(tried),
    }
    return render(request, "curation/pipeline_edit.html", context, status=422 if error else 200)


def _row(number: int, step: Step, n_open: int) -> dict[str, Any]:
    return {"number": number, "step": step, "title": step.run.title, "n_open": n_open, "is_fixed": step.check in ALWAYS}


def _dry_context(tried: Scan | None) -> dict[str, Any]:
    job = tried.job if tried else None
    found = tried.counts.get("found", {}) if tried else {}
    return {
        "tried": tried,
        "found": [(TITLES.get(name, name), row) for name, row in found.items()],
        "job": job,
        "wait": queues.job_wait(job) if job else None,
    }


def _given(form: QueryDict) -> dict[str, Any]:
    """The configuration as it was filled in; what is missing or odd is refused where it is read."""
    names = form.getlist("check")
    rows = sorted(enumerate(names), key=lambda row: (_place(form.get(f"place-{row[1]}", "")), row[0]))
    steps = [
        {
            "check": name,
            "is_on": name in ALWAYS or f"on-{name}" in form,
            "severity": form.get(f"severity-{name}", ""),
            "option": form.get(f"option-{name}", ""),
        }
        for _number, name in rows
    ]
    return {"is_cleaning": "is_cleaning" in form, "steps": steps}


def _place(text: str) -> int:
    return int(text) if text.isdecimal() and len(text) < 6 else 99_999


def _key(form: QueryDict) -> uuid.UUID:
    key = form_key(form)
    if key is None:
        raise ApplicationError(_("This page is out of date. Reload it and send the form again."))
    return key


@require_POST
def pipeline_save(request: AuthenticatedRequest, slug: str) -> HttpResponse:
    project = project_for(request.user, slug, Permission.CURATE)
    config = _given(request.POST)
    try:
        note = request.POST.get("note", "").strip()
        version = services.pipeline_save(
            project=project, config=config, created_by=request.user, idempotency_key=_key(request.POST), note=note
        )
    except ApplicationError as refusal:
        return _page(request, project, _shown(project, config), refusal.message, request.POST)
    words = _("Version %(number)s is saved. The next scan follows it.") % {"number": version.number}
    messages.success(request, words)
    return redirect("curation:pipeline_edit", slug)


@require_POST
def pipeline_try(request: AuthenticatedRequest, slug: str) -> HttpResponse:
    """A dry run of what is filled in, saved or not."""
    project = project_for(request.user, slug, Permission.CURATE)
    config, size = _given(request.POST), request.POST.get("size", "")
    try:
        services.dry_run_request(
            project=project,
            config=config,
            size=_place(size) if size.isdecimal() else 0,
            requested_by=request.user,
            idempotency_key=_key(request.POST),
        )
    except ApplicationError as refusal:
        return _page(request, project, _shown(project, config), refusal.message, request.POST)
    # What is filled in but not saved is shown again, beside what the dry run finds.
    return _page(request, project, _shown(project, config), given=request.POST)


def _shown(project: Project, config: dict[str, Any]) -> Pipeline:
    """What was filled in, as far as it can be shown; else what is in use."""
    try:
        return pipeline_read(config)
    except ValueError:
        return selectors.pipeline_of(project.pk)


@require_GET
def dry_run_live(request: AuthenticatedRequest, slug: str, scan_id: int) -> HttpResponse:
    """The panel of a dry run, asked for while it runs; what it found comes with the last answer."""
    project = project_for(request.user, slug)
    tried = get_object_or_404(selectors.dry_runs_of(project), pk=scan_id)
    if not wants_fragment(request) or tried.job is None:
        return redirect("curation:pipeline_edit", slug)
    response = render(request, "curation/pipeline_edit.html#tried", {"project": project, **_dry_context(tried)})
    if tried.job.is_terminal:
        response.status_code = STOP_POLLING
    return response


@require_GET
def summary_detail(request: AuthenticatedRequest, slug: str) -> HttpResponse:
    project = project_for(request.user, slug)
    return summary_page(request, project)


def summary_page(request: AuthenticatedRequest, project: Project, error: str = "") -> HttpResponse:
    """The summary as it is now, and the reports that were made of it."""
    reports = Paginator(selectors.reports_of(project), 20).get_page(request.GET.get("page"))
    context = {
        "project": project,
        "told": summary.summary_of(project),
        "page": reports,
        "idempotency_key": uuid.uuid4(),
        "error": error,
    }
    return render(request, "curation/summary_detail.html", context, status=422 if error else 200)
