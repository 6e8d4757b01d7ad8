"""Looking through an acceptance sample: take a text, judge it, take that back."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from django.db import transaction
from django.db.models import Q, QuerySet
from django.utils import timezone
from django.utils.translation import gettext as _

from reviewapp.audit import services as audit
from reviewapp.core.exceptions import ApplicationError
from reviewapp.core.kept import small
from reviewapp.core.leases import lease_end
from reviewapp.curation.anchoring import spans_moved
from reviewapp.curation.checks.finding import Field, FindingDraft
from reviewapp.curation.drafts import finding_of
from reviewapp.curation.models import AcceptanceItem, AcceptancePlan, Finding
from reviewapp.curation.services.acceptance import plan_lock
from reviewapp.curation.services.following import REJECTED
from reviewapp.curation.wording import words_found
from reviewapp.samples.models import Revision, Sample
from reviewapp.words import grouped

if TYPE_CHECKING:
    from reviewapp.accounts.models import User

Verdict = AcceptanceItem.Verdict
State = Finding.State
MAX_NOTE = 1_000  # characters
TAKEN_BACK = "Taken back by whoever marked it."
_FREE = {"holder": None, "held_until": None}


@dataclass(frozen=True, kw_only=True)
class Mark:
    """What is wrong: words of a field, found again near ``start``; or, without words, the whole completion."""

    field: str = Finding.Field.COMPLETION
    words: str = ""
    start: int = 0
    note: str = ""


@transaction.atomic
def item_take(*, plan: AcceptancePlan, taken_by: User, after: int = 0) -> AcceptanceItem | None:
    """Gives a person a text that nobody has judged and nobody else holds; None when there is none.

    The one they hold already, unless they go on ``after`` its position: then the next, and the first ones at the end.
    They hold one at a time. Raises ApplicationError for a closed plan.
    """
    plan_lock(plan)
    free = _free_for(plan, taken_by)
    held = free.filter(holder=taken_by, held_until__gt=timezone.now(), position__gt=after)
    item = held.first() or free.filter(position__gt=after).first() or free.first()
    if item is None:
        return None
    plan.items.filter(holder=taken_by).exclude(pk=item.pk).update(**_FREE)
    item.holder, item.held_until = taken_by, lease_end()
    item.save(update_fields=["holder", "held_until"])
    return item


def _free_for(plan: AcceptancePlan, person: User) -> QuerySet[AcceptanceItem]:
    is_free = Q(held_until=None) | Q(held_until__lte=timezone.now()) | Q(holder=person)
    return plan.items.filter(is_free, verdict=Verdict.OPEN).order_by("position")


@transaction.atomic
def item_judge(*, item: AcceptanceItem, verdict: str, judged_by: User, mark: Mark | None = None) -> AcceptanceItem:
    """Writes what a person says of a text. A defect becomes a finding of high severity on the sample, for review.

    Judging one's own again replaces what one said before. Raises ApplicationError for a closed plan, a text that
    somebody else judged or holds, a defect without a word about it, and words that are not in the text.
    """
    plan = plan_lock(item.plan)
    item = _locked(item)
    _may_judge(item, judged_by)
    if verdict not in (Verdict.FINE, Verdict.DEFECT):
        raise ApplicationError(_("Say whether the text is fine or has a defect."))
    mark = mark or Mark()
    _take_back(item)
    if verdict == Verdict.DEFECT:
        item.finding = _finding(plan, item, mark, judged_by)
    item.verdict, item.note = verdict, mark.note.strip() if verdict == Verdict.DEFECT else ""
    item.judged_by, item.judged_at = judged_by, timezone.now()
    item.holder = item.held_until = None
    item.save()
    _record(judged_by, "acceptance.judge", item, {"verdict": verdict})
    return item


@transaction.atomic
def item_undo(*, plan: AcceptancePlan, undone_by: User) -> AcceptanceItem:
    """Takes back what a person judged last and gives them the text again. Raises ApplicationError without one."""
    plan_lock(plan)
    last = plan.items.filter(judged_by=undone_by).order_by("-judged_at", "-pk").first()
    if last is None:
        raise ApplicationError(_("You have judged nothing here yet; there is nothing to take back."))
    item = _locked(last)
    _take_back(item)
    item.verdict, item.note, item.judged_by, item.judged_at = Verdict.OPEN, "", None, None
    item.holder, item.held_until = undone_by, lease_end()
    item.save()
    plan.items.filter(holder=undone_by).exclude(pk=item.pk).update(**_FREE)
    _record(undone_by, "acceptance.undo", item, {})
    return item


def _locked(item: AcceptanceItem) -> AcceptanceItem:
    rows = AcceptanceItem.objects.select_for_update(of=("self",))
    related = rows.select_related("plan__project", "revision", "holder", "judged_by", "finding")
    return related.defer("plan__population_packed").get(pk=item.pk)


def _may_judge(item: AcceptanceItem, person: User) -> None:
    if item.judged_by is not None and item.judged_by != person:
        raise ApplicationError(_("%(person)s has judged this text already.") % {"person": item.judged_by})
    is_held = item.held_until is not None and item.held_until > timezone.now()
    if is_held and item.holder != person:
        raise ApplicationError(
            _("Your hold on this text ran out and %(person)s looks at it now. Take the next one.")
            % {"person": item.holder}
        )


# ---- the finding of a defect


def _finding(plan: AcceptancePlan, item: AcceptanceItem, mark: Mark, by: User) -> Finding:
    """The finding on the sample's present text where the words are still there, else closed on the text judged."""
    note, words = mark.note.strip(), mark.words.strip()
    if not note and not words:
        raise ApplicationError(_("Mark the words that are wrong, or say in a few words what is."))
    if len(note) > MAX_NOTE:
        raise ApplicationError(_("Say it in at most %(n)s characters.") % {"n": grouped(MAX_NOTE)})
    if mark.field not in Finding.Field.values:
        raise ApplicationError(_("Say whether the words are in the prompt or in the completion."))
    sample = Sample.objects.select_for_update(of=("self",)).select_related("revision").get(pk=item.sample_id)
    span = _span(item.revision, mark) if words else None
    revision, span = _where_now(item.revision, sample, mark.field, span)
    finding = finding_of(_draft(plan, item, mark.field, revision, span, note), revision.pk)
    finding.state, finding.reason = _state(sample, revision)
    finding.decided_at = None if finding.state == State.OPEN else timezone.now()
    return _kept(finding)


