"""Locking an assignment with its sample, and finding out whether it may still be worked on."""

from __future__ import annotations

from django.db.models import QuerySet
from django.utils.translation import gettext as _

from reviewapp.core.exceptions import LeaseLost
from reviewapp.core.models import SLOT_TAKEN
from reviewapp.core.written import written
from reviewapp.reviews.models import Assignment
from reviewapp.reviews.selectors.queues import WAITING
from reviewapp.reviews.selectors.slots import slots_base
from reviewapp.samples.models import Sample

TAKEN = "Your lease ran out and others have taken this sample meanwhile. What you wrote is kept on this page."


def assignment_lock(assignment_id: int, sample_id: int | None = None) -> Assignment:
    """Locks the sample, then the assignment: always in this order, so that nobody waits in a circle.

    ``sample_id`` saves a query where the caller knows it.
    """
    if sample_id is None:
        sample_id = Assignment.objects.values_list("sample_id", flat=True).get(pk=assignment_id)
    sample = Sample.objects.select_for_update(of=("self",)).select_related("project").get(pk=sample_id)
    assignment: Assignment = (
        Assignment.objects.select_for_update(of=("self",))
        .select_related("revision", "rubric_version", "holder")
        .get(pk=assignment_id)
    )
    assignment.sample = sample
    return assignment


def assignment_lock_opened(opened: Assignment) -> Assignment:
    """The same for an assignment that was just read with all that hangs on it: what cannot change is not read again."""
    sample, assignment = _sample_locked(opened.sample_id)[0], _assignment_locked(opened.pk)[0]
    sample.project = opened.sample.project
    assignment.sample = sample
    assignment.revision, assignment.rubric_version = opened.revision, opened.rubric_version
    assignment.holder = opened.holder
    if sample.revision_id == opened.revision_id:
        sample.revision = opened.revision
    return assignment


@written
def _sample_locked(sample: int) -> QuerySet[Sample]:
    return Sample.objects.select_for_update().filter(pk=sample)


@written
def _assignment_locked(assignment: int) -> QuerySet[Assignment]:
    return Assignment.objects.select_for_update().filter(pk=assignment)


def assignment_retake(assignment: Assignment) -> None:
    """Checks that a locked assignment may still be worked on, and finds it a free slot when it had lost its own.

    Raises LeaseLost when others took the place or the sample was settled. Nothing is saved here; whoever saves counts
    the slots again (``slots_recount``) where the assignment was not leased before.
    """
    sample = assignment.sample
    waiting = (Sample.State.ADJUDICATE,) if assignment.is_adjudication else WAITING
    if assignment.round != sample.review_round or sample.state not in waiting:
        raise LeaseLost(_("This sample was settled meanwhile. What you wrote is kept on this page."))
    if assignment.state == Assignment.State.LEASED:
        return
    of_round = Assignment.objects.filter(
        SLOT_TAKEN, sample=sample, round=assignment.round, is_adjudication=assignment.is_adjudication
    )
    taken = dict(of_round.values_list("slot", "holder_id"))
    limit = 1 if assignment.is_adjudication else max(1, sample.slots_needed or slots_base(sample))
    slot = next((n for n in range(limit) if n not in taken), None)
    if slot is None or assignment.holder_id in taken.values():
        raise LeaseLost(TAKEN)
    assignment.slot = slot
