"""A grade as it comes from the browser: read, checked against the rubric, complete with its evidence. Pure."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from reviewapp.rubrics import scoring
from reviewapp.rubrics.documents import ABSENT, OUTPUT_PASSAGE, OUTPUTS, SOURCE_PASSAGE, SPANS, narrowed
from reviewapp.rubrics.schema import CriterionDocument, RubricDocument
from reviewapp.rubrics.scoring import Score
from reviewapp.words import say

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

    def is_shown(self, accepted: Sequence[str]) -> bool:
        """Whether the kinds of evidence that count prove this error.

        The prompt's side is a passage, or the statement that there is none; where neither is asked for, the passage of
        the output is enough. An omission has its passage in the prompt alone.
        """
        has_passage = self.end > self.start
        if has_passage and OUTPUT_PASSAGE not in accepted:
            return False
        if SOURCE_PASSAGE not in accepted and ABSENT not in accepted:
            return has_passage
        if self.source_start is not None:
            return SOURCE_PASSAGE in accepted
        return self.is_absent_from_source and has_passage and ABSENT in accepted


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
    rubric = narrowed(rubric, OUTPUTS)
    types = error_types_by_key(rubric)
    spans, problems = spans_read(form.get("spans") or "[]", types, len(output), len(prompt))
    scores = scoring.scores_read(rubric, form, penalties=penalties_of(rubric, spans))
    problems = [*scores.problems.values(), *problems, *evidence_problems(rubric, scores.by_key, spans)]
    if problems:
        raise GradeInvalid(problems)
    return GradeGiven(
        scores=scores.by_key,
        spans=tuple(spans),
        note=form.get("note", "").strip(),
        correction=form.get("correction", "").replace("\r\n", "\n").strip(),
    )


def error_types(rubric: RubricDocument) -> dict[str, str]:
    """Every kind of error that a grader may name for this rubric, by key: the usual ones and its own."""
    return ERROR_TYPES | {kind.key: kind.name for criterion in rubric.criteria for kind in criterion.error_types}


def error_types_by_key(rubric: RubricDocument) -> dict[str, frozenset[str]]:
    """Criterion key -> kinds that its errors may be of: its own for error spans, the usual ones else."""
    return {
        criterion.key: frozenset(kind.key for kind in criterion.error_types) or frozenset(ERROR_TYPES)
        for criterion in rubric.criteria
    }


def penalties_of(rubric: RubricDocument, spans: Iterable[SpanGiven]) -> dict[str, int]:
    """The value of each criterion of error spans, from the errors that were marked for it."""
    spans = tuple(spans)
    return {
        criterion.key: scoring.penalty(
            criterion, [(span.error_type, span.severity) for span in spans if span.criterion == criterion.key]
        )
        for criterion in rubric.criteria
        if criterion.kind == SPANS
    }


def evidence_problems(rubric: RubricDocument, scores: Mapping[str, Score], spans: Iterable[SpanGiven]) -> list[str]:
    """Missing evidence: a low level or a violation without an error, an error without its side of the prompt."""
    spans = tuple(spans)
    marked = {span.criterion for span in spans}
    problems = [
        say("%(criterion_name)s: mark the passage that shows it.", criterion_name=criterion.name)
        for criterion in rubric.criteria
        if criterion.key in scores
        and needs_evidence(criterion, scores[criterion.key].value)
        and criterion.key not in marked
    ]
    known = {criterion.key: criterion for criterion in rubric.criteria}
    for number, span in enumerate(spans, start=1):
        criterion = known.get(span.criterion)
        if criterion is None:
            continue
        if criterion.kind == SPANS and not span.error_type:
            problems.append(say("Error %(number)s: say which kind of error it is.", number=number))
        if not span.is_shown(criterion.evidence):
            problems.append(
                say("Error %(number)s: %(span)s", number=number, span=_missing_evidence(span, criterion.evidence))
            )
    return problems


def _missing_evidence(span: SpanGiven, accepted: Sequence[str]) -> str:
    if span.start == span.end:
        if SOURCE_PASSAGE in accepted:
            return say("link the passage of the prompt that was left out.")
        return say("this criterion asks for a passage of the output. Mark one, or remove the error.")
    if OUTPUT_PASSAGE not in accepted:
        return say("this criterion is about what was left out. Select that passage of the prompt instead.")
    if SOURCE_PASSAGE not in accepted:
        return say("say that the prompt has nothing about it, or put the error under another criterion.")
    if ABSENT in accepted:
        return say("link the passage of the prompt, or say that the prompt has nothing about it.")
    return say("link the passage of the prompt.")


def spans_read(
    text: str, types: Mapping[str, frozenset[str]], output_size: int, prompt_size: int
) -> tuple[list[SpanGiven], list[str]]:
    """Reads the errors that were marked; offsets are characters and must lie inside output and prompt.

    ``types`` are the kinds of error that each criterion knows, by its key.
    """
    try:
        values = json.loads(text)
    except ValueError:
        values = None
    if not isinstance(values, list) or len(values) > MAX_SPANS:
        return [], [
            say(
                "The marked errors could not be read (at most %(max_spans)s are kept). Reload the page.",
                max_spans=MAX_SPANS,
            )
        ]
    spans, problems = [], []
    for number, value in enumerate(values, start=1):
        span = _span_read(value, types, output_size, prompt_size)
        if span is None:
            problems.append(
                say("Error %(number)s does not fit this output. Remove it and mark it again.", number=number)
            )
        elif span.severity not in SEVERITIES:
            problems.append(say("Error %(number)s: say whether it is minor or major.", number=number))
        else:
            spans.append(span)
    return spans, problems


def _span_read(value: Any, types: Mapping[str, frozenset[str]], output_size: int, prompt_size: int) -> SpanGiven | None:
    if not isinstance(value, dict) or value.get("criterion") not in types:
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
        error_type=kind if kind in types[value["criterion"]] else "",
    )


def _range(value: dict[str, Any], start: str, end: str, size: int) -> tuple[int, int] | None:
    low, high = value.get(start), value.get(end)
    if not isinstance(low, int) or not isinstance(high, int) or isinstance(low, bool) or isinstance(high, bool):
        return None
    return (low, high) if 0 <= low <= high <= size else None
