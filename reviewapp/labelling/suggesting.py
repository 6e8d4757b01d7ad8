"""Suggestions, and reading a label back out of what a model wrote. Plain Python."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from reviewapp.labelling.rendering import bracketed_read
from reviewapp.labelling.schema import CHOOSING, CLASSES, LIST_SEPARATOR, NOTHING, SPANS, TEXT, SchemaDocument

PROGRAMMATIC = "labelling functions"  # how the sources of programmatic suggestions begin


@dataclass(frozen=True)
class Suggestion:
    """``value`` is what the form would send; ``score`` 0 to 1, None when its source gave none."""

    field: str
    value: str
    score: float | None
    source: str


def values_of_text(document: SchemaDocument, text: str, written: Mapping[tuple[str, str], str]) -> dict[str, str]:
    """Field key -> form value that a model's answer says, for the fields that can be read out of it.

    ``written`` maps (field, casefolded text of a class) to the class's key. An answer in another form than the one
    that was learned gives nothing for that field: it is not guessed at.
    """
    found: dict[str, str] = {}
    for name, part in _parts(document, text.strip()).items():
        one = next(field for field in document.fields if field.key == name)
        if one.kind in CHOOSING:
            names = part.split(LIST_SEPARATOR) if one.kind == CLASSES else [part]
            keys = [written.get((name, " ".join(item.casefold().split()))) for item in names if item != NOTHING]
            if keys and all(keys):
                found[name] = "\n".join(key for key in keys if key)
        elif one.kind == TEXT and part:
            found[name] = part
        elif one.kind == SPANS and one.write_as != "json":
            spans = _spans(part, one.write_as)
            if spans is not None:
                found[name] = json.dumps({"spans": spans, "relations": []})
    return found


def _parts(document: SchemaDocument, text: str) -> dict[str, str]:
    """The part of each field: all of the text for one field, else what stands behind its name."""
    if len(document.fields) == 1:
        return {document.fields[0].key: text}
    marks = []
    for one in document.fields:
        at = 0 if text.startswith(f"{one.name}:") else text.find(f"\n\n{one.name}:")
        if at >= 0:
            marks.append((at, at + len(one.name) + (1 if at == 0 and text.startswith(one.name) else 3), one.key))
    marks.sort()
    ends = [start for start, _, _ in marks[1:]] + [len(text)]
    return {key: text[said:end].strip() for (_, said, key), end in zip(marks, ends, strict=True)}


def _spans(part: str, write_as: str) -> list[dict[str, Any]] | None:
    try:
        given = bracketed_read(part)[1] if write_as == "bracketed" else json.loads(part)["spans"]
        return [{"type": str(s["type"]), "start": int(s["start"]), "end": int(s["end"])} for s in given]
    except (ValueError, TypeError, KeyError, RecursionError):
        return None
