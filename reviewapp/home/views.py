from __future__ import annotations

from collections.abc import Callable

from django.conf import settings
from django.contrib import messages
from django.contrib.auth.decorators import login_not_required
from django.core.paginator import Paginator
from django.db import connection
from django.http import HttpRequest, HttpResponse, JsonResponse, StreamingHttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.utils.safestring import SafeString
from django.views.decorators.http import require_GET, require_POST

from reviewapp.accounts.models import User
from reviewapp.audit.selectors import views_of_person
from reviewapp.audit.services import Target, ViewKind, chain_verify, view_record, views_verify
from reviewapp.core.exceptions import ApplicationError
from reviewapp.core.http import AuthenticatedRequest
from reviewapp.core.models import Job
from reviewapp.core.queues import START_COMMAND, job_waits, queue_health
from reviewapp.home import raters as comparing
from reviewapp.home import selectors, services, waiting
from reviewapp.home import view_log as opened
from reviewapp.lineage.standing import held_models, promoted_in
from reviewapp.projects.permissions import GRANTED, Permission
from reviewapp.projects.selectors import project_for, projects_for, role_of
from reviewapp.reviews.charts import Estimate, estimates_chart
from reviewapp.reviews.raters import ENOUGH_ITEMS
from reviewapp.words import figure_said, say


@require_GET
def start(request: AuthenticatedRequest) -> HttpResponse:
    projects = list(projects_for(request.user))
    if len(projects) == 1:
        return redirect("home:project", projects[0].slug)
    return render(request, "home/start.html", {"projects": projects})


@login_not_required
@require_GET
def health(request: HttpRequest) -> JsonResponse:
    """For supervisors and load balancers: the database answers. Says nothing else to strangers."""
    with connection.cursor() as cursor:
        cursor.execute("SELECT 1")
    return JsonResponse({"ok": True})


@require_GET
def project(request: AuthenticatedRequest, slug: str) -> HttpResponse:
    project = project_for(request.user, slug)
    granted = GRANTED[role_of(request.user, project)]
    queues, promoted = queue_health(), promoted_in(project)
    context = {
        "project": project,
        "stages": selectors.loop_stages(project),
        "tasks": waiting.tasks_for(request.user, project, granted),
        "blocked": waiting.blocked_in(project, queues),
        "promoted": promoted,
        "held_models": held_models(project, [row.model_version_id for row in promoted]),
        "runs": selectors.runs_recent(project),
        "human_queues": selectors.human_queues(project),
        "day": selectors.my_day(project, request.user.pk),
        "health": queues,
        "start_command": START_COMMAND,
    }
    return render(request, "home/project.html", context)


@require_GET
def search(request: AuthenticatedRequest, slug: str) -> HttpResponse:
    project = project_for(request.user, slug)
    text = request.GET.get("q", "").strip()
    found = list(selectors.samples_found(project, text)) if text else []
    ids = [sample.pk for sample in found]
    view_record(request=request, project=slug, target=Target.SAMPLE, shown=ids, kind=ViewKind.SEARCH)
    return render(request, "home/search.html", {"project": project, "text": text, "found": found})


@require_GET
def jobs(request: AuthenticatedRequest, slug: str) -> HttpResponse:
    project = project_for(request.user, slug)
    rows = Job.objects.filter(project_slug=project.slug).select_related("created_by")
    page = Paginator(rows, 50).get_page(request.GET.get("page"))
    health = queue_health()
    context = {
        "project": project,
        "page": page,
        "waits": job_waits(page.object_list, health),
        "health": health,
        "start_command": START_COMMAND,
    }
    return render(request, "home/jobs.html", context)


@require_POST
def job_retry(request: AuthenticatedRequest, slug: str, job_id: int) -> HttpResponse:
    project = project_for(request.user, slug, Permission.IMPORT)
    job = get_object_or_404(Job, pk=job_id, project_slug=project.slug)
    return _told(request, slug, services.job_retry, job, f"Job {job_id} waits for a worker again.")


