"""Import batches made the short way."""

from __future__ import annotations

import io
from typing import Any

from reviewapp.core import jobs
from reviewapp.core.models import Job
from reviewapp.projects.models import Project
from reviewapp.samples import services
from reviewapp.samples.mapping import Mapping
from reviewapp.samples.models import HeldoutSet, ImportBatch

ROWS = (
    "id,ask,say,who\n"
    '1,"My knee hurts.",Knee pain.,p1\n'
    '2,"I cough,\nat night.",Night cough.,p1\n'
    "3,I am tired.,Tiredness.,p2\n"
)
MAPPING = Mapping(prompt="ask", completion="say", external_id="id", group="who")


def upload(project: Project, content: str | bytes = ROWS, name: str = "notes.csv", **values: Any) -> ImportBatch:
    data = content if isinstance(content, bytes) else content.encode()
    return services.import_batch_create(
        project=project, uploaded_by=values.pop("uploaded_by", None), file_name=name, content=io.BytesIO(data), **values
    )


def start(batch: ImportBatch, mapping: Mapping = MAPPING, encoding: str = "") -> Job:
    return services.import_batch_start(batch=batch, mapping=mapping, encoding=encoding, started_by=None)


def run(batch: ImportBatch, mapping: Mapping = MAPPING, encoding: str = "") -> ImportBatch:
    """Starts the import and does the worker's part at once."""
    job = start(batch, mapping, encoding)
    jobs.execute(job.pk)
    return ImportBatch.objects.select_related("job", "project").get(pk=batch.pk)


def counts(batch: ImportBatch) -> tuple[int, int, int, int]:
    """rows read, created, already there, failed"""
    return batch.rows_read, batch.rows_created, batch.rows_known, batch.rows_failed


def heldout(project: Project, content: str = ROWS, name: str = "Set A", mapping: Mapping = MAPPING) -> HeldoutSet:
    """An open held-out set with the rows of a file."""
    made = services.heldout_set_create(project=project, name=name, created_by=None)
    run(upload(project, content, target="heldout", heldout_set=made), mapping)
    return made
