"""A rubric as a document: what may be imported, exported, edited and hashed. No database here.

A document is a JSON object::

    {"name": "...", "applies_to": "samples" | "outputs", "guidelines": "...", "notice": "licence and origin",
     "criteria": [{"key": "complete", "name": "...", "description": "...", "kind": "levels" | "gate",
                   "weight": 1, "allow_na": false, "is_critical": false, "evidence_at_or_below": 2 | null,
                   "levels": [{"value": 4, "label": "...", "anchor": "..."}, ...]}]}

A gate asks whether a violation is present: its levels are 1 (yes) and 0 (no), and a yes always asks for evidence,
so its evidence_at_or_below is 1 whether written or not. Lengths are those of the database columns.
"""

from __future__ import annotations

import hashlib
import json
import math
import re
from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import asdict, dataclass
from typing import Any, TypeGuard

APPLIES_TO = ("samples", "outputs")
KINDS = ("levels", "gate")
MAX_CRITERIA = 30
MIN_LEVELS, MAX_LEVELS = 2, 7
# A level is chosen by its digit; 0 is the key for "not applicable".
LOWEST_LEVEL, HIGHEST_LEVEL = 1, 9
MAX_WEIGHT = 100.0
# What a key looks like in a form field's name and in a slug column.
KEY_PATTERN = re.compile(r"[a-z][a-z0-9_]{0,39}")


class RubricInvalid(ValueError):
    """A document that cannot be a rubric; ``problems`` are sentences that say where and what to do."""

    def __init__(self, problems: Iterable[str]) -> None:
        self.problems = tuple(problems)
        super().__init__(" ".join(self.problems))


@dataclass(frozen=True)
class LevelDocument:
    value: int
    label: str
    anchor: str


@dataclass(frozen=True)
class CriterionDocument:
    key: str
    name: str
    description: str
    kind: str
    weight: float
    allow_na: bool
    is_critical: bool
    evidence_at_or_below: int | None
    levels: tuple[LevelDocument, ...]


@dataclass(frozen=True)
class RubricDocument:
    name: str
    applies_to: str
    guidelines: str
    notice: str
    criteria: tuple[CriterionDocument, ...]

    def as_json(self) -> dict[str, Any]:
        """The document as plain JSON values; parsing it again gives an equal document."""
        return json.loads(json.dumps(asdict(self)))  # type: ignore[no-any-return]


def rubric_parse(document: object) -> RubricDocument:
    """Reads a document; raises RubricInvalid with every problem found, not only the first."""
    if not isinstance(document, Mapping):
        raise RubricInvalid(["A rubric is one JSON object with name, applies_to, guidelines and criteria."])
    problems: list[str] = []
    read = _Reader(document, "The rubric", problems)
    read.only(*RubricDocument.__dataclass_fields__)
    result = RubricDocument(
        name=read.text("name", required=True, longest=120),
        applies_to=read.choice("applies_to", APPLIES_TO),
        guidelines=read.text("guidelines", longest=50_000),
        notice=read.text("notice", longest=5_000),
        criteria=tuple(_criterion(item, n, problems) for n, item in read.objects("criteria", "Criterion")),
    )
    problems.extend(_criteria_problems(result.criteria))
    if problems:
        raise RubricInvalid(problems)
    return result


def rubric_loads(text: str | bytes) -> RubricDocument:
    """Reads a JSON file; raises RubricInvalid also where it is not JSON."""
    try:
        return rubric_parse(json.loads(text))
    except UnicodeDecodeError as error:
        raise RubricInvalid(["The file is not UTF-8 text. Export the rubric again as JSON."]) from error
    except RecursionError as error:
        raise RubricInvalid(["The file is nested too deeply to be a rubric."]) from error
    except json.JSONDecodeError as error:
        place = f"line {error.lineno}, column {error.colno}"
        raise RubricInvalid([f"The file is not JSON: {error.msg} at {place}."]) from error


