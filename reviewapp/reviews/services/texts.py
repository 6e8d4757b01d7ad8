"""The text that a decision leaves: the revision that has it, or a new one."""

from __future__ import annotations

from typing import TYPE_CHECKING

from django.db.models import Max

from reviewapp.reviews.judging import ReviewGiven
from reviewapp.samples.mapping import content_hash
from reviewapp.samples.models import Revision, Sample

if TYPE_CHECKING:
    from reviewapp.accounts.models import User


def revision_left(
    *, sample: Sample, shown: Revision, given: ReviewGiven, reason: Revision.Reason, created_by: User
) -> Revision:
    """``shown`` when nothing is changed, a revision of the sample with this text and these labels, or a new one.

    The sample's row must be locked by the caller: it orders the numbers of revisions. The sample still points to the
    revision it had; only a final outcome moves it.
    """
    if (given.prompt, given.completion, given.labels) == (shown.prompt, shown.completion, shown.labels):
        return shown
    reason = reason if given.labels is None or reason != Revision.Reason.FIX else Revision.Reason.LABEL
    wanted = content_hash(given.prompt, given.completion, given.labels)
    same: Revision | None = sample.revisions.filter(content_hash=wanted, created_by=created_by, reason=reason).first()
    if same is not None:
        return same
    number = (sample.revisions.aggregate(last=Max("number"))["last"] or 0) + 1
    made: Revision = Revision.objects.create(
        sample=sample,
        number=number,
        prompt=given.prompt,
        completion=given.completion,
        labels=given.labels,
        reason=reason,
        actions=[{"action": "edited", "field": field} for field in _fields_changed(shown, given)],
        content_hash=wanted,
        created_by=created_by,
    )
    return made


def _fields_changed(shown: Revision, given: ReviewGiven) -> list[str]:
    pairs = (("prompt", shown.prompt, given.prompt), ("completion", shown.completion, given.completion))
    return [field for field, before, after in pairs if before != after]
