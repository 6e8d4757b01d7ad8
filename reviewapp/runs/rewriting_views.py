"""A recipe for synthetic samples that a model writes; its preview and all that follows are pages of curation."""

from __future__ import annotations

import uuid
from typing import Any

from django.http import HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.views.decorators.http import require_http_methods

from reviewapp.core import queues
from reviewapp.core.exceptions import ApplicationError
from reviewapp.core.http import AuthenticatedRequest
from reviewapp.curation import services as curation
from reviewapp.curation.augmenting.page import again
from reviewapp.curation.augmenting.reading import augmentations_of
from reviewapp.projects.models import Project
from reviewapp.projects.permissions import Permission
from reviewapp.projects.selectors import project_for
from reviewapp.runs import services
from reviewapp.runs.rewriting import models_able
from reviewapp.runs.rewriting_form import BACK, THERE, RewritingForm


@require_http_methods(["GET", "POST"])
def rewriting_create(request: AuthenticatedRequest, slug: str) -> HttpResponse:
    """Which model writes, and what it is told; sending it makes a preview and changes nothing."""
    project = project_for(request.user, slug, Permission.TRAIN)
    if request.method == "GET":
        initial = {"idempotency_key": uuid.uuid4(), **_again(request, project)}
        return _page(request, project, RewritingForm(initial=initial, project=project))
    form = RewritingForm(request.POST, project=project)
    if not form.is_valid():
        return _page(request, project, form)
    try:
        made = curation.augmentation_request(
            project=project,
            kind=form.cleaned_data["kind"],
            values=form.values(),
            requested_by=request.user,
            idempotency_key=form.cleaned_data["idempotency_key"],
        )
    except ApplicationError as refusal:
        return _page(request, project, form, refusal.message)
    return redirect("curation:augmentation_detail", slug, made.number)


def _again(request: AuthenticatedRequest, project: Project) -> dict[str, Any]:
    """An earlier recipe to use once more, or the way that was asked for."""
    number = request.GET.get("again", "")
    if number.isdecimal() and len(number) < 9:
        row = get_object_or_404(augmentations_of(project), number=int(number), kind__in=("rewrite", "back"))
        return {**again(row), "kind": row.kind, "model": str(row.recipe["model"]["number"])}
    return {"kind": "back", "there": THERE, "back": BACK} if request.GET.get("kind") == "back" else {}


def _page(request: AuthenticatedRequest, project: Project, form: RewritingForm, error: str = "") -> HttpResponse:
    context = {
        "project": project,
        "form": form,
        "error": error,
        "models": models_able(project),
        "folders": services.model_folders(),
        "health": queues.queue_health(),
        "start_command": queues.START_COMMAND,
    }
    status = 422 if request.method == "POST" else 200
    return render(request, "runs/rewriting_create.html", context, status=status)
