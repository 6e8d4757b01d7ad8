"""The grading workbench and what it posts."""

from __future__ import annotations

import json
import uuid

from django.contrib import messages
from django.core.exceptions import BadRequest
from django.core.paginator import Paginator
from django.http import HttpResponse, JsonResponse
from django.shortcuts import redirect, render
from django.utils import timezone
from django.utils.translation import gettext as _
from django.views.decorators.http import require_GET, require_http_methods, require_POST

from reviewapp.audit.services import Target, view_record
from reviewapp.core import leases
from reviewapp.core.exceptions import ApplicationError, LeaseLost
from reviewapp.core.http import AuthenticatedRequest
from reviewapp.evaluations import grade_page, output_page, selectors
from reviewapp.evaluations.models import GradeAssignment, GradingRound
from reviewapp.evaluations.services import claims, grades
from reviewapp.evaluations.views.form_keys import form_key
from reviewapp.projects.permissions import Permission
from reviewapp.projects.selectors import project_for

State = GradeAssignment.State
Purpose = GradeAssignment.Purpose
PAGE_SIZE = 50


@require_POST
def grade_next(request: AuthenticatedRequest, slug: str, round_id: int) -> HttpResponse:
    """Takes the next output under a lease and opens it."""
    project = project_for(request.user, slug, Permission.GRADE)
    return go_on(request, selectors.round_get(project, round_id))


def go_on(request: AuthenticatedRequest, round: GradingRound) -> HttpResponse:
    """Opens what comes next for this person in a round, or the round's page, which says why nothing does."""
    slug = round.project.slug
    try:
        assignment = grades.grade_claim(round=round, user=request.user)
    except ApplicationError as error:
        messages.error(request, error.message)
        assignment = None
    if assignment is None:
        return redirect("evaluations:round_detail", slug, round.pk)
    page = "pair" if round.kind == GradingRound.Kind.PAIRWISE else "grade"
    return redirect(f"evaluations:{page}", slug, assignment.key)


@require_GET
def grade(request: AuthenticatedRequest, slug: str, key: uuid.UUID) -> HttpResponse:
    project = project_for(request.user, slug, Permission.GRADE)
    assignment = selectors.assignment_get(project, key, request.user)
    if assignment.item.other_output_id:
        return redirect("evaluations:pair", slug, key)
    if assignment.state == State.SUBMITTED:
        return redirect("evaluations:grade_locked", slug, key)
    if not assignment.is_live or assignment.item.round.unsealed_at:
        messages.warning(
            request, _("Your lease on that output has ended. What you wrote is kept; go on to get it back.")
        )
        return redirect("evaluations:round_detail", slug, assignment.item.round_id)
    return _bench(request, assignment)


def _bench(
    request: AuthenticatedRequest,
    assignment: GradeAssignment,
    error: ApplicationError | None = None,
    *,
    is_revision: bool = False,
) -> HttpResponse:
    slug = assignment.item.round.project.slug
    view_record(request=request, project=slug, target=Target.GRADING, shown=assignment.pk)
    form = request.POST.dict() if error else None
    problems = [error.message, *error.extra.get("problems", [])] if error else []
    context = {
        "project": assignment.item.round.project,
        "page": grade_page.page_of(assignment, form=form, problems=problems),
        "submit_key": uuid.uuid4(),
        "undo_key": uuid.uuid4(),
        "is_revision": is_revision,
    }
    return render(request, "evaluations/grade.html", context, status=422 if error else 200)


@require_POST
def grade_draft(request: AuthenticatedRequest, slug: str, key: uuid.UUID) -> JsonResponse:
    project = project_for(request.user, slug, Permission.GRADE)
    assignment = selectors.assignment_get(project, key, request.user)
    try:
        changes = json.loads(request.POST.get("changes", ""))
    except ValueError as error:
        raise BadRequest("The changes are no JSON object.") from error
    if not isinstance(changes, dict) or not all(isinstance(value, str | None) for value in changes.values()):
        raise BadRequest("The changes are no JSON object of texts.")
    try:
        row = leases.draft_save(lease=assignment, changes=changes)
    except ApplicationError as error:
        return JsonResponse({"message": error.message}, status=409)
    return JsonResponse({"version": row.draft_version})


