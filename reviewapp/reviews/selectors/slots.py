"""The slots of samples as the assignments have them, and where the figures kept on the samples differ."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from django.db.models import Count, F, IntegerField, OuterRef, QuerySet, Subquery
from django.db.models.functions import Coalesce

from reviewapp.core.models import SLOT_TAKEN
from reviewapp.projects.models import Project
from reviewapp.reviews.models import Assignment
from reviewapp.reviews.ranking import reviewers_needed
from reviewapp.samples.models import Sample


@dataclass(frozen=True)
class QueueProblem:
    sample: int
    kept: int
    counted: int


def taken_per_sample() -> QuerySet[Any, Any]:
    """For a query of samples: how many slots of the present round are leased or done, by counting."""
    taken = Assignment.objects.filter(
        SLOT_TAKEN, sample=OuterRef("pk"), round=OuterRef("review_round"), is_adjudication=False
    )
    counted: QuerySet[Any, Any] = taken.order_by().values("sample").annotate(n=Count("pk")).values("n")
    return counted


def queue_problems(project: Project | None = None) -> list[QueueProblem]:
    """Samples whose kept count of taken slots is not what the assignments say; empty when all is well."""
    samples = Sample.objects.all() if project is None else Sample.objects.filter(project=project)
    counted = samples.annotate(n=Coalesce(Subquery(taken_per_sample(), output_field=IntegerField()), 0))
    wrong = counted.exclude(slots_taken=F("n")).order_by("pk").values_list("pk", "slots_taken", "n")
    return [QueueProblem(*row) for row in wrong]


def slots_base(sample: Sample) -> int:
    """Reviewers this sample needs before any extra one; works it out where that was not done yet."""
    if sample.slots_needed:
        return sample.slots_needed - sample.slots_extra
    project = sample.project
    return reviewers_needed(
        sample.row_hash,
        overlap=project.review_overlap,
        more=project.overlap_more,
        more_percent=project.overlap_more_percent,
    )
