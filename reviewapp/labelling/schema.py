"""A label schema as a document: what may be imported, exported, edited and hashed. No database here.

A document is a JSON object::

    {"name": "...", "guidelines": "...", "suggestions": "answer_first" | "shown",
     "fields": [{"key": "reason", "name": "...", "description": "...", "kind": "class", "is_required": true, ...}]}

with, by kind, beside those:

    class     classes, write_as                     one class
    classes   classes, write_as, at_least, at_most  any number of classes
    tree      classes (with "parent"), write_as, leaves_only   one class of a tree
    spans     types, relations, overlap, write_as   passages of the prompt
    text      longest                               words of the expert's own
    ranking   columns, preferences                  candidate completions, best first

A class is {"key", "name", "description", "parent"}; a relation {"key", "name", "from": [types], "to": [types]}.
"""

from __future__ import annotations

import hashlib
import json
import re
from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import asdict, dataclass
from typing import Any

from reviewapp.labelling.reading import Reader

CLASS, CLASSES, TREE, SPANS, TEXT, RANKING = "class", "classes", "tree", "spans", "text", "ranking"
KINDS = (CLASS, CLASSES, TREE, SPANS, TEXT, RANKING)
CHOOSING = frozenset({CLASS, CLASSES, TREE})
SUGGESTIONS = ("answer_first", "shown")
CLASS_TEXT = ("name", "key", "path")
SPAN_TEXT = ("json", "json_offsets", "bracketed")
PREFERENCES = ("all", "best", "none")
MAX_FIELDS, MAX_CLASSES, MAX_TYPES, MAX_DEPTH = 20, 20_000, 50, 20
PATH_SEPARATOR, LIST_SEPARATOR, NOTHING = " > ", "; ", "none"
# A field's key is part of a form field's name; a class may carry a code such as I10.9 or 8462:4.
FIELD_KEY = re.compile(r"[a-z][a-z0-9_]{0,39}")
CLASS_KEY = re.compile(r"[A-Za-z0-9][A-Za-z0-9_.:/-]{0,79}")
_COMMON = ("key", "name", "description", "kind", "is_required")
_OF_KIND = {
    CLASS: ("classes", "write_as"),
    CLASSES: ("classes", "write_as", "at_least", "at_most"),
    TREE: ("classes", "write_as", "leaves_only"),
    SPANS: ("types", "relations", "overlap", "write_as"),
    TEXT: ("longest",),
    RANKING: ("columns", "preferences"),
}


class SchemaInvalid(ValueError):
    """A document that cannot be a label schema; ``problems`` are sentences that say where and what to do."""

    def __init__(self, problems: Iterable[str]) -> None:
        self.problems = tuple(problems)
        super().__init__(" ".join(self.problems))


@dataclass(frozen=True)
class ClassDocument:
    key: str
    name: str
    description: str = ""
    parent: str = ""


@dataclass(frozen=True)
class RelationDocument:
    """``from_types`` and ``to_types``: which types it may join; empty allows all."""

    key: str
    name: str
    from_types: tuple[str, ...] = ()
    to_types: tuple[str, ...] = ()


@dataclass(frozen=True, kw_only=True)
class FieldDocument:
    key: str
    name: str
    description: str
    kind: str
    is_required: bool
    classes: tuple[ClassDocument, ...] = ()
    write_as: str = ""
    at_least: int = 0
    at_most: int = 0  # 0: no limit
    leaves_only: bool = False
    types: tuple[ClassDocument, ...] = ()
    relations: tuple[RelationDocument, ...] = ()
    overlap: bool = True
    longest: int = 0  # characters; 0: no limit
    columns: tuple[str, ...] = ()
    preferences: str = ""

    def as_json(self) -> dict[str, Any]:
        """Only what belongs to its kind, in the words of the document."""
        values = {name: value for name, value in asdict(self).items() if name in _COMMON + _OF_KIND[self.kind]}
        if self.kind == SPANS:
            values["types"] = [{k: v for k, v in one.items() if k != "parent"} for one in values["types"]]
            values["relations"] = [
                {"key": one.key, "name": one.name, "from": list(one.from_types), "to": list(one.to_types)}
                for one in self.relations
            ]
        if self.kind in (CLASS, CLASSES):
            values["classes"] = [{k: v for k, v in one.items() if k != "parent"} for one in values["classes"]]
        return json.loads(json.dumps(values))  # type: ignore[no-any-return]