def canonical_json(document: RubricDocument) -> str:
    """One text for equal rubrics: sorted keys, no blanks. The name is not part of what is judged."""
    content = asdict(document)
    del content["name"]
    return json.dumps(content, ensure_ascii=False, sort_keys=True, separators=(",", ":"))


def content_hash(document: RubricDocument) -> str:
    """sha256 (hex) of the canonical text."""
    return hashlib.sha256(canonical_json(document).encode()).hexdigest()


def _criterion(item: Mapping[str, Any], number: int, problems: list[str]) -> CriterionDocument:
    name = item.get("name")
    where = f"Criterion {number} ({name.strip()})" if isinstance(name, str) and name.strip() else f"Criterion {number}"
    read = _Reader(item, where, problems)
    read.only(*CriterionDocument.__dataclass_fields__)
    levels = [_level(level, f"{where}, level {n}", problems) for n, level in read.objects("levels", "Level")]
    kind = read.choice("kind", KINDS)
    evidence = read.whole("evidence_at_or_below", optional=True)
    criterion = CriterionDocument(
        key=read.text("key", required=True, longest=40),
        name=read.text("name", required=True, longest=80),
        description=read.text("description", longest=2_000),
        kind=kind,
        weight=read.number("weight", default=1.0),
        allow_na=read.flag("allow_na"),
        is_critical=read.flag("is_critical"),
        evidence_at_or_below=1 if kind == "gate" and evidence is None else evidence,
        # Best first: the order in which a reviewer reads them, whatever the order in the file.
        levels=tuple(sorted(levels, key=lambda level: -level.value)),
    )
    problems.extend(f"{where}: {text}" for text in _criterion_problems(criterion))
    return criterion


def _level(item: Mapping[str, Any], where: str, problems: list[str]) -> LevelDocument:
    read = _Reader(item, where, problems)
    read.only("value", "label", "anchor")
    return LevelDocument(
        value=read.whole("value") or 0,
        label=read.text("label", required=True, longest=60),
        anchor=read.text("anchor", required=True, longest=500),
    )


def _criteria_problems(criteria: tuple[CriterionDocument, ...]) -> list[str]:
    if not criteria:
        return ["The rubric has no criteria. Add at least one, so that a reviewer has something to judge by."]
    problems = []
    if len(criteria) > MAX_CRITERIA:
        problems.append(f"The rubric has {len(criteria)} criteria; at most {MAX_CRITERIA} can be judged with care.")
    problems += [f"The key “{key}” is used by {n} criteria. Give each its own." for key, n in _twice(criteria, "key")]
    problems += [f"{n} criteria are named “{name}”. Name them apart." for name, n in _twice(criteria, "name")]
    if not math.fsum(criterion.weight for criterion in criteria) > 0:
        problems.append("All weights are 0, so no score can be computed. Give at least one criterion a weight.")
    return problems


def _twice(items: Iterable[object], field: str) -> list[tuple[str, int]]:
    counts = Counter(str(getattr(item, field)).casefold() for item in items)
    return [(text, n) for text, n in counts.items() if n > 1 and text]


def _criterion_problems(criterion: CriterionDocument) -> list[str]:
    problems = []
    if criterion.key and not KEY_PATTERN.fullmatch(criterion.key):
        problems.append(f"the key “{criterion.key}” may hold small letters, digits and _ only, a letter first.")
    if not 0 <= criterion.weight <= MAX_WEIGHT:
        problems.append(f"the weight must be between 0 and {MAX_WEIGHT:g}.")
    check = _gate_problems if criterion.kind == "gate" else _levels_problems
    return problems + check(criterion)


def _gate_problems(criterion: CriterionDocument) -> list[str]:
    problems = []
    if sorted(level.value for level in criterion.levels) != [0, 1]:
        problems.append("a gate has exactly two levels, 1 (a violation is present) and 0 (none).")
    if criterion.allow_na:
        problems.append("a gate is answered yes or no; it cannot be not applicable.")
    if criterion.evidence_at_or_below != 1:
        problems.append("a gate asks for evidence whenever the answer is yes; leave evidence_at_or_below empty or 1.")
    return problems


