"""Which slots of a sample are taken, kept on the sample in the transaction that changes it.

Whoever takes or frees a slot locks the sample first and counts again: counting cannot drift as adding and
subtracting could, and costs one look into an index.
"""

from __future__ import annotations

from collections.abc import Collection

from django.db import transaction
from django.db.models import IntegerField, Subquery
from django.db.models.functions import Coalesce
from django.utils import timezone

from reviewapp.reviews.models import Assignment
from reviewapp.reviews.selectors.slots import queue_problems, taken_per_sample
from reviewapp.samples.models import Sample


def slots_recount(sample_ids: Collection[int]) -> None:
    """Counts the taken slots of locked samples again."""
    counted = Coalesce(Subquery(taken_per_sample(), output_field=IntegerField()), 0)
    Sample.objects.filter(pk__in=sample_ids).update(slots_taken=counted)


def assignments_expire() -> int:
    """Closes every lease whose time ran out and frees its slot; returns how many. Others' locked rows wait."""
    if not Assignment.objects.all().due().exists():
        return 0
    with transaction.atomic():
        due = Assignment.objects.all().due()
        samples = Sample.objects.filter(pk__in=due.values("sample")).order_by("pk")
        locked = list(samples.select_for_update(skip_locked=True).values_list("pk", flat=True))
        # Only now are these samples ours: a lease may have been renewed or handed in since.
        ended: int = due.filter(sample__in=locked).update(state=Assignment.State.EXPIRED, closed_at=timezone.now())
        slots_recount(locked)
    return ended


@transaction.atomic
def queue_repair() -> int:
    """Counts again where the kept figures and the assignments differ; returns how many samples that were."""
    wrong = [problem.sample for problem in queue_problems()]
    locked = list(Sample.objects.filter(pk__in=wrong).order_by("pk").select_for_update().values_list("pk", flat=True))
    slots_recount(locked)
    return len(locked)
