"""Making and changing label schemas, their rules and suggestions. A version that was used is never touched."""

from __future__ import annotations

import json
import math
from collections.abc import Iterable
from typing import TYPE_CHECKING, Any

from django.db import transaction
from django.utils import timezone
from django.utils.translation import gettext

from reviewapp.audit import services as audit
from reviewapp.core.exceptions import ApplicationError
from reviewapp.labelling import rules
from reviewapp.labelling.models import LabelClass, LabelRule, LabelSchema, LabelSchemaVersion, LabelSuggestion
from reviewapp.labelling.rendering import class_text
from reviewapp.labelling.schema import (
    CHOOSING,
    SPANS,
    SchemaDocument,
    SchemaInvalid,
    class_paths,
    content_hash,
    schema_loads,
)
from reviewapp.labelling.selectors import version_document
from reviewapp.labelling.suggesting import PROGRAMMATIC, values_of_text
from reviewapp.projects.models import Project

if TYPE_CHECKING:
    from reviewapp.accounts.models import User

MAX_FILE_BYTES = 10_000_000
MAX_RULES, MAX_WAYS = 500, 5_000


@transaction.atomic
def schema_create(*, project: Project, document: SchemaDocument, created_by: User) -> LabelSchemaVersion:
    """A new schema with its first version; offered for new work when no other is.

    Raises ApplicationError when the project has a schema of that name.
    """
    if project.label_schemas.filter(name=document.name).exists():
        raise ApplicationError(
            gettext("This project already has a label schema named “%(document_name)s”. Choose another name.")
            % {"document_name": document.name}
        )
    is_first = not project.label_schemas.filter(is_active=True).exists()
    schema = LabelSchema.objects.create(project=project, name=document.name, is_active=is_first)
    version = _version_fill(LabelSchemaVersion(schema=schema, number=1, created_by=created_by), document)
    _record(version, created_by, "label_schema.create", {"name": schema.name})
    return version


@transaction.atomic
def schema_save(*, schema: LabelSchema, document: SchemaDocument, saved_by: User) -> LabelSchemaVersion:
    """Stores a changed schema: in place while its newest version is unused, else as the next version.

    The same content gives back the version that is there. Raises ApplicationError when the name is taken.
    """
    schema = LabelSchema.objects.select_for_update().get(pk=schema.pk)
    _rename(schema, document.name)
    # Locked, so that a first use and a change in place never cross.
    last = schema.versions.select_for_update().order_by("-number").first()
    if last is None:
        raise ApplicationError(gettext("This label schema has no version. Make a new one."))
    if last.content_hash == content_hash(document):
        return last
    before = last.content_hash
    if last.used_at is None:
        last.classes.all().delete()
        version = _version_fill(last, document)
    else:
        version = _version_fill(
            LabelSchemaVersion(schema=schema, number=last.number + 1, created_by=saved_by), document
        )
    _record(version, saved_by, "label_schema.save", {"before": before})
    return version


@transaction.atomic
def schema_import(*, project: Project, content: bytes, imported_by: User) -> LabelSchemaVersion:
    """Reads a JSON file: a new schema, or the next version of the one with its name.

    Raises ApplicationError with every problem of the file.
    """
    if len(content) > MAX_FILE_BYTES:
        raise ApplicationError(gettext("This file is larger than 10 MB, so it is no label schema."))
    try:
        document = schema_loads(content)
    except SchemaInvalid as error:
        raise ApplicationError(gettext("The file is no valid label schema."), problems=error.problems) from error
    schema = project.label_schemas.filter(name=document.name).first()
    if schema is None:
        return schema_create(project=project, document=document, created_by=imported_by)
    return schema_save(schema=schema, document=document, saved_by=imported_by)


@transaction.atomic
def schema_activate(*, schema: LabelSchema, is_active: bool, changed_by: User) -> None:
    """Offers this schema for new work instead of the one offered before, or none when ``is_active`` is false."""
    schema.project.label_schemas.exclude(pk=schema.pk).update(is_active=False)
    LabelSchema.objects.filter(pk=schema.pk).update(is_active=is_active)
    audit.record(
        actor=changed_by,
        action="label_schema.activate",
        project=schema.project.slug,
        target_type="label_schema",
        target_id=schema.pk,
        data={"name": schema.name, "is_active": is_active},
    )


def label_version_use(*, version_id: int, content_hash: str) -> bool:
    """Closes a version for changes when labels by it are handed in; says whether it still has this content."""
    version = LabelSchemaVersion.objects.select_for_update().filter(pk=version_id, content_hash=content_hash).first()
    if version is not None and version.used_at is None:
        LabelSchemaVersion.objects.filter(pk=version.pk).update(used_at=timezone.now())
    return version is not None


