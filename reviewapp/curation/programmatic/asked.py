"""What labelling functions are asked about, and which there are: fields, functions, samples, experts' labels."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from django.db.models import QuerySet

from reviewapp.curation.learning.learned import decisions_of, model_current
from reviewapp.curation.models import LabellingFunction, LabellingRun, LearnedScore
from reviewapp.curation.programmatic.conditions import LEARNED, LINE, Condition, Material, content_hash
from reviewapp.labelling.models import LabelSchemaVersion, LabelSuggestion
from reviewapp.labelling.schema import CLASS, TREE
from reviewapp.labelling.selectors import rules_of, version_current
from reviewapp.labelling.suggesting import PROGRAMMATIC
from reviewapp.projects.models import Project
from reviewapp.samples.models import Sample

BROWSER, SCHEMA, FILE = "browser", "schema", "file"  # where a function comes from


@dataclass(frozen=True)
class Field:
    """A field of one class of the schema that is offered; ``others`` are all such fields, by key and name."""

    version: LabelSchemaVersion
    key: str
    name: str
    others: Sequence[tuple[str, str]]

    @property
    def is_shown_at_once(self) -> bool:
        """Experts see suggestions before they answer, so their labels may follow them."""
        return bool(self.version.document.get("suggestions") == "shown")


def field_of(project: Project, wanted: str = "") -> Field | None:
    """The field with this key, else the first; None where no schema is offered or it asks for no single class."""
    version = version_current(project)
    found = [
        (str(one["key"]), str(one["name"]))
        for one in (version.document["fields"] if version else ())
        if one["kind"] in (CLASS, TREE)
    ]
    if version is None or not found:
        return None
    key, name = next((one for one in found if one[0] == wanted), found[0])
    return Field(version, key, name, found)


def class_names(version: LabelSchemaVersion, field: str, keys: Iterable[str] | None = None) -> dict[str, str]:
    """Class key -> name, in the order of the schema; of ``keys`` only, where they are given."""
    rows = version.classes.filter(field=field)
    if keys is not None:
        rows = rows.filter(key__in=set(keys))
    return dict(rows.order_by("position").values_list("key", "name"))


def functions_of(project: Project, field: str) -> QuerySet[LabellingFunction]:
    """All functions of a field with their versions, the newest first."""
    found = LabellingFunction.objects.filter(project=project, field=field)
    return found.select_related("created_by").prefetch_related("versions__made_by")


def functions_declared(project: Project, field: Field) -> list[dict[str, Any]]:
    """As a run keeps them: the functions that are on, then the rules of the schema, one function a line."""
    declared = []
    for one in functions_of(project, field.key):
        version = one.versions.all()[0]
        if one.is_on:
            declared.append(
                _declared(
                    one.name, BROWSER, version.target, version.condition, version.content_hash, one.pk, version.number
                )
            )
    for rule in rules_of(field.version.schema).filter(field=field.key):
        condition = Condition(kind=LINE, unit=rule.kind, text=rule.text)
        values = condition.as_json()
        declared.append(_declared(str(rule)[:60], SCHEMA, rule.target, values, content_hash(rule.target, condition)))
    return declared


def _declared(
    name: str,
    origin: str,
    target: str,
    condition: Mapping[str, Any] | None,
    digest: str,
    function: int | None = None,
    number: int | None = None,
) -> dict[str, Any]:
    return {
        "name": name, "origin": origin, "function": function, "number": number,
        "target": target, "condition": condition, "hash": digest,
    }  # fmt: skip


def file_declared(name: str, digest: str) -> dict[str, Any]:
    """A Python file as a run keeps it; it may vote for any class."""
    return _declared(name, FILE, "", None, digest)


def samples_asked(project: Project) -> QuerySet[Sample]:
    """What functions look at: all samples but the rejected, and those that descend from held-out prompts."""
    found = Sample.objects.filter(project=project, revision__isnull=False).exclude(state=Sample.State.REJECTED)
    return found.exclude(split=Sample.Split.HELDOUT)


def experts_of(project: Project, field: str) -> dict[int, str]:
    """Sample -> key of the class that experts chose, of samples that they settled."""
    return {one.sample: one.outcome for one in decisions_of(project, field)}


def sources_of(project: Project, field: Field) -> list[tuple[str, str]]:
    """Whose scores a function may ask for, as (source, name); never those made of functions."""
    found = LabelSuggestion.objects.filter(schema=field.version.schema_id, field=field.key, score__isnull=False)
    stored = found.exclude(source__startswith=PROGRAMMATIC).order_by("source").values_list("source", flat=True)
    named = [(source, source) for source in stored.distinct()]
    model = model_current(project)
    return [(LEARNED, ""), *named] if model is not None and model.target == field.key else named


def materials_of(samples: Sequence[Sample], field: str, schema: int, sources: Iterable[str]) -> list[Material]:
    """What functions see of these samples, in their order. Two queries at most beside the samples'."""
    scores = _scores(samples, field, schema, set(sources))
    return [
        Material(
            prompt=one.revision.prompt if one.revision else "", language=one.language,
            metadata=one.metadata if isinstance(one.metadata, dict) else {}, scores=scores.get(one.pk, {}),
        )
        for one in samples
    ]  # fmt: skip


def _scores(
    samples: Sequence[Sample], field: str, schema: int, sources: set[str]
) -> dict[int, dict[str, dict[str, float]]]:
    found: dict[int, dict[str, dict[str, float]]] = {}
    if LEARNED in sources:
        rows = LearnedScore.objects.filter(sample__in=samples, model__target=field).select_related("model")
        for row in rows:
            found.setdefault(row.sample_id, {})[LEARNED] = dict(zip(row.model.classes, row.probabilities, strict=True))
    if others := sources - {LEARNED}:
        by_key = {one.external_id: one.pk for one in samples}
        stored = LabelSuggestion.objects.filter(
            schema=schema, field=field, source__in=others, sample_key__in=by_key, score__isnull=False
        )
        for suggestion in stored:
            of_sample = found.setdefault(by_key[suggestion.sample_key], {})
            of_sample.setdefault(suggestion.source, {})[suggestion.value] = suggestion.score or 0.0
    return found


def sources_asked(functions: Iterable[Mapping[str, Any]]) -> set[str]:
    """The sources of scores that these functions ask for."""
    conditions = [one["condition"] for one in functions if one["condition"]]
    return {str(one["source"]) for one in conditions if one["kind"] == "score"}


def runs_of(project: Project, field: str) -> QuerySet[LabellingRun]:
    """Newest first, with jobs and people."""
    related = ("job", "requested_by", "schema_version__schema", "project")
    return LabellingRun.objects.filter(project=project, field=field).select_related(*related)
