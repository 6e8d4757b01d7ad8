"""Calibration rounds: outputs that a lead grades first, then graders practise on them and are scored."""

from __future__ import annotations

from typing import TYPE_CHECKING

from django.db import transaction
from django.utils import timezone
from django.utils.translation import gettext as _

from reviewapp.audit import services as audit
from reviewapp.core.exceptions import ApplicationError
from reviewapp.evaluations import calibrating, ordering
from reviewapp.evaluations.models import GenerationRun, GradingRound, RoundItem
from reviewapp.evaluations.services.rounds import round_add, rubric_check
from reviewapp.rubrics.models import RubricVersion
from reviewapp.rubrics.services import rubric_version_use
from reviewapp.words import named

if TYPE_CHECKING:
    from reviewapp.accounts.models import User

Purpose = RoundItem.Purpose


@transaction.atomic
def calibration_create(
    *,
    generation_run: GenerationRun,
    rubric_version: RubricVersion,
    practice: int,
    exam: int,
    gold: int,
    pass_percent: int,
    created_by: User,
    seed: int = 17,
) -> GradingRound:
    """Draws outputs for a calibration: some to practise on, some that are scored, some kept to mix in later.

    Each prompt gives one output, so that nobody meets a prompt twice. Raises ApplicationError when there are too few.
    """
    rubric_check(generation_run, rubric_version)
    if min(practice, exam, gold) < 0 or practice + exam + gold < 1 or not 1 <= pass_percent <= 100:
        raise ApplicationError(_("A calibration needs at least one output, and a pass mark from 1 to 100 percent."))
    drawn = _drawn(generation_run, seed)
    wanted = practice + exam + gold
    if wanted > len(drawn):
        raise ApplicationError(
            _("%(generation_run)s answers %(n_drawn)s prompts, and %(wanted)s outputs of different prompts are needed.")
            % {"generation_run": named(generation_run), "n_drawn": len(drawn), "wanted": wanted}
        )
    round = round_add(
        generation_run,
        kind=GradingRound.Kind.CALIBRATION,
        rubric_version=rubric_version,
        overlap_percent=0,
        pass_percent=pass_percent,
        seed=seed,
        created_by=created_by,
    )
    parts = [Purpose.PRACTICE] * practice + [Purpose.EXAM] * exam + [Purpose.GOLD] * gold
    RoundItem.objects.bulk_create(
        RoundItem(round=round, output_id=output, purpose=part, slots=0, order_key=ordering.order_key(seed, output))
        for output, part in zip(drawn, parts, strict=False)
    )
    rubric_version_use(version=rubric_version)
    _record(created_by, "calibration.create", round, {"practice": practice, "exam": exam, "gold": gold})
    return round


def _drawn(run: GenerationRun, seed: int) -> list[int]:
    """Outputs in a random order, one of each prompt."""
    rows = run.outputs.values_list("id", "heldout_prompt_id")
    ordered = sorted(rows, key=lambda row: ordering.order_key(seed, row[0]))
    first: dict[int, int] = {}
    for output, prompt in ordered:
        first.setdefault(prompt, output)
    return list(first.values())


@transaction.atomic
def calibration_open(*, round: GradingRound, opened_by: User) -> GradingRound:
    """Lets graders begin, once every output has a reference grade."""
    row = GradingRound.objects.select_for_update().get(pk=round.pk)
    if row.kind != GradingRound.Kind.CALIBRATION:
        raise ApplicationError(_("%(row)s is no calibration.") % {"row": named(row)})
    if row.opened_at:
        raise ApplicationError(_("%(row)s is already open.") % {"row": named(row)})
    missing = row.items.count() - len(calibrating.references(row))
    if missing:
        raise ApplicationError(
            _("%(missing)s outputs have no reference grade yet. Give them first.") % {"missing": missing}
        )
    row.opened_at = timezone.now()
    row.save(update_fields=["opened_at"])
    _record(opened_by, "calibration.open", row, {"pass_percent": row.pass_percent})
    round.refresh_from_db()
    return row


def _record(actor: User, action: str, round: GradingRound, data: dict[str, object]) -> None:
    audit.record(
        actor=actor,
        action=action,
        project=round.project.slug,
        target_type="grading_round",
        target_id=round.pk,
        data={"number": round.number, "generation_run": round.generation_run.number, **data},
    )
