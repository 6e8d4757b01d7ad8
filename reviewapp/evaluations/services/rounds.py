"""Grading rounds: what is graded, by how many, sealed until a lead opens it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from django.db import transaction
from django.db.models import Max
from django.utils import timezone
from django.utils.translation import gettext

from reviewapp.audit import services as audit
from reviewapp.core.exceptions import ApplicationError
from reviewapp.evaluations import calibrating, ordering, selectors
from reviewapp.evaluations.models import GenerationRun, GradingRound, Output, RoundItem
from reviewapp.rubrics.documents import OUTPUTS, narrowed
from reviewapp.rubrics.models import Rubric, RubricVersion
from reviewapp.rubrics.selectors import version_document
from reviewapp.rubrics.services import rubric_version_use
from reviewapp.words import named

if TYPE_CHECKING:
    from reviewapp.accounts.models import User

MOST_HIDDEN = 20  # percent


@transaction.atomic
def round_create(
    *,
    generation_run: GenerationRun,
    rubric_version: RubricVersion,
    overlap_percent: int,
    created_by: User,
    grade_baseline: bool = True,
    repeat_percent: int = 0,
    gold_percent: int = 0,
    calibration: GradingRound | None = None,
    is_pass_required: bool = False,
    seed: int = 17,
) -> GradingRound:
    """Sets up blind grading of a generation run's outputs. Grading begins once gates were declared.

    ``repeat_percent`` of each grader's outputs come back to them unannounced, ``gold_percent`` are outputs of the
    ``calibration`` round that have a lead's reference grade. Neither counts in estimates. Raises ApplicationError
    when outputs or criteria are lacking, or another round on them is still sealed.
    """
    round_check(generation_run, rubric_version, overlap_percent)
    _check_hidden(generation_run, rubric_version, repeat_percent, gold_percent, calibration, is_pass_required)
    round = round_add(
        generation_run,
        rubric_version=rubric_version,
        overlap_percent=overlap_percent,
        grade_baseline=grade_baseline,
        repeat_percent=repeat_percent,
        gold_percent=gold_percent,
        calibration=calibration,
        is_pass_required=is_pass_required,
        seed=seed,
        created_by=created_by,
    )
    items = _items(round)
    RoundItem.objects.bulk_create([*items, *_gold_items(round)])
    _record_create(round, items)
    return round


def _record_create(round: GradingRound, items: list[RoundItem]) -> None:
    audit.record(
        actor=round.created_by,
        action="grading_round.create",
        project=round.project.slug,
        target_type="grading_round",
        target_id=round.pk,
        data={
            "generation_run": round.generation_run.number,
            "rubric_version": round.rubric_version.content_hash,
            "overlap_percent": round.overlap_percent,
            "outputs": len(items),
            "grades": sum(item.slots for item in items),
            "repeat_percent": round.repeat_percent,
            "gold_percent": round.gold_percent,
            "calibration": round.calibration.number if round.calibration else None,
            "is_pass_required": round.is_pass_required,
            "seed": round.seed,
        },
    )


def round_add(run: GenerationRun, **values: Any) -> GradingRound:
    """A round on these outputs with the next number of its project."""
    number = (GradingRound.objects.filter(project=run.project).aggregate(n=Max("number"))["n"] or 0) + 1
    return GradingRound.objects.create(project=run.project, number=number, generation_run=run, **values)


def round_check(run: GenerationRun, version: RubricVersion, overlap_percent: int) -> None:
    """Raises ApplicationError when outputs or criteria are lacking, or another round on them is still sealed."""
    rubric_check(run, version)
    if all(criterion.is_worded for criterion in narrowed(version_document(version), OUTPUTS).criteria):
        raise ApplicationError(
            gettext(
                "%(version)s scores nothing of one output by itself. Choose another rubric, or compare "
                "outputs in pairs."
            )
            % {"version": named(version)}
        )
    if not 0 <= overlap_percent <= 100:
        raise ApplicationError(gettext("The share graded by two people must be from 0 to 100 percent."))
    if selectors.is_sealed(run):
        raise ApplicationError(gettext("These outputs are in a round that is still sealed. Finish or unseal it first."))


def rubric_check(run: GenerationRun, version: RubricVersion) -> None:
    """Raises ApplicationError unless the rubric fits outputs of this project and there are some."""
    if version.rubric.project_id != run.project_id or version.rubric.applies_to == Rubric.AppliesTo.SAMPLES:
        raise ApplicationError(gettext("Choose a rubric of this project that applies to outputs."))
    if not version.criteria.exists():
        raise ApplicationError(
            gettext("%(version)s has no criteria. Add at least one, then grade with it.") % {"version": named(version)}
        )
    if not selectors.is_generated(run) or not run.outputs.exists():
        raise ApplicationError(gettext("This generation run has no outputs yet. Wait until it has finished."))


def _check_hidden(
    run: GenerationRun,
    version: RubricVersion,
    repeat_percent: int,
    gold_percent: int,
    calibration: GradingRound | None,
    is_pass_required: bool,
) -> None:
    if not 0 <= repeat_percent <= MOST_HIDDEN or not 0 <= gold_percent <= MOST_HIDDEN:
        raise ApplicationError(
            gettext("Repeats and reference items may be from 0 to %(most_hidden)s percent each.")
            % {"most_hidden": MOST_HIDDEN}
        )
    if calibration is None:
        if gold_percent or is_pass_required:
            raise ApplicationError(gettext("Choose the calibration round whose reference grades are used."))
        return
    if calibration.project_id != run.project_id or calibration.kind != GradingRound.Kind.CALIBRATION:
        raise ApplicationError(gettext("Choose a calibration round of this project."))
    if not calibration.opened_at:
        raise ApplicationError(
            gettext("%(calibration)s is not open yet. Give its reference grades and open it first.")
            % {"calibration": named(calibration)}
        )
    if calibration.rubric_version_id != version.pk:
        raise ApplicationError(
            gettext("%(calibration)s was graded by %(rubric_version)s. Choose the same rubric.")
            % {"calibration": named(calibration), "rubric_version": named(calibration.rubric_version)}
        )
    if calibration.generation_run_id == run.pk:
        raise ApplicationError(
            gettext(
                "%(calibration)s holds outputs of %(lower)s itself: graders would know them. Choose one on "
                "another generation run."
            )
            % {"calibration": named(calibration), "lower": named(run, is_within=True)}
        )
    if gold_percent and not calibration.items.filter(purpose=RoundItem.Purpose.GOLD).exists():
        raise ApplicationError(
            gettext("%(calibration)s keeps no outputs to mix in. Set it up with some, or set the share to 0.")
            % {"calibration": named(calibration)}
        )


def _gold_items(round: GradingRound) -> list[RoundItem]:
    """Outputs of the calibration that nobody has met there, with their reference grades; no part of the work."""
    if round.calibration is None or not round.gold_percent:
        return []
    found = calibrating.references(round.calibration)
    items = round.calibration.items.filter(purpose=RoundItem.Purpose.GOLD)
    return [
        RoundItem(
            round=round,
            output_id=item.output_id,
            purpose=RoundItem.Purpose.GOLD,
            reference=found[item.pk],
            slots=0,
            order_key=ordering.order_key(round.seed, item.output_id),
        )
        for item in items
    ]


def _items(round: GradingRound) -> list[RoundItem]:
    outputs = round.generation_run.outputs.all()
    if not round.grade_baseline:
        outputs = outputs.filter(arm=Output.Arm.CANDIDATE)
    pairs = list(outputs.values_list("id", "heldout_prompt_id"))
    double = ordering.overlap_prompts(round.seed, {prompt for _, prompt in pairs}, round.overlap_percent)
    return [
        RoundItem(
            round=round,
            output_id=output,
            slots=2 if prompt in double else 1,
            order_key=ordering.order_key(round.seed, output),
        )
        for output, prompt in pairs
    ]


@transaction.atomic
def round_open(*, round: GradingRound, opened_by: User) -> GradingRound:
    """Lets grading begin: the gates are declared. From now on the rubric version is in use."""
    row = GradingRound.objects.select_for_update().get(pk=round.pk)
    if row.opened_at:
        raise ApplicationError(gettext("%(row)s is already open.") % {"row": named(row)})
    row.opened_at = timezone.now()
    row.save(update_fields=["opened_at"])
    rubric_version_use(version=row.rubric_version)
    audit.record(
        actor=opened_by,
        action="grading_round.open",
        project=row.project.slug,
        target_type="grading_round",
        target_id=row.pk,
    )
    round.refresh_from_db()
    return row


@transaction.atomic
def round_unseal(*, round: GradingRound, unsealed_by: User, reason: str = "") -> GradingRound:
    """Opens the results. Before every grade is in it needs a reason, is logged, and the report is exploratory.

    Raises ApplicationError when the round was never opened, is already unsealed, or an early unsealing has no reason.
    """
    row = GradingRound.objects.select_for_update().get(pk=round.pk)
    if row.unsealed_at:
        raise ApplicationError(gettext("%(row)s is already unsealed.") % {"row": named(row)})
    if not row.opened_at:
        raise ApplicationError(gettext("%(row)s has no gates yet. Declare them first.") % {"row": named(row)})
    progress = selectors.round_progress(row)
    early = not progress.is_complete
    if early and not reason.strip():
        raise ApplicationError(
            gettext(
                "%(left)s of %(needed)s grades are missing. Say why you unseal early; the report will be "
                "marked exploratory for good."
            )
            % {"left": progress.left, "needed": progress.needed}
        )
    row.unsealed_at = timezone.now()
    row.unsealed_by = unsealed_by
    row.unseal_reason = reason.strip()
    row.is_early_unseal = early
    row.save(update_fields=["unsealed_at", "unsealed_by", "unseal_reason", "is_early_unseal"])
    audit.record(
        actor=unsealed_by,
        action="grading_round.unseal_early" if early else "grading_round.unseal",
        project=row.project.slug,
        target_type="grading_round",
        target_id=row.pk,
        data={"given": progress.given, "needed": progress.needed, "reason": row.unseal_reason},
    )
    round.refresh_from_db()
    return row
