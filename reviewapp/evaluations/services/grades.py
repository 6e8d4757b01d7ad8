"""Grading: take an output, keep the draft, lock the grade, take it back within minutes."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime, timedelta
from typing import TYPE_CHECKING
from uuid import UUID

from django.conf import settings
from django.db import IntegrityError, transaction
from django.utils import timezone

from reviewapp.audit import services as audit
from reviewapp.core import leases
from reviewapp.core.exceptions import ApplicationError, LeaseLost
from reviewapp.evaluations import judging, ordering, selectors
from reviewapp.evaluations.models import (
    Grade,
    GradeAssignment,
    GradeScore,
    GradeSpan,
    GradingRound,
    RoundItem,
)
from reviewapp.rubrics.models import Criterion
from reviewapp.rubrics.selectors import version_document

if TYPE_CHECKING:
    from reviewapp.accounts.models import User

State = GradeAssignment.State
DRAFTED = ("score-", "note", "spans", "correction")  # how the names of the form's own fields begin
LEAVE_SECONDS = 60  # a page that is left keeps its output this long: a reload gets it back


def grade_claim(*, round: GradingRound, user: User) -> GradeAssignment | None:
    """The output this person is on, or a new one under a lease; None when nothing is open for them.

    Raises ApplicationError while gates are not declared and after unsealing.
    """
    _check_open(round)
    leases.leases_expire(GradeAssignment)
    mine = GradeAssignment.objects.filter(item__round=round, holder=user)
    held: GradeAssignment | None = mine.live().order_by("leased_at").first()
    if held is not None:
        return held
    for item_id in _items_in_order(round, user):
        assignment = _take(item_id, user)
        if assignment is not None:
            return assignment
    return None


def _check_open(round: GradingRound) -> None:
    if round.unsealed_at:
        raise ApplicationError(f"{round} is unsealed; no more grades are taken.")
    if not round.opened_at:
        raise ApplicationError(f"{round} is not open yet: a lead declares the gates first.")


def _items_in_order(round: GradingRound, user: User) -> list[int]:
    """Ids of open items: those with a draft of this person first, then the person's own random order."""
    rows = selectors.items_open_for(round, user).values_list("pk", "output__heldout_prompt_id", "order_key")
    holders: dict[int, set[int]] = {}
    taken = GradeAssignment.objects.filter(item__round=round, state__in=[State.LEASED, State.SUBMITTED])
    for prompt, holder in taken.values_list("item__output__heldout_prompt_id", "holder_id"):
        holders.setdefault(prompt, set()).add(holder)
    candidates = [
        ordering.Candidate(
            item_id=pk,
            prompt_id=prompt,
            order_key=order_key,
            sibling_elsewhere=prompt in holders and user.pk not in holders[prompt],
        )
        for pk, prompt, order_key in rows
    ]
    ordered = ordering.claim_order(
        candidates, grader=user.pk, seed=round.seed, recent_prompts=_recent_prompts(round, user)
    )
    mine = GradeAssignment.objects.filter(item__round=round, holder=user).exclude(draft={})
    drafted = set(mine.exclude(state=State.SUBMITTED).values_list("item_id", flat=True))
    return sorted((candidate.item_id for candidate in ordered), key=lambda pk: pk not in drafted)


def _recent_prompts(round: GradingRound, user: User) -> set[int]:
    recent = GradeAssignment.objects.filter(item__round=round, holder=user).order_by("-leased_at", "-pk")
    return set(recent.values_list("item__output__heldout_prompt_id", flat=True)[: ordering.KEEP_APART])


def _take(item_id: int, user: User) -> GradeAssignment | None:
    """Leases one slot of an item; None when others were faster. An earlier draft of the person comes along."""
    item = RoundItem.objects.get(pk=item_id)
    before = GradeAssignment.objects.filter(item=item, holder=user).order_by("-pk").first()
    busy = set(
        GradeAssignment.objects.filter(item=item, state__in=[State.LEASED, State.SUBMITTED]).values_list(
            "slot", flat=True
        )
    )
    slot = next((number for number in range(item.slots) if number not in busy), None)
    if slot is None:
        return None
    try:
        with transaction.atomic():
            return GradeAssignment.objects.create(
                item=item,
                slot=slot,
                holder=user,
                lease_expires_at=leases.lease_end(),
                draft=before.draft if before else {},
                draft_version=before.draft_version if before else 0,
                draft_saved_at=before.draft_saved_at if before else None,
            )
    except IntegrityError:
        return None  # the unique slot was taken between looking and writing


def grade_leave(*, assignment: GradeAssignment) -> None:
    """Shortens a lease when its page is left, so that nobody waits for half an hour for a closed tab."""
    end = timezone.now() + timedelta(seconds=LEAVE_SECONDS)
    live = GradeAssignment.objects.filter(pk=assignment.pk).live()
    live.filter(lease_expires_at__gt=end).update(lease_expires_at=end)


def grade_release(*, assignment: GradeAssignment) -> None:
    """Gives an output back to the queue; the draft stays and comes back with it."""
    leases.lease_release(lease=assignment)


