"""Vectors of a project's texts by the operator's encoder: asked for, put into use when a worker made them, removed."""

from __future__ import annotations

import shutil
from collections.abc import Iterable
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from django.conf import settings
from django.db import transaction
from django.db.models import Max
from django.utils import timezone
from django.utils.translation import gettext as _

from reviewapp.audit import services as audit
from reviewapp.core import jobs
from reviewapp.core.exceptions import ApplicationError
from reviewapp.core.models import Job
from reviewapp.curation.meaning.embedded import (
    NewVectors,
    embedding_folder,
    embedding_write,
    embeddings_folder,
    encoder_folder,
)
from reviewapp.curation.meaning.searching import samples_indexed
from reviewapp.curation.models import TextEmbedding
from reviewapp.projects.models import Project

if TYPE_CHECKING:
    from reviewapp.accounts.models import User

JOB = "reviewapp.runs.jobs.execute_embedding"
KEPT = 2  # versions whose files stay: somebody may still be reading the one before
_AT_WORK = [Job.State.QUEUED, Job.State.RUNNING]


@transaction.atomic
def embedding_request(*, project: Project, requested_by: User) -> TextEmbedding:
    """Asks a worker for the vectors of all texts; those of known texts are taken over.

    Raises ApplicationError without an encoder, without samples, and while another one waits or runs.
    """
    Project.objects.select_for_update(no_key=True).get(pk=project.pk)  # two requests at once make one
    if encoder_folder() is None:
        raise ApplicationError(
            _("No encoder is set up. An operator names the folder of one in COUNTERSIGN_ENCODER_MODEL.")
        )
    if not samples_indexed(project).exists():
        raise ApplicationError(_("There are no samples to read yet. Import some first."))
    if project.text_embeddings.filter(job__state__in=_AT_WORK).exists():
        raise ApplicationError(_("The encoder is already at work. Wait for it."))
    last = project.text_embeddings.aggregate(last=Max("number"))["last"] or 0
    row = TextEmbedding.objects.create(project=project, number=last + 1, requested_by=requested_by)
    row.job = jobs.enqueue(
        JOB,
        title=f"Vectors of the texts of {project.name}",
        created_by=requested_by,
        kwargs={"embedding_id": row.pk},
        queue="training",
        project_slug=project.slug,
    )
    row.save(update_fields=["job"])
    _record(row, "embedding.request", {"job": row.job.pk}, requested_by)
    return row


def embedding_finish(*, row: TextEmbedding, new: NewVectors, **facts: Any) -> None:
    """Puts a version into use: its files, then its row. The files of older versions go."""
    row.files = embedding_write(embedding_folder(row), new)
    row.n, row.dimensions = len(new.samples), new.dimensions
    row.newest_revision = int(np.max(new.revisions, initial=0))
    for name, value in facts.items():
        setattr(row, name, value)
    row.made_at = timezone.now()
    with transaction.atomic():
        row.save()
        data = {"n": row.n, "read": row.n_read, "cut": row.n_cut, "encoder": row.encoder_sha256}
        _record(row, "embedding.finish", data, row.requested_by)
        transaction.on_commit(lambda: _forget(row.project))


@transaction.atomic
def embedding_cancel(*, project: Project, cancelled_by: User) -> None:
    """Stops the encoder; what it has read is kept for a resume. Raises ApplicationError when it is not at work."""
    row = project.text_embeddings.filter(job__state__in=_AT_WORK).select_related("job").first()
    if row is None or row.job is None:
        raise ApplicationError(_("The encoder is not at work; there is nothing to cancel."))
    jobs.cancel_request(job=row.job)
    _record(row, "embedding.cancel", {"job": row.job_id}, cancelled_by)


@transaction.atomic
def embedding_remove(*, project: Project, removed_by: User) -> None:
    """Removes every version with its files. Raises ApplicationError when there is none, or while one is made."""
    rows = project.text_embeddings.all()
    if not rows.exists():
        raise ApplicationError(_("There are no vectors to remove."))
    if rows.filter(job__state__in=_AT_WORK).exists():
        raise ApplicationError(_("The encoder is at work. Wait for it, or cancel it, then remove the vectors."))
    audit.record(
        actor=removed_by,
        action="embedding.remove",
        project=project.slug,
        target_type="project",
        target_id=project.pk,
        data={"versions": rows.count()},
    )
    keys = list(rows.values_list("pk", flat=True))
    rows.delete()
    transaction.on_commit(lambda: _runs_forget(keys))
    transaction.on_commit(lambda: shutil.rmtree(embeddings_folder(project), ignore_errors=True))


def _runs_forget(keys: Iterable[int]) -> None:
    """Run directories hold texts: those of these versions go, also where they were never finished."""
    for key in keys:
        for folder in Path(settings.RUNS_DIR).glob(f"embedding-{key}-*"):
            shutil.rmtree(folder, ignore_errors=True)


def _forget(project: Project) -> None:
    """Files of versions before the last two that are made, and of none; run directories of those up to the newest."""
    last = project.text_embeddings.filter(made_at__isnull=False).first()
    if last is not None:
        _runs_forget(project.text_embeddings.filter(number__lte=last.number).values_list("pk", flat=True))
    made = project.text_embeddings.filter(made_at__isnull=False).values_list("number", flat=True)
    kept = {str(number) for number in made[:KEPT]}
    for folder in embeddings_folder(project).iterdir():
        if folder.name not in kept:
            shutil.rmtree(folder, ignore_errors=True)


def _record(row: TextEmbedding, action: str, data: dict[str, Any], actor: User | None) -> None:
    audit.record(
        actor=actor,
        action=action,
        project=row.project.slug,
        target_type="embedding",
        target_id=row.pk,
        data=data,
    )