def _levels_problems(criterion: CriterionDocument) -> list[str]:
    values = [level.value for level in criterion.levels]
    problems = [f"two levels have the value {value}." for value, _ in _twice(criterion.levels, "value")]
    problems += [f"two levels are labelled “{label}”." for label, _ in _twice(criterion.levels, "label")]
    if not MIN_LEVELS <= len(values) <= MAX_LEVELS:
        problems.append(f"it has {len(values)} levels; {MIN_LEVELS} to {MAX_LEVELS} are needed.")
    if any(not LOWEST_LEVEL <= value <= HIGHEST_LEVEL for value in values):
        problems.append(
            f"level values go from {LOWEST_LEVEL} to {HIGHEST_LEVEL}, the digit that chooses them; "
            "0 stands for not applicable."
        )
    limit = criterion.evidence_at_or_below
    if limit is not None and values and not min(values) <= limit < max(values):
        problems.append(
            f"evidence at or below {limit} makes no sense with levels {min(values)} to {max(values)}; "
            "the best level must not ask for it."
        )
    return problems


class _Reader:
    """Reads fields of one object and notes what is wrong instead of stopping at the first problem."""

    def __init__(self, item: Mapping[str, Any], where: str, problems: list[str]) -> None:
        self.item, self.where, self.problems = item, where, problems

    def problem(self, text: str) -> None:
        self.problems.append(f"{self.where}: {text}")

    def only(self, *known: str) -> None:
        for name in sorted(set(self.item) - set(known)):
            self.problem(f"“{name}” is not known here. Known are {', '.join(known)}.")

    def text(self, name: str, *, longest: int, required: bool = False) -> str:
        value: object = self.item.get(name, "")
        if not isinstance(value, str):
            self.problem(f"{name} must be text.")
            return ""
        # One form for every line end and border, so that equal rubrics hash alike. NUL cannot be stored.
        value = value.replace("\r\n", "\n").replace("\x00", "").strip()
        if any("\ud800" <= character <= "\udfff" for character in value):
            self.problem(f"{name} holds half a character (a lone surrogate), which cannot be stored. Type it again.")
            return ""
        if required and not value:
            self.problem(f"{name} is empty.")
        if len(value) > longest:
            self.problem(f"{name} has {len(value)} characters; at most {longest} fit.")
        return value

    def choice(self, name: str, known: tuple[str, ...]) -> str:
        value = self.item.get(name)
        if value not in known:
            self.problem(f"{name} must be one of {', '.join(known)}, not {json.dumps(value)}.")
        return str(value)

    def objects(self, name: str, noun: str) -> list[tuple[int, Mapping[str, Any]]]:
        """The objects of a list, numbered from 1."""
        value = self.item.get(name, [])
        if not isinstance(value, list | tuple):
            self.problem(f"{name} must be a list.")
            return []
        for number, item in enumerate(value, 1):
            if not isinstance(item, Mapping):
                self.problem(f"{noun} {number} must be a JSON object.")
        return [(number, item) for number, item in enumerate(value, 1) if isinstance(item, Mapping)]

    def flag(self, name: str) -> bool:
        value = self.item.get(name, False)
        if not isinstance(value, bool):
            self.problem(f"{name} must be true or false.")
        return bool(value)

    def number(self, name: str, *, default: float) -> float:
        value: object = self.item.get(name, default)
        if _is_number(value) and abs(value) < 1e9:  # also refuses nan and infinity, which JSON readers let in
            return float(value)
        self.problem(f"{name} must be a number.")
        return default

    def whole(self, name: str, *, optional: bool = False) -> int | None:
        value: object = self.item.get(name)
        if value is None and optional:
            return None
        if _is_number(value) and value == value // 1 and abs(value) < 1_000:
            return int(value)
        self.problem(f"{name} must be a whole number.")
        return None


def _is_number(value: object) -> TypeGuard[float]:
    return isinstance(value, int | float) and not isinstance(value, bool)
