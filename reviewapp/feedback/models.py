from __future__ import annotations

from django.conf import settings
from django.db import models
from django.utils import timezone

from reviewapp.evaluations.models import Output
from reviewapp.projects.models import Project
from reviewapp.runs.models import ModelVersion
from reviewapp.samples.models import Sample


class FeedbackToken(models.Model):
    """Lets another system send feedback to a project. Only its hash is kept; it is shown once."""

    project = models.ForeignKey(Project, on_delete=models.CASCADE, related_name="feedback_tokens")
    label = models.CharField(max_length=80)
    token_hash = models.CharField(max_length=64, unique=True)
    created_by = models.ForeignKey(settings.AUTH_USER_MODEL, null=True, on_delete=models.PROTECT, related_name="+")
    created_at = models.DateTimeField(default=timezone.now)
    revoked_at = models.DateTimeField(null=True)

    def __str__(self) -> str:
        return self.label


class FeedbackItem(models.Model):
    """A remark or correction on a graded or served output, until it is promoted or dismissed."""

    class State(models.TextChoices):
        NEW = "new", "New"
        PROMOTED = "promoted", "Promoted"
        DISMISSED = "dismissed", "Dismissed"

    project = models.ForeignKey(Project, on_delete=models.CASCADE, related_name="feedback_items")
    state = models.CharField(max_length=9, choices=State, default=State.NEW)
    output = models.ForeignKey(Output, null=True, on_delete=models.PROTECT, related_name="feedback_items")
    model_version = models.ForeignKey(ModelVersion, null=True, on_delete=models.PROTECT, related_name="+")
    external_id = models.CharField(max_length=200, blank=True)
    group_key = models.CharField(max_length=200)
    prompt = models.TextField()
    answer = models.TextField(blank=True)
    correction = models.TextField(blank=True)
    remark = models.TextField(blank=True)
    author = models.ForeignKey(settings.AUTH_USER_MODEL, null=True, on_delete=models.PROTECT, related_name="+")
    token = models.ForeignKey(FeedbackToken, null=True, on_delete=models.PROTECT, related_name="+")
    author_name = models.CharField(max_length=120)
    idempotency_key = models.UUIDField(unique=True)
    created_at = models.DateTimeField(default=timezone.now)
    decided_by = models.ForeignKey(settings.AUTH_USER_MODEL, null=True, on_delete=models.PROTECT, related_name="+")
    decided_at = models.DateTimeField(null=True)
    decision_reason = models.TextField(blank=True)
    promoted_sample = models.OneToOneField(Sample, null=True, on_delete=models.PROTECT, related_name="feedback_item")

    class Meta:
        ordering = ["-id"]
        indexes = [models.Index(fields=["project", "state", "-id"])]
