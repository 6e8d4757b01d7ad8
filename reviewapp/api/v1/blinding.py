"""What of a sample's reviews a person may read: nobody's judgement leans on another's."""

from __future__ import annotations

from typing import TYPE_CHECKING

from django.db.models import F, QuerySet

from reviewapp.projects.models import Project
from reviewapp.projects.permissions import Permission
from reviewapp.projects.selectors import may
from reviewapp.reviews.models import Review
from reviewapp.reviews.selectors.comments import SETTLED
from reviewapp.reviews.selectors.reviews import reviews_for_sample
from reviewapp.samples.models import Revision, Sample

if TYPE_CHECKING:
    from reviewapp.accounts.models import User


def reviews_visible(sample: Sample, user: User, *, may_adjudicate: bool) -> QuerySet[Review]:
    """All reviews once the sample is settled; before that one's own, and all for who could only adjudicate them."""
    reviews = reviews_for_sample(sample)
    if sample.state in SETTLED:
        return reviews
    if sample.state == Sample.State.ADJUDICATE and may_adjudicate and not _took_part(sample, user):
        return reviews
    return reviews.filter(reviewer=user)


def revisions_visible(sample: Sample, user: User, shown: list[Review]) -> QuerySet[Revision]:
    """Revisions, the oldest first, without those that are part of a review which is not shown."""
    hidden = Review.objects.filter(sample=sample, round=sample.review_round).exclude(reviewer=user)
    hidden = hidden.exclude(pk__in=[review.pk for review in shown]).exclude(revision_after=F("revision_before"))
    revisions = sample.revisions.exclude(pk__in=hidden.values("revision_after")).order_by("number")
    return revisions.select_related("created_by") if sample.state not in SETTLED else _all(sample)


def _all(sample: Sample) -> QuerySet[Revision]:
    return sample.revisions.order_by("number").select_related("created_by")


def names_visible(sample: Sample) -> bool:
    """Who adjudicates is not told who reviewed."""
    return sample.state in SETTLED


def _took_part(sample: Sample, user: User) -> bool:
    return Review.objects.filter(sample=sample, round=sample.review_round, reviewer=user).exists()


def reads_heldout(user: User, project: Project) -> bool:
    """Whether held-out texts are shown to this person, as on the page of an output."""
    return may(user, project, Permission.HELDOUT) or may(user, project, Permission.GRADE)
