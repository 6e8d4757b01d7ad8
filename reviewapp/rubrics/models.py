from __future__ import annotations

from django.conf import settings
from django.db import models
from django.utils import timezone
from django.utils.translation import gettext_noop

from reviewapp.projects.models import Project

# What a rubric applies to, inside a sentence; the templates ask by the small form of the label.
_WITHIN = (gettext_noop("samples"), gettext_noop("outputs"), gettext_noop("samples and outputs"))


class Rubric(models.Model):
    """A frame for judging samples or outputs; what people use is one of its versions."""

    class AppliesTo(models.TextChoices):
        SAMPLES = "samples", "Samples"
        OUTPUTS = "outputs", "Outputs"
        BOTH = "both", "Samples and outputs"

    project = models.ForeignKey(Project, on_delete=models.CASCADE, related_name="rubrics")
    name = models.CharField(max_length=120)
    applies_to = models.CharField(max_length=7, choices=AppliesTo)
    is_active = models.BooleanField(default=True)  # the one offered for new work of its kind
    created_at = models.DateTimeField(default=timezone.now)

    class Meta:
        constraints = [models.UniqueConstraint(fields=["project", "name"], name="one_rubric_per_name")]

    def __str__(self) -> str:
        return self.name


class RubricVersion(models.Model):
    """Editable until its first use; from then on only read. Checked by services and by ``used_at``."""

    NAMES = (gettext_noop("%(name)s, version %(number)s"),) * 2

    rubric = models.ForeignKey(Rubric, on_delete=models.CASCADE, related_name="versions")
    number = models.PositiveIntegerField()
    guidelines = models.TextField(blank=True)
    notice = models.TextField(blank=True)  # licence and origin of an instrument
    content_hash = models.CharField(max_length=64)
    created_by = models.ForeignKey(settings.AUTH_USER_MODEL, null=True, on_delete=models.PROTECT, related_name="+")
    created_at = models.DateTimeField(default=timezone.now)
    used_at = models.DateTimeField(null=True)

    class Meta:
        ordering = ["-number"]
        constraints = [models.UniqueConstraint(fields=["rubric", "number"], name="rubric_version_number")]

    def __str__(self) -> str:
        return f"{self.rubric.name}, version {self.number}"

    def name_parts(self) -> dict[str, object]:
        return {"name": self.rubric.name, "number": self.number}


class Criterion(models.Model):
    class Kind(models.TextChoices):
        LEVELS = "levels", "Levels"
        GATE = "gate", "Yes or no"  # level 1 = yes, the violation is there; level 0 = no
        COUNT = "count", "Count"
        POINTS = "points", "Points, met or not met"
        TEXT = "text", "In words"
        PREFERENCE = "preference", "Preference between two outputs"
        SPANS = "spans", "Errors marked in the text"

    version = models.ForeignKey(RubricVersion, on_delete=models.CASCADE, related_name="criteria")
    key = models.SlugField(max_length=40)
    position = models.PositiveSmallIntegerField()
    name = models.CharField(max_length=80)
    description = models.TextField(blank=True)
    kind = models.CharField(max_length=10, choices=Kind, default=Kind.LEVELS)
    weight = models.FloatField(default=1.0)
    allow_na = models.BooleanField(default=False)
    is_critical = models.BooleanField(default=False)
    # This answer and every worse one (for a gate: yes) asks for evidence before it can be locked. Null: never.
    evidence_at_or_below = models.SmallIntegerField(null=True)
    applies_to = models.CharField(max_length=7, choices=Rubric.AppliesTo, default=Rubric.AppliesTo.BOTH)
    direction = models.CharField(max_length=6, blank=True)  # which way is better; "": as its kind has it
    evidence = models.JSONField(default=list)  # kinds of proof that count; empty: all of them
    unit = models.CharField(max_length=30, blank=True)
    most = models.PositiveSmallIntegerField(null=True)
    points = models.SmallIntegerField(null=True)
    error_types = models.JSONField(default=list)

    class Meta:
        ordering = ["position"]
        constraints = [models.UniqueConstraint(fields=["version", "key"], name="criterion_key")]

    def __str__(self) -> str:
        return self.name


class Level(models.Model):
    criterion = models.ForeignKey(Criterion, on_delete=models.CASCADE, related_name="levels")
    value = models.SmallIntegerField()
    label = models.CharField(max_length=60)
    anchor = models.TextField(blank=True)

    class Meta:
        ordering = ["-value"]
        constraints = [models.UniqueConstraint(fields=["criterion", "value"], name="level_value")]

    def __str__(self) -> str:
        return f"{self.value} {self.label}"
