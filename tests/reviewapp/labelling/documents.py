"""Label schemas and rows that the tests of labelling share."""

from __future__ import annotations

from typing import Any

from reviewapp.labelling.models import LabelSchemaVersion
from reviewapp.labelling.schema import SchemaDocument, schema_parse
from reviewapp.labelling.services import schema_create
from reviewapp.projects.models import Project
from tests import factories

PROMPT = "I take ibuprofen 400 mg for my knee.\n\nIt helps."


def classes(*names: str) -> list[dict[str, str]]:
    return [{"key": name.lower(), "name": name} for name in names]


def one_class(**values: Any) -> dict[str, Any]:
    field = {"key": "reason", "name": "Reason", "kind": "class", "classes": classes("Pain", "Skin", "Sleep")}
    return field | values


def many_classes(**values: Any) -> dict[str, Any]:
    return {"key": "topics", "name": "Topics", "kind": "classes", "classes": classes("Pain", "Skin", "Sleep")} | values


def tree(**values: Any) -> dict[str, Any]:
    rows = [
        {"key": "M", "name": "Muscles and joints"},
        {"key": "M25", "name": "Other joint problems", "parent": "M"},
        {"key": "M25.5", "name": "Pain in joint", "parent": "M25"},
        {"key": "L", "name": "Skin"},
    ]
    return {"key": "code", "name": "Code", "kind": "tree", "classes": rows} | values


def spans(**values: Any) -> dict[str, Any]:
    relations = [{"key": "dose_of", "name": "is the dose of", "from": ["dose"], "to": ["medicine"]}]
    field = {"key": "facts", "name": "Facts", "kind": "spans", "types": classes("Medicine", "Dose")}
    return field | {"is_required": False, "relations": relations} | values


def written(**values: Any) -> dict[str, Any]:
    return {"key": "reply", "name": "Reply", "kind": "text"} | values


def ranking(**values: Any) -> dict[str, Any]:
    return {"key": "best", "name": "Best answer", "kind": "ranking", "columns": ["candidates"]} | values


def document(*fields: dict[str, Any], **values: Any) -> dict[str, Any]:
    return {"name": "Labels", "guidelines": "Read first.", "fields": list(fields or [one_class()])} | values


def parsed(*fields: dict[str, Any], **values: Any) -> SchemaDocument:
    return schema_parse(document(*fields, **values))


def version(project: Project, *fields: dict[str, Any], **values: Any) -> LabelSchemaVersion:
    """A stored schema, offered for new work when it is the first."""
    return schema_create(project=project, document=parsed(*fields, **values), created_by=factories.user())
