from __future__ import annotations

from django.conf import settings
from django.db import models
from django.utils import timezone

from reviewapp.core.models import Job
from reviewapp.projects.models import Project


class ApiToken(models.Model):
    """Lets a program act as one person in one project. Only its hash is kept; it is shown once."""

    class Scope(models.TextChoices):
        READ = "read", "Read what its owner may read"
        IMPORT = "import", "Import samples"
        EXPORT = "export", "Download the examples of training-set versions"
        FEEDBACK = "feedback", "Send feedback"

    project = models.ForeignKey(Project, on_delete=models.CASCADE, related_name="api_tokens")
    owner = models.ForeignKey(settings.AUTH_USER_MODEL, on_delete=models.PROTECT, related_name="api_tokens")
    name = models.CharField(max_length=80)
    token_hash = models.CharField(max_length=64, unique=True)
    scopes = models.JSONField(default=list)  # values of Scope
    created_at = models.DateTimeField(default=timezone.now)
    expires_at = models.DateTimeField()
    last_used_at = models.DateTimeField(null=True)
    revoked_at = models.DateTimeField(null=True)
    # Requests of the present minute, counted here because several processes answer them.
    minute_at = models.DateTimeField(null=True)
    minute_used = models.PositiveIntegerField(default=0)

    class Meta:
        ordering = ["-id"]

    def __str__(self) -> str:
        return self.name

    @property
    def is_live(self) -> bool:
        return self.revoked_at is None and self.expires_at > timezone.now()


class Webhook(models.Model):
    """An address outside that is told when something has happened in a project."""

    class Event(models.TextChoices):
        IMPORT_FINISHED = "import.finished", "An import is finished"
        VERSION_SIGNED = "version.signed", "A training-set version is signed"
        RUN_FINISHED = "run.finished", "A training run is finished"
        RUN_FAILED = "run.failed", "A training run has failed"
        ROUND_COMPLETE = "round.complete", "Every grade of a round is in"
        REPORT_FROZEN = "report.frozen", "A report is frozen, with its verdict"
        FEEDBACK_RECEIVED = "feedback.received", "Feedback has come in"

    project = models.ForeignKey(Project, on_delete=models.CASCADE, related_name="webhooks")
    url = models.CharField(max_length=500)
    events = models.JSONField(default=list)  # values of Event
    salt = models.CharField(max_length=64)  # the signing secret is worked out from it and the server's key
    created_by = models.ForeignKey(settings.AUTH_USER_MODEL, null=True, on_delete=models.PROTECT, related_name="+")
    created_at = models.DateTimeField(default=timezone.now)
    failures = models.PositiveIntegerField(default=0)  # attempts that failed since the last one that did not
    paused_at = models.DateTimeField(null=True)
    removed_at = models.DateTimeField(null=True)

    class Meta:
        ordering = ["id"]

    def __str__(self) -> str:
        return self.url


class Delivery(models.Model):
    """One event for one webhook: what is sent, and how sending went. The same event is never written twice."""

    class State(models.TextChoices):
        WAITING = "waiting", "Waiting"
        DELIVERED = "delivered", "Delivered"
        FAILED = "failed", "Given up"

    webhook = models.ForeignKey(Webhook, on_delete=models.CASCADE, related_name="deliveries")
    event = models.CharField(max_length=20, choices=Webhook.Event)
    key = models.CharField(max_length=80)  # of what happened
    payload = models.JSONField()  # ids and addresses, no text of samples
    state = models.CharField(max_length=9, choices=State, default=State.WAITING)
    attempts = models.PositiveSmallIntegerField(default=0)
    due_at = models.DateTimeField(default=timezone.now)  # of the next attempt
    job = models.ForeignKey(Job, null=True, on_delete=models.SET_NULL, related_name="+")  # of the last attempt
    response_code = models.PositiveSmallIntegerField(null=True)
    error = models.CharField(max_length=300, blank=True)
    created_at = models.DateTimeField(default=timezone.now)
    attempted_at = models.DateTimeField(null=True)

    class Meta:
        ordering = ["-id"]
        constraints = [models.UniqueConstraint(fields=["webhook", "key"], name="one_delivery_per_event")]
        indexes = [models.Index(fields=["state", "due_at"], name="delivery_due")]

    def __str__(self) -> str:
        return f"{self.event} for {self.webhook}"


class Announcer(models.Model):
    """How far the audit log has been read for events to announce: one row."""

    seq = models.PositiveBigIntegerField(default=0)
