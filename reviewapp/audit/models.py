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


class Target(models.TextChoices):
    """What a person can open. Words for the log only: audit knows nothing of these objects."""

    SAMPLE = "sample", "Sample"
    OUTPUT = "output", "Output"
    # a grader is shown outputs by assignment: the id of an output could tell which model wrote it
    GRADING = "grading", "Grading assignment"
    HELDOUT = "heldout", "Held-out prompt"
    IMPORT = "import", "Import file"
    VERSION = "version", "Training-set version"
    REPORT = "report", "Report"
    FEEDBACK = "feedback", "Feedback item"


class RecordView(ImmutableModel):
    """Who was shown the text of what. One plain insert, no hash: a chain would make every page wait for the one before.

    The rows are sealed together from time to time: ``services.seals``.
    """

    class Kind(models.TextChoices):
        PAGE = "page", "Page"
        PREFETCH = "prefetch", "Fetched ahead"
        LIST = "list", "List"
        SEARCH = "search", "Search result"
        DOWNLOAD = "download", "Download"
        API = "api", "API"

    IDS_KEPT = 200  # of a list; ``count`` says how many there were

    at = models.DateTimeField()
    person = models.ForeignKey(
        settings.AUTH_USER_MODEL, on_delete=models.PROTECT, related_name="+", db_index=False
    )  # the index below serves it
    person_name = models.CharField(max_length=150)
    project_slug = models.CharField(max_length=60)
    kind = models.CharField(max_length=8, choices=Kind)
    page = models.CharField(max_length=80)  # the name of its URL
    target_type = models.CharField(max_length=10, choices=Target)
    target_id = models.PositiveBigIntegerField(null=True)  # null: a list
    target_ids = models.TextField(blank=True)  # of a list: ",4,7,19,", which every database finds ",7," in
    count = models.PositiveIntegerField(default=1)
    client = models.CharField(max_length=64, blank=True)  # address or request id, where the operator wants it

    class Meta(ImmutableModel.Meta):
        ordering = ["-id"]
        indexes = [
            models.Index(fields=["project_slug", "-id"]),
            models.Index(fields=["person", "-id"]),
            models.Index(fields=["target_type", "target_id"]),
        ]

    def __str__(self) -> str:
        what = f"{self.target_type} {self.target_id}" if self.target_id else f"{self.count} {self.target_type}"
        return f"{self.person_name}: {what}"
