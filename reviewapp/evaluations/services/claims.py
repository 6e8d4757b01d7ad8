"""Taking an output: one's own again, a hidden one when it is due, else work in one's own random order."""

from __future__ import annotations

from typing import TYPE_CHECKING

from django.db import IntegrityError, transaction
from django.db.models import Max
from django.utils import timezone
from django.utils.translation import gettext as _

from reviewapp.core import leases
from reviewapp.core.exceptions import ApplicationError
from reviewapp.evaluations import calibrating, mixing, ordering, selectors
from reviewapp.evaluations.models import GradeAssignment, GradingRound, RoundItem
from reviewapp.words import named

if TYPE_CHECKING:
    from reviewapp.accounts.models import User

State = GradeAssignment.State
Purpose = GradeAssignment.Purpose


def open_check(round: GradingRound, *, is_reference: bool = False) -> None:
    """Raises ApplicationError while gates are not declared and after unsealing.

    A reference grade is the other way round: a lead gives it before the calibration is opened.
    """
    if is_reference:
        if round.opened_at:
            raise ApplicationError(_("%(round)s is open; its reference grades stand.") % {"round": named(round)})
        return
    if round.unsealed_at:
        raise ApplicationError(_("%(round)s is unsealed; no more grades are taken.") % {"round": named(round)})
    if not round.opened_at:
        how = "declares the gates" if round.kind == GradingRound.Kind.GRADING else "opens it"
        raise ApplicationError(
            _("%(round)s is not open yet: a lead %(how)s first.") % {"round": named(round), "how": how}
        )


def grade_claim(*, round: GradingRound, user: User) -> GradeAssignment | None:
    """The output this person is on, or a new one under a lease; None when nothing is open for them.

    Raises ApplicationError while gates are not declared, after unsealing, and before a calibration is passed that the
    round asks for.
    """
    open_check(round)
    if round.is_pass_required and round.calibration and not calibrating.standing(round.calibration, user).is_passed:
        raise ApplicationError(
            _("%(round)s asks for %(lower)s to be passed first.")
            % {"round": named(round), "lower": named(round.calibration, is_within=True)}
        )
    held = held_by(round, user)
    if held is not None:
        return held
    if round.kind == GradingRound.Kind.CALIBRATION:
        return _next_calibration(round, user)
    items = _items_in_order(round, user)
    return _hidden(round, user, len(items)) or next(
        (taken for item in items if (taken := _take(item, user, Purpose.WORK)) is not None), None
    )


def reference_claim(*, round: GradingRound, user: User) -> GradeAssignment | None:
    """The next output of a calibration round that still needs a lead's reference grade; None when all have one."""
    open_check(round, is_reference=True)
    if round.kind != GradingRound.Kind.CALIBRATION:
        raise ApplicationError(_("Reference grades are given in a calibration round."))
    held = held_by(round, user)
    if held is not None:
        return held
    taken = GradeAssignment.objects.filter(
        item__round=round, purpose=Purpose.REFERENCE, state__in=[State.LEASED, State.SUBMITTED]
    )
    item = RoundItem.objects.filter(round=round).exclude(pk__in=taken.values("item_id")).first()
    return _take(item.pk, user, Purpose.REFERENCE) if item else None


def held_by(round: GradingRound, user: User) -> GradeAssignment | None:
    """What this person holds in a round now, after leases that ran out were closed."""
    leases.leases_expire(GradeAssignment)
    mine = GradeAssignment.objects.filter(item__round=round, holder=user)
    held: GradeAssignment | None = mine.live().order_by("leased_at").first()
    return held


def _next_calibration(round: GradingRound, user: User) -> GradeAssignment | None:
    """Practice first, then the scored outputs."""
    for purpose in (Purpose.PRACTICE, Purpose.EXAM):
        done = GradeAssignment.objects.filter(
            item__round=round, holder=user, purpose=purpose, state=State.SUBMITTED
        ).values("item_id")
        item = RoundItem.objects.filter(round=round, purpose=purpose.value).exclude(pk__in=done).first()
        if item is not None:
            return _take(item.pk, user, purpose)
    return None


def _hidden(round: GradingRound, user: User, open_left: int) -> GradeAssignment | None:
    """A repeat or a reference item, when one is due for this person."""
    if not round.repeat_percent and not round.gold_percent:
        return None
    count = selectors.hidden_count(round, user, open_left)
    number = _next_number(round, user)
    gold = mixing.draw(round.seed, user.pk, number, "gold")
    if mixing.is_due(count.gold, open_left, gold):
        item = RoundItem.objects.filter(round=round, purpose=Purpose.GOLD).exclude(pk__in=count.gold_done).first()
        if item is not None:
            return _take(item.pk, user, Purpose.GOLD)
    again = mixing.repeat_due(
        count.repeatable,
        now=timezone.now(),
        number=number,
        target=count.repeats,
        open_left=open_left,
        recent_prompts=_recent_prompts(round, user),
        drawn=mixing.draw(round.seed, user.pk, number, "repeat"),
    )
    return _take(again.item_id, user, Purpose.REPEAT) if again else None


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
    mine = GradeAssignment.objects.filter(item__round=round, holder=user, purpose=Purpose.WORK).exclude(draft={})
    drafted = set(mine.exclude(state=State.SUBMITTED).values_list("item_id", flat=True))
    return sorted((candidate.item_id for candidate in ordered), key=lambda pk: pk not in drafted)


def _recent_prompts(round: GradingRound, user: User) -> set[int]:
    recent = GradeAssignment.objects.filter(item__round=round, holder=user).order_by("-leased_at", "-pk")
    return set(recent.values_list("item__output__heldout_prompt_id", flat=True)[: ordering.KEEP_APART])


def _next_number(round: GradingRound, user: User) -> int:
    mine = GradeAssignment.objects.filter(item__round=round, holder=user)
    return (mine.aggregate(n=Max("number"))["n"] or 0) + 1


def _take(item_id: int, user: User, purpose: GradeAssignment.Purpose) -> GradeAssignment | None:
    """Leases an item, of work one slot; None when others were faster. An earlier draft of the person comes along."""
    item = RoundItem.objects.select_related("round").get(pk=item_id)
    before = GradeAssignment.objects.filter(item=item, holder=user, purpose=purpose).order_by("-pk").first()
    slot = _free_slot(item) if purpose == Purpose.WORK else 0
    if slot is None:
        return None
    try:
        with transaction.atomic():
            return GradeAssignment.objects.create(
                item=item,
                slot=slot,
                purpose=purpose,
                number=before.number if before else _next_number(item.round, user),
                is_swapped=mixing.draw(item.round.seed, user.pk, item.pk, "side") < 0.5,
                holder=user,
                lease_expires_at=leases.lease_end(),
                draft=before.draft if before else {},
                draft_version=before.draft_version if before else 0,
                draft_saved_at=before.draft_saved_at if before else None,
            )
    except IntegrityError:
        return None  # the unique slot was taken between looking and writing


def _free_slot(item: RoundItem) -> int | None:
    busy = set(
        GradeAssignment.objects.filter(
            item=item, purpose=Purpose.WORK, state__in=[State.LEASED, State.SUBMITTED]
        ).values_list("slot", flat=True)
    )
    return next((number for number in range(item.slots) if number not in busy), None)
