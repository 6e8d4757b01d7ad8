"""Calibration rounds: setting one up, reference grades, and what a grader learns from them."""

from __future__ import annotations

import uuid
from typing import Any

from django.contrib import messages
from django.http import Http404, HttpResponse
from django.shortcuts import redirect, render
from django.utils.translation import gettext as _
from django.views.decorators.http import require_GET, require_http_methods, require_POST

from reviewapp.audit.services import Target, view_record
from reviewapp.core.exceptions import ApplicationError
from reviewapp.core.http import AuthenticatedRequest
from reviewapp.evaluations import calibrating, output_page, selectors
from reviewapp.evaluations.forms import CalibrationForm, round_form_initial
from reviewapp.evaluations.models import GradeAssignment, GradingRound
from reviewapp.evaluations.services import calibrations, claims, rounds
from reviewapp.projects.permissions import Permission
from reviewapp.projects.selectors import project_for


@require_http_methods(["GET", "POST"])
def calibration_create(request: AuthenticatedRequest, slug: str) -> HttpResponse:
    project = project_for(request.user, slug, Permission.REPORT)
    initial = round_form_initial(project, request.GET.get("run", ""))
    form = CalibrationForm(request.POST or None, project=project, initial=initial)
    context: dict[str, Any] = {"project": project, "form": form, "error": ""}
    if request.method == "POST" and form.is_valid():
        try:
            round = calibrations.calibration_create(created_by=request.user, **form.cleaned_data)
            return redirect("evaluations:round_detail", slug, round.pk)
        except ApplicationError as error:
            context["error"] = error.message
    status = 422 if context["error"] or form.errors else 200
    return render(request, "evaluations/calibration_create.html", context, status=status)


@require_POST
def reference_next(request: AuthenticatedRequest, slug: str, round_id: int) -> HttpResponse:
    """Takes the next output that a lead still has to grade, and opens it."""
    project = project_for(request.user, slug, Permission.REPORT)
    round = selectors.round_get(project, round_id)
    try:
        assignment = claims.reference_claim(round=round, user=request.user)
    except ApplicationError as error:
        messages.error(request, error.message)
        assignment = None
    if assignment is None:
        return redirect("evaluations:round_detail", slug, round_id)
    return redirect("evaluations:grade", slug, assignment.key)


@require_POST
def round_open(request: AuthenticatedRequest, slug: str, round_id: int) -> HttpResponse:
    """Opens a pairwise round or a calibration; a grading round is opened by declaring its gates."""
    project = project_for(request.user, slug, Permission.REPORT)
    round = selectors.round_get(project, round_id)
    kinds = {
        GradingRound.Kind.PAIRWISE: rounds.round_open,
        GradingRound.Kind.CALIBRATION: calibrations.calibration_open,
    }
    try:
        if round.kind not in kinds:
            raise ApplicationError(_("A grading round is opened by declaring its gates."))
        kinds[GradingRound.Kind(round.kind)](round=round, opened_by=request.user)
    except ApplicationError as error:
        messages.error(request, error.message)
    return redirect("evaluations:round_detail", slug, round_id)


@require_GET
def grade_feedback(request: AuthenticatedRequest, slug: str, key: uuid.UUID) -> HttpResponse:
    """One's own practice grade beside the reference, criterion by criterion, with the anchors."""
    project = project_for(request.user, slug, Permission.GRADE)
    assignment = selectors.assignment_get(project, key, request.user)
    locked = selectors.grade_locked(assignment)
    if assignment.purpose != GradeAssignment.Purpose.PRACTICE or locked is None:
        raise Http404("There is no feedback on this output.")
    view_record(request=request, project=slug, target=Target.GRADING, shown=assignment.pk)
    reference = calibrating.references(assignment.item.round)[assignment.item_id]
    context = {
        "project": project,
        "round": assignment.item.round,
        "assignment": assignment,
        "compared": calibrating.compared(locked, reference),
        "view": output_page.grade_view(locked, assignment.item.output, "You"),
        "reference": output_page.grade_view(reference, assignment.item.output, "Reference"),
        "standing": calibrating.standing(assignment.item.round, request.user),
    }
    return render(request, "evaluations/grade_feedback.html", context)