def _draft(
    plan: AcceptancePlan, item: AcceptanceItem, field: str, revision: Revision, span: tuple[int, int] | None, note: str
) -> FindingDraft:
    start, end = span or (None, None)
    name: Field = "prompt" if field == Finding.Field.PROMPT else "completion"
    marked = f"Marked in acceptance sample {plan.number}"
    return FindingDraft(
        key=item.sample_id,
        check=Finding.MARKED,
        kind=plan.target[:60],
        severity="high",
        field=name,
        message=f"{marked}: {note}" if note else f"{marked}.",
        start=start,
        end=end,
        excerpt=getattr(revision, field)[start:end] if span else "",
    )


def _span(revision: Revision, mark: Mark) -> tuple[int, int]:
    found = words_found(getattr(revision, mark.field), mark.words, near=mark.start)
    if found is None:
        raise ApplicationError(
            _("These words are not in the %(field)s. Copy them as they stand there.")
            % {"field": small(_(Finding.Field(mark.field).label))}
        )
    return found


def _where_now(
    judged: Revision, sample: Sample, field: str, span: tuple[int, int] | None
) -> tuple[Revision, tuple[int, int] | None]:
    """The revision that the finding belongs on: the current one, unless its words are gone from it."""
    now = sample.revision
    if now is None or now.pk == judged.pk:
        return judged, span
    if span is None:
        return now, None
    moved = spans_moved(getattr(judged, field), getattr(now, field), [span])[0]
    return (now, moved) if moved else (judged, span)


def _state(sample: Sample, revision: Revision) -> tuple[str, str]:
    if sample.state == Sample.State.REJECTED:
        return State.GONE, REJECTED
    return (State.OPEN, "") if sample.revision_id == revision.pk else (State.GONE, "Its text was replaced.")


def _kept(finding: Finding) -> Finding:
    """The same mark may stand there from before, by another plan or taken back: then that row is open again."""
    known = Finding.objects.filter(revision=finding.revision_id, fingerprint=finding.fingerprint).first()
    if known is None:
        finding.save()
        return finding
    if known.state != State.OPEN:
        known.state, known.reason, known.message = finding.state, finding.reason, finding.message
        known.decided_by, known.decided_at = None, finding.decided_at
        known.save()
    return known


def _take_back(item: AcceptanceItem) -> None:
    """Closes the finding of a defect that was taken back, unless another look stands by it or somebody settled it."""
    finding, item.finding = item.finding, None
    if finding is None or finding.state != State.OPEN:
        return
    if AcceptanceItem.objects.filter(finding=finding).exclude(pk=item.pk).exists():
        return
    finding.state, finding.reason, finding.decided_at = State.GONE, TAKEN_BACK, timezone.now()
    finding.save(update_fields=["state", "reason", "decided_at"])


def _record(actor: User, action: str, item: AcceptanceItem, data: dict[str, Any]) -> None:
    """The event names the item, never its words."""
    audit.record(
        actor=actor,
        action=action,
        project=item.plan.project.slug,
        target_type="acceptanceplan",
        target_id=item.plan_id,
        data={"position": item.position, "sample": item.sample_id, "revision": item.revision_id, **data},
    )
