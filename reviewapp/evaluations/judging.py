"""A grade as it comes from the browser: read, checked against the rubric, complete with its evidence. Pure."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from reviewapp.rubrics import scoring
from reviewapp.rubrics.schema import CriterionDocument, RubricDocument
from reviewapp.rubrics.scoring import Score

MAX_SPANS = 200
ERROR_TYPES = {
    "wrong_value": "Wrong number, dose, date or negation",
    "fabrication": "Not in the prompt",
    "omission": "Left out",
    "misunderstanding": "Misunderstood",
    "wrong_person": "Wrong person or speaker",
    "unsafe": "Unsafe",
    "wording": "Wording",
    "other": "Other",
}
SEVERITIES = ("minor", "major")


class GradeInvalid(ValueError):
    """A grade that cannot be locked yet; ``problems`` are sentences for the grader."""

    def __init__(self, problems: list[str]) -> None:
        super().__init__(" ".join(problems))
        self.problems = problems


@dataclass(frozen=True, kw_only=True)
class SpanGiven:
    """An error: a passage of the output (start == end: something is left out) and what in the prompt shows it."""

    criterion: str
    severity: str
    start: int
    end: int
    source_start: int | None
    source_end: int | None
    is_absent_from_source: bool
    error_type: str

    @property
    def is_shown(self) -> bool:
        """Whether the prompt's side is settled: a passage, or the statement that there is none."""
        return self.source_start is not None or (self.is_absent_from_source and self.end > self.start)


@dataclass(frozen=True, kw_only=True)
class GradeGiven:
    scores: Mapping[str, Score]
    spans: tuple[SpanGiven, ...]
    note: str = ""
    correction: str = ""


def needs_evidence(criterion: CriterionDocument, value: int | None) -> bool:
    """A violation always asks for evidence, a level where the rubric says so."""
    if criterion.kind == "gate":
        return value == 1
    return scoring.needs_evidence(criterion, value)


def grade_read(form: Mapping[str, str], rubric: RubricDocument, output: str, prompt: str) -> GradeGiven:
    """Reads score-<key>, note-<key>, spans (JSON), note and correction; raises GradeInvalid with every problem."""
    keys = {criterion.key for criterion in rubric.criteria}
    spans, problems = spans_read(form.get("spans") or "[]", keys, len(output), len(prompt))
    scores = scoring.scores_read(rubric, form)
    problems = [*scores.problems.values(), *problems, *evidence_problems(rubric, scores.by_key, spans)]
    if problems:
        raise GradeInvalid(problems)
    return GradeGiven(
        scores=scores.by_key,
        spans=tuple(spans),
        note=form.get("note", "").strip(),
        correction=form.get("correction", "").replace("\r\n", "\n").strip(),
    )


def evidence_problems(rubric: RubricDocument, scores: Mapping[str, Score], spans: Iterable[SpanGiven]) -> list[str]:
    """Missing evidence: a low level or a violation without an error, an error without its side of the prompt."""
    spans = tuple(spans)
    marked = {span.criterion for span in spans}
    problems = [
        f"{criterion.name}: mark the passage that shows it."
        for criterion in rubric.criteria
        if criterion.key in scores
        and needs_evidence(criterion, scores[criterion.key].value)
        and criterion.key not in marked
    ]
    problems += [
        f"Error {number}: link the passage of the prompt"
        + (" that was left out." if span.start == span.end else ", or say that the prompt has nothing about it.")
        for number, span in enumerate(spans, start=1)
        if not span.is_shown
    ]
    return problems


def spans_read(text: str, keys: set[str], output_size: int, prompt_size: int) -> tuple[list[SpanGiven], list[str]]:
    """Reads the errors that were marked; offsets are characters and must lie inside output and prompt."""
    try:
        values = json.loads(text)
    except ValueError:
        values = None
    if not isinstance(values, list) or len(values) > MAX_SPANS:
        return [], [f"The marked errors could not be read (at most {MAX_SPANS} are kept). Reload the page."]
    spans, problems = [], []
    for number, value in enumerate(values, start=1):
        span = _span_read(value, keys, output_size, prompt_size)
        if span is None:
            problems.append(f"Error {number} does not fit this output. Remove it and mark it again.")
        elif span.severity not in SEVERITIES:
            problems.append(f"Error {number}: say whether it is minor or major.")
        else:
            spans.append(span)
    return spans, problems


def _span_read(value: Any, keys: set[str], output_size: int, prompt_size: int) -> SpanGiven | None:
    if not isinstance(value, dict) or value.get("criterion") not in keys:
        return None
    output = _range(value, "start", "end", output_size)
    source = _range(value, "source_start", "source_end", prompt_size)
    if output is None or (source is None and value.get("source_start") is not None):
        return None
    if source is not None and source[0] == source[1]:
        return None
    kind = str(value.get("error_type", ""))
    return SpanGiven(
        criterion=value["criterion"],
        severity=str(value.get("severity", "")),
        start=output[0],
        end=output[1],
        source_start=source[0] if source else None,
        source_end=source[1] if source else None,
        is_absent_from_source=value.get("is_absent_from_source") is True and source is None,
        error_type=kind if kind in ERROR_TYPES else "",
    )


def _range(value: dict[str, Any], start: str, end: str, size: int) -> tuple[int, int] | None:
    low, high = value.get(start), value.get(end)
    if not isinstance(low, int) or not isinstance(high, int) or isinstance(low, bool) or isinstance(high, bool):
        return None
    return (low, high) if 0 <= low <= high <= size else None
