from __future__ import annotations

from django.conf import settings
from django.db import models
from django.utils import timezone
from django.utils.translation import gettext_noop

from reviewapp.projects.models import Project


class LabelSchema(models.Model):
    """What experts produce for samples that have no completion; they use one of its versions."""

    project = models.ForeignKey(Project, on_delete=models.CASCADE, related_name="label_schemas")
    name = models.CharField(max_length=120)
    is_active = models.BooleanField(default=True)  # the one offered for new work
    created_at = models.DateTimeField(default=timezone.now)

    class Meta:
        constraints = [models.UniqueConstraint(fields=["project", "name"], name="one_label_schema_per_name")]

    def __str__(self) -> str:
        return self.name


class LabelSchemaVersion(models.Model):
    """Editable until somebody labelled by it; from then on only read. Its classes are rows of their own."""

    NAMES = (gettext_noop("%(name)s, version %(number)s"),) * 2

    schema = models.ForeignKey(LabelSchema, on_delete=models.CASCADE, related_name="versions")
    number = models.PositiveIntegerField()
    document = models.JSONField(default=dict)  # without the classes, which may be thousands
    content_hash = models.CharField(max_length=64)  # of the whole document
    created_by = models.ForeignKey(settings.AUTH_USER_MODEL, null=True, on_delete=models.PROTECT, related_name="+")
    created_at = models.DateTimeField(default=timezone.now)
    used_at = models.DateTimeField(null=True)

    class Meta:
        ordering = ["-number"]
        constraints = [models.UniqueConstraint(fields=["schema", "number"], name="label_schema_version_number")]

    def __str__(self) -> str:
        return f"{self.schema.name}, version {self.number}"

    def name_parts(self) -> dict[str, object]:
        return {"name": self.schema.name, "number": self.number}


class LabelClass(models.Model):
    """One class of one field. ``position`` counts from 0 within its field: the label id of a classifier."""

    version = models.ForeignKey(LabelSchemaVersion, on_delete=models.CASCADE, related_name="classes")
    field = models.CharField(max_length=40)
    key = models.CharField(max_length=80)
    position = models.PositiveIntegerField()
    name = models.CharField(max_length=200)
    description = models.CharField(max_length=500, blank=True)
    parent = models.CharField(max_length=80, blank=True)
    path = models.JSONField(default=list)  # names from the root down to this class
    words = models.TextField()  # casefolded name, key and path: what the search looks in
    is_leaf = models.BooleanField(default=True)

    class Meta:
        ordering = ["version", "field", "position"]
        constraints = [models.UniqueConstraint(fields=["version", "field", "key"], name="label_class_key")]
        indexes = [models.Index(fields=["version", "field", "position"], name="label_class_order")]

    def __str__(self) -> str:
        return self.name


class LabelRule(models.Model):
    """Suggests a class or a type of passage where its words or its pattern stand in the prompt."""

    class Kind(models.TextChoices):
        KEYWORD = "keyword", "Words"
        PATTERN = "pattern", "Pattern"

    schema = models.ForeignKey(LabelSchema, on_delete=models.CASCADE, related_name="rules")
    field = models.CharField(max_length=40)
    target = models.CharField(max_length=80)  # key of the class, or of the type of passage
    kind = models.CharField(max_length=7, choices=Kind)
    text = models.CharField(max_length=500)
    created_by = models.ForeignKey(settings.AUTH_USER_MODEL, null=True, on_delete=models.PROTECT, related_name="+")
    created_at = models.DateTimeField(default=timezone.now)

    class Meta:
        ordering = ["id"]

    def __str__(self) -> str:
        """The rule as it is written, one a line."""
        return f"{self.field}, {self.target}{' ~ ' if self.kind == self.Kind.PATTERN else ': '}{self.text}"


class LabelSuggestion(models.Model):
    """What a model version answered for a sample, read as a label. Shown after the expert's own answer."""

    schema = models.ForeignKey(LabelSchema, on_delete=models.CASCADE, related_name="suggestions")
    sample_key = models.CharField(max_length=200)  # the sample's external id: samples know labels, not the other way
    field = models.CharField(max_length=40)
    value = models.TextField()  # as the form would send it
    score = models.FloatField(null=True)  # 0 to 1, as the source gave it; null: it gave none
    source = models.CharField(max_length=120)
    created_at = models.DateTimeField(default=timezone.now)

    class Meta:
        ordering = ["-score", "id"]
        indexes = [models.Index(fields=["schema", "sample_key"], name="label_suggestion_sample")]
        constraints = [
            models.UniqueConstraint(
                fields=["schema", "sample_key", "field", "source"], name="one_suggestion_per_source"
            )
        ]