@require_POST
def grade_renew(request: AuthenticatedRequest, slug: str, key: uuid.UUID) -> JsonResponse:
    project = project_for(request.user, slug, Permission.GRADE)
    assignment = selectors.assignment_get(project, key, request.user)
    try:
        end = leases.lease_renew(lease=assignment)
    except LeaseLost as error:
        return JsonResponse({"message": error.message}, status=409)
    return JsonResponse({"seconds": int((end - timezone.now()).total_seconds())})


@require_POST
def grade_leave(request: AuthenticatedRequest, slug: str, key: uuid.UUID) -> HttpResponse:
    project = project_for(request.user, slug, Permission.GRADE)
    grades.grade_leave(assignment=selectors.assignment_get(project, key, request.user))
    return HttpResponse(status=204)


@require_POST
def grade_release(request: AuthenticatedRequest, slug: str, key: uuid.UUID) -> HttpResponse:
    """Gives the output back; the draft stays."""
    project = project_for(request.user, slug, Permission.GRADE)
    assignment = selectors.assignment_get(project, key, request.user)
    grades.grade_release(assignment=assignment)
    messages.success(request, _("The output is back in the queue. What you wrote is kept."))
    return redirect("evaluations:round_detail", slug, assignment.item.round_id)


@require_POST
def grade_submit(request: AuthenticatedRequest, slug: str, key: uuid.UUID) -> HttpResponse:
    """Locks the grade and opens the next output; a refused form comes back as it was sent."""
    project = project_for(request.user, slug, Permission.GRADE)
    assignment = selectors.assignment_get(project, key, request.user)
    submit_key = form_key(request)
    try:
        grades.grade_submit(
            assignment=assignment,
            idempotency_key=submit_key,
            values=request.POST.dict(),
            submitted_by=request.user,
        )
    except ApplicationError as error:
        assignment.refresh_from_db()
        return _bench(request, assignment, error)
    return _after(request, assignment)


def _after(request: AuthenticatedRequest, assignment: GradeAssignment) -> HttpResponse:
    """Practice leads to its feedback, a reference grade to the next one, everything else on."""
    slug, round = assignment.item.round.project.slug, assignment.item.round
    if assignment.purpose == Purpose.PRACTICE:
        return redirect("evaluations:grade_feedback", slug, assignment.key)
    if assignment.purpose != Purpose.REFERENCE:
        return go_on(request, round)
    following = claims.reference_claim(round=round, user=request.user)
    if following is None:
        return redirect("evaluations:round_detail", slug, round.pk)
    return redirect("evaluations:grade", slug, following.key)


@require_GET
def grade_locked(request: AuthenticatedRequest, slug: str, key: uuid.UUID) -> HttpResponse:
    """One's own locked grade; once asked for, the machine's scores of that output; never which model wrote it."""
    project = project_for(request.user, slug, Permission.GRADE)
    assignment = selectors.assignment_get(project, key, request.user)
    locked = selectors.grade_locked(assignment)
    if locked is None:
        return redirect("evaluations:grade", slug, key)
    view_record(request=request, project=slug, target=Target.GRADING, shown=assignment.pk)
    output = assignment.item.output
    context = {
        "project": project,
        "round": assignment.item.round,
        "assignment": assignment,
        "figures": output_page.figures_of(output) if assignment.revealed_at else None,
        "view": output_page.grade_view(locked, output, "You"),
        "revisions": [output_page.grade_view(one, output, "You") for one in selectors.grade_revisions(assignment)],
        "undoable": selectors.undoable_grade(request.user, assignment.item.round),
        "undo_key": uuid.uuid4(),
    }
    return render(request, "evaluations/grade_locked.html", context)


