"""Pairwise rounds: setting one up, and the page on which two outputs are compared."""

from __future__ import annotations

import uuid
from typing import Any

from django.contrib import messages
from django.http import HttpResponse
from django.shortcuts import redirect, render
from django.utils.translation import gettext as _
from django.views.decorators.http import require_GET, require_http_methods, require_POST

from reviewapp.audit.services import Target, view_record
from reviewapp.core.exceptions import ApplicationError
from reviewapp.core.http import AuthenticatedRequest
from reviewapp.evaluations import pair_page, selectors
from reviewapp.evaluations.forms import PairwiseForm, round_form_initial
from reviewapp.evaluations.models import GradeAssignment
from reviewapp.evaluations.services import preferences
from reviewapp.evaluations.views.form_keys import form_key
from reviewapp.evaluations.views.grades import go_on
from reviewapp.projects.permissions import Permission
from reviewapp.projects.selectors import project_for


@require_http_methods(["GET", "POST"])
def pairwise_create(request: AuthenticatedRequest, slug: str) -> HttpResponse:
    project = project_for(request.user, slug, Permission.REPORT)
    initial = round_form_initial(project, request.GET.get("run", ""))
    form = PairwiseForm(request.POST or None, project=project, initial=initial)
    context: dict[str, Any] = {"project": project, "form": form, "error": ""}
    if request.method == "POST" and form.is_valid():
        try:
            round = preferences.pairwise_create(created_by=request.user, **form.values())
            return redirect("evaluations:round_detail", slug, round.pk)
        except ApplicationError as error:
            context["error"] = error.message
    status = 422 if context["error"] or form.errors else 200
    return render(request, "evaluations/pairwise_create.html", context, status=status)


@require_GET
def pair(request: AuthenticatedRequest, slug: str, key: uuid.UUID) -> HttpResponse:
    """Two outputs of one prompt side by side, on sides drawn by lot."""
    project = project_for(request.user, slug, Permission.GRADE)
    assignment = selectors.assignment_get(project, key, request.user)
    if not assignment.is_live or assignment.item.round.unsealed_at or not assignment.item.other_output_id:
        messages.warning(
            request, _("That pair is not with you any more. What you wrote is kept; go on to get the next.")
        )
        return redirect("evaluations:round_detail", slug, assignment.item.round_id)
    return _bench(request, assignment)


def _bench(request: AuthenticatedRequest, assignment: GradeAssignment, problem: str = "") -> HttpResponse:
    slug = assignment.item.round.project.slug
    view_record(request=request, project=slug, target=Target.GRADING, shown=assignment.pk)
    context = {
        "project": assignment.item.round.project,
        "page": pair_page.page_of(assignment, form=request.POST.dict() if problem else None),
        "problem": problem,
        "submit_key": uuid.uuid4(),
        "undo_key": uuid.uuid4(),
    }
    return render(request, "evaluations/pair.html", context, status=422 if problem else 200)


@require_POST
def preference_submit(request: AuthenticatedRequest, slug: str, key: uuid.UUID) -> HttpResponse:
    project = project_for(request.user, slug, Permission.GRADE)
    assignment = selectors.assignment_get(project, key, request.user)
    submit_key = form_key(request)
    try:
        preferences.preference_submit(
            assignment=assignment,
            idempotency_key=submit_key,
            values=request.POST.dict(),
            submitted_by=request.user,
        )
    except ApplicationError as error:
        assignment.refresh_from_db()
        return _bench(request, assignment, error.message)
    return go_on(request, assignment.item.round)


@require_POST
def preference_undo(request: AuthenticatedRequest, slug: str, key: uuid.UUID) -> HttpResponse:
    project = project_for(request.user, slug, Permission.GRADE)
    assignment = selectors.assignment_get(project, key, request.user)
    undo_key = form_key(request)
    found = selectors.effective_preferences(assignment.item.round).filter(assignment=assignment).last()
    try:
        if found is not None:
            preferences.preference_undo(preference=found, idempotency_key=undo_key, undone_by=request.user)
    except ApplicationError as error:
        messages.error(request, error.message)
        return redirect("evaluations:round_detail", slug, assignment.item.round_id)
    return redirect("evaluations:pair", slug, key)