@dataclass(frozen=True)
class SchemaDocument:
    name: str
    guidelines: str
    suggestions: str
    fields: tuple[FieldDocument, ...]

    def as_json(self) -> dict[str, Any]:
        """The document as plain JSON values; parsing it again gives an equal document."""
        head = {"name": self.name, "guidelines": self.guidelines, "suggestions": self.suggestions}
        return {**head, "fields": [field.as_json() for field in self.fields]}


def schema_loads(text: str | bytes) -> SchemaDocument:
    """Reads a JSON file; raises SchemaInvalid also where it is not JSON."""
    try:
        return schema_parse(json.loads(text))
    except UnicodeDecodeError as error:
        raise SchemaInvalid(["The file is not UTF-8 text. Export the schema again as JSON."]) from error
    except RecursionError as error:
        raise SchemaInvalid(["The file is nested too deeply to be a label schema."]) from error
    except json.JSONDecodeError as error:
        place = f"line {error.lineno}, column {error.colno}"
        raise SchemaInvalid([f"This is not JSON: {error.msg} at {place}."]) from error


def schema_parse(document: object) -> SchemaDocument:
    """Reads a document; raises SchemaInvalid with every problem found, not only the first."""
    if not isinstance(document, Mapping):
        raise SchemaInvalid(["A label schema is one JSON object with name, guidelines and fields."])
    problems: list[str] = []
    read = Reader(document, "The schema", problems)
    read.only("name", "guidelines", "suggestions", "fields")
    result = SchemaDocument(
        name=read.text("name", required=True, longest=120),
        guidelines=read.text("guidelines", longest=50_000),
        suggestions=read.choice("suggestions", SUGGESTIONS, default="answer_first"),
        fields=tuple(_field(item, n, problems) for n, item in read.objects("fields", "Field")),
    )
    problems += _fields_problems(result.fields)
    if problems:
        raise SchemaInvalid(problems)
    return result


def content_hash(document: SchemaDocument) -> str:
    """sha256 (hex) of the canonical text; the name is not part of what is labelled."""
    content = document.as_json()
    del content["name"]
    text = json.dumps(content, ensure_ascii=False, sort_keys=True, separators=(",", ":"))
    return hashlib.sha256(text.encode()).hexdigest()


def class_paths(classes: Iterable[ClassDocument]) -> dict[str, tuple[str, ...]]:
    """Key -> names from the root down to the class. A parent that is missing or in a circle ends the path."""
    by_key = {one.key: one for one in classes}
    paths: dict[str, tuple[str, ...]] = {}
    for key in by_key:
        names: list[str] = []
        seen: set[str] = set()
        at: ClassDocument | None = by_key[key]
        while at is not None and at.key not in seen:
            if at.key in paths:
                names[:0] = paths[at.key]
                break
            seen.add(at.key)
            names.insert(0, at.name)
            at = by_key.get(at.parent)
        paths[key] = tuple(names)
    return paths


def _field(item: Mapping[str, Any], number: int, problems: list[str]) -> FieldDocument:
    name = item.get("name")
    where = f"Field {number} ({name.strip()})" if isinstance(name, str) and name.strip() else f"Field {number}"
    read = Reader(item, where, problems)
    kind = read.choice("kind", KINDS)
    read.only(*_COMMON, *_OF_KIND[kind])
    common: dict[str, Any] = {
        "key": read.text("key", required=True, longest=40),
        "name": read.text("name", required=True, longest=80),
        "description": read.text("description", longest=2_000),
        "kind": kind,
        "is_required": read.flag("is_required", default=True),
    }
    field = FieldDocument(**common, **_of_kind(read, kind))
    for text in _field_problems(field):
        read.problem(text)
    return field


