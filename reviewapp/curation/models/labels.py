"""Labels in doubt, as they were found once."""

from __future__ import annotations

from django.conf import settings
from django.db import models
from django.utils import timezone

from reviewapp.core.models import Job
from reviewapp.projects.models import Project


class LabelReport(models.Model):
    """Which labels of a project were in doubt and which classes are confused. Made, it never changes.

    The doubts themselves are findings of the check ``label_errors``; the report changes no label.
    """

    project = models.ForeignKey(Project, on_delete=models.CASCADE, related_name="label_reports")
    number = models.PositiveIntegerField()
    job = models.OneToOneField(Job, null=True, on_delete=models.PROTECT, related_name="+")
    requested_by = models.ForeignKey(settings.AUTH_USER_MODEL, null=True, on_delete=models.PROTECT, related_name="+")
    created_at = models.DateTimeField(default=timezone.now)
    made_at = models.DateTimeField(null=True)
    newest_revision = models.BigIntegerField(default=0)  # what is above it came later
    content = models.JSONField(default=dict)  # curation.labels.run.FieldReport of each field, by its key
    idempotency_key = models.UUIDField(unique=True)

    class Meta:
        ordering = ["-number"]
        constraints = [models.UniqueConstraint(fields=["project", "number"], name="label_report_number")]

    def __str__(self) -> str:
        return f"Label report {self.number} of {self.project}"
