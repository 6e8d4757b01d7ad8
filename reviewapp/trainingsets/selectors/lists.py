"""Which versions there are, and what surrounds them."""

from __future__ import annotations

from typing import Any

from django.db.models import Max, QuerySet

from reviewapp.projects.models import Project
from reviewapp.samples.models import HeldoutPrompt, Sample
from reviewapp.trainingsets.models import TrainingSet, TrainingSetVersion


def versions_of(project: Project) -> QuerySet[TrainingSetVersion]:
    """All versions of a project by set, the newest first, with their signatures."""
    return (
        TrainingSetVersion.objects.filter(training_set__project=project)
        .select_related("training_set__project", "drafted_by", "frozen_by", "overlap_job")
        .prefetch_related("signatures__signed_by")
        .order_by("training_set__name", "-number")
    )


def version_in(project: Project, pk: int) -> TrainingSetVersion:
    """The version with this key in this project; raises TrainingSetVersion.DoesNotExist."""
    return TrainingSetVersion.objects.select_related("training_set__project", "drafted_by", "frozen_by").get(
        pk=pk, training_set__project=project
    )


def number_next(training_set: TrainingSet) -> int:
    return (training_set.versions.aggregate(last=Max("number"))["last"] or 0) + 1


def version_before(version: TrainingSetVersion) -> TrainingSetVersion | None:
    """The newest frozen version of the same training set with a lower number."""
    return (
        TrainingSetVersion.objects.filter(
            training_set=version.training_set, number__lt=version.number, state=TrainingSetVersion.State.FROZEN
        )
        .order_by("-number")
        .first()
    )


def hash_facts(version: TrainingSetVersion) -> dict[str, Any]:
    """What a content hash covers beside the examples; none of it depends on a base model or a template."""
    return {
        "project": version.training_set.project.slug,
        "training_set": version.training_set.name,
        "number": version.number,
        "seed": version.seed,
        "validation_percent": version.validation_percent,
    }


def samples_accepted(project: Project) -> int:
    """Accepted samples that may train, before any rule of a version."""
    return Sample.objects.filter(project=project, state=Sample.State.ACCEPTED, split=Sample.Split.OPEN).count()


def heldout_count(project: Project) -> int:
    return HeldoutPrompt.objects.filter(heldout_set__project=project).count()
