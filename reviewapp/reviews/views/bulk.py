"""One act on many samples: asked about, done, shown with what was left alone, taken back."""

from __future__ import annotations

from django.contrib import messages
from django.core.exceptions import PermissionDenied
from django.http import HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.urls import reverse
from django.views.decorators.http import require_GET, require_POST

from reviewapp.core.exceptions import ApplicationError
from reviewapp.core.http import AuthenticatedRequest
from reviewapp.projects.models import Project
from reviewapp.projects.permissions import Permission
from reviewapp.projects.selectors import may, project_for
from reviewapp.reviews import services
from reviewapp.reviews.bulk import ACTS, Act
from reviewapp.reviews.bulk_page import bulk_asked, filters_of, list_query, values_in_words
from reviewapp.samples.models import BulkAct, Sample


@require_POST
def bulk_confirm(request: AuthenticatedRequest, slug: str) -> HttpResponse:
    """Names the act and the number, and asks for what the act needs. Changes nothing."""
    project = project_for(request.user, slug, Permission.CURATE)
    try:
        asked = bulk_asked(project, request.POST, is_confirmed=False)
    except ApplicationError as error:
        return _back_to_list(request, project, error)
    _check_may(request, project, asked.act)
    context = {"project": project, "asked": asked, "priorities": Sample.Priority.choices, "error": ""}
    context |= {"list_query": list_query(asked.filters)}
    return render(request, "reviews/bulk_confirm.html", context)


@require_POST
def bulk_act(request: AuthenticatedRequest, slug: str) -> HttpResponse:
    """Does it once, however often the form is sent."""
    project = project_for(request.user, slug, Permission.CURATE)
    try:
        asked = bulk_asked(project, request.POST, is_confirmed=True)
    except ApplicationError as error:
        return _back_to_list(request, project, error)
    _check_may(request, project, asked.act)
    try:
        done = services.bulk_act(
            project=project, act=asked.name, chosen=asked.chosen, given=asked.given, done_by=request.user,
            idempotency_key=asked.key,
        )  # fmt: skip
    except ApplicationError as error:
        context = {"project": project, "asked": asked, "priorities": Sample.Priority.choices, "error": error.message}
        context |= {"list_query": list_query(asked.filters)}
        return render(request, "reviews/bulk_confirm.html", context, status=422)
    return redirect("reviews:bulk_detail", slug, done.pk)


@require_GET
def bulk_detail(request: AuthenticatedRequest, slug: str, act_id: int) -> HttpResponse:
    project = project_for(request.user, slug, Permission.CURATE)
    acts = BulkAct.objects.filter(project=project).select_related("done_by", "undone_by")
    done = get_object_or_404(acts, pk=act_id)
    act = ACTS[done.act]
    context = {
        "project": project,
        "done": done,
        "act": act,
        "left_alone": done.asked - done.done,
        "values": values_in_words(done),
        "is_undoable": act.is_undoable and done.done and done.undone_at is None,
        "may_undo": may(request.user, project, act.permission),
        "list_query": list_query(done.filters),
    }
    return render(request, "reviews/bulk_detail.html", context)


@require_POST
def bulk_undo(request: AuthenticatedRequest, slug: str, act_id: int) -> HttpResponse:
    project = project_for(request.user, slug, Permission.CURATE)
    done = get_object_or_404(BulkAct, project=project, pk=act_id)
    _check_may(request, project, ACTS[done.act])
    try:
        services.bulk_undo(act=done, undone_by=request.user)
    except ApplicationError as error:
        messages.error(request, error.message)
    return redirect("reviews:bulk_detail", slug, done.pk)


def _check_may(request: AuthenticatedRequest, project: Project, act: Act) -> None:
    if not may(request.user, project, act.permission):
        raise PermissionDenied(f"Your role here does not allow you to {act.permission}.")


def _back_to_list(request: AuthenticatedRequest, project: Project, error: ApplicationError) -> HttpResponse:
    messages.error(request, error.message)
    query = list_query(filters_of(request.POST))
    return redirect(f"{reverse('samples:sample_list', args=[project.slug])}?{query}")
