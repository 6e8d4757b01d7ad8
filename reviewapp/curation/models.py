from __future__ import annotations

from django.conf import settings
from django.db import models
from django.utils import timezone

from reviewapp.core.models import Job
from reviewapp.projects.models import Project
from reviewapp.samples.models import HeldoutPrompt, Revision, Sample


class Scan(models.Model):
    """One pass of cleaning and checks over a project's samples."""

    project = models.ForeignKey(Project, on_delete=models.CASCADE, related_name="scans")
    job = models.OneToOneField(Job, null=True, on_delete=models.PROTECT, related_name="+")
    requested_by = models.ForeignKey(settings.AUTH_USER_MODEL, null=True, on_delete=models.PROTECT, related_name="+")
    created_at = models.DateTimeField(default=timezone.now)
    finished_at = models.DateTimeField(null=True)
    counts = models.JSONField(default=dict)  # samples, cleaned, findings by check
    idempotency_key = models.UUIDField(null=True, unique=True)  # of the form: sent twice, it makes one scan

    class Meta:
        ordering = ["-id"]


class Finding(models.Model):
    """What an automatic check noticed on a revision. A person decides; nothing is changed by itself."""

    class Severity(models.TextChoices):
        LOW = "low", "Low"
        MEDIUM = "medium", "Medium"
        HIGH = "high", "High"

    class Field(models.TextChoices):
        PROMPT = "prompt", "Prompt"
        COMPLETION = "completion", "Completion"

    class State(models.TextChoices):
        OPEN = "open", "Open"
        ACCEPTED = "accepted", "Accepted"  # the suggestion was applied
        FIXED = "fixed", "Fixed by hand"
        DISMISSED = "dismissed", "Dismissed"
        GONE = "gone", "Gone"  # a later revision no longer has it

    revision = models.ForeignKey(Revision, on_delete=models.CASCADE, related_name="findings")
    sample = models.ForeignKey(Sample, on_delete=models.CASCADE, related_name="findings")
    check_name = models.CharField(max_length=40)  # module in curation/checks/
    kind = models.CharField(max_length=60)
    severity = models.CharField(max_length=6, choices=Severity)
    field = models.CharField(max_length=10, choices=Field)
    start = models.PositiveIntegerField(null=True)  # characters; null: the whole field
    end = models.PositiveIntegerField(null=True)
    excerpt = models.TextField(blank=True)
    message = models.TextField()
    suggestion = models.TextField(null=True)  # what would stand in place of the span; null: no suggestion
    related_sample = models.ForeignKey(Sample, null=True, on_delete=models.SET_NULL, related_name="+")
    related_heldout = models.ForeignKey(HeldoutPrompt, null=True, on_delete=models.SET_NULL, related_name="+")
    score = models.FloatField(null=True)  # similarity or confidence, where the check has one
    state = models.CharField(max_length=9, choices=State, default=State.OPEN)
    decided_by = models.ForeignKey(settings.AUTH_USER_MODEL, null=True, on_delete=models.PROTECT, related_name="+")
    decided_at = models.DateTimeField(null=True)
    reason = models.TextField(blank=True)
    fingerprint = models.CharField(max_length=64)  # the same finding is written once per revision
    created_at = models.DateTimeField(default=timezone.now)

    class Meta:
        ordering = ["field", "start", "id"]
        constraints = [models.UniqueConstraint(fields=["revision", "fingerprint"], name="one_finding_per_revision")]
        indexes = [models.Index(fields=["sample", "state"]), models.Index(fields=["check_name", "state"])]

    def __str__(self) -> str:
        return f"{self.kind} on {self.sample}"
