"""Which answers a criterion has, which of them must be proved, and what marked errors weigh. Plain Python."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from reviewapp.rubrics import documents as d
from reviewapp.rubrics.documents import CriterionDocument

NOT_APPLICABLE, MARKED = "na", "marked"
MINOR, MAJOR = SEVERITIES = ("minor", "major")
HIGHEST_VALUE = 32_767  # of the column that holds it


def needs_evidence(criterion: CriterionDocument, value: int | None) -> bool:
    """Whether this answer must be proved: the criterion's limit, and every answer that is worse."""
    limit = criterion.evidence_at_or_below
    if value is None or limit is None:
        return False
    return value >= limit if criterion.is_lower_better else value <= limit


def asking_values(criterion: CriterionDocument) -> list[int]:
    """The answers that ask for evidence, as the form has them."""
    if criterion.kind == d.COUNT:
        values = list(range((criterion.most or 0) + 1))
    else:
        values = [1, 0] if criterion.kind == d.POINTS else [level.value for level in criterion.levels]
    return [value for value in values if needs_evidence(criterion, value)]


def is_optional(criterion: CriterionDocument) -> bool:
    """Whether no answer is an answer: words that may be left out."""
    return criterion.is_worded and criterion.allow_na


def penalty(criterion: CriterionDocument, errors: Iterable[tuple[str, str]]) -> int:
    """The value of a criterion of error spans: the weights of (error type, severity) pairs, added up (as in MQM)."""
    weights = {(kind.key, MINOR): kind.minor for kind in criterion.error_types}
    weights |= {(kind.key, MAJOR): kind.major for kind in criterion.error_types}
    return min(sum(weights.get(error, 0) for error in errors), HIGHEST_VALUE)


def is_answered(criterion: CriterionDocument, form: Mapping[str, str]) -> bool:
    """Whether anything was entered, well or not."""
    name = f"score-{criterion.key}"
    names = [name, f"{name}-na", *part_fields(criterion)]
    return any(form.get(one, "").strip() for one in names)


def part_fields(criterion: CriterionDocument) -> dict[str, tuple[str, str]]:
    """For error spans that are counted: field -> (error type, severity)."""
    return {
        f"score-{criterion.key}-{kind.key}-{severity}": (kind.key, severity)
        for kind in criterion.error_types
        for severity in SEVERITIES
    }


def whole(text: str) -> int | None:
    """A whole number from 0 as people type it; None for anything else."""
    return int(text) if text.isascii() and text.isdecimal() and len(text) < 6 else None
