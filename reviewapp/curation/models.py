from __future__ import annotations

from typing import Any

from django.conf import settings
from django.db import models
from django.utils import timezone
from django.utils.translation import gettext_noop

from reviewapp.core.exceptions import ImmutableError
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


class AcceptancePlan(models.Model):
    """A random sample that people look through, so that something may be claimed of a whole population.

    What was drawn never changes: there is no way to add to it. Without a statement it is still being looked at.
    """

    NAMES = (gettext_noop("Acceptance sample %(number)s"), gettext_noop("acceptance sample %(number)s"))

    class Population(models.TextChoices):
        CURRENT = "current", "Every sample that is not rejected"
        ACCEPTED = "accepted", "Accepted samples"
        ELIGIBLE = "eligible", "Accepted samples that a training-set version would take"

    class Design(models.TextChoices):
        SIMPLE = "simple", "At random"
        GROUPS = "groups", "At random, at most one sample of a group"
        LANGUAGE = "language", "In proportion by language"
        BATCH = "batch", "In proportion by import"
        ORIGIN = "origin", "In proportion by origin"

    project = models.ForeignKey(Project, on_delete=models.CASCADE, related_name="acceptance_plans")
    number = models.PositiveIntegerField()
    target = models.CharField(max_length=110)  # "overall", a check, or "check/kind" of its findings
    definition = models.TextField()  # what counts as a defect, for those who judge
    population = models.CharField(max_length=8, choices=Population)
    filters = models.JSONField(default=dict)  # language, batch, origin, tag: as in the address of the samples list
    design = models.CharField(max_length=8, choices=Design, default=Design.SIMPLE)
    rate = models.DecimalField(max_digits=7, decimal_places=6)  # this share or more would not be tolerable
    confidence = models.DecimalField(max_digits=7, decimal_places=6)
    allowed = models.PositiveSmallIntegerField(default=0)
    shows_findings = models.BooleanField(default=False)  # open findings are shown to those who judge
    texts = models.PositiveIntegerField()  # samples in the population
    strata = models.JSONField()  # [[name, units, drawn]]: one row where nothing was stratified; units may be groups
    n = models.PositiveIntegerField()
    seed = models.CharField(max_length=64)
    population_hash = models.CharField(max_length=64)
    population_packed = models.BinaryField()  # every text of it: acceptance_draw.population_pack
    drawn_by = models.ForeignKey(settings.AUTH_USER_MODEL, null=True, on_delete=models.PROTECT, related_name="+")
    drawn_at = models.DateTimeField(default=timezone.now)
    idempotency_key = models.UUIDField(unique=True)

    class Meta:
        ordering = ["-number"]
        constraints = [models.UniqueConstraint(fields=["project", "number"], name="acceptance_plan_number")]

    def __str__(self) -> str:
        return f"Acceptance sample {self.number}"


class AcceptanceItem(models.Model):
    """One text of an acceptance sample, judged once, by whoever takes it."""

    class Verdict(models.TextChoices):
        OPEN = "", "Not judged"
        FINE = "fine", "Fine"
        DEFECT = "defect", "Defect"

    plan = models.ForeignKey(AcceptancePlan, on_delete=models.CASCADE, related_name="items")
    position = models.PositiveIntegerField()  # from 1, in the order of the draw
    sample = models.ForeignKey(Sample, on_delete=models.CASCADE, related_name="+")
    revision = models.ForeignKey(Revision, on_delete=models.CASCADE, related_name="+")
    # A person holds the text they see for a while, so that two do not judge the same.
    holder = models.ForeignKey(settings.AUTH_USER_MODEL, null=True, on_delete=models.SET_NULL, related_name="+")
    held_until = models.DateTimeField(null=True)
    verdict = models.CharField(max_length=6, choices=Verdict, default=Verdict.OPEN, blank=True)
    judged_by = models.ForeignKey(settings.AUTH_USER_MODEL, null=True, on_delete=models.PROTECT, related_name="+")
    judged_at = models.DateTimeField(null=True)
    note = models.TextField(blank=True)
    finding = models.ForeignKey(Finding, null=True, on_delete=models.SET_NULL, related_name="+")

    class Meta:
        ordering = ["position"]
        constraints = [
            models.UniqueConstraint(fields=["plan", "position"], name="acceptance_item_position"),
            models.UniqueConstraint(fields=["plan", "sample"], name="acceptance_item_sample"),
        ]
        indexes = [models.Index(fields=["plan", "verdict", "position"], name="acceptance_item_next")]


class AcceptanceStatement(ImmutableModel):
    """What a plan came to when it was closed, with every item and who judged it; nothing changes it afterwards."""

    plan = models.OneToOneField(AcceptancePlan, on_delete=models.CASCADE, related_name="statement")
    has_passed = models.BooleanField()
    defects = models.PositiveIntegerField()
    missing = models.PositiveIntegerField()
    upper_count = models.PositiveIntegerField()  # defective units of the population, at most
    facts = models.JSONField()  # all that is stated, and the items
    content_hash = models.CharField(max_length=64)  # sha256 of the canonical JSON of the facts
    closed_by = models.ForeignKey(settings.AUTH_USER_MODEL, on_delete=models.PROTECT, related_name="+")
    closed_at = models.DateTimeField(default=timezone.now)

    class Meta(ImmutableModel.Meta):
        ordering = ["-id"]