def _of_kind(read: Reader, kind: str) -> dict[str, Any]:
    if kind in CHOOSING:
        return _of_classes(read, kind)
    if kind == SPANS:
        relations = [_relation(item, f"{read.where}, relation {n}", read) for n, item in read.objects("relations", "R")]
        return {
            "types": _classes(read, "types", with_parent=False),
            "relations": tuple(relations),
            "overlap": read.flag("overlap", default=True),
            "write_as": read.choice("write_as", SPAN_TEXT, default="json"),
        }
    if kind == TEXT:
        return {"longest": read.whole("longest", least=0, most=1_000_000, default=0)}
    return {
        "columns": read.texts("columns", longest=200),
        "preferences": read.choice("preferences", PREFERENCES, default="all"),
    }


def _of_classes(read: Reader, kind: str) -> dict[str, Any]:
    values: dict[str, Any] = {
        "classes": _classes(read, "classes", with_parent=kind == TREE),
        "write_as": read.choice("write_as", CLASS_TEXT, default="path" if kind == TREE else "name"),
    }
    if kind == CLASSES:
        values["at_least"] = read.whole("at_least", least=0, most=MAX_CLASSES, default=0)
        values["at_most"] = read.whole("at_most", least=0, most=MAX_CLASSES, default=0)
    if kind == TREE:
        values["leaves_only"] = read.flag("leaves_only")
    return values


def _classes(read: Reader, name: str, *, with_parent: bool) -> tuple[ClassDocument, ...]:
    made = []
    for number, item in read.objects(name, "Class"):
        one = Reader(item, f"{read.where}, {name[:-1] if name == 'types' else 'class'} {number}", read.problems)
        one.only("key", "name", "description", *(("parent",) if with_parent else ()))
        key = one.text("key", required=True, longest=80)
        if key and not CLASS_KEY.fullmatch(key):
            one.problem(f"the key “{key}” may hold letters, digits and _ . : / - only, a letter or digit first.")
        title = one.text("name", required=True, longest=200)
        if "\n" in title or PATH_SEPARATOR in title or LIST_SEPARATOR.strip() in title or title == NOTHING:
            one.problem(f"the name “{title}” must not hold “;”, “ > ” or a line end, nor be “{NOTHING}”.")
        parent = one.text("parent", longest=80) if with_parent else ""
        made.append(ClassDocument(key, title, one.text("description", longest=500), parent))
    return tuple(made)


def _relation(item: Mapping[str, Any], where: str, outer: Reader) -> RelationDocument:
    read = Reader(item, where, outer.problems)
    read.only("key", "name", "from", "to")
    key = read.text("key", required=True, longest=40)
    if key and not FIELD_KEY.fullmatch(key):
        read.problem(f"the key “{key}” may hold small letters, digits and _ only, a letter first.")
    name = read.text("name", required=True, longest=80)
    return RelationDocument(key, name, read.texts("from", longest=80), read.texts("to", longest=80))


def _fields_problems(fields: tuple[FieldDocument, ...]) -> list[str]:
    if not fields:
        return ["The schema has no fields. Add at least one, so that there is something to label."]
    problems = []
    if len(fields) > MAX_FIELDS:
        problems.append(f"The schema has {len(fields)} fields; at most {MAX_FIELDS} can be answered with care.")
    problems += [f"The key “{key}” is used by {n} fields. Give each its own." for key, n in _twice(fields, "key")]
    problems += [f"{n} fields are named “{name}”. Name them apart." for name, n in _twice(fields, "name")]
    if sum(field.kind == SPANS for field in fields) > 1:
        problems.append("Only one field may mark spans: its types tell passages apart, and they may overlap.")
    if not any(field.is_required or field.kind == SPANS for field in fields):
        problems.append("No field is required, so a sample could be accepted without any label. Require one.")
    return problems


