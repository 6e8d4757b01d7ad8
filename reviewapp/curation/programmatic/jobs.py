"""What workers do for labelling functions."""

from __future__ import annotations

from reviewapp.core.jobs import JobHandle
from reviewapp.curation.models import LabellingRun
from reviewapp.curation.programmatic.run import run_make, told


def label_samples(handle: JobHandle, run_id: int) -> None:
    """Asks all functions of a run about all samples; done again it goes on where it was, and one that is made stays."""
    run = LabellingRun.objects.select_related("project", "schema_version__schema", "requested_by").get(pk=run_id)
    if run.made_at is not None:
        return
    run_make(run, handle)
    handle.progress(run.n, max(1, run.n), told(run))
