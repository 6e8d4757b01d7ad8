"""What the workbench shows of a label schema: one row a field, as answered so far. Plain Python."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from reviewapp.labelling.schema import CHOOSING, RANKING, SPANS, FieldDocument, SchemaDocument
from reviewapp.labelling.values import PREFIX, KnownClass


@dataclass(frozen=True)
class Option:
    """A class or a type of passage that is listed; ``digit`` is the key that chooses it, "" for none."""

    key: str
    name: str
    description: str
    digit: str
    is_chosen: bool = False


@dataclass(frozen=True)
class Candidate:
    number: int
    text: str


@dataclass(frozen=True, kw_only=True)
class FieldRow:
    """One field. ``options`` is empty where classes are searched; ``candidates`` are in the order ranked so far."""

    field: FieldDocument
    number: int
    total: int
    value: str
    problem: str = ""
    options: list[Option] = dataclasses.field(default_factory=list)
    chosen: list[KnownClass] = dataclasses.field(default_factory=list)
    candidates: list[Candidate] = dataclasses.field(default_factory=list)

    @property
    def name(self) -> str:
        return PREFIX + self.field.key

    @property
    def is_searched(self) -> bool:
        return self.field.kind in CHOOSING and not self.options

    @property
    def is_answered(self) -> bool:
        return bool(self.value.strip())


def field_rows(
    document: SchemaDocument,
    form: Mapping[str, str],
    *,
    problems: Mapping[str, str] | None = None,
    listed: Mapping[str, Sequence[tuple[str, str, str]]] | None = None,
    known: Mapping[tuple[str, str], KnownClass] | None = None,
    candidates: Mapping[str, Sequence[str]] | None = None,
) -> list[FieldRow]:
    """Rows in the order of the schema. ``listed``: field -> (key, name, description) of classes that are few enough."""
    rows = []
    for number, one in enumerate(document.fields, 1):
        value = form.get(PREFIX + one.key, "")
        keys = [key.strip() for key in value.splitlines()]
        options = (
            [(t.key, t.name, t.description) for t in one.types]
            if one.kind == SPANS
            else (listed or {}).get(one.key, ())
        )
        chosen = [(known or {})[one.key, key] for key in keys if (one.key, key) in (known or {})]
        row = FieldRow(
            field=one,
            number=number,
            total=len(document.fields),
            value=value,
            problem=(problems or {}).get(PREFIX + one.key, ""),
            options=[Option(*texts, str(n) if n < 10 else "", texts[0] in keys) for n, texts in enumerate(options, 1)],
            chosen=chosen,
            candidates=_ordered((candidates or {}).get(one.key, ()), value) if one.kind == RANKING else [],
        )
        rows.append(row)
    return rows


def _ordered(texts: Sequence[str], value: str) -> list[Candidate]:
    """The candidates in the order of ``value``; those that it does not name stand last, as they came."""
    numbers = [int(n) for n in dict.fromkeys(value.replace(",", " ").split()) if n.isdecimal() and len(n) < 6]
    first = [n for n in numbers if 1 <= n <= len(texts)]
    rest = [n for n in range(1, len(texts) + 1) if n not in first]
    return [Candidate(n, texts[n - 1]) for n in [*first, *rest]]


def candidates_of(document: SchemaDocument, metadata: Mapping[str, object]) -> dict[str, list[str]]:
    """Field -> candidate texts of a ranking, from the columns that the schema names; equal texts stand once."""
    found: dict[str, list[str]] = {}
    for one in document.fields:
        if one.kind == RANKING:
            cells = [metadata.get(column) for column in one.columns]
            texts = [text for cell in cells for text in (cell if isinstance(cell, list) else [cell])]
            found[one.key] = list(dict.fromkeys(text for text in texts if isinstance(text, str) and text.strip()))
    return found
