"""Safe normalisations as new revisions, on samples that nobody has seen yet."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence

from django.db import transaction
from django.db.models import Max, Q, QuerySet

from reviewapp.curation.citations.style import text_in_style
from reviewapp.curation.models import Finding
from reviewapp.curation.services.following import findings_follow
from reviewapp.projects.models import Project
from reviewapp.samples.cleaning import CleanResult, clean
from reviewapp.samples.models import Revision, Sample
from reviewapp.samples.services import content_hash

_CHUNK = 500  # samples in memory, and in one transaction
_FIELDS = ("prompt", "completion")


def samples_clean(*, project: Project, citation_style: str = "", step: Callable[[int], None] = lambda _: None) -> int:
    """Gives samples that nobody has seen yet their cleaned text as a new revision; returns how many needed it.

    Cleaned text is clean, so a second pass changes nothing. ``citation_style``: as the pipeline has it. ``step`` is
    called with the number looked at.
    """
    looked_at = cleaned = 0
    for samples in _chunks(_unseen(project)):
        dirty = [sample.pk for sample in samples if _cleaned(sample.revision, citation_style) is not None]
        if dirty:
            cleaned += _clean(_unseen(project).filter(pk__in=dirty), citation_style)
        looked_at += len(samples)
        step(looked_at)
    return cleaned


def sample_clean(*, sample: Sample, citation_style: str = "") -> bool:
    """Cleans one sample if it needs it and nobody has seen it; says whether it has a new revision."""
    is_cleaned = _clean(_unseen(sample.project).filter(pk=sample.pk), citation_style) == 1
    if is_cleaned:
        sample.refresh_from_db(fields=["revision"])
    return is_cleaned


def samples_dirty(sample_ids: Sequence[int], *, citation_style: str = "") -> int:
    """How many of these samples cleaning would give another text."""
    samples = Sample.objects.filter(pk__in=sample_ids).select_related("revision")
    return sum(_cleaned(sample.revision, citation_style) is not None for sample in samples.iterator(chunk_size=_CHUNK))


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


def _cleaned(revision: Revision | None, citation_style: str) -> dict[str, CleanResult] | None:
    """Both texts cleaned; None when they were clean, or when no prompt would be left."""
    if revision is None:
        return None
    results = {field: _clean_text(getattr(revision, field), citation_style) for field in _FIELDS}
    is_same = all(getattr(revision, field) == result.text for field, result in results.items())
    return None if is_same or not results["prompt"].text.strip() else results


def _clean_text(text: str, citation_style: str) -> CleanResult:
    """Cleaned, with its citations in the project's style; those that a scan has damaged stay for a person."""
    result = clean(text)
    styled, count = text_in_style(result.text, citation_style)
    return CleanResult(styled, result.actions | {"citation_style": count}) if count else result


@transaction.atomic
def _clean(unseen: QuerySet[Sample], citation_style: str) -> int:
    """Locks the samples and cleans them; one that was handed to somebody meanwhile keeps the text they see."""
    samples = list(unseen.select_for_update(of=("self",)))
    last = dict(
        Revision.objects.filter(sample__in=samples).order_by().values_list("sample").annotate(last=Max("number"))
    )
    pairs = [
        (sample, _revision(sample, results, last[sample.pk] + 1))
        for sample in samples
        if (results := _cleaned(sample.revision, citation_style)) is not None
    ]
    Revision.objects.bulk_create([after for _, after in pairs], batch_size=100)
    before = {sample.pk: sample.revision for sample, _ in pairs}
    for sample, after in pairs:
        sample.revision = after
    Sample.objects.bulk_update([sample for sample, _ in pairs], ["revision"], batch_size=100)
    _follow([(sample, before[sample.pk], after) for sample, after in pairs])
    return len(pairs)


def _revision(sample: Sample, results: dict[str, CleanResult], number: int) -> Revision:
    texts = {field: result.text for field, result in results.items()}
    actions = [
        {"action": name, "field": field, "count": count}
        for field, result in results.items()
        for name, count in result.actions.items()
    ]
    return Revision(
        sample=sample,
        number=number,
        reason=Revision.Reason.CLEAN,
        actions=actions,
        content_hash=content_hash(texts["prompt"], texts["completion"]),
        **texts,
    )


def revision_cleaned(revision: Revision, *, citation_style: str = "") -> Revision | None:
    """What cleaning makes of a revision, not saved; None where it leaves the text as it is."""
    results = _cleaned(revision, citation_style)
    return _revision(Sample(pk=revision.sample_id), results, revision.number + 1) if results else None


def _follow(steps: Sequence[tuple[Sample, Revision | None, Revision]]) -> None:
    """Findings move along where there are any: rarely, since texts are cleaned before they are checked."""
    keys = [before.pk for _, before, _ in steps if before is not None]
    flagged = set(Finding.objects.filter(revision__in=keys).values_list("revision", flat=True))
    for sample, before, after in steps:
        if before is not None and before.pk in flagged:
            findings_follow(sample=sample, before=before, after=after, by=None, touched=Finding.State.GONE)
