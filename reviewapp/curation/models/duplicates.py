"""Duplicates as they were decided, the limit of likeness, and declared benchmarks."""

from __future__ import annotations

from django.conf import settings
from django.db import models
from django.utils import timezone

from reviewapp.projects.models import Project


class LimitMeasurement(models.Model):
    """Recall and precision by limit, on variants planted among the project's own samples."""

    project = models.ForeignKey(Project, on_delete=models.CASCADE, related_name="limit_measurements")
    measured_by = models.ForeignKey(settings.AUTH_USER_MODEL, null=True, on_delete=models.PROTECT, related_name="+")
    measured_at = models.DateTimeField(default=timezone.now)
    result = models.JSONField()  # limits.Measured
    idempotency_key = models.UUIDField(unique=True)

    class Meta:
        ordering = ["-id"]


class DuplicateLimit(models.Model):
    """From which similarity on samples of a project count as near-duplicates. The newest is in use."""

    project = models.ForeignKey(Project, on_delete=models.CASCADE, related_name="duplicate_limits")
    limit = models.FloatField()
    measurement = models.ForeignKey(LimitMeasurement, null=True, on_delete=models.PROTECT, related_name="+")
    set_by = models.ForeignKey(settings.AUTH_USER_MODEL, on_delete=models.PROTECT, related_name="+")
    set_at = models.DateTimeField(default=timezone.now)

    class Meta:
        ordering = ["-id"]


class DuplicateDecision(models.Model):
    """What a person decided about samples that are alike, and what undoing it needs."""

    class Act(models.TextChoices):
        KEEP_ONE = "keep_one", "Kept one"
        KEEP_CHOSEN = "keep_chosen", "Kept the chosen ones"
        KEEP_ALL = "keep_all", "Kept all"
        KEEP_FIRST = "keep_first", "Kept the first of each exact cluster"

    project = models.ForeignKey(Project, on_delete=models.CASCADE, related_name="duplicate_decisions")
    act = models.CharField(max_length=11, choices=Act)
    clusters = models.PositiveIntegerField(default=1)
    kept = models.JSONField(default=list)  # ids of samples
    withdrawn = models.JSONField(default=dict)  # id: [state, state_at] as before
    findings = models.JSONField(default=dict)  # id: state before, of those that the decision closed
    left = models.JSONField(default=dict)  # why samples were left alone: how many
    decided_by = models.ForeignKey(settings.AUTH_USER_MODEL, on_delete=models.PROTECT, related_name="+")
    decided_at = models.DateTimeField(default=timezone.now)
    undone_by = models.ForeignKey(settings.AUTH_USER_MODEL, null=True, on_delete=models.PROTECT, related_name="+")
    undone_at = models.DateTimeField(null=True)
    undone = models.PositiveIntegerField(default=0)  # samples put back; others had changed since
    idempotency_key = models.UUIDField(unique=True)

    class Meta:
        ordering = ["-id"]


class Benchmark(models.Model):
    """A public benchmark that training must not touch, kept as hashes only: nobody can read it from here."""

    project = models.ForeignKey(Project, on_delete=models.CASCADE, related_name="benchmarks")
    name = models.CharField(max_length=120)
    file_name = models.CharField(max_length=255)
    file_sha256 = models.CharField(max_length=64)
    rows = models.PositiveIntegerField()
    rows_left_out = models.PositiveIntegerField(default=0)  # unreadable, or without words
    fingerprints = models.BinaryField()  # benchmark_file.packed
    declared_by = models.ForeignKey(settings.AUTH_USER_MODEL, on_delete=models.PROTECT, related_name="+")
    declared_at = models.DateTimeField(default=timezone.now)
    removed_by = models.ForeignKey(settings.AUTH_USER_MODEL, null=True, on_delete=models.PROTECT, related_name="+")
    removed_at = models.DateTimeField(null=True)
    idempotency_key = models.UUIDField(unique=True)

    class Meta:
        ordering = ["id"]
        constraints = [
            models.UniqueConstraint(
                fields=["project", "name"], condition=models.Q(removed_at=None), name="one_benchmark_per_name"
            )
        ]

    def __str__(self) -> str:
        return self.name
