"""Reading label schemas: which is offered, what a version says, classes by search, suggestions for a sample."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from functools import cache
from itertools import islice
from pathlib import Path
from typing import Any

from django.db.models import Case, Count, IntegerField, Prefetch, Q, QuerySet, Value, When

from reviewapp.labelling import rules, values
from reviewapp.labelling.models import LabelClass, LabelRule, LabelSchema, LabelSchemaVersion, LabelSuggestion
from reviewapp.labelling.schema import (
    CHOOSING,
    SPANS,
    ClassDocument,
    FieldDocument,
    RelationDocument,
    SchemaDocument,
    schema_loads,
    schema_parse,
)
from reviewapp.labelling.suggesting import Suggestion
from reviewapp.projects.models import Project

STARTERS_DIR = Path(__file__).resolve().parent / "starters"
SHOWN = 20  # classes that a search shows
MAX_NAMED = 2_000
LISTED = 12  # a field with more classes is searched instead of listed


@cache
def schemas_starters() -> dict[str, SchemaDocument]:
    """The schemas to start from that come with the product, by file name without ending."""
    return {path.stem: schema_loads(path.read_bytes()) for path in sorted(STARTERS_DIR.glob("*.json"))}


def schemas_of(project: Project) -> QuerySet[LabelSchema]:
    """All schemas with their versions (newest first), the offered one first."""
    versions = LabelSchemaVersion.objects.annotate(n_classes=Count("classes")).select_related("created_by")
    schemas: QuerySet[LabelSchema] = project.label_schemas.order_by("-is_active", "name")
    return schemas.prefetch_related(Prefetch("versions", queryset=versions))


def version_current(project: Project) -> LabelSchemaVersion | None:
    """The newest version of the schema offered for new work; None when there is none. One query."""
    return (
        LabelSchemaVersion.objects.filter(schema__project=project, schema__is_active=True)
        .select_related("schema")
        .order_by("-schema_id", "-number")
        .first()
    )


def version_document(version: LabelSchemaVersion) -> SchemaDocument:
    """What a version says, with every class: the document that was hashed. Loads all classes; not for the workbench."""
    document = json.loads(json.dumps(version.document)) | {"name": version.schema.name}
    by_field: dict[str, list[dict[str, str]]] = {}
    for one in version.classes.all():
        by_field.setdefault(one.field, []).append(
            {"key": one.key, "name": one.name, "description": one.description, "parent": one.parent}
        )
    for field in document["fields"]:
        if field["kind"] in CHOOSING:
            with_parent = field["kind"] == "tree"
            field["classes"] = [
                one if with_parent else {k: v for k, v in one.items() if k != "parent"}
                for one in by_field.get(field["key"], [])
            ]
    return schema_parse(document)


def classes_count(version: LabelSchemaVersion) -> dict[str, int]:
    """How many classes each field has."""
    counted = version.classes.order_by().values_list("field").annotate(n=Count("pk"))
    return dict(counted)


def classes_listed(version: LabelSchemaVersion, field: str) -> list[LabelClass]:
    """The classes of a field that is short enough to be listed; empty for one that is searched. One query."""
    found = list(version.classes.filter(field=field).order_by("position")[: LISTED + 1])
    return found if len(found) <= LISTED else []


def classes_search(version: LabelSchemaVersion, field: str, text: str, parent: str | None = None) -> list[LabelClass]:
    """At most SHOWN classes that hold every word of ``text``, the best first; without words the first ones.

    Better is: the name or key is the text, begins with it, holds it; then shorter names. ``parent`` narrows to the
    classes right below one ("" for the roots). One query, whatever the number of classes.
    """
    found = version.classes.filter(field=field)
    if parent is not None:
        found = found.filter(parent=parent)
    words = text.casefold().split()[:8]
    for word in words:
        found = found.filter(words__contains=word)
    if not words:
        return list(found.order_by("position")[:SHOWN])
    whole = " ".join(words)
    rank = Case(
        When(Q(name__iexact=whole) | Q(key__iexact=whole), then=Value(0)),
        When(Q(words__startswith=whole) | Q(key__istartswith=whole), then=Value(1)),
        When(words__contains=f" {whole}", then=Value(2)),
        default=Value(3),
        output_field=IntegerField(),
    )
    return list(found.annotate(rank=rank).order_by("rank", "position")[:SHOWN])


def classes_known(
    version: LabelSchemaVersion, named: Iterable[tuple[str, str]]
) -> dict[tuple[str, str], values.KnownClass]:
    """The classes that a form names, those that exist. One query, none when nothing is named.

    Only MAX_NAMED are looked at: nobody chooses more, and a database takes only so many values in a query.
    """
    wanted = set(islice(named, MAX_NAMED))
    if not wanted:
        return {}
    keys = {key for _, key in wanted}
    rows = version.classes.filter(field__in={name for name, _ in wanted}, key__in=keys)
    return {
        (row.field, row.key): values.KnownClass(row.key, row.name, tuple(row.path), row.position, row.is_leaf)
        for row in rows
        if (row.field, row.key) in wanted
    }


def workbench_document(version: LabelSchemaVersion) -> SchemaDocument:
    """What a version says without its classes; cheap however many there are. Not to be hashed."""
    head = {name: version.document[name] for name in ("name", "guidelines", "suggestions")}
    return SchemaDocument(**head, fields=tuple(_bare_field(field) for field in version.document["fields"]))


def _bare_field(stored: Mapping[str, Any]) -> FieldDocument:
    plain = {name: value for name, value in stored.items() if name not in ("classes", "types", "relations", "columns")}
    relations = [
        RelationDocument(r["key"], r["name"], tuple(r["from"]), tuple(r["to"])) for r in stored.get("relations", ())
    ]
    types = tuple(ClassDocument(**one) for one in stored.get("types", ()))
    return FieldDocument(**plain, types=types, relations=tuple(relations), columns=tuple(stored.get("columns", ())))


def label_ids(project: Project, schema_hash: str) -> dict[str, dict[str, int]]:
    """Field -> class key -> label id (its place in the schema) of the version with this hash; empty when unknown."""
    ids: dict[str, dict[str, int]] = {}
    version = LabelSchemaVersion.objects.filter(schema__project=project, content_hash=schema_hash).first()
    if version is None:
        return ids
    for field, key, position in version.classes.order_by().values_list("field", "key", "position"):
        ids.setdefault(field, {})[key] = position
    return ids


def rules_of(schema: LabelSchema) -> QuerySet[LabelRule]:
    return LabelRule.objects.filter(schema=schema).select_related("created_by")


def suggestions_for(version: LabelSchemaVersion, sample_key: str, prompt: str) -> list[Suggestion]:
    """What rules and model versions suggest for a sample, the highest score first. Three queries at most."""
    stored = LabelSuggestion.objects.filter(schema=version.schema_id, sample_key=sample_key)
    found = [Suggestion(one.field, one.value, one.score, one.source) for one in stored]
    found += _from_rules(version, prompt)
    return sorted(found, key=lambda one: (one.field, -(one.score or 0.0), one.source))


def _from_rules(version: LabelSchemaVersion, prompt: str) -> list[Suggestion]:
    kinds = {field["key"]: field["kind"] for field in version.document["fields"]}
    stored = [rules.Rule(one.field, one.target, one.kind, one.text) for one in rules_of(version.schema)]
    hits = list(rules.hits((rule for rule in stored if rule.field in kinds), prompt))
    scores = rules.class_scores(hit for hit in hits if kinds[hit.rule.field] in CHOOSING)
    named = classes_known(version, scores)
    found = [Suggestion(field, key, score, source) for (field, key), (score, source) in scores.items()]
    found = [one for one in found if (one.field, one.value) in named]
    marked: dict[str, dict[tuple[str, int, int], str]] = {}
    for hit in hits:
        if kinds[hit.rule.field] == SPANS:
            marked.setdefault(hit.rule.field, {})[hit.rule.target, hit.start, hit.end] = hit.rule.source
    for field, places in marked.items():
        spans = [{"type": kind, "start": start, "end": end} for kind, start, end in sorted(places)]
        value = json.dumps({"spans": spans, "relations": []})
        found.append(Suggestion(field, value, None, ", ".join(sorted(set(places.values())))[:120]))
    return found
