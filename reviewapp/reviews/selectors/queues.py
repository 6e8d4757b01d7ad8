"""Who may take which sample next, and how many wait."""

from __future__ import annotations

from typing import TYPE_CHECKING

from django.contrib.auth import get_user_model
from django.db.models import Exists, F, OuterRef, Q, QuerySet

from reviewapp.core.models import SLOT_TAKEN, LeaseQuerySet
from reviewapp.core.written import written
from reviewapp.curation.models import Finding
from reviewapp.projects.models import Membership, Project
from reviewapp.reviews.models import Assignment, QueueFigure, Recusal, Review
from reviewapp.reviews.ranking import tags_cover
from reviewapp.reviews.selectors.reviews import reviews_effective
from reviewapp.samples.models import NOT_QUEUED, UNRANKED, Sample

if TYPE_CHECKING:
    from reviewapp.accounts.models import User

State = Sample.State
WAITING = (State.IN_REVIEW, State.READY)
FEW = 1_000  # up to here a queue is counted exactly on every page
_FILTERS = ("filter_language", "filter_origin", "filter_check")


def samples_queued(project: Project) -> QuerySet[Sample]:
    """Samples with a free slot, the next first. The index ``sample_queue`` holds them in this order."""
    queued = Sample.objects.filter(project=project, queue_place__gt=NOT_QUEUED)
    return queued.order_by("queue_place", "queue_rank", "id")


def samples_not_ranked(project: Project) -> QuerySet[Sample]:
    """Samples that came into the queue since it was last put in order."""
    return Sample.objects.filter(project=project, queue_place__gt=NOT_QUEUED, queue_rank=UNRANKED)


def of_mine(user: User) -> Q:
    """Of a query of samples: those that this person holds, reviewed or skipped in the present round."""
    states = Assignment.State
    mine = Assignment.objects.filter(
        state__in=[states.LEASED, states.SUBMITTED, states.SKIPPED],
        sample=OuterRef("pk"),
        round=OuterRef("review_round"),
        is_adjudication=False,
        holder=user,
    )
    return Q(Exists(mine))


def of_filters(project: Project) -> Q:
    """Of a query of samples: those that the project's filters let through."""
    shown = Q()
    if project.filter_language:
        shown &= Q(language=project.filter_language)
    if project.filter_origin:
        shown &= Q(origin=project.filter_origin)
    if project.filter_check:
        found = Finding.objects.filter(sample=OuterRef("pk"), check_name=project.filter_check, state=Finding.State.OPEN)
        shown &= Q(Exists(found))
    return shown


def of_recused_groups(project: Project, user: User) -> Q:
    """Of a query of samples: those of groups that this person must not judge."""
    return Q(group__in=Recusal.objects.filter(project=project, user=user).values("group"))


def of_expertise(project: Project, expertise: str, figure: QueueFigure | None = None) -> Q:
    """Of a query of samples: those that ask for no tags, or for tags which somebody with ``expertise`` has."""
    figure = figure or QueueFigure.objects.filter(project=project).first()
    known = figure.expertise if figure else []
    if not known:
        return Q()
    return Q(expertise__in=["", *(tags for tags in known if tags_cover(expertise, tags))])


def expertise_of(project: Project, user: User) -> str:
    """The tags of a member; '' for everybody else."""
    found = Membership.objects.filter(project=project, user=user).values_list("expertise", flat=True)
    return found.first() or ""


def samples_open_for(
    project: Project, user: User, expertise: str | None = None, figure: QueueFigure | None = None
) -> QuerySet[Sample]:
    """Samples that need a review which this person can give, the next first.

    A slot is free, they neither hold, reviewed nor skipped it in its present round, have the tags it asks for, did
    not recuse themselves from its group, and the project's filters show it.
    """
    tags = expertise_of(project, user) if expertise is None else expertise
    return (
        samples_queued(project)
        .filter(of_filters(project), of_expertise(project, tags, figure))
        .exclude(of_recused_groups(project, user))
        .filter(~of_mine(user))
    )


def sample_next(
    project: Project, user: User, expertise: str, figure: QueueFigure, *, is_waiting: bool
) -> Sample | None:
    """The first of ``samples_open_for``, locked; ``is_waiting``: also where that means to wait for somebody."""
    filters = tuple(getattr(project, name) for name in _FILTERS)
    tags = tuple(figure.expertise)
    found = _next(project.pk, user.pk, filters=filters, tags=tags, expertise=expertise, is_waiting=is_waiting)
    return found[0] if found else None


@written
def _next(
    project: int, user: int, *, filters: tuple[str, ...], tags: tuple[str, ...], expertise: str, is_waiting: bool
) -> QuerySet[Sample]:
    place, person = Project(pk=project, **dict(zip(_FILTERS, filters, strict=True))), get_user_model()(pk=user)
    samples = samples_open_for(place, person, expertise, QueueFigure(expertise=list(tags)))
    return samples.select_for_update(skip_locked=not is_waiting, of=("self",))[:1]


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
        .exclude(of_recused_groups(project, user))
        .order_by("id")
    )


def assignment_held(project: Project, user: User, *, is_adjudication: bool = False) -> Assignment | None:
    """The sample this person is on: their newest live lease, before one that was only taken ahead."""
    mine = Assignment.objects.filter(sample__project=project, holder=user, is_adjudication=is_adjudication)
    held: Assignment | None = (
        mine.live().select_related("sample").order_by("is_prefetched", "-leased_at", "-pk").first()
    )
    return held


@written
def assignments_mine(project: int, user: int) -> QuerySet[Assignment]:
    """What this person holds, the one in hand first, and what they gave back or let run out with a draft on it."""
    closed = Q(state__in=[Assignment.State.RELEASED, Assignment.State.EXPIRED]) & ~Q(draft={})
    held = Q(state=Assignment.State.LEASED)
    mine: QuerySet[Assignment] = Assignment.objects.filter(
        held | closed, holder=user, sample__project=project, is_adjudication=False
    )
    return mine.order_by("is_prefetched", "-leased_at", "-pk")


@written
def membership_locked(project: int, user: int) -> QuerySet[Membership]:
    """Two tabs of one person wait for each other here; other people do not."""
    return Membership.objects.select_for_update().filter(project=project, user=user)


def assignments_now(project: Project) -> LeaseQuerySet:
    """Of the present round of each sample: those of earlier rounds no longer count."""
    return Assignment.objects.filter(sample__project=project, is_adjudication=False, round=F("sample__review_round"))


def samples_waiting(project: Project) -> QuerySet[Sample]:
    """Samples that have not all the reviews they need, in work or not."""
    return Sample.objects.filter(project=project, state__in=WAITING)


def queue_progress(project: Project, user: User) -> tuple[int, int]:
    """(samples this person has decided about, those plus the ones that wait), at the same cost in any project.

    A queue of a thousand and more is not counted on every page: its figure is at most half a minute old.
    """
    mine = Membership.objects.filter(project=project, user=user).values_list("reviews_done", flat=True)
    done = mine.first() or 0
    waiting = samples_waiting(project).order_by()[:FEW].count()
    if waiting == FEW:
        figure = QueueFigure.objects.filter(project=project).first()
        waiting = max(FEW, figure.waiting) if figure else samples_waiting(project).count()
    return done, done + waiting