def _twice(items: Iterable[object], name: str) -> list[tuple[str, int]]:
    counts = Counter(str(getattr(item, name)).casefold() for item in items)
    return [(text, n) for text, n in counts.items() if n > 1 and text]


def _field_problems(field: FieldDocument) -> list[str]:
    problems = []
    if field.key and not FIELD_KEY.fullmatch(field.key):
        problems.append(f"the key “{field.key}” may hold small letters, digits and _ only, a letter first.")
    if field.kind in CHOOSING:
        problems += _classes_problems(field)
    if field.kind == SPANS:
        problems += _spans_problems(field)
    if field.kind == RANKING and not field.columns:
        problems.append("columns is empty. Name the columns of the import that hold the candidate completions.")
    return problems


def _classes_problems(field: FieldDocument) -> list[str]:
    keys = {one.key for one in field.classes}
    problems = [f"{n} classes have the key “{key}”." for key, n in _twice(field.classes, "key")]
    if not 2 <= len(field.classes) <= MAX_CLASSES:
        problems.append(f"it has {len(field.classes)} classes; 2 to {MAX_CLASSES:,} are needed.")
    if field.at_most and field.at_most < max(1, field.at_least):
        problems.append(f"at_most {field.at_most} is below at_least {field.at_least}; no answer could be right.")
    if field.at_least > len(field.classes):
        problems.append(f"at_least {field.at_least} is more than its {len(field.classes)} classes.")
    for one in field.classes:
        if one.parent and one.parent not in keys:
            problems.append(f"the class “{one.key}” has the parent “{one.parent}”, which is no class here.")
    if field.kind == TREE:
        problems += _circles(field.classes)
    return problems + _texts_twice(field)


def _texts_twice(field: FieldDocument) -> list[str]:
    """Two classes that are written alike could not be told apart in what the model says."""
    if field.write_as == "key":
        return []
    paths = class_paths(field.classes) if field.write_as == "path" else {}
    written = Counter(PATH_SEPARATOR.join(paths[c.key]) if paths else c.name for c in field.classes)
    hint = "Name them apart" if field.write_as == "path" else "Name them apart, or set write_as to path or key"
    return [f"{n} classes are written “{text}”. {hint}." for text, n in written.items() if n > 1][:5]


def _circles(classes: tuple[ClassDocument, ...]) -> list[str]:
    parents = {one.key: one.parent for one in classes}
    deep: dict[str, int] = {"": 0}
    for key in parents:
        chain: list[str] = []
        at = key
        while at not in deep and at not in chain and at in parents:
            chain.append(at)
            at = parents[at]
        if at in chain:
            return [f"the class “{at}” is its own ancestor. Give one of its line another parent."]
        for one in reversed(chain):
            deep[one] = deep.get(parents[one], 0) + 1
    if max(deep.values()) > MAX_DEPTH:
        return [f"the tree is {max(deep.values())} levels deep; at most {MAX_DEPTH} can be read."]
    return []


def _spans_problems(field: FieldDocument) -> list[str]:
    types = {one.key for one in field.types}
    problems = [f"{n} types have the key “{key}”." for key, n in _twice(field.types, "key")]
    problems += [f"{n} types are named “{name}”." for name, n in _twice(field.types, "name")]
    problems += [f"{n} relations have the key “{key}”." for key, n in _twice(field.relations, "key")]
    if not 1 <= len(field.types) <= MAX_TYPES:
        problems.append(f"it has {len(field.types)} types; 1 to {MAX_TYPES} are needed.")
    for one in field.relations:
        problems += [
            f"the relation “{one.key}” names the type “{name}”, which is no type here."
            for name in sorted({*one.from_types, *one.to_types} - types)
        ]
    if field.write_as == "bracketed" and (field.overlap or field.relations):
        problems.append("brackets cannot show overlapping spans or relations. Set overlap to false and drop relations.")
    return problems
