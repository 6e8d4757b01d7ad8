"""Safe normalisations as new revisions, on samples that nobody has seen yet."""

from __future__ import annotations

from collections.abc import Callable, Iterator

from django.db import transaction
from django.db.models import Q, QuerySet

from reviewapp.curation.models import Finding
from reviewapp.curation.services.following import findings_follow
from reviewapp.projects.models import Project
from reviewapp.samples.cleaning import CleanResult, clean
from reviewapp.samples.models import Revision, Sample
from reviewapp.samples.services import revision_add

_CHUNK = 500  # samples in memory, and in one transaction


def samples_clean(*, project: Project, step: Callable[[int], None] = lambda _: None) -> int:
    """Gives samples that nobody has seen yet their cleaned text as a new revision; returns how many needed it.

    Cleaned text is clean, so a second pass changes nothing. ``step`` is called with the number looked at.
    """
    looked_at = cleaned = 0
    for samples in _chunks(_unseen(project)):
        dirty = [sample.pk for sample in samples if _cleaned(sample.revision) is not None]
        with transaction.atomic():  # whoever took a sample meanwhile keeps the text they see
            locked = _unseen(project).select_for_update(of=("self",)).filter(pk__in=dirty)
            cleaned += sum(_clean(sample) for sample in locked)
        looked_at += len(samples)
        step(looked_at)
    return cleaned


def _unseen(project: Project) -> QuerySet[Sample]:
    """Samples that no reviewer was ever handed: their text may still be normalised without asking anybody."""
    waiting = Q(state__in=[Sample.State.IMPORTED, Sample.State.READY], reviews=None, assignments=None)
    return Sample.objects.filter(waiting, project=project, revision__isnull=False).select_related("revision")


def _chunks(samples: QuerySet[Sample]) -> Iterator[list[Sample]]:
    """By key, a bounded number at a time: the rows may change while the caller works on them."""
    last = 0
    while chunk := list(samples.filter(pk__gt=last).order_by("pk")[:_CHUNK]):
        yield chunk
        last = chunk[-1].pk


def _cleaned(revision: Revision | None) -> dict[str, CleanResult] | None:
    """Both texts cleaned; None when they were clean, or when no prompt would be left."""
    if revision is None:
        return None
    results = {"prompt": clean(revision.prompt), "completion": clean(revision.completion)}
    is_same = all(getattr(revision, field) == result.text for field, result in results.items())
    return None if is_same or not results["prompt"].text.strip() else results


def sample_clean(*, sample: Sample) -> bool:
    """Cleans one locked sample if it needs it and nobody has seen it; says whether it has a new revision."""
    is_unseen = _unseen(sample.project).filter(pk=sample.pk).exists()
    return is_unseen and _clean(sample)


def _clean(sample: Sample) -> bool:
    before = sample.revision
    results = _cleaned(before)
    if before is None or results is None:
        return False
    actions = [
        {"action": name, "field": field, "count": count}
        for field, result in results.items()
        for name, count in result.actions.items()
    ]
    after = revision_add(
        sample=sample,
        prompt=results["prompt"].text,
        completion=results["completion"].text,
        reason=Revision.Reason.CLEAN,
        created_by=None,
        actions=actions,
    )
    if Finding.objects.filter(revision=before).exists():
        findings_follow(sample=sample, before=before, after=after, by=None, touched=Finding.State.GONE)
    return True
