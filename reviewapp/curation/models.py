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
