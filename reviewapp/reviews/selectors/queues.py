"""Who may take which sample next, and why there may be none."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import TYPE_CHECKING

from django.db.models import Count, Exists, F, IntegerField, Min, OuterRef, Q, QuerySet, Subquery
from django.db.models.functions import Coalesce

from reviewapp.core.models import SLOT_TAKEN, LeaseQuerySet
from reviewapp.projects.models import Project
from reviewapp.reviews.models import Assignment, Review
from reviewapp.reviews.selectors.reviews import reviews_effective
from reviewapp.rubrics.models import Rubric
from reviewapp.rubrics.selectors import version_current
from reviewapp.samples.models import Sample

if TYPE_CHECKING:
    from reviewapp.accounts.models import User

State = Sample.State
# Samples that some people have begun come first, so that they are finished before new ones are begun.
WAITING = (State.IN_REVIEW, State.READY)


@dataclass(frozen=True, kw_only=True)
class QueueState:
    """What a reviewer finds. ``reason`` is '' when something is open for them, else why nothing is:
    no_samples, no_rubric, not_cleaned, finished, leased, mine_done."""

    reason: str
    open_now: int  # this person could take these now
    mine_done: int
    mine_skipped: int
    reviewed: int  # samples with a final state, by anybody
    total: int
    not_cleaned: int
    to_adjudicate: int
    returned: int
    leased_by_others: int
    leased_until: datetime | None
    held: Assignment | None

    @property
    def mine_total(self) -> int:
        return self.mine_done + self.open_now


def samples_open_for(project: Project, user: User) -> QuerySet[Sample]:
    """Samples that need a review which this person can give: a slot is free, and they neither hold, reviewed nor
    skipped the sample in its present round."""
    of_sample = Assignment.objects.filter(
        sample=OuterRef("pk"), round=OuterRef("review_round"), is_adjudication=False
    ).order_by()
    taken = of_sample.filter(SLOT_TAKEN).values("sample").annotate(n=Count("pk")).values("n")
    mine = of_sample.filter(SLOT_TAKEN | Q(state=Assignment.State.SKIPPED), holder=user)
    return (
        Sample.objects.filter(project=project, state__in=WAITING)
        .filter(~Exists(mine))
        .annotate(n_taken=Coalesce(Subquery(taken, output_field=IntegerField()), 0))
        .filter(n_taken__lt=project.review_overlap)
        .order_by("id")
    )


def samples_to_adjudicate(project: Project, user: User) -> QuerySet[Sample]:
    """Samples whose reviews differ, that this person did not review and nobody else settles now."""
    reviewed = reviews_effective(
        Review.objects.filter(sample=OuterRef("pk"), round=OuterRef("review_round"), is_adjudication=False)
    ).filter(reviewer=user)
    settled = Assignment.objects.filter(
        SLOT_TAKEN, sample=OuterRef("pk"), round=OuterRef("review_round"), is_adjudication=True
    )
    return (
        Sample.objects.filter(project=project, state=State.ADJUDICATE)
        .filter(~Exists(reviewed), ~Exists(settled))
        .order_by("id")
    )


def samples_with_enough_reviews(project: Project) -> QuerySet[Sample]:
    """Samples in review that have all reviews they need: the project asks for fewer than when they were begun."""
    reviews = reviews_effective(
        Review.objects.filter(sample=OuterRef("pk"), round=OuterRef("review_round"), is_adjudication=False)
    )
    count = reviews.order_by().values("sample").annotate(n=Count("pk")).values("n")
    return (
        Sample.objects.filter(project=project, state=State.IN_REVIEW)
        .annotate(n_reviews=Coalesce(Subquery(count, output_field=IntegerField()), 0))
        .filter(n_reviews__gte=project.review_overlap)
        .order_by("id")
    )


def assignment_held(project: Project, user: User, *, is_adjudication: bool = False) -> Assignment | None:
    """The sample this person is on: their newest live lease."""
    mine = Assignment.objects.filter(sample__project=project, holder=user, is_adjudication=is_adjudication)
    held: Assignment | None = mine.live().select_related("sample").order_by("-leased_at", "-pk").first()
    return held


def queue_state(project: Project, user: User) -> QueueState:
    """The queue as one person sees it, in a fixed number of queries."""
    states = dict(project.samples.order_by().values_list("state").annotate(n=Count("pk")))
    mine = _assignments_now(project).filter(holder=user)
    held = assignment_held(project, user)
    others = _assignments_now(project).live().exclude(holder=user).aggregate(n=Count("pk"), until=Min(_ENDS))
    open_now = samples_open_for(project, user).count() + (held is not None)
    waiting = sum(states.get(state, 0) for state in WAITING)
    return QueueState(
        reason=_empty_reason(project, states, open_now, waiting, others["n"]),
        open_now=open_now,
        mine_done=mine.filter(state=Assignment.State.SUBMITTED).count(),
        mine_skipped=mine.filter(state=Assignment.State.SKIPPED).count(),
        reviewed=sum(states.get(state, 0) for state in (State.ACCEPTED, State.REJECTED, State.RETURNED)),
        total=sum(states.values()),
        not_cleaned=states.get(State.IMPORTED, 0),
        to_adjudicate=states.get(State.ADJUDICATE, 0),
        returned=states.get(State.RETURNED, 0),
        leased_by_others=others["n"],
        leased_until=others["until"],
        held=held,
    )


_ENDS = "lease_expires_at"


def _assignments_now(project: Project) -> LeaseQuerySet:
    """Of the present round of each sample: those of earlier rounds no longer count."""
    return Assignment.objects.filter(sample__project=project, is_adjudication=False, round=F("sample__review_round"))


def _empty_reason(project: Project, states: dict[str, int], open_now: int, waiting: int, others: int) -> str:
    if not states:
        return "no_samples"
    if version_current(project, Rubric.AppliesTo.SAMPLES) is None:
        return "no_rubric"
    if open_now:
        return ""
    if waiting:
        return "leased" if others else "mine_done"
    return "not_cleaned" if states.get(State.IMPORTED) else "finished"
