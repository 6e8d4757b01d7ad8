"""Pairwise rounds: set one up, keep a preference, take it back."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import timedelta
from typing import TYPE_CHECKING
from uuid import UUID

from django.conf import settings
from django.db import transaction
from django.utils import timezone
from django.utils.translation import gettext as _

from reviewapp.audit import services as audit
from reviewapp.core.exceptions import ApplicationError
from reviewapp.evaluations import ordering, preferring, selectors
from reviewapp.evaluations.models import GenerationRun, GradeAssignment, GradingRound, Preference, RoundItem
from reviewapp.evaluations.services.claims import open_check
from reviewapp.evaluations.services.grades import close, reopen, seconds_since
from reviewapp.evaluations.services.rounds import round_add, round_check
from reviewapp.rubrics.models import RubricVersion

if TYPE_CHECKING:
    from reviewapp.accounts.models import User


@transaction.atomic
def pairwise_create(
    *,
    generation_run: GenerationRun,
    rubric_version: RubricVersion,
    overlap_percent: int,
    created_by: User,
    first_arm: str = "baseline",
    second_arm: str = "candidate",
    seed: int = 17,
) -> GradingRound:
    """Sets up a comparison of two systems, one item a prompt that both answered. A lead opens it.

    Raises ApplicationError for arms that the run does not have, and as ``round_create`` does.
    """
    round_check(generation_run, rubric_version, overlap_percent)
    known = {arm.key for arm in selectors.arms_of(generation_run)}
    if first_arm == second_arm or not {first_arm, second_arm} <= known:
        raise ApplicationError(_("Choose two different systems of this generation run."))
    pairs = _pairs(generation_run, first_arm, second_arm)
    if not pairs:
        raise ApplicationError(_("There is no prompt that both systems answered."))
    round = round_add(
        generation_run,
        kind=GradingRound.Kind.PAIRWISE,
        rubric_version=rubric_version,
        overlap_percent=overlap_percent,
        seed=seed,
        created_by=created_by,
    )
    double = ordering.overlap_prompts(seed, set(pairs), overlap_percent)
    RoundItem.objects.bulk_create(
        RoundItem(
            round=round, output_id=first, other_output_id=second, slots=2 if prompt in double else 1,
            order_key=ordering.order_key(seed, first),
        )
        for prompt, (first, second) in pairs.items()
    )  # fmt: skip
    data = {"pairs": len(pairs), "arms": [first_arm, second_arm]}
    audit.record(
        actor=created_by, action="grading_round.create_pairwise", project=round.project.slug,
        target_type="grading_round", target_id=round.pk, data={"number": round.number, **data},
    )  # fmt: skip
    return round


def _pairs(run: GenerationRun, first: str, second: str) -> dict[int, tuple[int, int]]:
    """Prompt id to the ids of both outputs."""
    found: dict[int, dict[str, int]] = {}
    for output, prompt, arm in run.outputs.values_list("id", "heldout_prompt_id", "arm"):
        found.setdefault(prompt, {})[arm] = output
    return {prompt: (arms[first], arms[second]) for prompt, arms in found.items() if {first, second} <= set(arms)}


@transaction.atomic
def preference_submit(
    *, assignment: GradeAssignment, idempotency_key: UUID, values: Mapping[str, str], submitted_by: User
) -> Preference:
    """Keeps which of two outputs is better. Sent twice with one key it is kept once.

    Raises ApplicationError when nothing is chosen, it was answered already, or the item is another's by now.
    """
    known: Preference | None = Preference.objects.filter(idempotency_key=idempotency_key, grader=submitted_by).first()
    if known is not None:
        return known
    row: GradeAssignment = GradeAssignment.objects.select_for_update().get(pk=assignment.pk)
    if row.holder_id != submitted_by.pk:
        raise ApplicationError(_("This pair is assigned to someone else."))
    open_check(row.item.round)
    if row.state == GradeAssignment.State.SUBMITTED:
        raise ApplicationError(_("You have already compared these outputs. To change the answer, undo it."))
    try:
        given = preferring.preference_read(values)
    except preferring.PreferenceInvalid as invalid:
        raise ApplicationError(str(invalid)) from invalid
    close(row, {name: value for name, value in values.items() if value and name.startswith(DRAFTED)})
    preference = _write(row, given, idempotency_key)
    _record(submitted_by, "preference.lock", preference)
    return preference


DRAFTED = ("choice", "reason-", "note")  # how the names of the form's own fields begin


def _write(row: GradeAssignment, given: preferring.PreferenceGiven, key: UUID) -> Preference:
    item = row.item
    if item.other_output is None:
        raise ApplicationError(_("This output stands alone; grade it."))
    sides = (item.other_output, item.output) if row.is_swapped else (item.output, item.other_output)
    last = Preference.objects.filter(assignment__item=item, grader=row.holder_id, superseded_by=None).last()
    made: Preference = Preference.objects.create(
        assignment=row,
        round=item.round,
        grader_id=row.holder_id,
        left=sides[0],
        right=sides[1],
        choice=given.choice,
        reasons=list(given.reasons),
        note=given.note,
        supersedes=last,
        idempotency_key=key,
        seconds=seconds_since(row.leased_at),
    )
    return made


@transaction.atomic
def preference_undo(*, preference: Preference, idempotency_key: UUID, undone_by: User) -> GradeAssignment:
    """Takes a preference back within minutes, by a row that supersedes it; the pair returns as it was.

    Raises ApplicationError for another's, after the time, after unsealing, or when it was taken back before.
    """
    row: GradeAssignment = GradeAssignment.objects.select_for_update().get(pk=preference.assignment_id)
    if Preference.objects.filter(idempotency_key=idempotency_key, grader=undone_by).exists():
        return row
    _check_undo(preference, undone_by)
    made = Preference.objects.create(
        assignment=row, round_id=preference.round_id, grader=undone_by, left_id=preference.left_id,
        right_id=preference.right_id, is_undone=True, supersedes=preference, idempotency_key=idempotency_key,
    )  # fmt: skip
    reopen(row)
    _record(undone_by, "preference.undo", made)
    return row


def _check_undo(preference: Preference, user: User) -> None:
    if preference.grader_id != user.pk:
        raise ApplicationError(_("Only the grader can take a preference back."))
    open_check(preference.round)
    if not selectors.effective_preferences(preference.round).filter(pk=preference.pk).exists():
        raise ApplicationError(_("This preference was already taken back."))
    if timezone.now() - preference.submitted_at > timedelta(minutes=settings.UNDO_MINUTES):
        raise ApplicationError(
            _("A preference can be taken back within %(undo_minutes)s minutes.")
            % {"undo_minutes": settings.UNDO_MINUTES}
        )


def _record(actor: User, action: str, preference: Preference) -> None:
    audit.record(
        actor=actor, action=action, project=preference.round.project.slug, target_type="preference",
        target_id=preference.pk, data={"round": preference.round.number, "assignment": str(preference.assignment.key)},
    )  # fmt: skip
