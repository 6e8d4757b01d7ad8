from __future__ import annotations

import uuid
from collections.abc import Callable, Mapping
from dataclasses import replace
from functools import partial
from typing import Any

from django.contrib import messages
from django.http import HttpResponse, JsonResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.urls import reverse
from django.utils import timezone
from django.utils.translation import gettext as _
from django.views.decorators.http import require_GET, require_POST

from reviewapp.accounts.keymap import cheat_sheet
from reviewapp.audit.services import Target, view_record
from reviewapp.core import leases
from reviewapp.core.exceptions import ApplicationError, LeaseLost
from reviewapp.core.http import AuthenticatedRequest, form_key, wants_fragment
from reviewapp.core.kept import small
from reviewapp.curation.models import Finding
from reviewapp.projects.models import Project
from reviewapp.projects.permissions import Permission
from reviewapp.projects.selectors import project_for
from reviewapp.reviews import judging, services
from reviewapp.reviews.models import Assignment, Review
from reviewapp.reviews.selectors import labels, workbench
from reviewapp.reviews.selectors.queues import queue_progress
from reviewapp.reviews.selectors.reviews import assignment_get, review_undoable
from reviewapp.reviews.selectors.rubrics import rubric_document
from reviewapp.reviews.services.drafts import WINDOW, DraftConflict, draft_keep
from reviewapp.rubrics.scoring import criterion_rows

PARTS = (("source", "Prompt"), ("completion", "Completion"), ("rubric", "Rubric"))
# decision, verb, what happens, an example of a reason
TURN_DOWN = (
    (
        "return",
        "Return",
        "Somebody puts it right and sends it back.",
        "The plan belongs to another visit",
    ),
    ("reject", "Reject", "It is kept, marked as rejected, and never trained on.", "Off topic: a note about parking"),
)
RUBRIC_CHANGED = (
    "The rubric was changed since you opened this page. Your text and the answers that still fit are kept; "
    "look at the criteria once more, then send."
)


def _assignment(request: AuthenticatedRequest, slug: str, key: uuid.UUID) -> Assignment:
    """The person's own assignment in a project they may review in; everything here starts with it."""
    project = project_for(request.user, slug, Permission.REVIEW)
    return assignment_get(project, str(key), request.user, is_adjudication=False)


def _lease(request: AuthenticatedRequest, slug: str, key: uuid.UUID) -> Assignment:
    """As above, or a sample they are settling: leases and drafts of both are the same."""
    return assignment_get(project_for(request.user, slug, Permission.REVIEW), str(key), request.user)


@require_GET
def review_edit(request: AuthenticatedRequest, slug: str, key: uuid.UUID) -> HttpResponse:
    assignment = _assignment(request, slug, key)
    if assignment.state == Assignment.State.SUBMITTED:
        messages.info(
            request,
            _("You have decided about %(sample)s already. Undo the decision to change it.")
            % {"sample": assignment.sample},
        )
        return redirect("reviews:review_list", slug)
    return _page(request, assignment, assignment.draft)


@require_POST
def review_submit(request: AuthenticatedRequest, slug: str, key: uuid.UUID) -> HttpResponse:
    """Stores the decision and goes on to the next sample; a refusal shows the page again as it was typed."""
    assignment = _assignment(request, slug, key)
    form = request.POST.dict()
    try:
        services.review_submit(
            assignment=assignment,
            given=_given(assignment, form),
            idempotency_key=idempotency_key(form),
            seconds=int((timezone.now() - assignment.leased_at).total_seconds()),
        )
    except judging.ReviewInvalid as error:
        return _page(request, assignment, form, error.problems, status=422)
    except ApplicationError as error:
        status = 409 if isinstance(error, LeaseLost) else 422
        return _page(request, assignment, form, {"": error.message}, status=status)
    return _next(request, slug, assignment)


@require_POST
def draft_save(request: AuthenticatedRequest, slug: str, key: uuid.UUID) -> HttpResponse:
    """Keeps what changed on the form; answers {"version": n} or {"message": why not}."""
    assignment = _lease(request, slug, key)
    try:
        changes = judging.draft_changes(request.POST.get("changes", ""))
        saved = draft_keep(assignment=assignment, changes=changes, **_written_by(request))
    except judging.ReviewInvalid as error:
        return JsonResponse({"message": str(error)}, status=400)
    except DraftConflict as error:
        return JsonResponse({"message": error.message, "conflict": True, "version": error.version}, status=409)
    except ApplicationError as error:
        return JsonResponse({"message": error.message}, status=409)
    return JsonResponse({"version": saved.draft_version})


