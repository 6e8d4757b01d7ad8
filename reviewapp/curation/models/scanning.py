"""What a scan does and what its checks noticed."""

from __future__ import annotations

from django.conf import settings
from django.db import models
from django.utils import timezone
from django.utils.translation import gettext_noop

from reviewapp.core.models import ImmutableModel, Job
from reviewapp.projects.models import Project
from reviewapp.samples.models import HeldoutPrompt, Revision, Sample


class PipelineVersion(ImmutableModel):
    """What a scan does in a project: which checks, in which order. The newest is in use; older ones say what was."""

    project = models.ForeignKey(Project, on_delete=models.CASCADE, related_name="pipelines")
    number = models.PositiveIntegerField()
    config = models.JSONField()  # curation.pipeline.Pipeline.as_json
    content_hash = models.CharField(max_length=64)
    note = models.CharField(max_length=200, blank=True)
    created_by = models.ForeignKey(settings.AUTH_USER_MODEL, null=True, on_delete=models.PROTECT, related_name="+")
    created_at = models.DateTimeField(default=timezone.now)
    idempotency_key = models.UUIDField(unique=True)  # of the form: sent twice, it makes one version

    class Meta(ImmutableModel.Meta):
        ordering = ["-number"]
        constraints = [models.UniqueConstraint(fields=["project", "number"], name="pipeline_number")]

    def __str__(self) -> str:
        return f"Pipeline {self.number} of {self.project}"


class Scan(models.Model):
    """One pass of cleaning and checks over a project's samples, or a dry run over some of them."""

    project = models.ForeignKey(Project, on_delete=models.CASCADE, related_name="scans")
    pipeline = models.ForeignKey(PipelineVersion, null=True, on_delete=models.PROTECT, related_name="scans")
    dry_size = models.PositiveIntegerField(default=0)  # samples of a dry run, which changes nothing; 0: a real one
    config = models.JSONField(default=dict)  # of a dry run: what is tried
    corpus_hashes = models.JSONField(default=dict)  # check: hash of all that it read
    job = models.OneToOneField(Job, null=True, on_delete=models.PROTECT, related_name="+")
    requested_by = models.ForeignKey(settings.AUTH_USER_MODEL, null=True, on_delete=models.PROTECT, related_name="+")
    created_at = models.DateTimeField(default=timezone.now)
    finished_at = models.DateTimeField(null=True)
    counts = models.JSONField(default=dict)  # samples, cleaned, findings by check
    idempotency_key = models.UUIDField(null=True, unique=True)  # of the form: sent twice, it makes one scan

    class Meta:
        ordering = ["-id"]


class CheckedRevision(models.Model):
    """That the checks of a text alone have looked at a revision; the next scan passes it over."""

    revision = models.OneToOneField(Revision, on_delete=models.CASCADE, related_name="checked")
    checks_hash = models.CharField(max_length=32)  # curation.pipeline.Pipeline.text_hash

    def __str__(self) -> str:
        return f"{self.revision} under {self.checks_hash}"


class Finding(models.Model):
    """What an automatic check noticed on a revision. A person decides; nothing is changed by itself."""

    # In place of a check's name: what people marked in acceptance samples. No scan looks for it or closes it.
    MARKED, MARKED_TITLE = "acceptance", gettext_noop("Marked by a person in an acceptance sample")

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
