"""Grades that experts gave outside, one row an answer: grader, prompt, system, criterion, value, passages. Pure.

Every row is in ``scores``, in ``ranks`` or in ``problems``; what is blank, NaN, no whole number or off the scale is a
problem in words and never a level.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any

from reviewapp.evaluations.importing import LineProblem
from reviewapp.evaluations.importing_passages import PassageInvalid, Texts, passages_read
from reviewapp.evaluations.judging import SpanGiven
from reviewapp.samples.parsing.rows import Row, RowError

MAX_GRADERS = 200
NAME_MAX = 120
NOTE_MAX = 4000


@dataclass(frozen=True, kw_only=True)
class GradeColumns:
    """Names of columns. ``system`` empty: every row is about the candidate. ``rank``: the criterion whose values are
    ranks, 1 is best; '' for none. ``passages`` and ``note``: columns that a row may leave empty; '' for none."""

    grader: str
    prompt_id: str
    criterion: str
    value: str
    system: str = ""
    rank: str = ""
    passages: str = ""
    note: str = ""


@dataclass(frozen=True)
class Scale:
    """The whole numbers that a criterion takes, both ends counted, and the kinds of error that it knows."""

    name: str
    low: int
    high: int
    kinds: frozenset[str] = frozenset()


Graded = tuple[str, str, str]  # grader, arm, prompt


@dataclass
class ImportedGrades:
    """scores: who graded which output -> criterion -> value; ranks: the same -> rank, 1 is best; passages: the same ->
    what was marked; notes: the same -> criterion -> words."""

    scores: dict[Graded, dict[str, int]] = field(default_factory=dict)
    ranks: dict[Graded, int] = field(default_factory=dict)
    passages: dict[Graded, list[SpanGiven]] = field(default_factory=dict)
    notes: dict[Graded, dict[str, str]] = field(default_factory=dict)
    problems: list[LineProblem] = field(default_factory=list)
    rows: int = 0

    @property
    def graders(self) -> list[str]:
        return list(dict.fromkeys(name for name, _, _ in [*self.scores, *self.ranks]))


class _Unusable(ValueError):
    """Why a row cannot be used, for its person."""


def grades_read(
    rows: Iterable[Row | RowError],
    columns: GradeColumns,
    *,
    outputs: Mapping[str, Mapping[str, Texts]],
    arms: Mapping[str, str],
    scales: Mapping[str, Scale],
) -> ImportedGrades:
    """Reads the rows of a file. ``outputs``: arm to the prompts that it answered, with both texts; ``arms``: a system's
    name in small letters to its arm; ``scales``: criterion to the values that it takes."""
    found = ImportedGrades()
    for row in rows:
        found.rows += 1
        try:
            if isinstance(row, RowError):
                raise _Unusable(row.reason)
            _take(found, row.values, columns, outputs, arms, scales)
        except _Unusable as problem:
            found.problems.append(LineProblem(row.line, str(problem)))
    if len(found.graders) > MAX_GRADERS:
        found.problems.append(LineProblem(1, f"The file names {len(found.graders)} graders; at most {MAX_GRADERS}."))
    return found


def _take(
    found: ImportedGrades,
    values: Mapping[str, Any],
    columns: GradeColumns,
    outputs: Mapping[str, Mapping[str, Texts]],
    arms: Mapping[str, str],
    scales: Mapping[str, Scale],
) -> None:
    grader = _said(values, columns.grader, "nobody knows whose grade it is")[:NAME_MAX]
    prompt = _said(values, columns.prompt_id, "nobody knows which prompt it is about")
    criterion = _said(values, columns.criterion, "nobody knows what was judged")
    arm = _arm(values, columns, arms)
    texts = outputs.get(arm, {}).get(prompt)
    if texts is None:
        raise _Unusable(f"There is no output for prompt {prompt[:80]} of this system.")
    key = (grader, arm, prompt)
    if columns.rank and criterion == columns.rank:
        rank = _whole(values.get(columns.value), columns.value, Scale(columns.rank, 1, 1000))
        _once(key in found.ranks, grader, criterion, prompt)
        found.ranks[key] = rank
        return
    if criterion not in scales:
        raise _Unusable(f"The rubric has no criterion {criterion[:80]}. It has {', '.join(scales)}.")
    value = _whole(values.get(columns.value), columns.value, scales[criterion])
    _once(criterion in found.scores.get(key, {}), grader, criterion, prompt)
    marked = _marked(values, columns, criterion, scales[criterion], texts)
    found.scores.setdefault(key, {})[criterion] = value
    if marked:
        found.passages.setdefault(key, []).extend(marked)
    if note := str(values.get(columns.note) or "").strip():
        found.notes.setdefault(key, {})[criterion] = note[:NOTE_MAX]


def _marked(
    values: Mapping[str, Any], columns: GradeColumns, criterion: str, scale: Scale, texts: Texts
) -> tuple[SpanGiven, ...]:
    try:
        return passages_read(values.get(columns.passages), criterion, scale.kinds, texts) if columns.passages else ()
    except PassageInvalid as problem:
        raise _Unusable(str(problem)) from None


def _said(values: Mapping[str, Any], column: str, otherwise: str) -> str:
    value = values.get(column)
    text = "" if value is None or isinstance(value, bool | float | dict | list) else str(value).strip()
    if not text:
        raise _Unusable(f"There is nothing in the column “{column}”, so {otherwise}.")
    return text


def _arm(values: Mapping[str, Any], columns: GradeColumns, arms: Mapping[str, str]) -> str:
    if not columns.system:
        return "candidate"
    name = _said(values, columns.system, "nobody knows whose output it is")
    if name.lower() not in arms:
        raise _Unusable(f"This generation run has no system {name[:80]}. It has {', '.join(arms)}.")
    return arms[name.lower()]


def _once(is_known: bool, grader: str, criterion: str, prompt: str) -> None:
    if is_known:
        raise _Unusable(f"{grader} answered {criterion} for prompt {prompt[:80]} of this system twice.")


def _whole(value: Any, column: str, scale: Scale) -> int:
    """A number of the scale; raises _Unusable with what is wrong and what to do."""
    if value is None or isinstance(value, bool | dict | list) or not str(value).strip():
        raise _Unusable(
            f"There is no number in the column “{column}”. Leave the row out where {scale.name} was not answered."
        )
    try:
        given = float(str(value).strip())
    except ValueError:
        raise _Unusable(f"“{str(value)[:40]}” is no number; {scale.name} takes {_range(scale)}.") from None
    if not math.isfinite(given):
        raise _Unusable(f"“{value}” is no answer to {scale.name}. Leave the row out where it was not answered.")
    if given != int(given):
        raise _Unusable(f"{value} lies between two levels of {scale.name}, which takes {_range(scale)}.")
    if not scale.low <= given <= scale.high:
        raise _Unusable(f"{value} is off the scale of {scale.name}, which takes {_range(scale)}.")
    return int(given)


def _range(scale: Scale) -> str:
    return f"whole numbers from {scale.low} to {scale.high}"


def preferred(ranks: Mapping[Graded, int], first: str, second: str) -> dict[tuple[str, str], str]:
    """(grader, prompt) -> which of two arms has the better rank: ``first``, ``second``, or '' for a tie; only where
    one person ranked both."""
    found = {}
    for (grader, arm, prompt), rank in ranks.items():
        other = ranks.get((grader, second, prompt))
        if arm == first and other is not None:
            found[grader, prompt] = "" if rank == other else first if rank < other else second
    return found