@transaction.atomic
def rules_save(*, schema: LabelSchema, lines: str, saved_by: User) -> int:
    """Replaces the rules of a schema by one a line: ``field, target: words, words`` or ``field, target ~ pattern``.

    Returns how many there are now. Raises ApplicationError with every line that cannot be used; then nothing changed.
    """
    version = schema.versions.order_by("-number").first()
    if version is None:
        raise ApplicationError(gettext("This label schema has no version. Make a new one."))
    problems: list[str] = []
    made = []
    for number, line in enumerate(lines.splitlines(), 1):
        if line.strip():
            try:
                made.append(_rule(schema, version, line, saved_by))
            except rules.RuleInvalid as error:
                problems.append(f"Line {number}: {error}")
    if len(made) > MAX_RULES:
        problems.append(f"There are {len(made)} rules; at most {MAX_RULES} are looked at.")
    if sum(rules.ways_of(one.kind, one.text) for one in made) > MAX_WAYS:
        problems.append("Together these patterns may match in too many ways. Repeat less in some of them.")
    if problems:
        raise ApplicationError(gettext("Nothing is saved yet."), problems=tuple(problems))
    LabelRule.objects.filter(schema=schema).delete()
    LabelRule.objects.bulk_create(made)
    _record(version, saved_by, "label_rules.save", {"rules": len(made)})
    return len(made)


def _rule(schema: LabelSchema, version: LabelSchemaVersion, line: str, by: User) -> LabelRule:
    head, sign, text = _cut(line)
    field, _, target = (part.strip() for part in head.partition(","))
    if not sign or not target:
        raise rules.RuleInvalid(gettext("write it as “field, class: words” or “field, class ~ pattern”."))
    kind = rules.KEYWORD if sign == ":" else rules.PATTERN
    stored = next((one for one in version.document["fields"] if one["key"] == field), None)
    if stored is None or stored["kind"] not in CHOOSING | {SPANS}:
        raise rules.RuleInvalid(gettext("there is no field “%(field)s” of classes or passages.") % {"field": field})
    if stored["kind"] == SPANS:
        is_known = any(one["key"] == target for one in stored["types"])
    else:
        is_known = version.classes.filter(field=field, key=target).exists()
    if not is_known:
        raise rules.RuleInvalid(
            gettext("“%(target)s” is no class or type of “%(field)s”.") % {"target": target, "field": field}
        )
    rules.rule_check(kind, text)
    if len(text) > 500:
        raise rules.RuleInvalid(gettext("it is longer than 500 characters. Make two of it."))
    return LabelRule(schema=schema, field=field, target=target, kind=kind, text=text, created_by=by)


def _cut(line: str) -> tuple[str, str, str]:
    """(head, sign, text) at the first “ ~ ” or “: ”; class keys may hold a colon, but no blank."""
    places = [(at, mark) for mark in (" ~ ", ": ") if (at := line.find(mark)) >= 0]
    if not places:
        return line, "", ""
    at, mark = min(places)
    return line[:at], mark.strip(), line[at + len(mark) :].strip()


@transaction.atomic
def suggestions_import(*, schema: LabelSchema, content: bytes, source: str, imported_by: User) -> dict[str, int]:
    """Reads a model version's answers: a JSON Lines file of {"id", "output" or "completion", "score"}.

    An answer is read as the text that the schema writes labels as. Returns counts: read, suggested, unreadable. What
    the same source suggested before is replaced. Raises ApplicationError for a file that is none; then nothing changed.
    """
    if not source.strip():
        raise ApplicationError(gettext("Say which model version the answers come from."))
    if len(content) > MAX_FILE_BYTES:
        raise ApplicationError(gettext("This file is larger than 10 MB. Split it."))
    version = schema.versions.order_by("-number").first()
    if version is None:
        raise ApplicationError(gettext("This label schema has no version. Make a new one."))
    document = version_document(version)
    written = _written(document)
    rows = _answers(content)
    found: dict[tuple[str, str], LabelSuggestion] = {}
    n_read = 0
    for sample_key, text, score in rows:
        values = values_of_text(document, text, written)
        n_read += bool(values)
        for field, value in values.items():
            found[sample_key, field] = LabelSuggestion(
                schema=schema, sample_key=sample_key, field=field, value=value, score=score, source=source.strip()[:120]
            )
    LabelSuggestion.objects.filter(schema=schema, source=source.strip()[:120]).delete()
    LabelSuggestion.objects.bulk_create(found.values(), batch_size=500)
    counts = {"read": len(rows), "suggested": n_read, "unreadable": len(rows) - n_read}
    _record(version, imported_by, "label_suggestions.import", {"source": source.strip()[:120], **counts})
    return counts


