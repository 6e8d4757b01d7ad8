"""A scan of some samples that changes nothing: what a pipeline would find, and how long it would take on all."""

from __future__ import annotations

import time
from typing import Any

from django.utils import timezone

from reviewapp.core.exceptions import JobFailed
from reviewapp.core.jobs import JobHandle
from reviewapp.curation import services
from reviewapp.curation.checks.finding import FindingDraft
from reviewapp.curation.material import Material, project_material
from reviewapp.curation.models import Scan
from reviewapp.curation.pipeline import Pipeline, pipeline_read
from reviewapp.samples.models import Sample

_EXAMPLES, _EXCERPT = 3, 160


def dry_run(handle: JobHandle, scan: Scan) -> None:
    """Fills ``scan.counts``: samples looked at, how many would be cleaned, and what each check noticed.

    The samples are drawn with the scan's number as seed, so that the same dry run looks at the same ones. Copies are
    looked for among these samples only, so a scan of all finds more of them.
    """
    pipeline = pipeline_read(scan.config)
    handle.progress(0, len(pipeline.on), "Choosing samples")
    material = project_material(scan.project, sample_of=scan.dry_size, seed=scan.pk)
    if not len(material.items):
        raise JobFailed("There are no samples to try this on: every sample of this project was rejected.")
    found, seconds = {}, 0.0
    for done, step in enumerate(pipeline.on, start=1):
        handle.progress(done, len(pipeline.on), f"Looking for: {step.run.title}")
        began = time.process_time()
        drafts = step.apply(material.look(step.run, step.option))
        seconds += time.process_time() - began
        found[step.check] = _told(drafts)
        handle.check_cancelled()
    everything = Sample.objects.filter(project=scan.project).exclude(state=Sample.State.REJECTED).count()
    scan.counts = {
        "samples": len(material.items),
        "of": everything,
        "would_clean": _would_clean(material, pipeline),
        "found": found,
        "seconds_for_all": round(seconds * everything / len(material.items), 1),
    }
    scan.finished_at = timezone.now()
    scan.save(update_fields=["counts", "finished_at"])
    n = sum(row["n"] for row in found.values())
    handle.progress(len(pipeline.on), len(pipeline.on), f"{len(material.items):,} samples tried: {n:,} findings.")


def _would_clean(material: Material, pipeline: Pipeline) -> int:
    if not pipeline.is_cleaning:
        return 0
    return services.samples_dirty(material.keys.tolist(), citation_style=pipeline.citation_style)


def _told(drafts: list[FindingDraft]) -> dict[str, Any]:
    first = drafts[:_EXAMPLES]
    names = dict(Sample.objects.filter(pk__in=[draft.key for draft in first]).values_list("pk", "external_id"))
    examples = [
        {"sample": draft.key, "name": names[draft.key], "excerpt": draft.excerpt[:_EXCERPT], "message": draft.message}
        for draft in first
    ]
    return {"n": len(drafts), "samples": len({draft.key for draft in drafts}), "examples": examples}
