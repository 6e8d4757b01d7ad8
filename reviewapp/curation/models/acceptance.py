"""Random samples that people look through, and what may be claimed afterwards."""

from __future__ import annotations

from django.conf import settings
from django.db import models
from django.utils import timezone
from django.utils.translation import gettext_noop

from reviewapp.core.models import ImmutableModel
from reviewapp.curation.models.scanning import Finding
from reviewapp.projects.models import Project
from reviewapp.samples.models import Revision, Sample


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
