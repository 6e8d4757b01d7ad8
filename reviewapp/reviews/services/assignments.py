"""Handing samples to reviewers: claim, leave, release, skip, flag. Renewing and drafts are core.leases."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import TYPE_CHECKING

from django.db import IntegrityError, transaction
from django.db.models import QuerySet
from django.utils import timezone

from reviewapp.audit import services as audit
from reviewapp.core import leases
from reviewapp.core.exceptions import ApplicationError, LeaseLost
from reviewapp.core.models import SLOT_TAKEN
from reviewapp.projects.models import Membership, Project
from reviewapp.reviews.models import Assignment
from reviewapp.reviews.selectors.queues import WAITING, assignment_held, samples_open_for
from reviewapp.reviews.services.decisions import samples_settle
from reviewapp.reviews.services.holding import assignment_lock, assignment_retake
from reviewapp.rubrics.models import Rubric, RubricVersion
from reviewapp.rubrics.selectors import version_current
from reviewapp.rubrics.services import rubric_version_use
from reviewapp.samples.models import Sample

if TYPE_CHECKING:
    from reviewapp.accounts.models import User

State = Assignment.State
CLAIM_TRIES, TRIES_WITHOUT_WAITING = 10, 3
LEAVE_SECONDS = 60  # a page that is left keeps its sample this long: a reload gets it back


def assignment_claim(*, project: Project, user: User) -> Assignment | None:
    """The sample this person is on, or the next one under a lease; None when nothing is open for them.

    Raises ApplicationError when the project has no rubric for samples. Two people never get the same slot of a
    sample: the row is locked while it is taken, and the database refuses a second taker.
    """
    version = version_current(project, Rubric.AppliesTo.SAMPLES)
    if version is None:
        raise ApplicationError("This project has no rubric for samples yet, so there is nothing to judge them by.")
    leases.leases_expire(Assignment)
    for attempt in range(CLAIM_TRIES):
        try:
            with transaction.atomic():
                _one_claim_at_a_time(project, user)
                held = assignment_held(project, user)
                # Others' locked rows are passed over; in the end waiting for them is the only way left.
                return held or _take_next(project, user, version, is_waiting=attempt >= TRIES_WITHOUT_WAITING)
        except IntegrityError:
            continue  # somebody took that slot between looking and writing
        except _NothingFree:
            continue
    return None


def _one_claim_at_a_time(project: Project, user: User) -> None:
    """Two tabs of one person wait for each other here; other people do not."""
    list(Membership.objects.select_for_update().filter(project=project, user=user).values_list("pk"))


class _NothingFree(Exception):
    """Nothing could be locked this time."""


def _take_next(project: Project, user: User, version: RubricVersion, *, is_waiting: bool) -> Assignment | None:
    sample = _next_sample(project, user, is_waiting=is_waiting)
    if sample is not None:
        return assignment_create(sample=sample, user=user, version=version, overlap=project.review_overlap)
    if not is_waiting and samples_open_for(project, user).exists():
        raise _NothingFree
    samples_settle(project=project)
    return None


def _next_sample(project: Project, user: User, *, is_waiting: bool) -> Sample | None:
    """Own drafts first, then begun samples, then new ones, each in the order of import."""
    drafted = Assignment.objects.filter(
        holder=user, sample__project=project, is_adjudication=False, state__in=[State.RELEASED, State.EXPIRED]
    ).exclude(draft={})
    open_samples = samples_open_for(project, user)
    choices: list[QuerySet[Sample]] = [open_samples.filter(pk__in=drafted.values("sample"))]
    choices += [open_samples.filter(state=state) for state in WAITING]
    for choice in choices:
        sample = choice.select_for_update(skip_locked=not is_waiting, of=("self",)).first()
        if sample is not None:
            return sample
    return None


def assignment_create(
    *, sample: Sample, user: User, version: RubricVersion, overlap: int, is_adjudication: bool = False
) -> Assignment:
    """Takes the lowest free slot of a locked sample, with the person's earlier draft of the same text.

    All reviews of a round are judged by one rubric version. Raises IntegrityError when the slot was just taken.
    """
    of_round = Assignment.objects.filter(sample=sample, round=sample.review_round, is_adjudication=is_adjudication)
    taken = of_round.filter(SLOT_TAKEN)
    begun = taken.select_related("rubric_version").first()
    busy = set(taken.values_list("slot", flat=True))
    slot = next((n for n in range(overlap) if n not in busy), None)
    if slot is None or sample.revision is None:
        raise IntegrityError("Every slot of this sample is taken.")
    version = begun.rubric_version if begun else version
    rubric_version_use(version=version)
    before = of_round.filter(holder=user, revision=sample.revision_id).exclude(draft={}).order_by("-pk").first()
    assignment = Assignment.objects.create(
        sample=sample,
        revision=sample.revision,
        rubric_version=version,
        round=sample.review_round,
        slot=slot,
        is_adjudication=is_adjudication,
        holder=user,
        lease_expires_at=leases.lease_end(),
        draft=before.draft if before else {},
        draft_version=before.draft_version if before else 0,
        draft_saved_at=before.draft_saved_at if before else None,
    )
    _record(assignment, user, "assignment.claim", {"slot": slot, "round": sample.review_round})
    return assignment


@transaction.atomic
def assignment_renew(*, assignment: Assignment) -> datetime:
    """Moves the end of the lease, also of one that ran out while nobody took the sample; returns the new end.

    Raises LeaseLost when others took it, or when it was decided about or given back.
    """
    assignment = assignment_lock(assignment.pk)
    if assignment.state == State.EXPIRED:
        assignment_retake(assignment)
        assignment.state, assignment.closed_at = State.LEASED, None
    elif assignment.state != State.LEASED:
        raise LeaseLost("This sample is no longer yours: it was decided about, skipped or given back.")
    assignment.lease_expires_at = leases.lease_end()
    assignment.save(update_fields=["state", "slot", "closed_at", "lease_expires_at"])
    return assignment.lease_expires_at


def assignment_leave(*, assignment: Assignment) -> None:
    """Shortens a lease when its page is left, so that nobody waits half an hour for a closed tab."""
    end = timezone.now() + timedelta(seconds=LEAVE_SECONDS)
    Assignment.objects.filter(pk=assignment.pk, lease_expires_at__gt=end).live().update(lease_expires_at=end)


@transaction.atomic
def assignment_release(*, assignment: Assignment) -> None:
    """Gives the sample back at once; the draft stays for this person."""
    leases.lease_release(lease=assignment)
    _record(assignment, assignment.holder, "assignment.release", {})


@transaction.atomic
def assignment_skip(*, assignment: Assignment, reason: str) -> None:
    """Passes a sample on, with a reason; in this round it does not come back to this person."""
    reason = reason.strip()
    if not reason:
        raise ApplicationError("Say in a few words why you skip this sample.")
    changed = Assignment.objects.filter(pk=assignment.pk).exclude(state=State.SUBMITTED)
    if not changed.update(state=State.SKIPPED, skip_reason=reason, closed_at=timezone.now()):
        raise ApplicationError("You have already decided about this sample. Undo the decision to skip it.")
    _record(assignment, assignment.holder, "assignment.skip", {"reason": reason})


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