@require_POST
def assignment_renew(request: AuthenticatedRequest, slug: str, key: uuid.UUID) -> HttpResponse:
    assignment = _lease(request, slug, key)
    try:
        end = services.assignment_renew(assignment=assignment)
    except LeaseLost as error:
        return JsonResponse({"message": error.message}, status=409)
    return JsonResponse({"seconds": int((end - timezone.now()).total_seconds())})


@require_POST
def assignment_leave(request: AuthenticatedRequest, slug: str, key: uuid.UUID) -> HttpResponse:
    services.assignment_leave(assignment=_lease(request, slug, key))
    return HttpResponse(status=204)


@require_POST
def assignment_release(request: AuthenticatedRequest, slug: str, key: uuid.UUID) -> HttpResponse:
    assignment = _kept(request, _lease(request, slug, key))
    services.assignment_release(assignment=assignment)
    return redirect("reviews:queue", slug)


@require_POST
def assignment_skip(request: AuthenticatedRequest, slug: str, key: uuid.UUID) -> HttpResponse:
    assignment = _kept(request, _assignment(request, slug, key))
    try:
        services.assignment_skip(assignment=assignment, reason=request.POST.get("skip-reason", ""))
    except ApplicationError as error:
        return _page(request, assignment, request.POST.dict(), {"": error.message}, status=422)
    return _next(request, slug, assignment)


@require_POST
def assignment_flag(request: AuthenticatedRequest, slug: str, key: uuid.UUID) -> HttpResponse:
    assignment = _kept(request, _assignment(request, slug, key))
    services.assignment_flag(assignment=assignment, is_flagged=not assignment.is_flagged)
    if wants_fragment(request):
        return render(
            request, "reviews/review_edit.html#flag", {"assignment": assignment, "project": assignment.sample.project}
        )
    return redirect("reviews:review_edit", slug, key)


@require_POST
def finding_accept(request: AuthenticatedRequest, slug: str, key: uuid.UUID, finding_id: int) -> HttpResponse:
    """Puts a suggestion into the draft; also saves what was typed, so it works without JavaScript."""
    assignment = _kept(request, _assignment(request, slug, key))
    finding = _finding(assignment, finding_id)
    return _settled(request, assignment, finding, partial(services.finding_accept, finding=finding))


@require_POST
def finding_dismiss(request: AuthenticatedRequest, slug: str, key: uuid.UUID, finding_id: int) -> HttpResponse:
    assignment = _kept(request, _assignment(request, slug, key))
    finding = _finding(assignment, finding_id)
    reason = request.POST.get(f"dismiss-{finding.pk}", "")
    return _settled(request, assignment, finding, partial(services.finding_dismiss, finding=finding, reason=reason))


@require_POST
def prompt_restore(request: AuthenticatedRequest, slug: str, key: uuid.UUID) -> HttpResponse:
    assignment = _kept(request, _assignment(request, slug, key))
    services.prompt_restore(assignment=assignment)
    return redirect("reviews:review_edit", slug, key)


def _written_by(request: AuthenticatedRequest) -> dict[str, Any]:
    """Which window wrote a draft, and upon which version of it; nothing when the page does not say."""
    version = request.POST.get("version", "")
    if not version.isdecimal():
        return {}
    return {"window": request.POST.get(WINDOW, "")[:40], "version": int(version)}


def _finding(assignment: Assignment, finding_id: int) -> Finding:
    return get_object_or_404(Finding, pk=finding_id, sample=assignment.sample_id, revision=assignment.revision_id)


def _settled(
    request: AuthenticatedRequest, assignment: Assignment, finding: Finding, settle: Callable[..., None]
) -> HttpResponse:
    """Back to the page, at the finding, with the reason when it was refused."""
    try:
        settle(assignment=assignment)
    except ApplicationError as error:
        messages.error(request, error.message)
    url = reverse("reviews:review_edit", args=[assignment.sample.project.slug, assignment.key])
    return redirect(f"{url}#finding-{workbench.finding_number(assignment, finding)}")


def _given(assignment: Assignment, form: Mapping[str, str]) -> judging.ReviewGiven:
    if form.get("rubric", "") not in ("", str(assignment.rubric_version_id)):
        raise judging.ReviewInvalid({"": RUBRIC_CHANGED})
    shown = assignment.revision
    rubric = rubric_document(assignment.rubric_version)
    label = labels.label_version(assignment)
    if label is not None:
        return labels.review_given(label, assignment, form, rubric)
    return judging.review_read(form, rubric, shown.prompt, shown.completion, assignment.draft)


def idempotency_key(form: Mapping[str, str]) -> uuid.UUID:
    """The key that the page gave this form; raises ApplicationError without one."""
    key = form_key(form)
    if key is None:
        raise ApplicationError(_("This page is out of date. What you wrote is kept: send it once more."))
    return key


