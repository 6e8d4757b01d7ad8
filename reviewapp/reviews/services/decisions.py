"""Handing in a review, taking it back, and opening a returned sample again."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any
from uuid import UUID

from django.db import IntegrityError, transaction
from django.db.models import F, Q, QuerySet
from django.db.models.functions import Greatest
from django.utils import timezone
from django.utils.translation import gettext as _

from reviewapp.audit import services as audit
from reviewapp.core import leases
from reviewapp.core.exceptions import ApplicationError, LeaseLost
from reviewapp.core.written import written
from reviewapp.curation import services as curation
from reviewapp.projects.models import Membership, Project
from reviewapp.reviews.judging import ACCEPT, ReviewGiven, ReviewInvalid, review_problems, text_to_form
from reviewapp.reviews.labelled import label_answers, label_spans, written_hash
from reviewapp.reviews.majority import outcome_with_extra
from reviewapp.reviews.models import Assignment, CriterionScore, Review
from reviewapp.reviews.outcomes import Outcome, ReviewFacts
from reviewapp.reviews.selectors.labels import label_draft, rubric_asked
from reviewapp.reviews.selectors.reviews import reviews_of_round, samples_with_enough_reviews, undo_problem
from reviewapp.reviews.selectors.rubrics import criteria_by_key, rubric_document
from reviewapp.reviews.selectors.slots import slots_base
from reviewapp.reviews.services.holding import TAKEN, assignment_lock, assignment_lock_opened, assignment_retake
from reviewapp.reviews.services.labels import labels_keep
from reviewapp.reviews.services.slots import slots_recount
from reviewapp.reviews.services.texts import revision_left
from reviewapp.rubrics.scoring import Score, score_fields
from reviewapp.samples.models import Revision, Sample

if TYPE_CHECKING:
    from reviewapp.accounts.models import User

State = Assignment.State
Decision = Review.Decision

_STATES = {
    "adjudicate": Sample.State.ADJUDICATE,
    "accepted": Sample.State.ACCEPTED,
    "returned": Sample.State.RETURNED,
    "rejected": Sample.State.REJECTED,
}


def review_submit(*, assignment: Assignment, given: ReviewGiven, idempotency_key: UUID, seconds: int = 0) -> Review:
    """Stores a decision, its scores and the text it leaves, and moves the sample on.

    The same key gives back the review it made. Raises ReviewInvalid with what is missing, LeaseLost when others took
    the sample meanwhile, ApplicationError when this person already decided.
    """
    shown = assignment.revision
    rubric = rubric_asked(assignment, rubric_document(assignment.rubric_version))
    problems = review_problems(given, rubric, shown.prompt, shown.completion)
    if problems:
        raise ReviewInvalid(problems)
    try:
        return _submit(assignment, given, idempotency_key, seconds)
    except IntegrityError as error:
        # The same form sent twice at once, to two processes: the other one stored it.
        stored = review_stored(idempotency_key, assignment)
        if stored is None:
            raise LeaseLost(TAKEN) from error
        return stored


@transaction.atomic
def _submit(opened: Assignment, given: ReviewGiven, key: UUID, seconds: int) -> Review:
    # Before the sample is locked: taking the next one locks the person first as well.
    _reviews_done_add(opened, 1)
    assignment = assignment_lock_opened(opened)
    sample = assignment.sample
    before = _reviews_before(key, assignment.pk)
    stored = _key_used(key, assignment, before)
    if stored is not None:
        _reviews_done_add(opened, -1)
        return stored
    assignment_close(assignment)
    after = revision_left(
        sample=sample,
        shown=assignment.revision,
        given=given,
        reason=Revision.Reason.FIX,
        created_by=assignment.holder,
    )
    decision = given.decision
    if decision == ACCEPT and after.pk != assignment.revision_id and given.labels is None:
        decision = Decision.FIX
    labels_keep(given)
    review = review_create(
        assignment=assignment, given=given, decision=decision, after=after, key=key, seconds=seconds, before=before
    )
    alone = [review] if sample.slots_taken <= 1 else None  # nobody else is or was on it in this round
    outcome = sample_settle(sample=sample, by=assignment.holder, reviews=alone)
    _record_decision(review, outcome)
    return review


def _reviews_done_add(assignment: Assignment, n: int) -> None:
    """Kept for the progress line of every page; an adjudication is no part of it."""
    if not assignment.is_adjudication:
        mine = Membership.objects.filter(project=assignment.sample.project_id, user=assignment.holder_id)
        mine.update(reviews_done=Greatest(F("reviews_done") + n, 0))


def review_stored(key: UUID, assignment: Assignment) -> Review | None:
    """The review that this form already made; raises ApplicationError when the key belongs to another sample."""
    return _key_used(key, assignment, list(Review.objects.filter(idempotency_key=key)))


@written
def _reviews_before(key: UUID, assignment: int) -> QuerySet[Review]:
    """What this assignment decided before, the last first, and a review of the same key wherever it is."""
    return Review.objects.filter(Q(assignment=assignment) | Q(idempotency_key=key)).order_by("-id")


def _key_used(key: UUID, assignment: Assignment, reviews: list[Review]) -> Review | None:
    stored = next((review for review in reviews if review.idempotency_key == key), None)
    if stored is not None and stored.assignment_id != assignment.pk:
        raise ApplicationError(_("This form was already used for another sample. Reload the page and send it again."))
    return stored


def assignment_close(assignment: Assignment) -> None:
    """Closes the lease; one that ran out counts while its place was not given to others."""
    if assignment.state == State.SUBMITTED:
        raise ApplicationError(_("You have already decided about this sample. Undo the decision to change it."))
    assignment_retake(assignment)
    had_slot = assignment.state == State.LEASED
    assignment.state = State.SUBMITTED
    assignment.closed_at = timezone.now()
    assignment.save(update_fields=["state", "slot", "closed_at"])
    if not had_slot:
        slots_recount([assignment.sample_id])
        assignment.sample.refresh_from_db(fields=["slots_taken"])


def review_create(
    *,
    assignment: Assignment,
    given: ReviewGiven,
    decision: str,
    after: Revision,
    key: UUID,
    seconds: int,
    before: list[Review] | None = None,
    **extra: Any,
) -> Review:
    """The row of a decision with its scores; it supersedes what this assignment decided before.

    ``before``: what it decided, the last first, where that is known.
    """
    if before is None:
        before = list(Review.objects.filter(assignment=assignment.pk).order_by("-id")[:1])
    review: Review = Review.objects.create(
        assignment=assignment,
        sample=assignment.sample,
        revision_before=assignment.revision,
        revision_after=after,
        reviewer=assignment.holder,
        rubric_version=assignment.rubric_version,
        round=assignment.round,
        is_adjudication=assignment.is_adjudication,
        decision=decision,
        reason=given.reason,
        supersedes=before[0] if before else None,
        idempotency_key=key,
        seconds=max(0, seconds),
        **extra,
    )
    criteria = criteria_by_key(assignment.rubric_version)
    CriterionScore.objects.bulk_create(
        CriterionScore(review=review, criterion=criteria[name], value=score.value, text=score.text, reason=score.note)
        for name, score in given.scores.items()
    )
    return review


def sample_settle(
    *, sample: Sample, by: User | None, back_to: Revision | None = None, reviews: list[Review] | None = None
) -> Outcome:
    """Sets a locked sample's state, text and number of reviewers from the reviews of its round that count.

    Reviews that differ call for one more reviewer while the project allows it; with more reviews than the sample
    needed at first, what most of them agree on holds. ``back_to`` is the text it has again when a decision about it
    was undone; ``reviews`` saves looking for them where they are known.
    """
    reviews = list(reviews_of_round(sample)) if reviews is None else reviews
    is_compared = len(reviews) > 1
    kinds = _kinds(reviews) if is_compared else {}
    facts = [_facts(review, with_scores=is_compared) for review in reviews]
    base = slots_base(sample)
    outcome, needed = outcome_with_extra(facts, base=base, extra=sample.project.extra_reviewers, kinds=kinds)
    # Somebody who already works on it as an extra reviewer keeps the place.
    needed = max(needed, min(sample.slots_taken, base + sample.slots_extra))
    sample.slots_needed, sample.slots_extra = needed, needed - base
    state = _STATES.get(outcome.result) or (Sample.State.IN_REVIEW if reviews else Sample.State.READY)
    accepted = next((r.revision_after for r in reviews if r.revision_after_id == outcome.revision), back_to)
    sample_move(sample=sample, state=state, revision=accepted, by=by)
    return outcome


def samples_settle(*, project: Project) -> int:
    """Settles samples that have all reviews they need because the project now asks for fewer; returns how many."""
    with transaction.atomic():
        enough = samples_with_enough_reviews(project)
        samples = enough.select_for_update(of=("self",)).select_related("project", "revision").order_by("pk")
        settled = [(sample, sample_settle(sample=sample, by=None)) for sample in samples]
        for sample, outcome in settled:
            audit.record(
                actor=None,
                action="sample.settle",
                project=project.slug,
                target_type="sample",
                target_id=sample.pk,
                data={"outcome": outcome.result, "reviewers": sample.slots_needed},
            )
    return len(settled)


def sample_move(*, sample: Sample, state: str, by: User | None, revision: Revision | None = None) -> None:
    """Writes a locked sample's new state, and its text when one was accepted; its findings follow."""
    was, before = sample.state, sample.revision_id
    before_text = sample.revision if revision is not None and revision.pk != before else None
    sample.state, sample.state_at = state, timezone.now()
    if before_text is not None:
        sample.revision = revision
    sample.save(update_fields=["state", "state_at", "revision", "slots_needed", "slots_extra"])
    # Findings only care for another text, and for being rejected or no longer so.
    if (before_text is not None or Sample.State.REJECTED in (was, state)) and sample.revision is not None:
        before_text = before_text or sample.revision
        curation.findings_follow(sample=sample, before=before_text, after=sample.revision, by=by)


