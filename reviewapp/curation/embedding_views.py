"""Vectors by the operator's encoder: asked for, cancelled and removed on the page of search by meaning."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from django.contrib import messages
from django.http import HttpResponse
from django.shortcuts import redirect, render
from django.utils.translation import gettext as _
from django.views.decorators.http import require_GET, require_POST

from reviewapp.core.exceptions import ApplicationError
from reviewapp.core.http import AuthenticatedRequest, wants_fragment
from reviewapp.curation import services
from reviewapp.curation.meaning.encoder_page import vectors_context
from reviewapp.curation.views import STOP_POLLING
from reviewapp.projects.permissions import Permission
from reviewapp.projects.selectors import project_for


@require_POST
def embedding_request(request: AuthenticatedRequest, slug: str) -> HttpResponse:
    project = project_for(request.user, slug, Permission.MANAGE)
    return _done(request, slug, lambda: services.embedding_request(project=project, requested_by=request.user))


@require_POST
def embedding_cancel(request: AuthenticatedRequest, slug: str) -> HttpResponse:
    project = project_for(request.user, slug, Permission.MANAGE)
    told = _("The encoder stops. What it has read is kept for a resume.")
    return _done(request, slug, lambda: services.embedding_cancel(project=project, cancelled_by=request.user), told)


@require_POST
def embedding_remove(request: AuthenticatedRequest, slug: str) -> HttpResponse:
    project = project_for(request.user, slug, Permission.MANAGE)
    told = _("The vectors are removed; the index is used. The samples are as they were.")
    return _done(request, slug, lambda: services.embedding_remove(project=project, removed_by=request.user), told)


def _done(request: AuthenticatedRequest, slug: str, act: Callable[[], Any], told: str = "") -> HttpResponse:
    try:
        act()
    except ApplicationError as refusal:
        messages.error(request, refusal.message)
    else:
        if told:
            messages.success(request, told)
    return redirect("curation:meaning_search", slug)


@require_GET
def embedding_live(request: AuthenticatedRequest, slug: str) -> HttpResponse:
    """The job panel alone, asked for while the encoder reads; then the whole page is loaded once more."""
    project = project_for(request.user, slug)
    context = vectors_context(project)
    job = context["vectors"].job
    if not wants_fragment(request) or job is None:
        return redirect("curation:meaning_search", slug)
    response = render(request, "curation/encoder_card.html#vectors_job", {"project": project, **context})
    if job.is_terminal:
        response.status_code = STOP_POLLING
        response["HX-Refresh"] = "true"
    return response
