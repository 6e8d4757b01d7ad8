"""Settling a sample whose reviews differ: by somebody who did not review it, with a cause, as a row of its own."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING
from uuid import UUID

from django.db import IntegrityError, transaction
from django.utils.translation import gettext

from reviewapp.audit import services as audit
from reviewapp.core.exceptions import ApplicationError, LeaseLost
from reviewapp.projects.models import Project
from reviewapp.reviews.judging import (
    ACCEPT,
    AMBIGUOUS,
    CAUSES,
    REJECT,
    RETURN,
    ReviewGiven,
    ReviewInvalid,
    review_problems,
)
from reviewapp.reviews.models import Assignment, Review
from reviewapp.reviews.selectors.labels import rubric_asked
from reviewapp.reviews.selectors.queues import assignment_held, samples_to_adjudicate
from reviewapp.reviews.selectors.reviews import reviews_of_round
from reviewapp.reviews.services.assignments import assignment_create
from reviewapp.reviews.services.decisions import (
    assignment_close,
    review_create,
    review_stored,
    sample_move,
)
from reviewapp.reviews.services.holding import TAKEN, assignment_lock
from reviewapp.reviews.services.labels import labels_keep
from reviewapp.reviews.services.slots import assignments_expire
from reviewapp.reviews.services.texts import revision_left
from reviewapp.rubrics.selectors import version_document
from reviewapp.samples.models import Revision, Sample

if TYPE_CHECKING:
    from reviewapp.accounts.models import User

_STATES = {ACCEPT: Sample.State.ACCEPTED, RETURN: Sample.State.RETURNED, REJECT: Sample.State.REJECTED}
CLAIM_TRIES = 5


def adjudication_claim(*, project: Project, user: User) -> Assignment | None:
    """The sample this person is settling, or the next one whose reviews differ; None when there is none for them."""
    assignments_expire()
    for _ in range(CLAIM_TRIES):
        try:
            with transaction.atomic():
                return assignment_held(project, user, is_adjudication=True) or _take_next(project, user)
        except IntegrityError:
            continue
    return None


def _take_next(project: Project, user: User) -> Assignment | None:
    sample = samples_to_adjudicate(project, user).select_for_update(of=("self",)).first()
    if sample is None:
        return None
    version = reviews_of_round(sample)[0].rubric_version
    return assignment_create(sample=sample, user=user, version=version, overlap=1, is_adjudication=True)


@dataclass(frozen=True, kw_only=True)
class Cause:
    """Why the reviews differed, one of CAUSES; the note says what a rubric leaves open."""

    kind: str
    note: str = ""


def adjudication_submit(
    *, assignment: Assignment, given: ReviewGiven, cause: Cause, idempotency_key: UUID, seconds: int = 0
) -> Review:
    """Stores the outcome and its cause, and settles the sample; the reviews stay as they were.

    Raises ReviewInvalid with what is missing, LeaseLost when the sample was settled meanwhile, ApplicationError for
    somebody who reviewed the sample.
    """
    shown = assignment.revision
    rubric = rubric_asked(assignment, version_document(assignment.rubric_version))
    problems = review_problems(given, rubric, shown.prompt, shown.completion)
    if cause.kind not in CAUSES:
        problems.setdefault("", gettext("Choose why the reviews differed."))
    elif cause.kind == AMBIGUOUS and not cause.note:
        problems.setdefault("", gettext("Say what the rubric leaves open, so that its next version can settle it."))
    if problems:
        raise ReviewInvalid(problems)
    try:
        return _submit(assignment.pk, given, cause, idempotency_key, seconds)
    except IntegrityError as error:
        raise LeaseLost(TAKEN) from error


@transaction.atomic
def _submit(assignment_id: int, given: ReviewGiven, cause: Cause, key: UUID, seconds: int) -> Review:
    assignment = assignment_lock(assignment_id)
    sample, holder = assignment.sample, assignment.holder
    stored = review_stored(key, assignment)
    if stored is not None:
        return stored
    reviews = list(reviews_of_round(sample))
    if any(review.reviewer_id == holder.pk for review in reviews):
        raise ApplicationError(gettext("You reviewed this sample yourself, so somebody else settles it."))
    assignment_close(assignment)
    labels_keep(given)
    after = _revision_chosen(assignment, reviews, given, holder)
    is_fixed = given.decision == ACCEPT and after.pk != assignment.revision_id
    review = review_create(
        assignment=assignment,
        given=given,
        decision=Review.Decision.FIX if is_fixed else given.decision,
        after=after,
        key=key,
        seconds=seconds,
        cause=cause.kind,
        cause_note=cause.note if cause.kind == AMBIGUOUS else "",
    )
    accepted = after if given.decision == ACCEPT else None
    sample_move(sample=sample, state=_STATES[given.decision], revision=accepted, by=holder)
    audit.record(
        actor=holder,
        action="sample.adjudicate",
        project=sample.project.slug,
        target_type="sample",
        target_id=sample.pk,
        data={"review": review.pk, "decision": review.decision, "cause": cause.kind, "revision": after.pk},
    )
    return review


def _revision_chosen(assignment: Assignment, reviews: list[Review], given: ReviewGiven, holder: User) -> Revision:
    """A reviewer's revision where their text was chosen, so that lineage names them; else a new one."""
    for review in reviews:
        text = review.revision_after
        if (text.prompt, text.completion, text.labels) == (given.prompt, given.completion, given.labels):
            return text
    return revision_left(
        sample=assignment.sample,
        shown=assignment.revision,
        given=given,
        reason=Revision.Reason.ADJUDICATION,
        created_by=holder,
    )