class AcceptanceRule(models.Model):
    """What a lead requires before a training-set version may be signed: a passed acceptance sample of one target."""

    project = models.ForeignKey(Project, on_delete=models.CASCADE, related_name="acceptance_rules")
    target = models.CharField(max_length=110)
    rate = models.DecimalField(max_digits=7, decimal_places=6)
    confidence = models.DecimalField(max_digits=7, decimal_places=6)
    set_by = models.ForeignKey(settings.AUTH_USER_MODEL, null=True, on_delete=models.PROTECT, related_name="+")
    set_at = models.DateTimeField(default=timezone.now)

    class Meta:
        ordering = ["id"]
        constraints = [models.UniqueConstraint(fields=["project", "target"], name="one_acceptance_rule_per_target")]


class GoldenExample(models.Model):
    """A sample that an expert holds up as what the others should be like. Relevance is nearness to these."""

    project = models.ForeignKey(Project, on_delete=models.CASCADE, related_name="golden_examples")
    sample = models.OneToOneField(Sample, on_delete=models.CASCADE, related_name="golden")
    marked_by = models.ForeignKey(settings.AUTH_USER_MODEL, on_delete=models.PROTECT, related_name="+")
    marked_at = models.DateTimeField(default=timezone.now)

    class Meta:
        ordering = ["id"]


class RelevanceLimit(ImmutableModel):
    """From which relevance on a text belongs, by a handful that a person judged. Selections propose the newest."""

    project = models.ForeignKey(Project, on_delete=models.CASCADE, related_name="relevance_limits")
    limit = models.FloatField()
    suggested = models.FloatField(null=True)  # by the judged ones; null: they were all of one kind
    judged = models.JSONField(default=list)  # [{"sample", "relevance", "belongs"}]
    golden = models.PositiveIntegerField()  # golden examples there were
    index_number = models.PositiveIntegerField()
    made_by = models.ForeignKey(settings.AUTH_USER_MODEL, on_delete=models.PROTECT, related_name="+")
    made_at = models.DateTimeField(default=timezone.now)

    class Meta(ImmutableModel.Meta):
        ordering = ["-id"]


class Selection(models.Model):
    """A small set chosen from a project's samples, with the reason for each that was kept or dropped.

    Once ``made_at`` is set it never changes; what is kept or dropped by hand makes another one.
    """

    NAMES = (gettext_noop("Selection %(number)s"), gettext_noop("selection %(number)s"))

    project = models.ForeignKey(Project, on_delete=models.CASCADE, related_name="selections")
    number = models.PositiveIntegerField()
    config = models.JSONField()  # as curation.selecting.Config
    base = models.ForeignKey("self", null=True, on_delete=models.PROTECT, related_name="+")  # the one it was made from
    job = models.OneToOneField(Job, null=True, on_delete=models.PROTECT, related_name="+")
    requested_by = models.ForeignKey(settings.AUTH_USER_MODEL, null=True, on_delete=models.PROTECT, related_name="+")
    created_at = models.DateTimeField(default=timezone.now)
    made_at = models.DateTimeField(null=True)
    counts = models.JSONField(default=dict)  # samples, kept, and how many by reason
    quality = models.JSONField(default=dict)  # what the score was made of, and how it is calibrated
    figures = models.JSONField(default=dict)  # kept against all: distributions, languages, cover
    index_number = models.PositiveIntegerField(default=0)
    vocabulary_hash = models.CharField(max_length=64, blank=True)
    content_hash = models.CharField(max_length=64, blank=True)  # of what was kept: samples and their texts
    idempotency_key = models.UUIDField(null=True, unique=True)  # of the form: sent twice, it makes one selection

    class Meta:
        ordering = ["-number"]
        constraints = [models.UniqueConstraint(fields=["project", "number"], name="selection_number")]

    def __str__(self) -> str:
        return f"Selection {self.number}"

    def save(self, *args: Any, **kwargs: Any) -> None:
        if not self._state.adding and Selection.objects.filter(pk=self.pk, made_at__isnull=False).exists():
            raise ImmutableError(f"Selection {self.number} is made and never changes; make another one from it.")
        super().save(*args, **kwargs)


class SelectionEntry(ImmutableModel):
    """What became of one sample in a selection, and why. Every sample of the project has one."""

    selection = models.ForeignKey(Selection, on_delete=models.CASCADE, related_name="entries")
    sample = models.ForeignKey(Sample, on_delete=models.CASCADE, related_name="+")
    revision = models.ForeignKey(Revision, null=True, on_delete=models.CASCADE, related_name="+")
    is_kept = models.BooleanField()
    place = models.PositiveIntegerField(null=True)  # in the order in which they were chosen, from 1
    reason = models.CharField(max_length=20)  # curation.reasons.REASONS
    facts = models.JSONField(default=dict)  # what the sentence of the reason needs
    other = models.ForeignKey(Sample, null=True, on_delete=models.SET_NULL, related_name="+")  # the duplicate kept
    golden = models.ForeignKey(Sample, null=True, on_delete=models.SET_NULL, related_name="+")  # the nearest one
    quality = models.FloatField(null=True)
    relevance = models.FloatField(null=True)
    distance = models.FloatField(null=True)  # from what was chosen before it

    class Meta(ImmutableModel.Meta):
        ordering = ["id"]
        constraints = [models.UniqueConstraint(fields=["selection", "sample"], name="one_entry_per_sample")]
        indexes = [
            models.Index(fields=["selection", "is_kept", "place"]),
            models.Index(fields=["selection", "reason"]),
        ]


