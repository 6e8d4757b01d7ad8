"""Golden examples, and small sets chosen from a project's samples."""

from __future__ import annotations

from typing import Any

from django.conf import settings
from django.db import models
from django.utils import timezone
from django.utils.translation import gettext_noop

from reviewapp.core.exceptions import ImmutableError
from reviewapp.core.models import ImmutableModel, Job
from reviewapp.projects.models import Project
from reviewapp.samples.models import Revision, Sample


class GoldenExample(models.Model):
    """A sample that an expert holds up as what the others should be like. Relevance is nearness to these."""

    project = models.ForeignKey(Project, on_delete=models.CASCADE, related_name="golden_examples")
    sample = models.OneToOneField(Sample, on_delete=models.CASCADE, related_name="golden")
    marked_by = models.ForeignKey(settings.AUTH_USER_MODEL, on_delete=models.PROTECT, related_name="+")
    marked_at = models.DateTimeField(default=timezone.now)

    class Meta:
        ordering = ["id"]


class RelevanceLimit(ImmutableModel):
    """From which relevance on a text belongs, by a handful that a person judged. Selections propose the newest."""

    project = models.ForeignKey(Project, on_delete=models.CASCADE, related_name="relevance_limits")
    limit = models.FloatField()
    suggested = models.FloatField(null=True)  # by the judged ones; null: they were all of one kind
    judged = models.JSONField(default=list)  # [{"sample", "relevance", "belongs"}]
    golden = models.PositiveIntegerField()  # golden examples there were
    index_number = models.PositiveIntegerField()
    encoder_sha256 = models.CharField(max_length=64, blank=True)  # whose vectors; '' for those of the index
    made_by = models.ForeignKey(settings.AUTH_USER_MODEL, on_delete=models.PROTECT, related_name="+")
    made_at = models.DateTimeField(default=timezone.now)

    class Meta(ImmutableModel.Meta):
        ordering = ["-id"]


class Selection(models.Model):
    """A small set chosen from a project's samples, with the reason for each that was kept or dropped.

    Once ``made_at`` is set it never changes; what is kept or dropped by hand makes another one.
    """

    NAMES = (gettext_noop("Selection %(number)s"), gettext_noop("selection %(number)s"))

    project = models.ForeignKey(Project, on_delete=models.CASCADE, related_name="selections")
    number = models.PositiveIntegerField()
    config = models.JSONField()  # as curation.selecting.Config
    base = models.ForeignKey("self", null=True, on_delete=models.PROTECT, related_name="+")  # the one it was made from
    job = models.OneToOneField(Job, null=True, on_delete=models.PROTECT, related_name="+")
    requested_by = models.ForeignKey(settings.AUTH_USER_MODEL, null=True, on_delete=models.PROTECT, related_name="+")
    created_at = models.DateTimeField(default=timezone.now)
    made_at = models.DateTimeField(null=True)
    counts = models.JSONField(default=dict)  # samples, kept, and how many by reason
    quality = models.JSONField(default=dict)  # what the score was made of, and how it is calibrated
    figures = models.JSONField(default=dict)  # kept against all: distributions, languages, cover
    index_number = models.PositiveIntegerField(default=0)
    vocabulary_hash = models.CharField(max_length=64, blank=True)
    content_hash = models.CharField(max_length=64, blank=True)  # of what was kept: samples and their texts
    idempotency_key = models.UUIDField(null=True, unique=True)  # of the form: sent twice, it makes one selection

    class Meta:
        ordering = ["-number"]
        constraints = [models.UniqueConstraint(fields=["project", "number"], name="selection_number")]

    def __str__(self) -> str:
        return f"Selection {self.number}"

    def save(self, *args: Any, **kwargs: Any) -> None:
        if not self._state.adding and Selection.objects.filter(pk=self.pk, made_at__isnull=False).exists():
            raise ImmutableError(f"Selection {self.number} is made and never changes; make another one from it.")
        super().save(*args, **kwargs)


class SelectionEntry(ImmutableModel):
    """What became of one sample in a selection, and why. Every sample of the project has one."""

    selection = models.ForeignKey(Selection, on_delete=models.CASCADE, related_name="entries")
    sample = models.ForeignKey(Sample, on_delete=models.CASCADE, related_name="+")
    revision = models.ForeignKey(Revision, null=True, on_delete=models.CASCADE, related_name="+")
    is_kept = models.BooleanField()
    place = models.PositiveIntegerField(null=True)  # in the order in which they were chosen, from 1
    reason = models.CharField(max_length=20)  # curation.reasons.REASONS
    facts = models.JSONField(default=dict)  # what the sentence of the reason needs
    other = models.ForeignKey(Sample, null=True, on_delete=models.SET_NULL, related_name="+")  # the duplicate kept
    golden = models.ForeignKey(Sample, null=True, on_delete=models.SET_NULL, related_name="+")  # the nearest one
    quality = models.FloatField(null=True)
    relevance = models.FloatField(null=True)
    distance = models.FloatField(null=True)  # from what was chosen before it

    class Meta(ImmutableModel.Meta):
        ordering = ["id"]
        constraints = [models.UniqueConstraint(fields=["selection", "sample"], name="one_entry_per_sample")]
        indexes = [
            models.Index(fields=["selection", "is_kept", "place"]),
            models.Index(fields=["selection", "reason"]),
        ]