@transaction.atomic
def suggestions_programmatic(
    *, version: LabelSchemaVersion, field: str, source: str, values: Iterable[tuple[str, str, float]], set_by: User
) -> int:
    """Replaces the programmatic suggestions of a field by (sample id, class key, score); none takes them away.

    ``source`` is marked as programmatic. Returns how many there are now.
    """
    mine = LabelSuggestion.objects.filter(schema=version.schema_id, field=field, source__startswith=PROGRAMMATIC)
    mine.delete()
    named = f"{PROGRAMMATIC}, {source}"[:120]
    made = [
        LabelSuggestion(
            schema_id=version.schema_id, sample_key=key, field=field, value=value, score=score, source=named
        )
        for key, value, score in values
    ]
    LabelSuggestion.objects.bulk_create(made, batch_size=500)
    _record(version, set_by, "label_suggestions.programmatic", {"field": field, "source": named, "n": len(made)})
    return len(made)


def _written(document: SchemaDocument) -> dict[tuple[str, str], str]:
    """(field, casefolded text as learned) -> class key."""
    texts: dict[tuple[str, str], str] = {}
    for field in document.fields:
        paths = class_paths(field.classes)
        for one in field.classes:
            chosen = {"key": one.key, "name": one.name, "path": paths[one.key]}
            texts[field.key, " ".join(class_text(field, chosen).casefold().split())] = one.key
    return texts


def _answers(content: bytes) -> list[tuple[str, str, float | None]]:
    """(sample id, text, score) of every line; raises ApplicationError naming the first line that is none."""
    rows = []
    try:
        lines = content.decode("utf-8-sig").splitlines()
    except UnicodeDecodeError as error:
        raise ApplicationError(gettext("The file is not UTF-8 text.")) from error
    for number, line in enumerate(lines, 1):
        if line.strip():
            rows.append(_answer(line, number))
    return rows


def _answer(line: str, number: int) -> tuple[str, str, float | None]:
    try:
        item: Any = json.loads(line)
    except (ValueError, RecursionError):
        item = None
    if not isinstance(item, dict) or "id" not in item:
        raise ApplicationError(gettext("Line %(number)s is no JSON object with an “id”.") % {"number": number})
    text = item.get("output", item.get("completion", ""))
    score = item.get("score")
    if not isinstance(text, str):
        raise ApplicationError(gettext("Line %(number)s: “output” must be text.") % {"number": number})
    is_number = isinstance(score, int | float) and not isinstance(score, bool) and math.isfinite(score)
    if score is not None and not (is_number and 0 <= score <= 1):
        raise ApplicationError(
            gettext("Line %(number)s: “score” must be a number from 0 to 1, or left out.") % {"number": number}
        )
    return str(item["id"])[:200], text, None if score is None else float(score)


def _rename(schema: LabelSchema, name: str) -> None:
    if name == schema.name:
        return
    if schema.project.label_schemas.filter(name=name).exists():
        raise ApplicationError(
            gettext("This project already has a label schema named “%(name)s”. Choose another name.") % {"name": name}
        )
    schema.name = name
    schema.save(update_fields=["name"])


def _version_fill(version: LabelSchemaVersion, document: SchemaDocument) -> LabelSchemaVersion:
    stored = document.as_json()
    for field in stored["fields"]:
        field.pop("classes", None)
    version.document, version.content_hash = stored, content_hash(document)
    version.save()
    LabelClass.objects.bulk_create(_class_rows(version, document), batch_size=1_000)
    return version


def _class_rows(version: LabelSchemaVersion, document: SchemaDocument) -> list[LabelClass]:
    rows = []
    for field in document.fields:
        paths = class_paths(field.classes)
        parents = {one.parent for one in field.classes}
        for position, one in enumerate(field.classes):
            path = paths[one.key]
            rows.append(
                LabelClass(
                    version=version,
                    field=field.key,
                    key=one.key,
                    position=position,
                    name=one.name,
                    description=one.description,
                    parent=one.parent,
                    path=list(path),
                    words=" ".join([one.name, one.key, *path[:-1]]).casefold(),
                    is_leaf=one.key not in parents,
                )
            )
    return rows


def _record(version: LabelSchemaVersion, actor: User, action: str, data: dict[str, object]) -> None:
    audit.record(
        actor=actor,
        action=action,
        project=version.schema.project.slug,
        target_type="label_schema_version",
        target_id=version.pk,
        data={"number": version.number, "content_hash": version.content_hash} | data,
    )
