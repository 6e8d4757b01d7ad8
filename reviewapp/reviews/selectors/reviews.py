"""Reviews that count, of a sample, of a person."""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING

from django.conf import settings
from django.db.models import Count, Exists, F, IntegerField, OuterRef, Prefetch, QuerySet, Subquery
from django.db.models.functions import Coalesce
from django.http import Http404
from django.utils import timezone
from django.utils.translation import gettext as _

from reviewapp.projects.models import Project
from reviewapp.reviews.models import Assignment, Review
from reviewapp.samples.models import Sample

if TYPE_CHECKING:
    from reviewapp.accounts.models import User


def reviews_effective(reviews: QuerySet[Review] | None = None) -> QuerySet[Review]:
    """Reviews that count: not superseded and not undone."""
    chosen = Review.objects.all() if reviews is None else reviews
    return chosen.filter(superseded_by=None).exclude(decision=Review.Decision.UNDONE)


def reviews_for_sample(sample: Sample) -> QuerySet[Review]:
    """The reviews of a sample that count, of all rounds, with scores and people, the oldest first."""
    return (
        reviews_effective(Review.objects.filter(sample=sample))
        .select_related("reviewer", "rubric_version__rubric", "revision_before", "revision_after")
        .prefetch_related("scores__criterion")
        .order_by("id")
    )


def reviews_of_round(sample: Sample) -> QuerySet[Review]:
    """The reviews that decide about a sample now: those of its present round, without adjudication."""
    return reviews_for_sample(sample).filter(round=sample.review_round, is_adjudication=False)


def samples_with_enough_reviews(project: Project) -> QuerySet[Sample]:
    """Samples in review that have all reviews they need: the project asks for fewer than when they were begun."""
    reviews = reviews_effective(
        Review.objects.filter(sample=OuterRef("pk"), round=OuterRef("review_round"), is_adjudication=False)
    )
    count = reviews.order_by().values("sample").annotate(n=Count("pk")).values("n")
    return (
        Sample.objects.filter(project=project, state=Sample.State.IN_REVIEW, slots_needed__gt=0)
        .annotate(n_reviews=Coalesce(Subquery(count, output_field=IntegerField()), 0))
        .filter(n_reviews__gte=F("slots_needed"))
        .order_by("id")
    )


def samples_accepted(project: Project) -> QuerySet[Sample]:
    """Samples that were accepted, with the accepted revision and their group."""
    return project.samples.filter(state=Sample.State.ACCEPTED).select_related("revision", "group")


def reviews_of(user: User, project: Project) -> QuerySet[Review]:
    """A person's own decisions, the newest first, with what was undone."""
    mine: QuerySet[Review] = Review.objects.filter(reviewer=user, sample__project=project)
    undone = Exists(Review.objects.filter(supersedes=OuterRef("pk")))
    decided = mine.exclude(decision=Review.Decision.UNDONE).annotate(is_undone=undone)
    return decided.select_related("sample", "assignment").order_by("-id")


def review_undoable(user: User, project: Project) -> Review | None:
    """The last decision of this person, if it can still be taken back."""
    since = timezone.now() - timedelta(minutes=settings.UNDO_MINUTES)
    mine = Review.objects.filter(reviewer=user, sample__project=project, submitted_at__gte=since)
    last = reviews_effective(mine).select_related("sample", "assignment").order_by("-id").first()
    return last if last is not None and not undo_problem(last) else None


def undo_problem(review: Review) -> str:
    """Why this decision stays as it is; empty when it can be taken back."""
    if timezone.now() - review.submitted_at > timedelta(minutes=settings.UNDO_MINUTES):
        return _("A decision can be undone for %(undo_minutes)s minutes; this one is older.") % {
            "undo_minutes": settings.UNDO_MINUTES
        }
    if review.decision == Review.Decision.UNDONE or Review.objects.filter(supersedes=review).exists():
        return _("This decision was already undone.")
    if review.sample.withdrawn_at is not None:
        return _("A lead withdrew this sample since, so your review stays as it is.")
    if review.round != review.sample.review_round:
        return _("The sample was opened again since; this decision belongs to an earlier round.")
    later = reviews_effective(Review.objects.filter(sample=review.sample_id, round=review.round, is_adjudication=True))
    if not review.is_adjudication and later.exists():
        return _("This sample was adjudicated since, so your review stays as it is.")
    if Sample.objects.filter(pk=review.sample_id, examples__revision=F("revision")).exists():
        return _("A training set was frozen with this sample since. A lead can open it again for the next version.")
    return ""


def assignment_get(project: Project, key: str, holder: User, *, is_adjudication: bool | None = None) -> Assignment:
    """A person's own assignment by its key, of one kind or (None) of either; nobody else's can be opened.

    Raises Http404.
    """
    mine = Assignment.objects.filter(key=key, holder=holder.pk, sample__project=project)
    if is_adjudication is not None:
        mine = mine.filter(is_adjudication=is_adjudication)
    found = list(mine.select_related("sample", "revision", "rubric_version__rubric")[:1])
    if not found:
        raise Http404("This sample is not assigned to you.")
    assignment: Assignment = found[0]
    assignment.sample.project, assignment.holder = project, holder  # known already
    return assignment


def samples_returned(project: Project) -> QuerySet[Sample]:
    """Returned samples, the longest waiting first; ``reasons`` holds the reviews of their present round."""
    current = reviews_effective(Review.objects.filter(round=F("sample__review_round"))).select_related("reviewer")
    return (
        project.samples.filter(state=Sample.State.RETURNED)
        .select_related("revision")
        .prefetch_related(Prefetch("reviews", queryset=current, to_attr="reasons"))
        .order_by("state_at", "id")
    )


def assignments_flagged(project: Project) -> QuerySet[Assignment]:
    """Samples that a reviewer marked for the lead, the newest first."""
    flagged = Assignment.objects.filter(sample__project=project, is_flagged=True)
    return flagged.select_related("sample", "holder").order_by("-leased_at", "-pk")
