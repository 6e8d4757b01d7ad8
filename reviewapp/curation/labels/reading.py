"""Reading labels: which samples have one of which class, what was found of them, and texts like one in doubt."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from django.db.models import QuerySet, TextField
from django.db.models.fields.json import KeyTextTransform, KeyTransform
from django.db.models.functions import Cast

from reviewapp.curation.checks.registry import LABEL_ERRORS
from reviewapp.curation.meaning.files import Index
from reviewapp.curation.meaning.searching import index_state
from reviewapp.curation.meaning.vectors import nearest, text_of
from reviewapp.curation.models import Finding, LabelReport
from reviewapp.labelling.schema import PATH_SEPARATOR
from reviewapp.labelling.selectors import version_current
from reviewapp.projects.models import Project
from reviewapp.samples.models import Sample

LIKE = 4  # texts like one in doubt that are shown
ONE_CLASS = ("class", "tree")


@dataclass(frozen=True)
class Labelled:
    """A sample with the class that stands in one field of its present revision."""

    sample: int
    revision: int
    group: int
    prompt: str
    key: str
    name: str


def fields_of_one_class(project: Project) -> list[tuple[str, str]]:
    """(key, name) of the fields in which experts choose one class, by the schema in use."""
    version = version_current(project)
    fields = version.document["fields"] if version else []
    return [(str(one["key"]), str(one["name"])) for one in fields if one["kind"] in ONE_CLASS]


def samples_labelled(project: Project) -> QuerySet[Sample]:
    """Samples whose present revision was labelled, but the rejected and the held-out ones."""
    rows = Sample.objects.filter(project=project, revision__labels__isnull=False)
    return rows.exclude(state=Sample.State.REJECTED).exclude(split=Sample.Split.HELDOUT)


def labels_read(project: Project, field: str) -> list[Labelled]:
    """By the sample's id. The prompt alone is read: the completion is written from the label."""
    rows = samples_labelled(project).order_by("pk")
    wanted = ("pk", "revision_id", "group_id", "revision__prompt", "revision__labels")
    found = []
    for pk, revision, group, prompt, labels in rows.values_list(*wanted).iterator(chunk_size=2_000):
        if chosen := chosen_in(labels, field):
            found.append(Labelled(pk, revision, group, prompt, *chosen))
    return found


def chosen_in(labels: dict[str, Any] | None, field: str) -> tuple[str, str] | None:
    """(key, name) of the one class that stands in a field; a class of a tree is named by its path."""
    answer = (labels or {}).get("fields", {}).get(field, {})
    chosen = answer.get("chosen") or []
    if answer.get("kind") not in ONE_CLASS or not chosen:
        return None
    names = chosen[0].get("path") or [chosen[0]["name"]]
    return str(chosen[0]["key"]), PATH_SEPARATOR.join(names) if answer["kind"] == "tree" else str(chosen[0]["name"])


def reports_of(project: Project) -> QuerySet[LabelReport]:
    return LabelReport.objects.filter(project=project).select_related("job", "requested_by")


def report_current(project: Project) -> LabelReport | None:
    return reports_of(project).filter(made_at__isnull=False).first()


def labels_changed(report: LabelReport) -> int:
    """Samples that were labelled or labelled again since."""
    return samples_labelled(report.project).filter(revision_id__gt=report.newest_revision).count()


def doubts_open(project: Project, given: str = "", proposed: str = "") -> QuerySet[Finding]:
    """Open findings about labels, those first whose other class is the surest; of one pair of classes if given."""
    found = Finding.objects.filter(sample__project=project, check_name=LABEL_ERRORS, state=Finding.State.OPEN)
    if given:
        found = found.filter(excerpt=given)
    if proposed:
        found = found.filter(suggestion=proposed)
    return found.select_related("sample", "revision").order_by("-score", "pk")


@dataclass(frozen=True, kw_only=True)
class Doubt:
    """What the page of a finding about a label shows beside it. ``like``: texts nearest to it by what they say that
    carry the proposed class, with their cosine; None where there is no index to find them by."""

    field: str
    given: str
    proposed: str
    sure: float
    sure_of_given: float
    like: list[tuple[Sample, float]] | None
    like_given: list[tuple[Sample, float]] | None

    @property
    def seen(self) -> list[int]:
        return [sample.pk for sample, _ in [*(self.like or []), *(self.like_given or [])]]


def doubt_of(finding: Finding) -> Doubt | None:
    """At most seven queries; None for a finding of another kind, and where no report speaks of it any more."""
    if finding.check_name != LABEL_ERRORS:
        return None
    project = finding.sample.project
    report = report_current(project)
    for key, content in (report.content if report else {}).items():
        chosen = chosen_in(finding.revision.labels, key)
        keys = {str(one["name"]): str(one["key"]) for one in content.get("classes", [])}
        if chosen is None or chosen[1] != finding.excerpt or finding.suggestion not in keys:
            continue
        index = index_state(project).index
        like = _like(finding, index, key, keys[finding.suggestion]) if index else None
        like_given = _like(finding, index, key, chosen[0]) if index else None
        said = content["said"].get(str(finding.sample_id), 0.0)
        return Doubt(
            field=content["name"], given=finding.excerpt, proposed=finding.suggestion,
            sure=finding.score or 0.0, sure_of_given=said, like=like, like_given=like_given,
        )  # fmt: skip
    return None


def _like(finding: Finding, index: Index, field: str, key: str) -> list[tuple[Sample, float]]:
    chosen = KeyTransform("0", KeyTransform("chosen", KeyTransform(field, KeyTransform("fields", "revision__labels"))))
    rows = samples_labelled(finding.sample.project).annotate(
        chosen_key=Cast(KeyTextTransform("key", chosen), TextField())
    )
    with_class = rows.filter(chosen_key=key).exclude(pk=finding.sample_id).exclude(group=finding.sample.group_id)
    among = np.isin(index.samples, np.fromiter(with_class.order_by().values_list("pk", flat=True), dtype=np.int64))
    query = index.projection.vector(text_of(finding.revision.prompt, ""))
    found = [(int(index.samples[row]), value) for row, value in nearest(index.vectors, query, LIKE, among)]
    samples = Sample.objects.select_related("revision").in_bulk([pk for pk, _ in found])
    return [(samples[pk], value) for pk, value in found if pk in samples]