def _kinds(reviews: list[Review]) -> dict[str, str]:
    return {score.criterion.key: score.criterion.kind for review in reviews for score in review.scores.all()}


def _facts(review: Review, *, with_scores: bool) -> ReviewFacts:
    """A single review is compared with none, so its scores need not be read."""
    after = review.revision_after
    return ReviewFacts(
        decision=review.decision,
        revision=review.revision_after_id,
        text_hash=written_hash(after.prompt, after.labels) if after.labels else after.content_hash,
        scores={score.criterion.key: score.value for score in review.scores.all()} if with_scores else {},
        answers=label_answers(after.labels),
        spans=label_spans(after.labels),
    )


@transaction.atomic
def review_undo(*, review: Review, idempotency_key: UUID) -> Assignment:
    """Takes the last decision back as a new row, and hands the sample to its reviewer again, draft and all.

    Raises ApplicationError when it is too old, was undone, or others built on it.
    """
    _reviews_done_add(review.assignment, -1)
    assignment = assignment_lock(review.assignment_id, review.sample_id)
    stored = review_stored(idempotency_key, assignment)
    if stored is not None:
        _reviews_done_add(assignment, 1)
        return assignment
    review.sample = sample = assignment.sample
    problem = undo_problem(review)
    if problem:
        raise ApplicationError(problem)
    Review.objects.create(
        assignment=assignment,
        sample=sample,
        revision_before=review.revision_after,
        revision_after=review.revision_before,
        reviewer=review.reviewer,
        rubric_version=review.rubric_version,
        round=review.round,
        is_adjudication=review.is_adjudication,
        decision=Decision.UNDONE,
        supersedes=review,
        idempotency_key=idempotency_key,
    )
    assignment.draft = _draft_of(review)
    assignment.state, assignment.closed_at = State.LEASED, None
    assignment.leased_at, assignment.lease_expires_at = timezone.now(), leases.lease_end()
    assignment.save(update_fields=["draft", "state", "closed_at", "leased_at", "lease_expires_at"])
    was_its_text = sample.revision_id == review.revision_after_id
    back_to = review.revision_before if was_its_text else None
    sample_settle(sample=sample, by=review.reviewer, back_to=back_to)
    _record(review, "review.undo", {"review": review.pk, "decision": review.decision})
    return assignment