@require_POST
def grade_reveal(request: AuthenticatedRequest, slug: str, key: uuid.UUID) -> HttpResponse:
    """Opens the machine's scores of one's own locked grade; that is logged, and the blind grade stays."""
    project = project_for(request.user, slug, Permission.GRADE)
    locked = selectors.grade_locked(selectors.assignment_get(project, key, request.user))
    if locked is not None:
        grades.grade_reveal(grade=locked, revealed_by=request.user)
    return redirect("evaluations:grade_locked", slug, key)


@require_http_methods(["GET", "POST"])
def grade_revise(request: AuthenticatedRequest, slug: str, key: uuid.UUID) -> HttpResponse:
    """A second judgement after the machine's scores were seen, kept beside the blind one."""
    project = project_for(request.user, slug, Permission.GRADE)
    assignment = selectors.assignment_get(project, key, request.user)
    if assignment.revealed_at is None or assignment.item.round.unsealed_at:
        return redirect("evaluations:grade_locked", slug, key)
    if request.method == "GET":
        return _bench(request, assignment, is_revision=True)
    revise_key = form_key(request)
    try:
        grades.grade_revise(
            assignment=assignment, idempotency_key=revise_key, values=request.POST.dict(), revised_by=request.user
        )
    except ApplicationError as error:
        return _bench(request, assignment, error, is_revision=True)
    return redirect("evaluations:grade_locked", slug, key)


@require_POST
def grade_undo(request: AuthenticatedRequest, slug: str, key: uuid.UUID) -> HttpResponse:
    """Takes back one's own locked grade and opens its output again."""
    project = project_for(request.user, slug, Permission.GRADE)
    assignment = selectors.assignment_get(project, key, request.user)
    locked = selectors.grade_locked(assignment)
    undo_key = form_key(request)
    try:
        if locked is not None:
            grades.grade_undo(grade=locked, idempotency_key=undo_key, undone_by=request.user)
    except ApplicationError as error:
        messages.error(request, error.message)
        return redirect("evaluations:round_detail", slug, assignment.item.round_id)
    return redirect("evaluations:grade", slug, key)


@require_POST
def grade_skip(request: AuthenticatedRequest, slug: str, key: uuid.UUID) -> HttpResponse:
    """Passes the output on with a reason, and opens the next."""
    project = project_for(request.user, slug, Permission.GRADE)
    assignment = selectors.assignment_get(project, key, request.user)
    try:
        grades.grade_skip(assignment=assignment, reason=request.POST.get("reason", ""), skipped_by=request.user)
    except ApplicationError as error:
        messages.error(request, error.message)
        return redirect("evaluations:grade", slug, key)
    return go_on(request, assignment.item.round)


@require_POST
def grade_flag(request: AuthenticatedRequest, slug: str, key: uuid.UUID) -> HttpResponse:
    """Marks the output for the lead, or takes the mark away; the page stays with what is written."""
    project = project_for(request.user, slug, Permission.GRADE)
    assignment = selectors.assignment_get(project, key, request.user)
    grades.grade_flag(assignment=assignment, is_flagged=not assignment.is_flagged, flagged_by=request.user)
    return redirect("evaluations:grade", slug, key)


@require_GET
def grade_list(request: AuthenticatedRequest, slug: str, round_id: int) -> HttpResponse:
    """One's own outputs of a round, newest first: locked, skipped, flagged."""
    project = project_for(request.user, slug, Permission.GRADE)
    round = selectors.round_get(project, round_id)
    page = Paginator(selectors.my_assignments(round, request.user), PAGE_SIZE).get_page(request.GET.get("page"))
    context = {"project": project, "round": round, "page": page}
    return render(request, "evaluations/grade_list.html", context)
