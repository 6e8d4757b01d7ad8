from __future__ import annotations

from django.conf import settings
from django.db import models

from reviewapp.core.models import ImmutableModel


class AuditEvent(ImmutableModel):
    """Who did what to which object, chained: ``hash`` covers this row and the hash of the row before."""

    seq = models.PositiveBigIntegerField(unique=True)
    at = models.DateTimeField()
    actor = models.ForeignKey(settings.AUTH_USER_MODEL, null=True, on_delete=models.PROTECT, related_name="+")
    actor_name = models.CharField(max_length=150)
    action = models.CharField(max_length=60)  # <entity>.<action>
    project_slug = models.CharField(max_length=60, blank=True)
    target_type = models.CharField(max_length=60)
    target_id = models.CharField(max_length=60)
    data = models.JSONField(default=dict)
    prev_hash = models.CharField(max_length=64)
    hash = models.CharField(max_length=64)

    class Meta(ImmutableModel.Meta):
        ordering = ["seq"]
        indexes = [
            models.Index(fields=["project_slug", "-seq"]),
            models.Index(fields=["target_type", "target_id"]),
        ]

    def __str__(self) -> str:
        return f"{self.seq} {self.action} {self.target_type} {self.target_id}"
