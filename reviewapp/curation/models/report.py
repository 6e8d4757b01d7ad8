"""In which language each sample is written, and reports of what curation did."""

from __future__ import annotations

from django.conf import settings
from django.db import models
from django.utils import timezone
from django.utils.translation import gettext_noop

from reviewapp.core.models import ImmutableModel
from reviewapp.projects.models import Project
from reviewapp.samples.models import Revision, Sample


class SampleLanguage(models.Model):
    """The language that a sample is written in, and how that is known. Scans keep it in step with the text."""

    class Basis(models.TextChoices):
        TEXT = "text", "Its own text"
        DECLARED = "declared", "What the import says"
        SHORT = "short", "Its own short text, among the project's languages"
        GROUP = "group", "The other samples of its group"
        SCRIPT = "script", "Its letters, which one language of the project uses"
        OPEN = "open", "Not known"

    sample = models.OneToOneField(Sample, on_delete=models.CASCADE, related_name="written_in")
    revision = models.ForeignKey(Revision, on_delete=models.CASCADE, related_name="+")
    language = models.CharField(max_length=16, blank=True)  # ISO 639-1 in two letters; empty: not known
    basis = models.CharField(max_length=8, choices=Basis)
    method = models.CharField(max_length=32)  # languages.finding: version, and the languages that were compared

    class Meta:
        indexes = [models.Index(fields=["language", "sample"], name="sample_language")]

    def __str__(self) -> str:
        return f"{self.sample} in {self.language or 'no known language'}"


class CurationReport(ImmutableModel):
    """What curation did to a project's samples up to a moment: figures and names, never texts."""

    NAMES = (gettext_noop("Curation report %(number)s"), gettext_noop("curation report %(number)s"))

    project = models.ForeignKey(Project, on_delete=models.CASCADE, related_name="curation_reports")
    number = models.PositiveIntegerField()
    facts = models.JSONField()  # report.facts.facts_of
    content_hash = models.CharField(max_length=64)  # sha256 of the canonical JSON of the facts
    made_by = models.ForeignKey(settings.AUTH_USER_MODEL, on_delete=models.PROTECT, related_name="+")
    made_at = models.DateTimeField(default=timezone.now)
    idempotency_key = models.UUIDField(unique=True)  # of the form: sent twice, it makes one report

    class Meta(ImmutableModel.Meta):
        ordering = ["-number"]
        constraints = [models.UniqueConstraint(fields=["project", "number"], name="curation_report_number")]

    def __str__(self) -> str:
        return f"Curation report {self.number}"
