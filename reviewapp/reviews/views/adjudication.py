from __future__ import annotations

import uuid
from collections.abc import Mapping
from dataclasses import replace

from django.contrib import messages
from django.http import HttpResponse, JsonResponse
from django.shortcuts import redirect, render
from django.urls import reverse
from django.utils import timezone
from django.utils.html import format_html
from django.utils.http import urlencode
from django.utils.translation import gettext as _
from django.views.decorators.http import require_GET, require_POST

from reviewapp.audit.services import Target, view_record
from reviewapp.core.exceptions import ApplicationError, LeaseLost
from reviewapp.core.http import AuthenticatedRequest
from reviewapp.projects.permissions import GRANTED, Permission
from reviewapp.projects.selectors import project_for, role_of
from reviewapp.reviews import judging, services
from reviewapp.reviews.models import Assignment
from reviewapp.reviews.selectors import adjudications, labels
from reviewapp.reviews.selectors.reviews import assignment_get
from reviewapp.reviews.views.workbench import idempotency_key, seconds_left, turn_down
from reviewapp.rubrics.selectors import version_document

NOTE_CHARS = 1_000  # of a note in a link
PARTS = (("source", "Prompt"), ("completion", "Reviews"), ("rubric", "Outcome"))
KEYS = (
    (("1", "to", "9"), "choose a level of the criterion with the frame; for yes or no, 1 is yes"),
    (("0",), "not applicable; for yes or no, no"),
    (("↑", "↓"), "criterion before or after"),
    (("A",), "take the text of review A, and so on"),
    (("Ctrl", "Enter"), "settle and take the next, also while typing"),
    (("Esc",), "leave a text box"),
    (("G",), "guidelines"),
    (("?",), "this list"),
)


@require_POST
def adjudication_claim(request: AuthenticatedRequest, slug: str) -> HttpResponse:
    project = project_for(request.user, slug, Permission.ADJUDICATE)
    assignment = services.adjudication_claim(project=project, user=request.user)
    if assignment is None:
        messages.info(
            request, _("No sample waits for you to settle: you reviewed the ones that differ, or others are on them.")
        )
        return redirect("reviews:queue", slug)
    return redirect("reviews:adjudication_edit", slug, assignment.key)


def _assignment(request: AuthenticatedRequest, slug: str, key: uuid.UUID) -> Assignment:
    project = project_for(request.user, slug, Permission.ADJUDICATE)
    return assignment_get(project, str(key), request.user, is_adjudication=True)


@require_GET
def adjudication_edit(request: AuthenticatedRequest, slug: str, key: uuid.UUID) -> HttpResponse:
    assignment = _assignment(request, slug, key)
    if assignment.state == Assignment.State.SUBMITTED:
        messages.info(
            request,
            _("You have settled %(sample)s already. Undo the decision to change it.") % {"sample": assignment.sample},
        )
        return redirect("reviews:review_list", slug)
    return _page(request, assignment, assignment.draft)


@require_POST
def adjudication_submit(request: AuthenticatedRequest, slug: str, key: uuid.UUID) -> HttpResponse:
    assignment = _assignment(request, slug, key)
    form = request.POST.dict()
    try:
        services.adjudication_submit(
            assignment=assignment,
            given=_given(assignment, form),
            cause=_cause(form),
            idempotency_key=idempotency_key(form),
            seconds=int((timezone.now() - assignment.leased_at).total_seconds()),
        )
    except judging.ReviewInvalid as error:
        return _page(request, assignment, form, error.problems, status=422)
    except ApplicationError as error:
        return _page(
            request, assignment, form, {"": error.message}, status=409 if isinstance(error, LeaseLost) else 422
        )
    _say_where_to_mend(request, assignment, _cause(form))
    return _next(request, assignment)


