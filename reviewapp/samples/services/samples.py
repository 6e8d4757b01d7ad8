"""Samples and their revisions: made, changed by a new revision, moved from state to state."""

from __future__ import annotations

from collections.abc import Collection
from typing import TYPE_CHECKING, Any

from django.db import transaction
from django.db.models import Max
from django.utils import timezone
from django.utils.translation import gettext as _

from reviewapp.audit import services as audit
from reviewapp.core.exceptions import ApplicationError
from reviewapp.labelling.rendering import has_passages
from reviewapp.projects.models import Project
from reviewapp.samples.mapping import content_hash
from reviewapp.samples.models import ImportBatch, Revision, Sample, SampleGroup

if TYPE_CHECKING:
    from reviewapp.accounts.models import User


def group_for(project: Project, key: str) -> SampleGroup:
    """The group with this key, made when it is new."""
    return SampleGroup.objects.get_or_create(project=project, key=key)[0]


@transaction.atomic
def sample_create(
    *,
    project: Project,
    external_id: str,
    group_key: str,
    prompt: str,
    completion: str,
    origin: str = Sample.Origin.IMPORT,
    split: str = Sample.Split.OPEN,
    created_by: User | None = None,
    batch: ImportBatch | None = None,
    row_hash: str = "",
    language: str = "",
    messages: list[dict[str, Any]] | None = None,
    metadata: dict[str, Any] | None = None,
) -> Sample:
    """Makes a sample with its first revision, in state imported. Raises ApplicationError when it is there already."""
    digest = row_hash or content_hash(prompt, completion)
    _refuse_known(project, digest, external_id)
    sample = Sample.objects.create(
        project=project,
        batch=batch,
        external_id=external_id,
        group=group_for(project, group_key),
        origin=origin,
        split=split,
        row_hash=digest,
        language=language,
        metadata=metadata or {},
    )
    reason = Revision.Reason.FEEDBACK if origin == Sample.Origin.FEEDBACK else Revision.Reason.IMPORT
    revision_add(
        sample=sample, prompt=prompt, completion=completion, reason=reason, created_by=created_by, messages=messages
    )
    if origin == Sample.Origin.FEEDBACK:  # an import is one event for its whole file
        audit.record(
            actor=created_by,
            action="sample.create",
            project=project.slug,
            target_type="sample",
            target_id=sample.pk,
            data={"origin": origin, "split": split},
        )
    return sample


def _refuse_known(project: Project, digest: str, external_id: str) -> None:
    known = Sample.objects.filter(project=project, row_hash=digest).first()
    if known is not None:
        raise ApplicationError(
            _("The same text is already here as sample %(external_id)s.") % {"external_id": known.external_id}
        )
    if Sample.objects.filter(project=project, external_id=external_id).exists():
        raise ApplicationError(
            _("There is already a sample with the identifier %(external_id)s.") % {"external_id": external_id}
        )


@transaction.atomic
def revision_add(
    *,
    sample: Sample,
    prompt: str,
    completion: str,
    reason: str,
    created_by: User | None,
    actions: list[dict[str, Any]] | None = None,
    messages: list[dict[str, Any]] | None = None,
) -> Revision:
    """Adds a revision and makes it the current one. The same text again adds nothing and returns the current one.

    Labels stay with a text that they still fit. Raises ApplicationError for a change that they would not fit.
    """
    row = Sample.objects.select_for_update(of=("self",)).select_related("revision").get(pk=sample.pk)
    labels = _labels_kept(row.revision, prompt, completion)
    digest = content_hash(prompt, completion, labels)
    if row.revision is not None and row.revision.content_hash == digest:
        return row.revision
    # A reviewer's fix may have a higher number without being the current text.
    last = row.revisions.aggregate(last=Max("number"))["last"] or 0
    revision = Revision.objects.create(
        sample=row,
        number=last + 1,
        prompt=prompt,
        completion=completion,
        messages=messages,
        labels=labels,
        reason=reason,
        actions=actions or [],
        content_hash=digest,
        created_by=created_by,
    )
    Sample.objects.filter(pk=row.pk).update(revision=revision)
    sample.revision = revision
    return revision


def _labels_kept(before: Revision | None, prompt: str, completion: str) -> dict[str, Any] | None:
    """The labels of ``before`` where they fit the new texts as well; None where it has none."""
    if before is None or before.labels is None:
        return None
    if completion != before.completion:
        raise ApplicationError(
            _("This completion is written from labels. Return the sample, so that it is labelled again.")
        )
    if prompt != before.prompt and has_passages(before.labels):
        raise ApplicationError(
            _(
                "Passages of this prompt are marked, and they would move. Return the sample, so that they "
                "are marked again."
            )
        )
    labels: dict[str, Any] = before.labels
    return labels


def sample_state_set(*, sample: Sample, state: str) -> None:
    """Moves a sample to another state; the caller records why."""
    sample.state = state
    sample.state_at = timezone.now()
    sample.save(update_fields=["state", "state_at"])


def samples_make_ready(*, project: Project, sample_ids: Collection[int]) -> int:
    """Opens cleaned and checked samples for review; returns how many were still in state imported."""
    waiting = Sample.objects.filter(project=project, pk__in=sample_ids, state=Sample.State.IMPORTED)
    return waiting.update(state=Sample.State.READY, state_at=timezone.now())
