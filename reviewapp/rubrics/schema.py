"""A rubric as a document: what may be imported, exported, edited and hashed. No database here.

A document is a JSON object::

    {"name": "...", "applies_to": "samples" | "outputs" | "both", "guidelines": "...",
     "notice": "licence and origin",
     "criteria": [{"key": "complete", "name": "...", "description": "...", "kind": "levels",
                   "weight": 1, "allow_na": false, "is_critical": false, "evidence_at_or_below": 2 | null,
                   "levels": [{"value": 4, "label": "...", "anchor": "..."}, ...]}]}

The kinds, and what each adds:

    levels      2 to 7 levels with an anchor each; "direction": "higher" (the default) or "lower" is better
    gate        levels 1 (a violation is present) and 0 (none); a yes always asks for evidence
    count       "unit": what is counted, "most": where it stops counting (20), "direction": "lower" by default
    points      "points": -10 to 10, met or not met; the points are the weight
    text        an answer in words; never scored
    preference  two outputs: levels 1 (A is better) and -1 (B), maybe 0 (a tie), 2 and -2
    spans       "error_types": [{"key", "name", "minor": 1, "major": 5}], "most": the penalty that makes a score 0 (25)

"evidence_at_or_below" is the level, count or answer from which a judgement has to be proved, it and every worse one
(so: at or above it, where lower is better). "evidence" lists what counts as proof: "output" (a passage of it),
"source" (a passage of the prompt), "absent" (the prompt has nothing about it). "applies_to" narrows one criterion of
a rubric for both. What a document leaves out has its default. Lengths are those of the database columns.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from typing import Any

from reviewapp.rubrics.documents import (
    APPLIES_TO,
    BOTH,
    COUNT,
    DIRECTIONS,
    EVIDENCE,
    GATE,
    KINDS,
    POINTS,
    SPANS,
    TEXT,
    CriterionDocument,
    ErrorTypeDocument,
    LevelDocument,
    RubricDocument,
    direction_of,
    levels_ordered,
)
from reviewapp.rubrics.reader import Problem, Reader, RubricInvalid
from reviewapp.rubrics.rules import MAX_CRITERIA, MAX_ERROR_TYPES, MAX_LEVELS, criterion_faults, rubric_faults
from reviewapp.words import say

__all__ = [
    "APPLIES_TO",
    "KINDS",
    "MAX_CRITERIA",
    "MAX_ERROR_TYPES",
    "MAX_LEVELS",
    "CriterionDocument",
    "ErrorTypeDocument",
    "LevelDocument",
    "Problem",
    "RubricDocument",
    "RubricInvalid",
    "canonical_json",
    "content_hash",
    "rubric_loads",
    "rubric_parse",
    "rubric_read",
]
MOST = {COUNT: 20, SPANS: 25}


def rubric_parse(document: object) -> RubricDocument:
    """Reads a document; raises RubricInvalid with every problem found, not only the first."""
    result, problems = rubric_read(document)
    if result is None or problems:
        raise RubricInvalid(problems)
    return result


def rubric_read(document: object) -> tuple[RubricDocument | None, list[Problem]]:
    """What a document says as far as it can be read, for a preview, and every problem with it."""
    if not isinstance(document, Mapping):
        return None, [Problem(say("A rubric is one JSON object with name, applies_to, guidelines and criteria."))]
    problems: list[Problem] = []
    read = Reader(document, "The rubric", problems)
    read.only(*RubricDocument.__dataclass_fields__)
    applies_to = read.choice("applies_to", APPLIES_TO)
    items = read.objects("criteria", "Criterion")
    result = RubricDocument(
        name=read.text("name", required=True, longest=120),
        applies_to=applies_to,
        guidelines=read.text("guidelines", longest=50_000),
        notice=read.text("notice", longest=5_000),
        criteria=tuple(_criterion(item, n, applies_to, problems) for n, item in items),
    )
    problems.extend(Problem(text, "criteria") for text in rubric_faults(result))
    return result, problems


def rubric_loads(text: str | bytes) -> RubricDocument:
    """Reads a JSON file; raises RubricInvalid also where it is not JSON."""
    try:
        return rubric_parse(json.loads(text))
    except UnicodeDecodeError as error:
        raise RubricInvalid([say("The file is not UTF-8 text. Export the rubric again as JSON.")]) from error
    except RecursionError as error:
        raise RubricInvalid([say("The file is nested too deeply to be a rubric.")]) from error
    except json.JSONDecodeError as error:
        place = say("line %(lineno)s, column %(colno)s", lineno=error.lineno, colno=error.colno)
        raise RubricInvalid([say("The file is not JSON: %(msg)s at %(place)s.", msg=error.msg, place=place)]) from error


def canonical_json(document: RubricDocument) -> str:
    """One text for equal rubrics: sorted keys, no blanks. The name is not part of what is judged."""
    content = document.as_json()
    del content["name"]
    return json.dumps(content, ensure_ascii=False, sort_keys=True, separators=(",", ":"))


def content_hash(document: RubricDocument) -> str:
    """sha256 (hex) of the canonical text."""
    return hashlib.sha256(canonical_json(document).encode()).hexdigest()


def _criterion(item: Mapping[str, Any], number: int, rubric_for: str, problems: list[Problem]) -> CriterionDocument:
    name, place = item.get("name"), f"c-{number - 1}-"
    where = (
        say("Criterion %(number)s (%(strip)s)", number=number, strip=name.strip())
        if isinstance(name, str) and name.strip()
        else say("Criterion %(number)s", number=number)
    )
    read = Reader(item, where, problems, place)
    read.only(*CriterionDocument.__dataclass_fields__)
    kind = read.choice("kind", KINDS)
    points = read.whole("points", optional=True)
    direction = read.choice("direction", DIRECTIONS, direction_of(kind, points))
    levels = [
        _level(level, say("%(where)s, level %(n)s", where=where, n=n), f"{place}l-{n - 1}-", problems)
        for n, level in read.objects("levels", "Level")
    ]
    types = [
        _type(one, say("%(where)s, error type %(n)s", where=where, n=n), f"{place}t-{n - 1}-", problems)
        for n, one in read.objects("error_types", "Error type")
    ]
    criterion = CriterionDocument(
        key=read.text("key", required=True, longest=40),
        name=read.text("name", required=True, longest=80),
        description=read.text("description", longest=2_000),
        kind=kind,
        weight=read.number("weight", default=_weight(kind, points)),
        allow_na=read.flag("allow_na"),
        is_critical=read.flag("is_critical"),
        evidence_at_or_below=read.whole("evidence_at_or_below", optional=True, default=1 if kind == GATE else None),
        levels=levels_ordered(levels, kind, direction),
        applies_to=read.choice("applies_to", APPLIES_TO, BOTH),
        direction=direction,
        evidence=read.choices("evidence", EVIDENCE),
        unit=read.text("unit", longest=30),
        most=read.whole("most", optional=True, default=MOST.get(kind)),
        points=points,
        error_types=tuple(types),
    )
    for field, text in criterion_faults(criterion, rubric_for):
        read.problem(text, field)
    return criterion


def _weight(kind: str, points: int | None) -> float:
    """The weight that a kind implies: none for words, the points for points."""
    if kind == TEXT:
        return 0.0
    return float(abs(points or 0)) if kind == POINTS else 1.0


def _level(item: Mapping[str, Any], where: str, place: str, problems: list[Problem]) -> LevelDocument:
    read = Reader(item, where, problems, place)
    read.only(*LevelDocument.__dataclass_fields__)
    return LevelDocument(
        value=read.whole("value") or 0,
        label=read.text("label", required=True, longest=60),
        anchor=read.text("anchor", required=True, longest=500),
    )


def _type(item: Mapping[str, Any], where: str, place: str, problems: list[Problem]) -> ErrorTypeDocument:
    read = Reader(item, where, problems, place)
    read.only(*ErrorTypeDocument.__dataclass_fields__)
    return ErrorTypeDocument(
        key=read.text("key", required=True, longest=40),
        name=read.text("name", required=True, longest=60),
        minor=read.whole("minor", default=ErrorTypeDocument.minor) or 0,
        major=read.whole("major", default=ErrorTypeDocument.major) or 0,
    )
