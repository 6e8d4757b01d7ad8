"""Which comments on a sample a person may read."""

from __future__ import annotations

from typing import TYPE_CHECKING

from django.db.models import QuerySet

from reviewapp.reviews.models import Assignment, CommentThread
from reviewapp.samples.models import Sample

if TYPE_CHECKING:
    from reviewapp.accounts.models import User

SETTLED = frozenset({Sample.State.ACCEPTED, Sample.State.REJECTED, Sample.State.RETURNED})


def threads_for(sample: Sample, user: User, *, may_adjudicate: bool) -> QuerySet[CommentThread]:
    """Threads on a sample that this person may read, the oldest first, with their comments and people.

    Where several people review a sample on their own, each sees only the threads they began until it is settled; who
    may settle differing reviews and has no part in these sees all.
    """
    threads = sample.comment_threads.select_related("opened_by", "resolved_by").prefetch_related("comments__author")
    if sample.state in SETTLED or sample.slots_needed <= 1 or (may_adjudicate and not _takes_part(sample, user)):
        return threads
    return threads.filter(opened_by=user)


def _takes_part(sample: Sample, user: User) -> bool:
    mine = Assignment.objects.filter(sample=sample, holder=user, round=sample.review_round, is_adjudication=False)
    return mine.exists()