def _next(request: AuthenticatedRequest, assignment: Assignment) -> HttpResponse:
    """On to the next sample: a redirect, or for the page's own script where it is."""
    project = assignment.sample.project
    following = services.adjudication_claim(project=project, user=request.user)
    url = reverse("reviews:queue", args=[project.slug])
    if following is not None:
        url = reverse("reviews:adjudication_edit", args=[project.slug, following.key])
    if "application/json" in request.headers.get("Accept", ""):
        return JsonResponse({"next": url})
    return redirect(url)


def _cause(form: Mapping[str, str]) -> services.Cause:
    return services.Cause(kind=form.get("cause", ""), note=form.get("cause-note", "").replace("\r\n", "\n").strip())


def _say_where_to_mend(request: AuthenticatedRequest, assignment: Assignment, cause: services.Cause) -> None:
    """An ambiguity is for the rubric: its editor where this person may use it, else who sees the note."""
    if cause.kind != judging.AMBIGUOUS:
        return
    project, version = assignment.sample.project, assignment.rubric_version
    if Permission.RUBRIC not in GRANTED[role_of(request.user, project)]:
        messages.info(request, _("Your note stands on the agreement page, where leads take it into the rubric."))
        return
    url = reverse("rubrics:rubric_edit", args=[project.slug, version.rubric_id])
    note = urlencode({"note": cause.note[:NOTE_CHARS]})
    messages.info(
        request, format_html(_('The rubric leaves something open. <a href="{}?{}">Open a draft of it</a>.'), url, note)
    )


def _given(assignment: Assignment, form: Mapping[str, str]) -> judging.ReviewGiven:
    """The chosen review's prompt and completion, or the completion as written."""
    choice = form.get("choice", "")
    chosen = adjudications.choice_revision(assignment, choice)
    if form.get("decision") == judging.ACCEPT and chosen is None and choice != adjudications.WRITTEN:
        raise judging.ReviewInvalid({"": _("Choose which text is right, or write it.")})
    label = labels.label_version(assignment)
    if chosen is None and label is not None:
        return labels.review_given(label, assignment, form, version_document(assignment.rubric_version))
    texts = {"completion": form.get("completion", "")} if chosen is None else {"completion": chosen.completion}
    prompt = (chosen or adjudications.prompt_source(assignment)).prompt
    rubric = labels.rubric_asked(assignment, version_document(assignment.rubric_version))
    shown = assignment.revision
    read = judging.review_read({**form, **texts}, rubric, shown.prompt, shown.completion, {"prompt": prompt})
    return replace(read, labels=chosen.labels if chosen else None)


def _page(
    request: AuthenticatedRequest,
    assignment: Assignment,
    form: Mapping[str, str],
    problems: Mapping[str, str] | None = None,
    status: int = 200,
) -> HttpResponse:
    project, sample = assignment.sample.project, assignment.sample
    view_record(request=request, project=project.slug, target=Target.SAMPLE, shown=sample.pk)
    view = adjudications.adjudication_view(assignment, form, problems or {})
    label = labels.label_version(assignment)
    left = adjudications.n_to_adjudicate(project)
    context = {
        "project": project,
        "assignment": assignment,
        "view": view,
        "label": labels.label_view(label, assignment, form, problems) if label is not None else None,
        "title": _("Sample %(sample)s, reviews differ") % {"sample": sample},
        "subtitle": f"{project} / {_('Adjudication')} / {request.user}",
        "form": {"cause": form.get("cause", ""), "note": form.get("cause-note", "")},
        "problem": (problems or {}).get("", ""),
        "position": 1,
        "total": max(left, 1),
        "progress_label": _("to settle"),
        "seconds_left": seconds_left(assignment),
        "parts": PARTS,
        "keys": KEYS,
        "causes": judging.CAUSES,
        "guidelines_title": _("Guidelines, version %(rubric_version_number)s")
        % {"rubric_version_number": assignment.rubric_version.number},
        "turn_down": turn_down(form),
        "idempotency_key": uuid.uuid4(),
    }
    return render(request, "reviews/adjudication_edit.html", context, status=status)
