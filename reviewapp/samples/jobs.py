"""What workers do for samples."""

from __future__ import annotations

from reviewapp.core.exceptions import ApplicationError, JobCancelled, JobFailed, JobLost
from reviewapp.core.jobs import JobHandle
from reviewapp.samples.models import ImportBatch
from reviewapp.samples.selectors import batch_summary
from reviewapp.samples.services import import_batch_read


def read_import_batch(handle: JobHandle, batch_id: int) -> None:
    """Reads the file of a batch whose mapping was confirmed. Safe to run again after a kill."""
    batch = ImportBatch.objects.select_related("project", "heldout_set", "uploaded_by").get(pk=batch_id)
    handle.progress(0, message="Reading the file")
    try:
        import_batch_read(
            batch=batch,
            progress=lambda done, total: handle.progress(done, total, "rows read"),
            check_cancelled=handle.check_cancelled,
        )
    except (JobLost, JobCancelled):
        raise
    except ApplicationError as error:
        raise JobFailed(error.message) from error
    handle.progress(batch.rows_read, batch.rows_read, batch_summary(batch))
    handle.log(batch_summary(batch))
