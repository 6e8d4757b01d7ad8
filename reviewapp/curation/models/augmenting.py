"""Synthetic samples: how they were made, each text with its parent, and how many a version may have."""

from __future__ import annotations

from django.conf import settings
from django.db import models
from django.utils import timezone

from reviewapp.core.models import Job
from reviewapp.projects.models import Project
from reviewapp.samples.models import Revision, Sample

MOST_SYNTHETIC = 25  # per cent of a version's examples, where a project set nothing else


class AugmentationSettings(models.Model):
    """How many of a training-set version's examples may be synthetic."""

    project = models.OneToOneField(Project, on_delete=models.CASCADE, related_name="augmentation_settings")
    most_synthetic = models.PositiveSmallIntegerField(default=MOST_SYNTHETIC)  # per cent
    changed_by = models.ForeignKey(settings.AUTH_USER_MODEL, null=True, on_delete=models.PROTECT, related_name="+")
    changed_at = models.DateTimeField(default=timezone.now)


class Augmentation(models.Model):
    """One recipe carried out once: a preview first, then samples, which can be withdrawn all at once."""

    class Kind(models.TextChoices):
        TEMPLATES = "templates", "Other wordings"
        NOISE = "noise", "Noise of the corpus"
        REWRITE = "rewrite", "Rewritten by a model"
        BACK = "back", "Translated and back by a model"

    class State(models.TextChoices):
        PLANNING = "planning", "Being written"
        PLANNED = "planned", "Preview"
        APPLIED = "applied", "Made"
        WITHDRAWN = "withdrawn", "Withdrawn"

    project = models.ForeignKey(Project, on_delete=models.CASCADE, related_name="augmentations")
    number = models.PositiveIntegerField()
    kind = models.CharField(max_length=10, choices=Kind)
    state = models.CharField(max_length=10, choices=State, default=State.PLANNING)
    recipe = models.JSONField()  # all that the texts depend on beside their parents: settings, seed, code versions
    recipe_hash = models.CharField(max_length=64)
    job = models.OneToOneField(Job, null=True, on_delete=models.PROTECT, related_name="+")
    requested_by = models.ForeignKey(settings.AUTH_USER_MODEL, null=True, on_delete=models.PROTECT, related_name="+")
    created_at = models.DateTimeField(default=timezone.now)
    left = models.JSONField(null=True)  # samples that cannot be parents, by reason; null until they were chosen
    plan = models.JSONField(default=dict)  # what the preview found: counts, reasons, measures
    applied_by = models.ForeignKey(settings.AUTH_USER_MODEL, null=True, on_delete=models.PROTECT, related_name="+")
    applied_at = models.DateTimeField(null=True)
    done = models.JSONField(default=dict)
    withdrawn_by = models.ForeignKey(settings.AUTH_USER_MODEL, null=True, on_delete=models.PROTECT, related_name="+")
    withdrawn_at = models.DateTimeField(null=True)
    undone = models.JSONField(default=dict)
    idempotency_key = models.UUIDField(unique=True)

    class Meta:
        ordering = ["-number"]
        constraints = [models.UniqueConstraint(fields=["project", "number"], name="augmentation_number")]

    def __str__(self) -> str:
        return f"Augmentation {self.number} of {self.project}"

    @property
    def by_model(self) -> bool:
        return self.kind in (self.Kind.REWRITE, self.Kind.BACK)


class SyntheticText(models.Model):
    """A text made from a parent, kept or dropped for a reason; later the lineage of the sample made of it."""

    augmentation = models.ForeignKey(Augmentation, on_delete=models.PROTECT, related_name="texts")
    parent = models.ForeignKey(Sample, on_delete=models.PROTECT, related_name="synthetic_texts")
    parent_revision = models.ForeignKey(Revision, on_delete=models.PROTECT, related_name="+")
    variant = models.PositiveSmallIntegerField()  # 1 for the first of a parent
    prompt = models.TextField(blank=True)
    completion = models.TextField(blank=True)
    outcome = models.CharField(max_length=12, blank=True)  # empty: not written yet; "kept", or why it was dropped
    similarity = models.FloatField(null=True)  # to its parent, 0..1
    near = models.ForeignKey(Sample, null=True, on_delete=models.SET_NULL, related_name="+")  # of another group
    sample = models.OneToOneField(Sample, null=True, on_delete=models.PROTECT, related_name="synthetic_text")

    class Meta:
        ordering = ["id"]
        constraints = [
            models.UniqueConstraint(fields=["augmentation", "parent", "variant"], name="one_text_per_variant")
        ]
        indexes = [models.Index(fields=["augmentation", "outcome", "id"], name="synthetic_text_outcome")]
