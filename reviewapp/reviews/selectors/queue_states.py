"""The queue as one person finds it, and why it is empty."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import TYPE_CHECKING

from django.db.models import Count, Min

from reviewapp.projects.models import Project
from reviewapp.reviews.models import Assignment
from reviewapp.reviews.selectors.queues import (
    WAITING,
    assignment_held,
    assignments_now,
    expertise_of,
    of_expertise,
    of_filters,
    of_mine,
    of_recused_groups,
    samples_open_for,
    samples_queued,
)
from reviewapp.rubrics.models import Rubric
from reviewapp.rubrics.selectors import version_current
from reviewapp.samples.models import Sample

if TYPE_CHECKING:
    from reviewapp.accounts.models import User

State = Sample.State


@dataclass(frozen=True, kw_only=True)
class QueueState:
    """What a reviewer finds. ``reason`` is '' when something is open for them, else why nothing is: no_samples,
    no_rubric, not_cleaned, finished, leased, mine_done, filtered, not_assigned, recused."""

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
    hidden: int = 0  # wait, and are kept from this person by what ``reason`` says

    @property
    def mine_total(self) -> int:
        return self.mine_done + self.open_now


def queue_state(project: Project, user: User) -> QueueState:
    """The queue as one person sees it, in a fixed number of queries."""
    states = dict(project.samples.order_by().values_list("state").annotate(n=Count("pk")))
    mine = assignments_now(project).filter(holder=user)
    held = assignment_held(project, user)
    others = assignments_now(project).live().exclude(holder=user).aggregate(n=Count("pk"), until=Min(_ENDS))
    open_now = samples_open_for(project, user).order_by().count() + (held is not None)
    reason, hidden = _reason(project, user, states, open_now, others["n"])
    return QueueState(
        reason=reason,
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
        hidden=hidden,
    )


_ENDS = "lease_expires_at"


def _reason(project: Project, user: User, states: dict[str, int], open_now: int, others: int) -> tuple[str, int]:
    """Why nothing is open, and how many samples that keeps from this person."""
    if not states:
        return "no_samples", 0
    if version_current(project, Rubric.AppliesTo.SAMPLES) is None:
        return "no_rubric", 0
    if open_now:
        return "", 0
    waiting = sum(states.get(state, 0) for state in WAITING)
    if not waiting:
        return ("not_cleaned" if states.get(State.IMPORTED) else "finished"), 0
    return _kept_from(project, user) or (("leased" if others else "mine_done"), 0)


def _kept_from(project: Project, user: User) -> tuple[str, int] | None:
    """Which rule of the queue keeps samples with a free slot from this person, the first that does."""
    free = samples_queued(project).order_by().filter(~of_mine(user))
    rules = (
        ("recused", ~of_recused_groups(project, user)),
        ("not_assigned", of_expertise(project, expertise_of(project, user))),
        ("filtered", of_filters(project)),
    )
    before = free.count()
    for reason, rule in rules:
        free = free.filter(rule)
        left = free.count()
        if left == 0 and before:
            return reason, before
        before = left
    return None
