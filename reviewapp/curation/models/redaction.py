"""The tagger of names, and what was done about identifiers of people."""

from __future__ import annotations

from django.conf import settings
from django.db import models
from django.utils import timezone

from reviewapp.core.models import ImmutableModel, Job
from reviewapp.projects.models import Project
from reviewapp.samples.models import Revision, Sample


class TaggerVersion(models.Model):
    """A tagger of names that a project trained from its experts' corrections; the file is under the state directory."""

    project = models.ForeignKey(Project, on_delete=models.CASCADE, related_name="tagger_versions")
    number = models.PositiveIntegerField()
    job = models.OneToOneField(Job, null=True, on_delete=models.PROTECT, related_name="+")
    requested_by = models.ForeignKey(settings.AUTH_USER_MODEL, null=True, on_delete=models.PROTECT, related_name="+")
    created_at = models.DateTimeField(default=timezone.now)
    made_at = models.DateTimeField(null=True)
    n_corrections = models.PositiveIntegerField(default=0)
    counts = models.JSONField(default=dict)  # corrections by what was decided
    size = models.PositiveIntegerField(default=0)  # bytes
    sha256 = models.CharField(max_length=64, blank=True)
    figures = models.JSONField(default=dict)  # on the fixed test, as Figures writes them

    class Meta:
        ordering = ["-number"]
        constraints = [models.UniqueConstraint(fields=["project", "number"], name="tagger_version_number")]

    def __str__(self) -> str:
        return f"Tagger {self.number} of {self.project}"


class TaggerUse(ImmutableModel):
    """From when on a project uses which tagger; the newest holds. No version: the one that came with the app."""

    project = models.ForeignKey(Project, on_delete=models.CASCADE, related_name="tagger_uses")
    version = models.ForeignKey(TaggerVersion, null=True, on_delete=models.PROTECT, related_name="uses")
    taken_by = models.ForeignKey(settings.AUTH_USER_MODEL, on_delete=models.PROTECT, related_name="+")
    taken_at = models.DateTimeField(default=timezone.now)
    reason = models.TextField(blank=True)  # why, where its names are not found alike by origin

    class Meta(ImmutableModel.Meta):
        ordering = ["-id"]


class Redaction(models.Model):
    """One act on the identifiers of a project: masked, replaced, dates shifted, or their samples rejected."""

    class Action(models.TextChoices):
        MASK = "mask", "Mask"
        SURROGATE = "surrogate", "Replace by made-up ones"
        SHIFT = "shift", "Shift dates, mask the rest"
        REJECT = "reject", "Reject the samples"

    project = models.ForeignKey(Project, on_delete=models.CASCADE, related_name="redactions")
    action = models.CharField(max_length=9, choices=Action)
    kinds = models.JSONField(default=list)  # empty: all
    sample = models.ForeignKey(Sample, null=True, on_delete=models.CASCADE, related_name="+")  # null: the whole project
    job = models.OneToOneField(Job, null=True, on_delete=models.PROTECT, related_name="+")
    requested_by = models.ForeignKey(settings.AUTH_USER_MODEL, null=True, on_delete=models.PROTECT, related_name="+")
    created_at = models.DateTimeField(default=timezone.now)
    finished_at = models.DateTimeField(null=True)
    counts = models.JSONField(default=dict)  # samples changed, suggested, left; identifiers
    undo_job = models.OneToOneField(Job, null=True, on_delete=models.PROTECT, related_name="+")
    undone_by = models.ForeignKey(settings.AUTH_USER_MODEL, null=True, on_delete=models.PROTECT, related_name="+")
    undone_at = models.DateTimeField(null=True)
    idempotency_key = models.UUIDField(null=True, unique=True)  # of the form: sent twice, it is done once

    class Meta:
        ordering = ["-id"]

    def __str__(self) -> str:
        return f"Redaction {self.pk} of {self.project}"


class RedactedSample(models.Model):
    """What a redaction did to one sample, so that it can be taken back."""

    redaction = models.ForeignKey(Redaction, on_delete=models.CASCADE, related_name="samples")
    sample = models.ForeignKey(Sample, on_delete=models.CASCADE, related_name="redactions")
    before = models.ForeignKey(Revision, on_delete=models.PROTECT, related_name="+")
    after = models.ForeignKey(Revision, on_delete=models.PROTECT, related_name="+")  # the same for a rejection
    state_before = models.CharField(max_length=10)
    n = models.PositiveIntegerField(default=0)  # identifiers

    class Meta:
        constraints = [models.UniqueConstraint(fields=["redaction", "sample"], name="redacted_once")]


class InventedWords(models.Model):
    """Words that stand in a sample in place of real ones: no check takes them for identifiers again."""

    sample = models.OneToOneField(Sample, on_delete=models.CASCADE, related_name="invented")
    words = models.JSONField(default=list)