class TaggerVersion(models.Model):
    """A tagger of names that a project trained from its experts' corrections; the file is under the state directory."""

    project = models.ForeignKey(Project, on_delete=models.CASCADE, related_name="tagger_versions")
    number = models.PositiveIntegerField()
    job = models.OneToOneField(Job, null=True, on_delete=models.PROTECT, related_name="+")
    requested_by = models.ForeignKey(settings.AUTH_USER_MODEL, null=True, on_delete=models.PROTECT, related_name="+")
    created_at = models.DateTimeField(default=timezone.now)
    made_at = models.DateTimeField(null=True)
    n_corrections = models.PositiveIntegerField(default=0)
    counts = models.JSONField(default=dict)  # corrections by what was decided
    size = models.PositiveIntegerField(default=0)  # bytes
    sha256 = models.CharField(max_length=64, blank=True)
    figures = models.JSONField(default=dict)  # on the fixed test, as Figures writes them

    class Meta:
        ordering = ["-number"]
        constraints = [models.UniqueConstraint(fields=["project", "number"], name="tagger_version_number")]

    def __str__(self) -> str:
        return f"Tagger {self.number} of {self.project}"


class TaggerUse(ImmutableModel):
    """From when on a project uses which tagger; the newest holds. No version: the one that came with the app."""

    project = models.ForeignKey(Project, on_delete=models.CASCADE, related_name="tagger_uses")
    version = models.ForeignKey(TaggerVersion, null=True, on_delete=models.PROTECT, related_name="uses")
    taken_by = models.ForeignKey(settings.AUTH_USER_MODEL, on_delete=models.PROTECT, related_name="+")
    taken_at = models.DateTimeField(default=timezone.now)
    reason = models.TextField(blank=True)  # why, where its names are not found alike by origin

    class Meta(ImmutableModel.Meta):
        ordering = ["-id"]


class Redaction(models.Model):
    """One act on the identifiers of a project: masked, replaced, dates shifted, or their samples rejected."""

    class Action(models.TextChoices):
        MASK = "mask", "Mask"
        SURROGATE = "surrogate", "Replace by made-up ones"
        SHIFT = "shift", "Shift dates, mask the rest"
        REJECT = "reject", "Reject the samples"

    project = models.ForeignKey(Project, on_delete=models.CASCADE, related_name="redactions")
    action = models.CharField(max_length=9, choices=Action)
    kinds = models.JSONField(default=list)  # empty: all
    sample = models.ForeignKey(Sample, null=True, on_delete=models.CASCADE, related_name="+")  # null: the whole project
    job = models.OneToOneField(Job, null=True, on_delete=models.PROTECT, related_name="+")
    requested_by = models.ForeignKey(settings.AUTH_USER_MODEL, null=True, on_delete=models.PROTECT, related_name="+")
    created_at = models.DateTimeField(default=timezone.now)
    finished_at = models.DateTimeField(null=True)
    counts = models.JSONField(default=dict)  # samples changed, suggested, left; identifiers
    undo_job = models.OneToOneField(Job, null=True, on_delete=models.PROTECT, related_name="+")
    undone_by = models.ForeignKey(settings.AUTH_USER_MODEL, null=True, on_delete=models.PROTECT, related_name="+")
    undone_at = models.DateTimeField(null=True)
    idempotency_key = models.UUIDField(null=True, unique=True)  # of the form: sent twice, it is done once

    class Meta:
        ordering = ["-id"]

    def __str__(self) -> str:
        return f"Redaction {self.pk} of {self.project}"


class RedactedSample(models.Model):
    """What a redaction did to one sample, so that it can be taken back."""

    redaction = models.ForeignKey(Redaction, on_delete=models.CASCADE, related_name="samples")
    sample = models.ForeignKey(Sample, on_delete=models.CASCADE, related_name="redactions")
    before = models.ForeignKey(Revision, on_delete=models.PROTECT, related_name="+")
    after = models.ForeignKey(Revision, on_delete=models.PROTECT, related_name="+")  # the same for a rejection
    state_before = models.CharField(max_length=10)
    n = models.PositiveIntegerField(default=0)  # identifiers

    class Meta:
        constraints = [models.UniqueConstraint(fields=["redaction", "sample"], name="redacted_once")]


class InventedWords(models.Model):
    """Words that stand in a sample in place of real ones: no check takes them for identifiers again."""

    sample = models.OneToOneField(Sample, on_delete=models.CASCADE, related_name="invented")
    words = models.JSONField(default=list)


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
