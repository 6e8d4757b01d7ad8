"""Reading findings and scans."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from django.db.models import Case, Count, F, IntegerField, QuerySet, Value, When

from reviewapp.curation.checks.registry import TITLES
from reviewapp.curation.models import CurationReport, Finding, PipelineVersion, Scan
from reviewapp.curation.pipeline import Pipeline, pipeline_read
from reviewapp.projects.models import Project
from reviewapp.samples.models import Revision, Sample

FILTERS = ("check", "severity", "state", "sample")
ALL = "all"
_COLUMNS = {"check": "check_name", "severity": "severity", "state": "state", "sample": "sample__external_id"}
_FACETS = ("check", "severity", "state")
_SEVERE_FIRST = Case(
    When(severity=Finding.Severity.HIGH, then=Value(0)),
    When(severity=Finding.Severity.MEDIUM, then=Value(1)),
    default=Value(2),
    output_field=IntegerField(),
)
_PROMPT_FIRST = Case(When(field=Finding.Field.PROMPT, then=Value(0)), default=Value(1), output_field=IntegerField())


def findings_for(revision: Revision) -> QuerySet[Finding]:
    """What is to be shown with a revision: open, accepted, dismissed and fixed findings of both fields.

    In the order of reading, those about a whole field before those on its words. What is gone is left out.
    """
    shown = Finding.objects.filter(revision=revision).exclude(state=Finding.State.GONE)
    related = shown.select_related("related_sample", "related_heldout__heldout_set", "decided_by")
    return related.order_by(_PROMPT_FIRST, F("start").asc(nulls_first=True), "pk")


def findings_filtered(project: Project, chosen: Mapping[str, str]) -> QuerySet[Finding]:
    """Findings by the filters of the list page (keys of FILTERS; "all" or empty lets all pass), severe ones first.

    Values that do not exist find nothing.
    """
    found = findings_in(project)
    for name, column in _COLUMNS.items():
        value = chosen.get(name, "")
        if value and value != ALL:
            found = found.filter(**{column: value})
    return found.order_by(_SEVERE_FIRST, "sample_id", _PROMPT_FIRST, F("start").asc(nulls_first=True), "pk")


def findings_in(project: Project) -> QuerySet[Finding]:
    """All findings of a project with what their pages show of them."""
    return Finding.objects.filter(sample__project=project).select_related(
        "sample__project", "revision", "related_sample__revision", "related_heldout__heldout_set", "decided_by"
    )


Choice = tuple[str, str, int]  # value, label, how many


@dataclass(frozen=True, kw_only=True)
class FindingCounts:
    """How many findings each value of a filter would show, the other filters as they are."""

    check: dict[str, int]
    severity: dict[str, int]
    state: dict[str, int]

    @property
    def checks(self) -> list[Choice]:
        marked = {Finding.MARKED: Finding.MARKED_TITLE} if Finding.MARKED in self.check else {}
        return _choices(TITLES | marked, self.check)

    @property
    def severities(self) -> list[Choice]:
        return _choices(dict(reversed(Finding.Severity.choices)), self.severity)

    @property
    def states(self) -> list[Choice]:
        return _choices(dict(Finding.State.choices), self.state)


def _choices(labels: Mapping[str, Any], counts: Mapping[str, int]) -> list[Choice]:
    return [(str(value), str(label), counts.get(value, 0)) for value, label in labels.items()]


def finding_counts(project: Project, chosen: Mapping[str, str] | None = None) -> FindingCounts:
    """Counts by check, severity and state, in one query; ``chosen`` as for ``findings_filtered``."""
    chosen = chosen or {}
    found = Finding.objects.filter(sample__project=project)
    if chosen.get("sample") not in (None, "", ALL):
        found = found.filter(sample__external_id=chosen["sample"])
    counts: dict[str, Counter[str]] = {name: Counter() for name in _FACETS}
    rows = found.order_by().values_list("check_name", "severity", "state").annotate(n=Count("pk"))
    for *values, n in rows:
        row = dict(zip(_FACETS, values, strict=True))
        fits = {name: chosen.get(name, "") in ("", ALL, value) for name, value in row.items()}
        for name in _FACETS:
            if all(fits[other] for other in _FACETS if other != name):
                counts[name][row[name]] += n
    return FindingCounts(**{name: dict(counted) for name, counted in counts.items()})


def scans_of(project: Project) -> QuerySet[Scan]:
    """Newest first, with their jobs and people; without dry runs."""
    scans = Scan.objects.filter(project=project, dry_size=0)
    return scans.select_related("job", "requested_by", "pipeline").order_by("-pk")


def dry_runs_of(project: Project) -> QuerySet[Scan]:
    """Dry runs, the newest first."""
    return Scan.objects.filter(project=project, dry_size__gt=0).select_related("job", "requested_by").order_by("-pk")


def scan_finished(project: Project) -> Scan | None:
    """The last scan that came to its end; a dry run is none."""
    return Scan.objects.filter(project=project, finished_at__isnull=False, dry_size=0).order_by("-pk").first()


def corpus_hashes_read(project: Project, before: Scan | None) -> dict[str, str]:
    """By check what it read when it last wrote its findings: in the scan ``before``, or in one that ended early."""
    after = Scan.objects.filter(project=project, dry_size=0, pk__gt=before.pk if before else 0).order_by("pk")
    found = dict(before.corpus_hashes) if before else {}
    for hashes in after.values_list("corpus_hashes", flat=True):
        found.update(hashes)
    return found


def pipeline_version(project: Project) -> PipelineVersion | None:
    """The version in use; None while the project has the one that comes with the product."""
    return PipelineVersion.objects.filter(project=project).order_by("-number").first()


def pipelines_of(project: Project) -> QuerySet[PipelineVersion]:
    """Newest first, with their people."""
    return PipelineVersion.objects.filter(project=project).select_related("created_by").order_by("-number")


def reports_of(project: Project) -> QuerySet[CurationReport]:
    """Newest first, with the people who made them; without what they say."""
    return CurationReport.objects.filter(project=project).select_related("made_by").defer("facts").order_by("-number")


def pipeline_of(project_id: int) -> Pipeline:
    """What a scan of the project does now."""
    found = PipelineVersion.objects.filter(project=project_id).order_by("-number").values_list("config", flat=True)[:1]
    return pipeline_read(found[0]) if found else Pipeline()


def samples_unchecked(project: Project) -> tuple[bool, int]:
    """Whether there are samples at all, and how many imported ones no scan has looked at."""
    samples = Sample.objects.filter(project=project)
    return samples.exists(), samples.filter(state=Sample.State.IMPORTED).count()
