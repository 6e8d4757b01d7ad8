"""Whom samples are about: reports, mitigations and copies."""

from __future__ import annotations

from django.conf import settings
from django.db import models
from django.utils import timezone

from reviewapp.core.models import Job
from reviewapp.projects.models import Project
from reviewapp.samples.models import Revision, Sample


class BalanceSettings(models.Model):
    """What a project's corpus should look like, and the words that are compared between groups."""

    project = models.OneToOneField(Project, on_delete=models.CASCADE, related_name="balance_settings")
    targets = models.JSONField(default=dict)  # attribute -> value -> wanted share, 0..1
    conditions = models.TextField(blank=True)  # a line a term; empty: the list that comes with the application
    changed_by = models.ForeignKey(settings.AUTH_USER_MODEL, null=True, on_delete=models.PROTECT, related_name="+")
    changed_at = models.DateTimeField(default=timezone.now)


class BiasReport(models.Model):
    """Who a project's samples were about and what was said of whom, as it was found once. Made, it never changes."""

    project = models.ForeignKey(Project, on_delete=models.CASCADE, related_name="bias_reports")
    number = models.PositiveIntegerField()
    job = models.OneToOneField(Job, null=True, on_delete=models.PROTECT, related_name="+")
    requested_by = models.ForeignKey(settings.AUTH_USER_MODEL, null=True, on_delete=models.PROTECT, related_name="+")
    created_at = models.DateTimeField(default=timezone.now)
    made_at = models.DateTimeField(null=True)
    n = models.PositiveIntegerField(default=0)  # samples
    newest_revision = models.BigIntegerField(default=0)  # what is above it came later
    content = models.JSONField(default=dict)
    content_hash = models.CharField(max_length=64, blank=True)  # of content and conditions
    conditions = models.TextField(blank=True)  # the list of terms as it was
    idempotency_key = models.UUIDField(unique=True)

    class Meta:
        ordering = ["-number"]
        constraints = [models.UniqueConstraint(fields=["project", "number"], name="bias_report_number")]

    def __str__(self) -> str:
        return f"Balance report {self.number} of {self.project}"


class Mitigation(models.Model):
    """One line of the ledger: what was done about an association, what it cost, who did it, was it undone."""

    class Kind(models.TextChoices):
        COPIES = "copies", "Counterfactual copies"
        QUEUE = "queue", "Counter-examples first"
        WEIGHTS = "weights", "Weights"

    class State(models.TextChoices):
        PLANNING = "planning", "Being worked out"
        PLANNED = "planned", "Preview"
        APPLIED = "applied", "Applied"
        WITHDRAWN = "withdrawn", "Undone"

    project = models.ForeignKey(Project, on_delete=models.CASCADE, related_name="mitigations")
    number = models.PositiveIntegerField()
    report = models.ForeignKey(BiasReport, on_delete=models.PROTECT, related_name="mitigations")
    kind = models.CharField(max_length=8, choices=Kind)
    state = models.CharField(max_length=10, choices=State, default=State.PLANNING)
    attribute = models.CharField(max_length=20)
    first = models.CharField(max_length=60)
    second = models.CharField(max_length=60)
    term = models.CharField(max_length=60)
    term_kind = models.CharField(max_length=12)
    limit = models.PositiveIntegerField()  # samples at most
    seed = models.PositiveIntegerField(default=1)
    job = models.OneToOneField(Job, null=True, on_delete=models.PROTECT, related_name="+")
    requested_by = models.ForeignKey(settings.AUTH_USER_MODEL, null=True, on_delete=models.PROTECT, related_name="+")
    created_at = models.DateTimeField(default=timezone.now)
    plan = models.JSONField(default=dict)  # samples chosen and left out, before and after
    applied_by = models.ForeignKey(settings.AUTH_USER_MODEL, null=True, on_delete=models.PROTECT, related_name="+")
    applied_at = models.DateTimeField(null=True)
    done = models.JSONField(default=dict)  # what applying came to, and what undoing needs
    withdrawn_by = models.ForeignKey(settings.AUTH_USER_MODEL, null=True, on_delete=models.PROTECT, related_name="+")
    withdrawn_at = models.DateTimeField(null=True)
    undone = models.JSONField(default=dict)
    idempotency_key = models.UUIDField(unique=True)

    class Meta:
        ordering = ["-number"]
        constraints = [models.UniqueConstraint(fields=["project", "number"], name="mitigation_number")]

    def __str__(self) -> str:
        return f"Mitigation {self.number} of {self.project}"


class CounterfactualCopy(models.Model):
    """The lineage of a synthetic sample: which sample it was turned from, in which revision, by which mitigation."""

    mitigation = models.ForeignKey(Mitigation, on_delete=models.PROTECT, related_name="copies")
    parent = models.ForeignKey(Sample, on_delete=models.PROTECT, related_name="counterfactual_copies")
    parent_revision = models.ForeignKey(Revision, on_delete=models.PROTECT, related_name="+")
    sample = models.OneToOneField(Sample, on_delete=models.PROTECT, related_name="copied_from")
    value = models.CharField(max_length=60)  # what its person is turned to
    changes = models.PositiveIntegerField()  # words that differ from the parent's
