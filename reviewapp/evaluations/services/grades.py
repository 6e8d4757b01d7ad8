"""Grading: lock the grade, take it back within minutes, see the machine's scores, change one's mind after them."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Any
from uuid import UUID

from django.conf import settings
from django.db import IntegrityError, transaction
from django.utils import timezone
from django.utils.translation import gettext as _

from reviewapp.audit import services as audit
from reviewapp.core import leases
from reviewapp.core.exceptions import ApplicationError, LeaseLost
from reviewapp.evaluations import judging, selectors
from reviewapp.evaluations.models import Grade, GradeAssignment, GradeScore, GradeSpan
from reviewapp.evaluations.services.claims import grade_claim, open_check
from reviewapp.rubrics.models import Criterion
from reviewapp.rubrics.selectors import version_document

if TYPE_CHECKING:
    from reviewapp.accounts.models import User

__all__ = [
    "grade_claim",
    "grade_flag",
    "grade_leave",
    "grade_release",
    "grade_reveal",
    "grade_revise",
    "grade_skip",
    "grade_submit",
    "grade_undo",
    "span_row",
]

State = GradeAssignment.State
DRAFTED = ("score-", "note", "spans", "correction")  # how the names of the form's own fields begin
LEAVE_SECONDS = 60  # a page that is left keeps its output this long: a reload gets it back


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
    _check_submit(row, submitted_by)
    given = _read(row, values)
    close(row, {name: value for name, value in values.items() if value and name.startswith(DRAFTED)})
    grade = _write(row, given, idempotency_key)
    _record(submitted_by, "grade.lock", grade, {"spans": len(given.spans)})
    return grade


def _read(row: GradeAssignment, values: Mapping[str, str]) -> judging.GradeGiven:
    output, rubric = row.item.output, version_document(row.item.round.rubric_version)
    try:
        return judging.grade_read(values, rubric, output.text, output.heldout_prompt.prompt)
    except judging.GradeInvalid as invalid:
        raise ApplicationError(_("This grade cannot be locked yet."), problems=invalid.problems) from invalid


def _record(actor: User, action: str, grade: Grade, data: dict[str, Any]) -> None:
    audit.record(
        actor=actor,
        action=action,
        project=grade.round.project.slug,
        target_type="grade",
        target_id=grade.pk,
        data={"round": grade.round.number, "assignment": str(grade.assignment.key), **data},
    )


def _check_submit(row: GradeAssignment, user: User) -> None:
    if row.holder_id != user.pk:
        raise ApplicationError(_("This output is assigned to someone else."))
    open_check(row.item.round, is_reference=row.purpose == GradeAssignment.Purpose.REFERENCE)
    mine = Grade.objects.filter(assignment__item=row.item_id, assignment__purpose=row.purpose, grader=user)
    graded = selectors.standing_grades(mine)
    if row.state == State.SUBMITTED or graded.exists():
        raise ApplicationError(
            _("You have already graded this output. To change the grade, undo it within %(undo_minutes)s minutes.")
            % {"undo_minutes": settings.UNDO_MINUTES}
        )


def close(row: GradeAssignment, draft: dict[str, str]) -> None:
    """Marks an assignment submitted. A lease that ran out still counts unless the slot went to someone else.

    The form as it was locked becomes the draft: an undo shows exactly that.
    """
    row.state, row.closed_at, row.draft = State.SUBMITTED, timezone.now(), draft
    try:
        with transaction.atomic():
            row.save(update_fields=["state", "closed_at", "draft"])
    except IntegrityError as error:
        raise LeaseLost(
            _("Your lease ran out and another grader has this output by now. What you wrote is kept on your side.")
        ) from error


def _write(row: GradeAssignment, given: judging.GradeGiven, key: UUID, *, is_after_reveal: bool = False) -> Grade:
    item, round = row.item, row.item.round
    mine = Grade.objects.filter(assignment__item=item, assignment__purpose=row.purpose, grader=row.holder_id)
    last = mine.filter(superseded_by=None).last()
    grade = Grade.objects.create(
        assignment=row,
        output=item.output,
        round=round,
        grader_id=row.holder_id,
        rubric_version=round.rubric_version,
        note=given.note,
        correction=given.correction,
        is_after_reveal=is_after_reveal,
        supersedes=last,
        idempotency_key=key,
        seconds=seconds_since(row.leased_at),
    )
    criteria = {criterion.key: criterion for criterion in round.rubric_version.criteria.all()}
    GradeScore.objects.bulk_create(
        GradeScore(grade=grade, criterion=criteria[key], value=score.value, text=score.text, reason=score.note)
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


def seconds_since(since: datetime) -> int:
    return max(0, int((timezone.now() - since).total_seconds()))


@transaction.atomic
def grade_undo(*, grade: Grade, idempotency_key: UUID, undone_by: User) -> GradeAssignment:
    """Takes back a grade within minutes, by a row that supersedes it; its output returns to the grader, as it was.

    Raises ApplicationError for another's grade, after the time, after unsealing, or when it was undone before.
    """
    row: GradeAssignment = GradeAssignment.objects.select_for_update().get(pk=grade.assignment_id)
    if Grade.objects.filter(idempotency_key=idempotency_key, grader=undone_by).exists():
        return row
    _check_undo(grade, row, undone_by)
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
    reopen(row)
    _record(undone_by, "grade.undo", grade, {})
    return row


def reopen(row: GradeAssignment) -> None:
    """Gives an assignment that was submitted back to its holder, under a new lease."""
    now = timezone.now()
    row.state, row.closed_at, row.leased_at, row.lease_expires_at = State.LEASED, None, now, leases.lease_end()
    row.save(update_fields=["state", "closed_at", "leased_at", "lease_expires_at"])


def _check_undo(grade: Grade, row: GradeAssignment, user: User) -> None:
    if grade.grader_id != user.pk:
        raise ApplicationError(_("Only the grader can take a grade back."))
    open_check(grade.round, is_reference=row.purpose == GradeAssignment.Purpose.REFERENCE)
    if not selectors.standing_grades(Grade.objects.filter(pk=grade.pk)).exists():
        raise ApplicationError(_("This grade was already taken back."))
    if row.revealed_at:
        raise ApplicationError(
            _(
                "You have seen the machine's scores of this output, so the blind grade stays. Change your "
                "mind beside it."
            )
        )
    if timezone.now() - grade.submitted_at > timedelta(minutes=settings.UNDO_MINUTES):
        raise ApplicationError(
            _("A grade can be taken back within %(undo_minutes)s minutes; this one is older.")
            % {"undo_minutes": settings.UNDO_MINUTES}
        )


@transaction.atomic
def grade_reveal(*, grade: Grade, revealed_by: User) -> None:
    """Opens the machine's scores of an output to its grader, once the grade is locked; from then on it stays.

    Raises ApplicationError for another's grade. Asked twice it is noted once.
    """
    row: GradeAssignment = GradeAssignment.objects.select_for_update().get(pk=grade.assignment_id)
    if row.holder_id != revealed_by.pk or row.state != State.SUBMITTED:
        raise ApplicationError(_("Lock your own grade first; then the machine's scores open."))
    if row.revealed_at is None:
        row.revealed_at = timezone.now()
        row.save(update_fields=["revealed_at"])
        _record(revealed_by, "grade.reveal", grade, {})


@transaction.atomic
def grade_revise(
    *, assignment: GradeAssignment, idempotency_key: UUID, values: Mapping[str, str], revised_by: User
) -> Grade:
    """A second judgement after the machine's scores were seen. Both are kept; estimates use the first.

    Raises ApplicationError with the problems of the form, before the reveal, and after unsealing.
    """
    known: Grade | None = Grade.objects.filter(idempotency_key=idempotency_key, grader=revised_by).first()
    if known is not None:
        return known
    row: GradeAssignment = GradeAssignment.objects.select_for_update().get(pk=assignment.pk)
    if row.holder_id != revised_by.pk or row.revealed_at is None or row.state != State.SUBMITTED:
        raise ApplicationError(_("A grade is revised after it was locked and the machine's scores were seen."))
    open_check(row.item.round)
    grade = _write(row, _read(row, values), idempotency_key, is_after_reveal=True)
    _record(revised_by, "grade.revise", grade, {})
    return grade


@transaction.atomic
def grade_skip(*, assignment: GradeAssignment, reason: str, skipped_by: User) -> None:
    """Passes an output on, with a reason; it does not come back to this person, and what was written is kept.

    Raises ApplicationError without a reason, and when the output is not held any more.
    """
    row: GradeAssignment = GradeAssignment.objects.select_for_update().get(pk=assignment.pk)
    if not reason.strip():
        raise ApplicationError(_("Say why you skip this output."))
    if row.holder_id != skipped_by.pk or row.state != State.LEASED:
        raise ApplicationError(_("This output is not with you any more."))
    row.state, row.closed_at, row.skip_reason = State.SKIPPED, timezone.now(), reason.strip()
    row.save(update_fields=["state", "closed_at", "skip_reason"])
    _record_assignment(skipped_by, "grade.skip", row, {"reason": row.skip_reason})


@transaction.atomic
def grade_flag(*, assignment: GradeAssignment, is_flagged: bool, flagged_by: User) -> None:
    """Marks an output for the lead, or takes the mark away. Grading goes on as usual."""
    row: GradeAssignment = GradeAssignment.objects.select_for_update().get(pk=assignment.pk)
    if row.holder_id != flagged_by.pk:
        raise ApplicationError(_("This output is assigned to someone else."))
    if row.is_flagged != is_flagged:
        row.is_flagged = is_flagged
        row.save(update_fields=["is_flagged"])
        _record_assignment(flagged_by, "grade.flag" if is_flagged else "grade.unflag", row, {})


def _record_assignment(actor: User, action: str, row: GradeAssignment, data: dict[str, Any]) -> None:
    audit.record(
        actor=actor,
        action=action,
        project=row.item.round.project.slug,
        target_type="grade_assignment",
        target_id=row.pk,
        data={"round": row.item.round.number, "assignment": str(row.key), **data},
    )