@transaction.atomic
def grade_submit(
    *,
    assignment: GradeAssignment,
    idempotency_key: UUID,
    values: Mapping[str, str],
    submitted_by: User,
) -> Grade:
    """Locks a grade. Sent twice with one key it is locked once.

    ``values`` are the form's fields as ``judging.grade_read`` wants them. Raises ApplicationError with every problem
    in ``extra["problems"]``, when the output was graded already, or when another grader has it by now.
    """
    known: Grade | None = Grade.objects.filter(idempotency_key=idempotency_key, grader=submitted_by).first()
    if known is not None:
        return known
    row: GradeAssignment = GradeAssignment.objects.select_for_update().get(pk=assignment.pk)
    round = row.item.round
    _check_submit(row, round, submitted_by)
    output = row.item.output
    rubric = version_document(round.rubric_version)
    try:
        given = judging.grade_read(values, rubric, output.text, output.heldout_prompt.prompt)
    except judging.GradeInvalid as invalid:
        raise ApplicationError("This grade cannot be locked yet.", problems=invalid.problems) from invalid
    _close(row, values)
    grade = _write(row, given, idempotency_key)
    audit.record(
        actor=submitted_by,
        action="grade.lock",
        project=round.project.slug,
        target_type="grade",
        target_id=grade.pk,
        data={"round": round.number, "assignment": str(row.key), "spans": len(given.spans)},
    )
    return grade


def _check_submit(row: GradeAssignment, round: GradingRound, user: User) -> None:
    if row.holder_id != user.pk:
        raise ApplicationError("This output is assigned to someone else.")
    _check_open(round)
    graded = selectors.effective_grades(Grade.objects.filter(output=row.item.output_id, round=round, grader=user))
    if row.state == State.SUBMITTED or graded.exists():
        raise ApplicationError(
            f"You have already graded this output. To change the grade, undo it within {settings.UNDO_MINUTES} minutes."
        )


def _close(row: GradeAssignment, values: Mapping[str, str]) -> None:
    """Marks the assignment submitted. A lease that ran out still counts unless the slot went to someone else.

    The form as it was locked becomes the draft: an undo shows exactly that.
    """
    row.state = State.SUBMITTED
    row.closed_at = timezone.now()
    row.draft = {name: value for name, value in values.items() if value and name.startswith(DRAFTED)}
    try:
        with transaction.atomic():
            row.save(update_fields=["state", "closed_at", "draft"])
    except IntegrityError as error:
        raise LeaseLost(
            "Your lease ran out and another grader has this output by now. What you wrote is kept on your side."
        ) from error


def _write(row: GradeAssignment, given: judging.GradeGiven, key: UUID) -> Grade:
    item, round = row.item, row.item.round
    last = Grade.objects.filter(assignment__item=item, grader=row.holder_id, superseded_by=None).last()
    grade = Grade.objects.create(
        assignment=row,
        output=item.output,
        round=round,
        grader_id=row.holder_id,
        rubric_version=round.rubric_version,
        note=given.note,
        correction=given.correction,
        supersedes=last,
        idempotency_key=key,
        seconds=_seconds(row.leased_at),
    )
    criteria = {criterion.key: criterion for criterion in round.rubric_version.criteria.all()}
    GradeScore.objects.bulk_create(
        GradeScore(grade=grade, criterion=criteria[key], value=score.value, reason=score.note)
        for key, score in given.scores.items()
    )
    output, prompt = item.output.text, item.output.heldout_prompt.prompt
    GradeSpan.objects.bulk_create(
        span_row(grade, criteria[span.criterion], span, output, prompt) for span in given.spans
    )
    return grade


def span_row(grade: Grade, criterion: Criterion, span: judging.SpanGiven, output: str, prompt: str) -> GradeSpan:
    """An error as a row, with the words it points to."""
    return GradeSpan(
        grade=grade,
        criterion=criterion,
        severity=span.severity,
        start=span.start,
        end=span.end,
        excerpt=output[span.start : span.end],
        source_start=span.source_start,
        source_end=span.source_end,
        source_excerpt="" if span.source_start is None else prompt[span.source_start : span.source_end],
        is_absent_from_source=span.is_absent_from_source,
        error_type=span.error_type,
    )


def _seconds(since: datetime) -> int:
    return max(0, int((timezone.now() - since).total_seconds()))


@transaction.atomic
def grade_undo(*, grade: Grade, idempotency_key: UUID, undone_by: User) -> GradeAssignment:
    """Takes back a grade within minutes, by a row that supersedes it; its output returns to the grader, as it was.

    Raises ApplicationError for another's grade, after the time, after unsealing, or when it was undone before.
    """
    row: GradeAssignment = GradeAssignment.objects.select_for_update().get(pk=grade.assignment_id)
    if Grade.objects.filter(idempotency_key=idempotency_key, grader=undone_by).exists():
        return row
    _check_undo(grade, undone_by)
    Grade.objects.create(
        assignment=row,
        output_id=grade.output_id,
        round_id=grade.round_id,
        grader=undone_by,
        rubric_version_id=grade.rubric_version_id,
        is_undone=True,
        supersedes=grade,
        idempotency_key=idempotency_key,
    )
    now = timezone.now()
    row.state, row.closed_at, row.leased_at, row.lease_expires_at = State.LEASED, None, now, leases.lease_end()
    row.save(update_fields=["state", "closed_at", "leased_at", "lease_expires_at"])
    audit.record(
        actor=undone_by,
        action="grade.undo",
        project=grade.round.project.slug,
        target_type="grade",
        target_id=grade.pk,
        data={"round": grade.round.number, "assignment": str(row.key)},
    )
    return row


def _check_undo(grade: Grade, user: User) -> None:
    if grade.grader_id != user.pk:
        raise ApplicationError("Only the grader can take a grade back.")
    _check_open(grade.round)
    if not selectors.effective_grades(Grade.objects.filter(pk=grade.pk)).exists():
        raise ApplicationError("This grade was already taken back.")
    if timezone.now() - grade.submitted_at > timedelta(minutes=settings.UNDO_MINUTES):
        raise ApplicationError(f"A grade can be taken back within {settings.UNDO_MINUTES} minutes; this one is older.")
