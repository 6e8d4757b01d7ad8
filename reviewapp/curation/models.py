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


class TextIndex(models.Model):
    """One version of a project's index for search by meaning. The newest with ``made_at`` is the one in use."""

    project = models.ForeignKey(Project, on_delete=models.CASCADE, related_name="text_indexes")
    number = models.PositiveIntegerField()
    job = models.OneToOneField(Job, null=True, on_delete=models.PROTECT, related_name="+")
    requested_by = models.ForeignKey(settings.AUTH_USER_MODEL, null=True, on_delete=models.PROTECT, related_name="+")
    created_at = models.DateTimeField(default=timezone.now)
    made_at = models.DateTimeField(null=True)
    n = models.PositiveIntegerField(default=0)  # samples
    n_fitted = models.PositiveIntegerField(default=0)  # samples there when the projection was made
    n_folded = models.PositiveIntegerField(default=0)  # revisions brought in since by that projection
    dimensions = models.PositiveSmallIntegerField(default=0)
    vocabulary_hash = models.CharField(max_length=64, blank=True)
    newest_revision = models.BigIntegerField(default=0)  # what is above it came later
    files = models.JSONField(default=dict)  # name: [bytes, sha256]

    class Meta:
        ordering = ["-number"]
        constraints = [models.UniqueConstraint(fields=["project", "number"], name="text_index_number")]

    def __str__(self) -> str:
        return f"Index {self.number} of {self.project}"


class LearnedModel(models.Model):
    """A small classifier of what experts decided, by which the queue can be put in order. It decides nothing."""

    project = models.ForeignKey(Project, on_delete=models.CASCADE, related_name="learned_models")
    number = models.PositiveIntegerField()
    job = models.OneToOneField(Job, null=True, on_delete=models.PROTECT, related_name="+")
    requested_by = models.ForeignKey(settings.AUTH_USER_MODEL, null=True, on_delete=models.PROTECT, related_name="+")
    created_at = models.DateTimeField(default=timezone.now)
    made_at = models.DateTimeField(null=True)
    random_percent = models.PositiveSmallIntegerField(default=10)  # samples that keep a random place in the order
    index_number = models.PositiveIntegerField(default=0)
    target = models.CharField(max_length=80, blank=True)  # "unchanged", or the key of a class field
    classes = models.JSONField(default=list)
    counts = models.JSONField(default=dict)  # decisions of each class that it learned from
    n = models.PositiveIntegerField(default=0)
    n_decided = models.PositiveIntegerField(default=0)  # samples that were decided then: when to learn again
    n_scored = models.PositiveIntegerField(default=0)
    auc = models.FloatField(null=True)  # cross-validated; of several classes the mean of one against the rest
    brier = models.FloatField(null=True)
    temperature = models.FloatField(null=True)
    unknown = models.TextField(blank=True)  # why nothing was learned
    random_n = models.PositiveIntegerField(default=0)  # random picks decided after they were scored
    random_auc = models.FloatField(null=True)
    random_brier = models.FloatField(null=True)

    class Meta:
        ordering = ["-number"]
        constraints = [models.UniqueConstraint(fields=["project", "number"], name="learned_model_number")]

    def __str__(self) -> str:
        return f"Model {self.number} of {self.project}"


class LearnedScore(models.Model):
    """What the model said of a sample before anybody decided about it; kept as it was from then on."""

    sample = models.OneToOneField(Sample, on_delete=models.CASCADE, related_name="learned_score")
    model = models.ForeignKey(LearnedModel, on_delete=models.CASCADE, related_name="scores")
    probabilities = models.JSONField()  # by the model's classes
    least_confident = models.FloatField()  # 1 less the largest probability
    margin = models.FloatField()  # the largest less the second
    entropy = models.FloatField()  # in bits
    diverse_place = models.PositiveIntegerField(null=True)  # in the order that covers the texts soonest
    is_random = models.BooleanField(default=False)  # keeps a random place in the order
    scored_at = models.DateTimeField(default=timezone.now)


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
