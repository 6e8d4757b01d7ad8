"""Work on drafts that takes too long for a page."""

from __future__ import annotations

from reviewapp.core.jobs import JobHandle
from reviewapp.trainingsets import services
from reviewapp.trainingsets.models import TrainingSetVersion


def compare_with_heldout(handle: JobHandle, version_id: int) -> None:
    """Compares a draft with every held-out prompt of its project; a version frozen meanwhile needs it no more."""
    version = TrainingSetVersion.objects.select_related("training_set__project").get(pk=version_id)
    if version.state != TrainingSetVersion.State.DRAFT:
        return
    check = services.overlap_store(version=version)
    handle.log(f"{check.samples} samples compared with {check.heldout_prompts} held-out prompts: {check.words}.")
