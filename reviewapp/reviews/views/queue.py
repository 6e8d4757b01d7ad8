from __future__ import annotations

import uuid

from django.conf import settings
from django.contrib import messages
from django.core.paginator import Paginator
from django.http import HttpResponse, JsonResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.urls import reverse
from django.utils.translation import gettext as _
from django.views.decorators.http import require_GET, require_POST

from reviewapp.core.exceptions import ApplicationError
from reviewapp.core.http import AuthenticatedRequest
from reviewapp.projects.permissions import Permission
from reviewapp.projects.selectors import members_with, project_for
from reviewapp.reviews import services
from reviewapp.reviews.models import Review
from reviewapp.reviews.selectors.queue_states import queue_state
from reviewapp.reviews.selectors.queues import assignment_held
from reviewapp.reviews.selectors.reviews import (
    assignment_get,
    assignments_flagged,
    review_undoable,
    reviews_of,
    samples_returned,
)
from reviewapp.samples.selectors import samples_matching

PAGE_SIZE = 50


@require_GET
def queue(request: AuthenticatedRequest, slug: str) -> HttpResponse:
    """What waits for this person, and why nothing does."""
    project = project_for(request.user, slug)
    context = {
        "project": project,
        "state": queue_state(project, request.user),
        "undoable": review_undoable(request.user, project),
        "undo_key": uuid.uuid4(),
        "settling": assignment_held(project, request.user, is_adjudication=True),
        "flagged": samples_matching(project, {"flagged": "yes"}).count(),
        "lease_minutes": settings.LEASE_MINUTES,
        "leads": [membership.user for membership in members_with(project, Permission.MANAGE)],
    }
    return render(request, "reviews/queue.html", context)


@require_POST
def assignment_claim(request: AuthenticatedRequest, slug: str) -> HttpResponse:
    project = project_for(request.user, slug, Permission.REVIEW)
    try:
        assignment = services.assignment_claim(project=project, user=request.user)
    except ApplicationError as error:
        messages.error(request, error.message)
        return redirect("reviews:queue", slug)
    if assignment is None:
        return redirect("reviews:queue", slug)
    return redirect("reviews:review_edit", slug, assignment.key)


@require_POST
def next_prefetch(request: AuthenticatedRequest, slug: str) -> HttpResponse:
    """Takes the sample after the one in hand, for a short time: {"url": its page}, or 204 when there is none.

    Submitting what is in hand leads to that page. Asked again, it holds the same sample a little longer.
    """
    project = project_for(request.user, slug, Permission.REVIEW)
    try:
        assignment = services.assignment_prefetch(project=project, user=request.user)
    except ApplicationError as error:
        return JsonResponse({"message": error.message}, status=409)
    if assignment is None:
        return HttpResponse(status=204)
    return JsonResponse({"url": reverse("reviews:review_edit", args=[slug, assignment.key])})


@require_POST
def recuse(request: AuthenticatedRequest, slug: str, key: uuid.UUID) -> HttpResponse:
    """Steps back from a sample's group for good, and goes on to the next sample."""
    project = project_for(request.user, slug, Permission.REVIEW)
    assignment = assignment_get(project, str(key), request.user, is_adjudication=False)
    try:
        services.assignment_recuse(assignment=assignment, reason=request.POST.get("reason", ""))
    except ApplicationError as error:
        messages.error(request, error.message)
        return redirect("reviews:review_edit", slug, key)
    messages.info(request, _("You stepped back from this group. Nothing of it is offered to you again."))
    following = services.assignment_claim(project=project, user=request.user)
    return redirect("reviews:review_edit", slug, following.key) if following else redirect("reviews:queue", slug)


@require_GET
def review_list(request: AuthenticatedRequest, slug: str) -> HttpResponse:
    """A person's own decisions, also those that were undone."""
    project = project_for(request.user, slug, Permission.REVIEW)
    page = Paginator(reviews_of(request.user, project), PAGE_SIZE).get_page(request.GET.get("page"))
    undoable = review_undoable(request.user, project)
    context = {"project": project, "page": page, "undoable": undoable, "undo_key": uuid.uuid4()}
    context |= {"undo_minutes": settings.UNDO_MINUTES}
    return render(request, "reviews/review_list.html", context)


@require_POST
def review_undo(request: AuthenticatedRequest, slug: str) -> HttpResponse:
    project = project_for(request.user, slug, Permission.REVIEW)
    mine = Review.objects.filter(reviewer=request.user, sample__project=project).select_related("assignment")
    try:
        review = get_object_or_404(mine, pk=_number(request, "review"))
        key = uuid.UUID(request.POST.get("idempotency_key", ""))
        assignment = services.review_undo(review=review, idempotency_key=key)
    except ValueError:
        messages.error(request, _("This page is out of date. Look at your reviews and undo from there."))
        return redirect("reviews:review_list", slug)
    except ApplicationError as error:
        messages.error(request, error.message)
        return redirect("reviews:review_list", slug)
    name = "reviews:adjudication_edit" if assignment.is_adjudication else "reviews:review_edit"
    return redirect(name, slug, assignment.key)


@require_GET
def returned_list(request: AuthenticatedRequest, slug: str) -> HttpResponse:
    """Returned samples with their reasons, to be put right and back into the queue."""
    project = project_for(request.user, slug, Permission.CURATE)
    page = Paginator(samples_returned(project), PAGE_SIZE).get_page(request.GET.get("page"))
    return render(request, "reviews/returned_list.html", {"project": project, "page": page})


@require_GET
def flagged_list(request: AuthenticatedRequest, slug: str) -> HttpResponse:
    """Samples that reviewers marked for a lead to look at."""
    project = project_for(request.user, slug, Permission.ADJUDICATE)
    page = Paginator(assignments_flagged(project), PAGE_SIZE).get_page(request.GET.get("page"))
    return render(request, "reviews/flagged_list.html", {"project": project, "page": page})


@require_POST
def sample_reopen(request: AuthenticatedRequest, slug: str, sample_id: int) -> HttpResponse:
    project = project_for(request.user, slug, Permission.CURATE)
    sample = get_object_or_404(project.samples, pk=sample_id)
    try:
        services.sample_reopen(sample=sample, reopened_by=request.user)
    except ApplicationError as error:
        messages.error(request, error.message)
    else:
        messages.success(request, _("%(sample)s waits for review again.") % {"sample": sample})
    return redirect("reviews:returned_list", slug)


def _number(request: AuthenticatedRequest, name: str) -> int:
    return int(request.POST.get(name, ""))
