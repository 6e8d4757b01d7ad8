"""What a rubric document consists of: its criteria, their kinds, and what each kind is by itself. Plain Python."""

from __future__ import annotations

import json
from collections.abc import Iterable
from dataclasses import MISSING, asdict, dataclass, fields
from typing import Any

SAMPLES, OUTPUTS, BOTH = "samples", "outputs", "both"
APPLIES_TO = (SAMPLES, OUTPUTS, BOTH)
LEVELS, GATE, COUNT, POINTS, TEXT, PREFERENCE, SPANS = KINDS = (
    "levels",
    "gate",
    "count",
    "points",
    "text",
    "preference",
    "spans",
)
HIGHER, LOWER = DIRECTIONS = ("higher", "lower")
OUTPUT_PASSAGE, SOURCE_PASSAGE, ABSENT = EVIDENCE = ("output", "source", "absent")


@dataclass(frozen=True)
class LevelDocument:
    value: int
    label: str
    anchor: str


@dataclass(frozen=True)
class ErrorTypeDocument:
    """A kind of error that is marked in a text, and what a minor and a major one weigh (as MQM does by default)."""

    key: str
    name: str
    minor: int = 1
    major: int = 5


@dataclass(frozen=True)
class CriterionDocument:
    """``most``: the count or the penalty at which a score is as bad (or as good) as it can be; more counts as this."""

    key: str
    name: str
    description: str
    kind: str
    weight: float
    allow_na: bool
    is_critical: bool
    evidence_at_or_below: int | None
    levels: tuple[LevelDocument, ...]
    applies_to: str = BOTH
    direction: str = HIGHER
    evidence: tuple[str, ...] = EVIDENCE
    unit: str = ""
    most: int | None = None
    points: int | None = None
    error_types: tuple[ErrorTypeDocument, ...] = ()

    @property
    def is_lower_better(self) -> bool:
        return self.direction == LOWER

    @property
    def is_worded(self) -> bool:
        """Answered in words, so it has no value."""
        return self.kind == TEXT

    @property
    def major_from(self) -> int:
        """The penalty that one major error makes at least, for error spans."""
        return min((kind.major for kind in self.error_types if kind.major), default=1)


@dataclass(frozen=True)
class RubricDocument:
    name: str
    applies_to: str
    guidelines: str
    notice: str
    criteria: tuple[CriterionDocument, ...]

    def as_json(self) -> dict[str, Any]:
        """The document as plain JSON values, without what its kinds imply; parsing it gives an equal document."""
        document: dict[str, Any] = json.loads(json.dumps(asdict(self)))
        document["criteria"] = [_said(item) for item in document["criteria"]]
        return document


def direction_of(kind: str, points: int | None = None) -> str:
    """Which way is better where a document does not say: fewer violations, errors and counts; more of the rest."""
    if kind == POINTS:
        return LOWER if (points or 0) < 0 else HIGHER
    return LOWER if kind in (GATE, COUNT, SPANS) else HIGHER


def levels_ordered(levels: Iterable[LevelDocument], kind: str, direction: str) -> tuple[LevelDocument, ...]:
    """Best first: the order in which a reviewer reads them, whatever the order in the file; a gate's yes first."""
    sign = 1 if kind == LEVELS and direction == LOWER else -1
    return tuple(sorted(levels, key=lambda level: sign * level.value))


def narrowed(rubric: RubricDocument, work: str) -> RubricDocument:
    """The rubric with the criteria that this work asks for: "samples", or "outputs" one at a time.

    A preference compares two outputs, so neither asks for it.
    """
    kept = tuple(c for c in rubric.criteria if c.applies_to in (work, BOTH) and c.kind != PREFERENCE)
    return RubricDocument(rubric.name, rubric.applies_to, rubric.guidelines, rubric.notice, kept)


def preferences(rubric: RubricDocument) -> RubricDocument:
    """The rubric with what is asked of two outputs side by side: its preferences, and remarks in words."""
    kept = tuple(c for c in rubric.criteria if c.kind in (PREFERENCE, TEXT) and c.applies_to != SAMPLES)
    return RubricDocument(rubric.name, rubric.applies_to, rubric.guidelines, rubric.notice, kept)


_IMPLIED = {f.name: f.default for f in fields(CriterionDocument) if f.default is not MISSING} | {
    "evidence": list(EVIDENCE),
    "error_types": [],
}


def _said(criterion: dict[str, Any]) -> dict[str, Any]:
    """A criterion without fields that say no more than its kind does, so that older documents keep their hash."""
    implied = _IMPLIED | {"direction": direction_of(criterion["kind"], criterion["points"])}
    return {name: value for name, value in criterion.items() if name not in implied or value != implied[name]}
