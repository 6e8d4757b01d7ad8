"""Reading samples, imports and held-out sets."""

from __future__ import annotations

from dataclasses import dataclass

from django.db.models import Count, Q, QuerySet

from reviewapp.projects.models import Project
from reviewapp.samples.models import HeldoutSet, ImportBatch, Revision, Sample, SampleGroup

FILTERS = ("state", "origin", "batch", "language", "group")


def samples_filtered(project: Project, chosen: dict[str, str]) -> QuerySet[Sample]:
    """Samples of a project by the filters of the list page (keys of FILTERS, and ``q``); unknown values find nothing.

    Each sample carries ``findings_open``.
    """
    found = Sample.objects.filter(project=project).select_related("revision", "group", "batch")
    exact = {"state": "state", "origin": "origin", "batch": "batch_id", "language": "language", "group": "group__key"}
    for name, lookup in exact.items():
        value = chosen.get(name, "")
        if value and not (name == "batch" and not value.isdecimal()):
            found = found.filter(**{lookup: value})
        elif value:
            found = found.none()
    text = chosen.get("q", "").strip()
    if text:
        words = Q(external_id__icontains=text) | Q(revision__prompt__icontains=text)
        found = found.filter(words | Q(revision__completion__icontains=text))
    is_open = Q(findings__state="open")
    return found.annotate(findings_open=Count("findings", filter=is_open)).order_by("id")


def sample_counts(project: Project) -> dict[str, int]:
    """Samples by state; states without any are 0."""
    rows = Sample.objects.filter(project=project).order_by().values_list("state").annotate(n=Count("pk"))
    return dict.fromkeys(Sample.State.values, 0) | dict(rows)


def languages_of(project: Project) -> list[str]:
    values = Sample.objects.filter(project=project).exclude(language="").order_by("language")
    return list(values.values_list("language", flat=True).distinct())


def batches_of(project: Project) -> QuerySet[ImportBatch]:
    return ImportBatch.objects.filter(project=project).select_related("job", "uploaded_by", "heldout_set", "project")


def revisions_of(sample: Sample) -> list[Revision]:
    """Oldest first, with their authors."""
    return list(sample.revisions.select_related("created_by").order_by("number"))


def batch_summary(batch: ImportBatch) -> str:
    """Where every row went: rows = samples + row errors + already there."""
    what = "held-out prompts" if batch.target == ImportBatch.Target.HELDOUT else "samples"
    return (
        f"{batch.rows_read:,} rows = {batch.rows_created:,} {what} + {batch.rows_failed:,} row errors"
        f" + {batch.rows_known:,} already there"
    )


@dataclass(frozen=True)
class HeldoutRow:
    """A held-out set with what its page says about it."""

    heldout_set: HeldoutSet
    prompts: int
    groups_shared: int  # groups that samples have as well: those samples may never train


def heldout_rows(project: Project) -> list[HeldoutRow]:
    sets = HeldoutSet.objects.filter(project=project).select_related("created_by", "sealed_by").order_by("-pk")
    return [heldout_row(row) for row in sets.annotate(n=Count("prompts"))]


def heldout_row(heldout_set: HeldoutSet) -> HeldoutRow:
    pool = Sample.objects.filter(project=heldout_set.project_id, split=Sample.Split.OPEN)
    shared = SampleGroup.objects.filter(heldout_prompts__heldout_set=heldout_set, pk__in=pool.values("group"))
    return HeldoutRow(heldout_set, heldout_set.prompts.count(), shared.distinct().count())
