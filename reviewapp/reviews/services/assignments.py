"""Handing samples to reviewers: claim, take ahead, renew, leave, release, skip, recuse, flag."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Any

from django.db import IntegrityError, transaction
from django.db.models import QuerySet
from django.utils import timezone
from django.utils.translation import gettext

from reviewapp.audit import services as audit
from reviewapp.core import leases
from reviewapp.core.exceptions import ApplicationError, LeaseLost
from reviewapp.core.models import LeaseQuerySet
from reviewapp.projects.models import Project
from reviewapp.reviews.models import Assignment, QueueFigure, Recusal
from reviewapp.reviews.selectors.queues import assignments_mine, membership_locked, sample_next, samples_open_for
from reviewapp.reviews.services.holding import assignment_lock, assignment_retake
from reviewapp.reviews.services.queueing import queue_figure, queue_order
from reviewapp.reviews.services.slots import assignments_expire, slots_recount
from reviewapp.rubrics.models import Rubric, RubricVersion
from reviewapp.rubrics.selectors import versions_offered
from reviewapp.rubrics.services import rubric_version_use
from reviewapp.samples.models import UNRANKED, Sample

if TYPE_CHECKING:
    from reviewapp.accounts.models import User

State = Assignment.State
CLAIM_TRIES, TRIES_WITHOUT_WAITING = 10, 3
PREFETCH = timedelta(minutes=3)  # how long a sample is held that was only taken ahead
LEAVE_SECONDS = 60  # a page that is left keeps its sample this long: a reload gets it back


def assignment_claim(*, project: Project, user: User) -> Assignment | None:
    """The sample this person is on, or the next one under a lease; None when nothing is open for them.

    Raises ApplicationError when the project has no rubric for samples. Two people never get the same slot of a
    sample: the row is locked while it is taken, and the database refuses a second taker.
    """
    return _claim(project, user, is_ahead=False)


def assignment_prefetch(*, project: Project, user: User) -> Assignment | None:
    """The sample that comes after the one in hand, under a short lease; asked again, the same one for longer.

    None when nothing is in hand (then it is a matter of claiming) or nothing more is open.
    """
    return _claim(project, user, is_ahead=True)


def _claim(project: Project, user: User, *, is_ahead: bool) -> Assignment | None:
    version = next(iter(versions_offered(project.pk, applies_to=Rubric.AppliesTo.SAMPLES)), None)
    if version is None:
        raise ApplicationError(
            gettext("This project has no rubric for samples yet, so there is nothing to judge them by.")
        )
    figure, has_due = queue_figure(project=project)
    if has_due:
        assignments_expire()
    for attempt in range(CLAIM_TRIES):
        try:
            with transaction.atomic():
                taking = _Taking(project, user, version, figure, is_waiting=attempt >= TRIES_WITHOUT_WAITING)
                return taking.ahead() if is_ahead else taking.now()
        except IntegrityError:
            continue  # somebody took that slot between looking and writing
        except _NothingFree:
            continue
        except _NotInOrder:
            queue_order(project=project)
            figure.refresh_from_db()
    return None


class _NothingFree(Exception):
    """Nothing could be locked this time."""


class _NotInOrder(Exception):
    """Samples came in since the queue was put in order."""


class _Taking:
    """One try of one person to take a sample. Others' locked rows are passed over; in the end waiting for them is
    the only way left."""

    def __init__(
        self, project: Project, user: User, version: RubricVersion, figure: QueueFigure, *, is_waiting: bool
    ) -> None:
        self.project, self.user, self.version, self.is_waiting = project, user, version, is_waiting
        mine = membership_locked(project.pk, user.pk)
        self.expertise, self.figure = mine[0].expertise if mine else "", figure
        known = assignments_mine(project.pk, user.pk)
        self.held = [one for one in known if one.is_live]  # in hand before what was taken ahead
        self.closed = [one for one in known if one.state != State.LEASED]  # given back or run out, with a draft

    def now(self) -> Assignment | None:
        if not self.held:
            return self._next()
        return _promoted(self.held[0]) if self.held[0].is_prefetched else self.held[0]

    def ahead(self) -> Assignment | None:
        if not self.held or self.held[0].is_prefetched:
            return None
        taken = self.held[-1] if self.held[-1].is_prefetched else self._next()
        if taken is not None:
            taken.is_prefetched, taken.lease_expires_at = True, timezone.now() + PREFETCH
            taken.save(update_fields=["is_prefetched", "lease_expires_at"])
        return taken

    def _next(self) -> Assignment | None:
        """Own drafts come first."""
        drafted = [one.sample_id for one in self.closed]
        sample = self._first_of(drafted) if drafted else None
        sample = sample or sample_next(self.project, self.user, self.expertise, self.figure, is_waiting=self.is_waiting)
        if sample is not None:
            return self._take(sample)
        if not self.is_waiting and self._open().exists():
            raise _NothingFree
        return None

    def _open(self) -> QuerySet[Sample]:
        return samples_open_for(self.project, self.user, self.expertise, self.figure)

    def _first_of(self, samples: list[int]) -> Sample | None:
        mine = self._open().filter(pk__in=samples)
        return mine.select_for_update(skip_locked=not self.is_waiting, of=("self",)).first()

    def _take(self, sample: Sample) -> Assignment:
        if sample.queue_rank == UNRANKED or not sample.slots_needed:
            raise _NotInOrder
        sample.project = self.project
        drafted = [one for one in self.closed if (one.sample_id, one.round) == (sample.pk, sample.review_round)]
        of_round = drafted if not sample.slots_taken else None
        return assignment_create(
            sample=sample, user=self.user, version=self.version, overlap=sample.slots_needed, of_round=of_round
        )


def _promoted(assignment: Assignment) -> Assignment:
    """What was taken ahead is now in hand."""
    assignment.is_prefetched = False
    assignment.leased_at, assignment.lease_expires_at = timezone.now(), leases.lease_end()
    assignment.save(update_fields=["is_prefetched", "leased_at", "lease_expires_at"])
    return assignment


def assignment_create(
    *,
    sample: Sample,
    user: User,
    version: RubricVersion,
    overlap: int,
    is_adjudication: bool = False,
    of_round: list[Assignment] | None = None,
) -> Assignment:
    """Takes the lowest free slot of a locked sample, with the person's earlier draft of the same text.

    All reviews of a round are judged by one rubric version. ``of_round``: the assignments of its round, the newest
    first, where they are known. Raises IntegrityError when the slot was just taken.
    """
    if of_round is None:
        earlier = Assignment.objects.filter(sample=sample, round=sample.review_round, is_adjudication=is_adjudication)
        of_round = list(earlier.select_related("rubric_version").order_by("-pk"))
    taken = [one for one in of_round if one.state in (State.LEASED, State.SUBMITTED)]
    busy = {one.slot for one in taken}
    slot = next((n for n in range(overlap) if n not in busy), None)
    if slot is None or sample.revision_id is None:
        raise IntegrityError("Every slot of this sample is taken.")
    version = taken[0].rubric_version if taken else version
    rubric_version_use(version=version)
    assignment = Assignment.objects.create(
        sample=sample,
        revision_id=sample.revision_id,
        rubric_version=version,
        round=sample.review_round,
        slot=slot,
        is_adjudication=is_adjudication,
        holder=user,
        lease_expires_at=leases.lease_end(),
        **_draft_before(of_round, sample, user),
    )
    if not is_adjudication:
        Sample.objects.filter(pk=sample.pk).update(slots_taken=len(taken) + 1)
    _record(assignment, user, "assignment.claim", {"slot": slot, "round": sample.review_round})
    return assignment


def _draft_before(of_round: list[Assignment], sample: Sample, user: User) -> dict[str, Any]:
    """What this person wrote about the same text before, the newest first in ``of_round``."""
    for one in of_round:
        if one.holder_id == user.pk and one.revision_id == sample.revision_id and one.draft:
            return {name: getattr(one, name) for name in ("draft", "draft_version", "draft_saved_at")}
    return {}


@transaction.atomic
def assignment_renew(*, assignment: Assignment) -> datetime:
    """Moves the end of the lease, also of one that ran out while nobody took the sample; returns the new end.

    What was taken ahead is held on to as well. Raises LeaseLost when others took it, or when it was decided about or
    given back.
    """
    assignment = assignment_lock(assignment.pk, assignment.sample_id)
    if assignment.state == State.EXPIRED:
        assignment_retake(assignment)
        assignment.state, assignment.closed_at = State.LEASED, None
    elif assignment.state != State.LEASED:
        raise LeaseLost(gettext("This sample is no longer yours: it was decided about, skipped or given back."))
    assignment.lease_expires_at = leases.lease_end()
    assignment.save(update_fields=["state", "slot", "closed_at", "lease_expires_at"])
    slots_recount([assignment.sample_id])
    _taken_ahead(assignment).update(lease_expires_at=timezone.now() + PREFETCH)
    return assignment.lease_expires_at


def assignment_leave(*, assignment: Assignment) -> None:
    """Shortens a lease when its page is left, so that nobody waits half an hour for a closed tab."""
    end = timezone.now() + timedelta(seconds=LEAVE_SECONDS)
    mine = Assignment.objects.filter(pk=assignment.pk) | _taken_ahead(assignment)
    mine.filter(lease_expires_at__gt=end).live().update(lease_expires_at=end)


def _taken_ahead(assignment: Assignment) -> LeaseQuerySet:
    """What the same person took ahead in the same project, while it is theirs."""
    ahead = Assignment.objects.filter(
        holder=assignment.holder_id, is_prefetched=True, sample__project=assignment.sample.project_id
    )
    return ahead.live()


@transaction.atomic
def assignment_release(*, assignment: Assignment) -> None:
    """Gives the sample back at once, and what was taken ahead; the draft stays for this person."""
    ahead = list(_taken_ahead(assignment).values_list("pk", "sample"))
    ids = sorted({assignment.sample_id, *(sample for _, sample in ahead)})
    list(Sample.objects.filter(pk__in=ids).order_by("pk").select_for_update().values_list("pk"))
    leases.lease_release(lease=assignment)
    for lease in Assignment.objects.filter(pk__in=[pk for pk, _ in ahead]):
        leases.lease_release(lease=lease)
    slots_recount(ids)
    _record(assignment, assignment.holder, "assignment.release", {})


@transaction.atomic
def assignment_skip(*, assignment: Assignment, reason: str) -> None:
    """Passes a sample on, with a reason; in this round it does not come back to this person."""
    reason = reason.strip()
    if not reason:
        raise ApplicationError(gettext("Say in a few words why you skip this sample."))
    locked = assignment_lock(assignment.pk, assignment.sample_id)
    if locked.state == State.SUBMITTED:
        raise ApplicationError(gettext("You have already decided about this sample. Undo the decision to skip it."))
    locked.state, locked.skip_reason, locked.closed_at = State.SKIPPED, reason, timezone.now()
    locked.save(update_fields=["state", "skip_reason", "closed_at"])
    slots_recount([locked.sample_id])
    _record(assignment, assignment.holder, "assignment.skip", {"reason": reason})


@transaction.atomic
def assignment_recuse(*, assignment: Assignment, reason: str) -> None:
    """Gives back a sample that this person must not judge; nothing of its group is offered to them again.

    It counts neither as done nor as skipped. Raises ApplicationError without a reason, or after a decision.
    """
    reason = reason.strip()
    if not reason:
        raise ApplicationError(gettext("Say why you must not judge this, for example: I treated this patient."))
    sample_ids = _of_group(assignment)
    list(Sample.objects.filter(pk__in=sample_ids).order_by("pk").select_for_update().values_list("pk"))
    if Assignment.objects.filter(pk=assignment.pk, state=State.SUBMITTED).exists():
        raise ApplicationError(
            gettext("You have already decided about this sample. Undo the decision, then step back.")
        )
    project, group = assignment.sample.project_id, assignment.sample.group_id
    Recusal.objects.get_or_create(
        user=assignment.holder, group_id=group, defaults={"project_id": project, "reason": reason}
    )
    held = Assignment.objects.filter(holder=assignment.holder_id, sample__in=sample_ids, state=State.LEASED)
    held.update(state=State.RELEASED, closed_at=timezone.now())
    slots_recount(sample_ids)
    _record(assignment, assignment.holder, "assignment.recuse", {"reason": reason, "group": group})


def _of_group(assignment: Assignment) -> list[int]:
    """Samples of its group that this person holds now, with this one."""
    held = Assignment.objects.filter(
        holder=assignment.holder_id, state=State.LEASED, sample__group=assignment.sample.group_id
    )
    return sorted({assignment.sample_id, *held.values_list("sample", flat=True)})


@transaction.atomic
def assignment_flag(*, assignment: Assignment, is_flagged: bool) -> None:
    """Marks a sample for the lead to look at, or takes the mark away; the review goes on."""
    Assignment.objects.filter(pk=assignment.pk).update(is_flagged=is_flagged)
    assignment.is_flagged = is_flagged
    _record(assignment, assignment.holder, "assignment.flag", {"is_flagged": is_flagged})


def _record(assignment: Assignment, actor: User, action: str, data: dict[str, object]) -> None:
    audit.record(
        actor=actor,
        action=action,
        project=assignment.sample.project.slug,
        target_type="sample",
        target_id=assignment.sample_id,
        data={"assignment": assignment.pk} | data,
    )
