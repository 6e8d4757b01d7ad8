"""A statement as a file: JSON with its hash, or CSV that a spreadsheet opens without running anything."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from reviewapp.curation.acceptance.words import claim
from reviewapp.curation.models import AcceptanceStatement
from reviewapp.samples.exporting import csv_lines
from training.contract import canonical_json

COLUMNS = (
    "position", "sample", "revision", "revision_hash", "verdict", "judged_by", "judged_at", "note", "finding",
)  # fmt: skip


def statement_json(statement: AcceptanceStatement) -> str:
    """The facts under their hash: sha256 over the canonical JSON of ``statement`` gives ``content_hash`` again."""
    return canonical_json({"content_hash": statement.content_hash, "statement": statement.facts})


def statement_csv(statement: AcceptanceStatement) -> Iterator[str]:
    """What is stated, a name and a value on each line, then an empty line and the items."""
    return csv_lines(("statement", "value"), _rows(statement))


def _rows(statement: AcceptanceStatement) -> Iterator[tuple[Any, ...]]:
    facts = statement.facts
    yield ("claim", claim(facts))
    yield ("content_hash", statement.content_hash)
    yield ("project", facts["project"])
    for name, value in {**facts["plan"], **facts["result"]}.items():
        yield (name, canonical_json(value) if isinstance(value, dict | list) else value)
    yield ("closed_by", facts["closed_by"])
    yield ("closed_at", facts["closed_at"])
    for person in facts["people"]:
        yield ("looked", f"{person['name']}: {person['judged']}, {person['first']} to {person['last']}")
    yield ("changed_before_closing", canonical_json(facts["changed_before_closing"]))
    yield ("earlier", canonical_json(facts["earlier"]))
    yield ()
    yield COLUMNS
    for item in facts["items"]:
        yield tuple(item[name] for name in COLUMNS)