@require_POST
def job_cancel(request: AuthenticatedRequest, slug: str, job_id: int) -> HttpResponse:
    project = project_for(request.user, slug, Permission.IMPORT)
    job = get_object_or_404(Job, pk=job_id, project_slug=project.slug)
    return _told(request, slug, services.job_cancel, job, f"Job {job_id} was asked to stop.")


def _told(request: AuthenticatedRequest, slug: str, change: Callable[..., None], job: Job, words: str) -> HttpResponse:
    try:
        change(job=job, changed_by=request.user)
    except ApplicationError as error:
        messages.error(request, error.message)
    else:
        messages.success(request, words)
    return redirect("home:jobs", slug)


@require_GET
def audit(request: AuthenticatedRequest, slug: str) -> HttpResponse:
    project = project_for(request.user, slug, Permission.AUDIT)
    events = selectors.events_for(project, action=request.GET.get("action", ""))
    page = Paginator(events, 100).get_page(request.GET.get("page"))
    checks = (chain_verify(), views_verify()) if "verify" in request.GET else (None, None)
    context = {"project": project, "page": page, "check": checks[0], "views_check": checks[1]}
    return render(request, "home/audit.html", context)


@require_GET
def view_log(request: AuthenticatedRequest, slug: str) -> HttpResponse:
    """Who opened what, by person, object, day and kind."""
    project = project_for(request.user, slug, Permission.AUDIT)
    chosen = opened.chosen_of(request.GET)
    page = Paginator(opened.views_chosen(project, chosen), 100).get_page(request.GET.get("page"))
    context = {
        "project": project,
        "page": page,
        "rows": opened.rows_of(page),
        "chosen": chosen,
        "is_filtered": any(chosen.values()),
        "people": User.objects.filter(memberships__project=project).order_by("display_name"),
        "types": Target.choices,
        "kinds": ViewKind.choices,
        "keep_days": settings.VIEW_LOG_KEEP_DAYS,
    }
    return render(request, "home/view_log.html", context)


@require_POST
def view_log_export(request: AuthenticatedRequest, slug: str) -> StreamingHttpResponse:
    """The rows that the page's filters leave, as CSV; an audit event says who took them."""
    project = project_for(request.user, slug, Permission.AUDIT)
    lines = services.view_log_export(project=project, chosen=opened.chosen_of(request.GET), exported_by=request.user)
    response = StreamingHttpResponse(lines, content_type="text/csv; charset=utf-8")
    response["Content-Disposition"] = f'attachment; filename="{slug}-opened.csv"'
    return response


@require_GET
def own_views(request: AuthenticatedRequest) -> HttpResponse:
    """What a person was shown themselves, in every project."""
    page = Paginator(views_of_person(request.user), 100).get_page(request.GET.get("page"))
    context = {"page": page, "rows": opened.rows_of(page), "keep_days": settings.VIEW_LOG_KEEP_DAYS}
    return render(request, "home/own_views.html", context)


@require_GET
def raters(request: AuthenticatedRequest, slug: str) -> HttpResponse:
    """How reviewers and graders compare on one criterion, by name."""
    project = project_for(request.user, slug, Permission.RATERS)
    works = comparing.works(project)
    wanted = request.GET.get("work")
    work = next((one for one in works if one.key == wanted), works[0] if works else None)
    page = comparing.rater_page(project, work, request.GET.get("criterion", "")) if work else None
    context = {
        "project": project,
        "works": works,
        "page": page,
        "chart": _severity_chart(page) if page else None,
        "enough": ENOUGH_ITEMS,
    }
    return render(request, "home/raters.html", context)


def _severity_chart(page: comparing.RaterPage) -> SafeString | None:
    shown = [
        Estimate(
            name=row.name,
            value=row.severity.effect,
            low=row.severity.low,
            high=row.severity.high,
            is_firm=row.severity.is_judged,
        )
        for row in page.rows
        if row.severity is not None
    ]
    told = "; ".join(f"{row.name} {figure_said(f'{row.value:+.2f}')}" for row in shown)
    return estimates_chart(
        shown,
        say("Severity by name, with 95%% intervals: %(told)s.", told=told),
        marks=[(0.0, say("as all"))],
        signed=True,
    )