def _draft_of(review: Review) -> dict[str, str]:
    """What the reviewer had on the form, so that only the slip needs mending."""
    labels = review.revision_after.labels
    if labels is not None:
        draft = label_draft(labels, review.assignment)
    else:
        draft = text_to_form(review.revision_before.completion, review.revision_after.completion)
    if review.reason:
        draft[f"reason-{review.decision}"] = review.reason
    criteria = {criterion.key: criterion for criterion in rubric_document(review.rubric_version).criteria}
    for score in review.scores.select_related("criterion"):
        draft |= score_fields(criteria[score.criterion.key], Score(score.value, score.reason, score.text))
    return draft


@transaction.atomic
def sample_reopen(*, sample: Sample, reopened_by: User) -> None:
    """Puts a returned sample back into the queue, in a new round: earlier reviews stay and no longer decide."""
    sample = Sample.objects.select_for_update(of=("self",)).select_related("project").get(pk=sample.pk)
    if sample.state != Sample.State.RETURNED:
        raise ApplicationError(_("Only a returned sample can be put back into the queue; this one is not returned."))
    sample.save(update_fields=sample.round_begin())
    sample_move(sample=sample, state=Sample.State.READY, by=reopened_by)
    audit.record(
        actor=reopened_by,
        action="sample.reopen",
        project=sample.project.slug,
        target_type="sample",
        target_id=sample.pk,
        data={"round": sample.review_round},
    )


def _record_decision(review: Review, outcome: Outcome) -> None:
    data = {"review": review.pk, "decision": review.decision, "outcome": outcome.result, "round": review.round}
    data |= {"revision": review.revision_after_id, "differences": list(outcome.differences)}
    _record(review, "review.submit", data)


def _record(review: Review, action: str, data: dict[str, object]) -> None:
    audit.record(
        actor=review.reviewer,
        action=action,
        project=review.sample.project.slug,
        target_type="sample",
        target_id=review.sample_id,
        data=data,
    )
