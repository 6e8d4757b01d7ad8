"""Synthetic samples made from others: each with the group, split and language of its parent, and marked as such."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from django.db import transaction

from reviewapp.projects.models import Project
from reviewapp.samples.mapping import content_hash
from reviewapp.samples.models import Revision, Sample, SampleTag

if TYPE_CHECKING:
    from reviewapp.accounts.models import User

SYNTHETIC = "synthetic"  # the tag of every sample that no person wrote
_CHUNK = 300


@dataclass(frozen=True, kw_only=True)
class Copy:
    """A sample to be made from ``parent``: texts, metadata, and what was changed, for the revision's actions."""

    parent: Sample
    external_id: str
    prompt: str
    completion: str
    metadata: dict[str, Any] = field(default_factory=dict)
    actions: list[dict[str, Any]] = field(default_factory=list)


@transaction.atomic
def copies_create(*, project: Project, copies: Sequence[Copy], created_by: User | None) -> list[tuple[Copy, Sample]]:
    """Makes the samples in state imported, so that a scan looks at them and experts review them like any other.

    A copy whose text or identifier is there already is left out. The caller records why they were made.
    """
    hashes = [content_hash(copy.prompt, copy.completion) for copy in copies]
    known = _known(project, "row_hash", hashes)
    names = _known(project, "external_id", [copy.external_id for copy in copies])
    pairs: list[tuple[Copy, Sample]] = []
    for copy, digest in zip(copies, hashes, strict=True):
        if digest not in known and copy.external_id not in names:
            known.add(digest)
            names.add(copy.external_id)
            pairs.append((copy, _sample(project, copy, digest)))
    Sample.objects.bulk_create([sample for _, sample in pairs], batch_size=_CHUNK)
    revisions = [_revision(copy, sample, created_by) for copy, sample in pairs]
    Revision.objects.bulk_create(revisions, batch_size=100)
    for revision in revisions:
        revision.sample.revision = revision
    Sample.objects.bulk_update([sample for _, sample in pairs], ["revision"], batch_size=_CHUNK)
    tags = [SampleTag(project=project, sample=sample, name=SYNTHETIC) for _, sample in pairs]
    SampleTag.objects.bulk_create(tags, batch_size=_CHUNK)
    return pairs


def _known(project: Project, column: str, values: Sequence[str]) -> set[str]:
    found: set[str] = set()
    for start in range(0, len(values), _CHUNK):
        some: Collection[str] = values[start : start + _CHUNK]
        rows = Sample.objects.filter(project=project, **{f"{column}__in": some})
        found.update(rows.order_by().values_list(column, flat=True))
    return found


def _sample(project: Project, copy: Copy, digest: str) -> Sample:
    parent = copy.parent
    return Sample(
        project=project,
        external_id=copy.external_id,
        group_id=parent.group_id,
        origin=Sample.Origin.COPY,
        split=parent.split,
        row_hash=digest,
        language=parent.language,
        expertise=parent.expertise,
        metadata=copy.metadata,
    )


def _revision(copy: Copy, sample: Sample, created_by: User | None) -> Revision:
    return Revision(
        sample=sample,
        number=1,
        prompt=copy.prompt,
        completion=copy.completion,
        reason=Revision.Reason.COPY,
        actions=copy.actions,
        content_hash=content_hash(copy.prompt, copy.completion),
        created_by=created_by,
    )