def _kept(request: AuthenticatedRequest, assignment: Assignment) -> Assignment:
    """Saves what the form holds before anything else happens: these buttons also work without JavaScript."""
    draft = judging.draft_from_form(request.POST.dict())
    if not draft or assignment.state == Assignment.State.SUBMITTED:
        return assignment
    assignment.draft = leases.draft_save(lease=assignment, changes=dict(draft)).draft
    return assignment


def _next(request: AuthenticatedRequest, slug: str, assignment: Assignment) -> HttpResponse:
    """On to the next sample: a redirect, or for the page's own script where it is and what can be undone now."""
    project = assignment.sample.project
    following = services.assignment_claim(project=project, user=request.user)
    url = (
        reverse("reviews:review_edit", args=[slug, following.key])
        if following
        else reverse("reviews:queue", args=[slug])
    )
    if "application/json" not in request.headers.get("Accept", ""):
        return redirect(url)
    told = {"next": url, "is_item": following is not None}
    return JsonResponse(told | (_shown_ahead(request, project) if "ahead" in request.POST else {}))


def _shown_ahead(request: AuthenticatedRequest, project: Project) -> dict[str, object]:
    """What a page that was fetched before the last decision could not know."""
    done, total = queue_progress(project, request.user)
    review = review_undoable(request.user, project)
    undo = review and {"review": review.pk, "words": undo_words(review)}
    return {"undo": undo, "position": done + 1, "total": max(total, done + 1)}


def _page(
    request: AuthenticatedRequest,
    assignment: Assignment,
    form: Mapping[str, str],
    problems: Mapping[str, str] | None = None,
    status: int = 200,
) -> HttpResponse:
    view_record(
        request=request, project=assignment.sample.project.slug, target=Target.SAMPLE, shown=assignment.sample_id
    )
    label = labels.label_version(assignment)
    rubric = rubric_document(assignment.rubric_version)
    rubric = rubric if label is None else replace(rubric, criteria=())
    done, total = queue_progress(assignment.sample.project, request.user)
    project, sample = assignment.sample.project, assignment.sample
    undoable = review_undoable(request.user, project)
    context = {
        "project": project,
        "assignment": assignment,
        "title": _("Sample %(sample)s") % {"sample": sample},
        "subtitle": f"{project} / {_('Review')} / {request.user}",
        "form": form,
        "problem": (problems or {}).get("", ""),
        "rubric": rubric,
        "label": labels.label_view(label, assignment, form, problems) if label is not None else None,
        "rows": criterion_rows(rubric, form, problems, work="samples"),
        "text": workbench.text_view(assignment.revision, workbench.findings_shown(assignment), form, assignment.draft),
        "returned": workbench.returned_before(assignment),
        "position": done + 1,
        "total": max(total, done + 1),
        "seconds_left": seconds_left(assignment),
        "undoable": undoable,
        "undo_words": undo_words(undoable) if undoable else "",
        "undo_review": undoable.pk if undoable else "",
        "since_import": workbench.diff_since_import(assignment.revision),
        "leftovers": workbench.notes_left_over(form, rubric),
        "draft_window": assignment.draft.get(WINDOW, ""),
        "prefetch_url": reverse("reviews:next_prefetch", args=[project.slug]),
    }
    return render(request, "reviews/review_edit.html", context | _frame(form, assignment), status=status)


def undo_words(review: Review) -> str:
    return _("Undo: %(lower)s %(sample)s") % {
        "lower": small(_(review.get_decision_display())),
        "sample": review.sample,
    }


def seconds_left(assignment: Assignment) -> int:
    """Whole seconds until the lease ends; 0 when it has ended."""
    left = (assignment.lease_expires_at - timezone.now()).total_seconds()
    return int(left) if assignment.state == Assignment.State.LEASED and left > 0 else 0


def turn_down(form: Mapping[str, str]) -> list[tuple[str, ...]]:
    """What the panels for returning and rejecting say, with the reason typed so far."""
    return [(*words, form.get(f"reason-{words[0]}", "")) for words in TURN_DOWN]


def _frame(form: Mapping[str, str], assignment: Assignment) -> dict[str, object]:
    """What is the same on every review page but its keys."""
    return {
        "parts": PARTS,
        "keys": cheat_sheet("review"),
        "progress_label": _("in this queue"),
        "guidelines_title": _("Guidelines, version %(rubric_version_number)s")
        % {"rubric_version_number": assignment.rubric_version.number},
        "turn_down": turn_down(form),
        "idempotency_key": uuid.uuid4(),
        "undo_key": uuid.uuid4(),
    }
