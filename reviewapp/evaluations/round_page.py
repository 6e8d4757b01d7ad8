"""What the page of a round shows beyond its progress, by its kind."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from django.db.models import Q

from reviewapp.evaluations import calibrating, preferring, selectors
from reviewapp.evaluations.arm_scores import arm_scores
from reviewapp.evaluations.models import Grade, GradeAssignment, GradeScore, GradingRound

if TYPE_CHECKING:
    from reviewapp.accounts.models import User

Kind = GradingRound.Kind
TEMPLATES = {
    Kind.GRADING.value: "evaluations/round_detail.html",
    Kind.PAIRWISE.value: "evaluations/round_pairwise.html",
    Kind.CALIBRATION.value: "evaluations/round_calibration.html",
}


def by_kind(round: GradingRound, user: User) -> dict[str, Any]:
    """Names for the template of this kind of round."""
    if round.kind == Kind.PAIRWISE:
        return _pairwise(round)
    if round.kind == Kind.CALIBRATION:
        return _calibration(round, user)
    calibration = round.calibration
    return {
        "standing": calibrating.standing(calibration, user) if calibration and round.is_pass_required else None,
        "flagged": flagged(round),
        **_systems(round),
        "revised": Grade.objects.filter(round=round, is_after_reveal=True, superseded_by=None).count(),
    }


def _systems(round: GradingRound) -> dict[str, Any]:
    """Every system of the round, once it is unsealed and there are more than the two of the report."""
    arms = selectors.arms_of(round.generation_run) if round.unsealed_at else []
    if len(arms) < 3:
        return {"systems": [], "criteria": []}
    criteria = list(round.rubric_version.criteria.exclude(kind__in=["text", "preference"]).order_by("position"))
    rows = GradeScore.objects.filter(
        grade__in=selectors.effective_grades(Grade.objects.filter(round=round))
    ).values_list("grade__output__arm", "criterion__key", "grade__output_id", "value")
    found = arm_scores(rows, [arm.key for arm in arms], [criterion.key for criterion in criteria])
    return {"systems": [(arm.label, found[arm.key]) for arm in arms], "criteria": criteria}


def flagged(round: GradingRound) -> list[GradeAssignment]:
    """Outputs that graders flagged or skipped, with the reason; without saying which system wrote them."""
    rows = GradeAssignment.objects.filter(item__round=round).filter(Q(is_flagged=True) | Q(state="skipped"))
    return list(rows.select_related("holder", "item__output__heldout_prompt").order_by("-pk")[:50])


def _pairwise(round: GradingRound) -> dict[str, Any]:
    """The result once it is unsealed; systems by name then, before that only how many pairs there are."""
    if not round.unsealed_at:
        return {"result": None}
    item = round.items.select_related("output", "other_output").first()
    labels = {arm.key: arm.label for arm in selectors.arms_of(round.generation_run)}
    preferences = selectors.effective_preferences(round)
    tally = {key: 0 for key in preferring.REASONS}
    for keys in preferences.values_list("reasons", flat=True):
        for key in keys:
            tally[key] = tally.get(key, 0) + 1
    left = sum(1 for choice in preferences.values_list("choice", flat=True) if choice == "left")
    result = preferring.win_rate(selectors.preference_outcomes(round))
    return {
        "result": result,
        "rate_percent": _percent(result.rate),
        "low_percent": _percent(result.low),
        "high_percent": _percent(result.high),
        "first": labels.get(item.output.arm, "") if item else "",
        "second": labels.get(item.other_output.arm, "") if item and item.other_output else "",
        "reasons": [(preferring.REASONS[key], n) for key, n in tally.items() if n and key in preferring.REASONS],
        "n_left": left,
        "n_right": preferences.filter(choice="right").count(),
    }


def _percent(share: float | None) -> str:
    return "" if share is None else f"{100 * share:.1f}"


def _calibration(round: GradingRound, user: User) -> dict[str, Any]:
    return {
        "standing": calibrating.standing(round, user),
        "people": calibrating.people(round),
        "n_items": round.items.count(),
        "n_references": len(calibrating.references(round)),
        "n_gold": round.items.filter(purpose="gold").count(),
    }
