"""Contradictions: what each kind of criterion may and may not say. Each problem is (field, sentence). Plain Python."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Callable, Iterable

from reviewapp.rubrics import documents as d
from reviewapp.rubrics.documents import CriterionDocument, RubricDocument

MAX_CRITERIA = 30
MIN_LEVELS, MAX_LEVELS = 2, 7
MAX_ERROR_TYPES = 12  # more are not told apart reliably (MQM practice)
# A level is chosen by its digit; 0 is the key for "not applicable".
LOWEST_LEVEL, HIGHEST_LEVEL = 1, 9
MAX_WEIGHT, MAX_POINTS, MAX_COUNT, MAX_ERROR_WEIGHT = 100.0, 10, 999, 25
# What a key looks like in a form field's name and in a slug column.
KEY_PATTERN = re.compile(r"[a-z][a-z0-9_]{0,39}")
Faults = list[tuple[str, str]]


def rubric_faults(rubric: RubricDocument) -> list[str]:
    """What is wrong with the criteria taken together."""
    criteria = rubric.criteria
    if not criteria:
        return ["The rubric has no criteria. Add at least one, so that a reviewer has something to judge by."]
    faults = []
    if len(criteria) > MAX_CRITERIA:
        faults.append(f"The rubric has {len(criteria)} criteria; at most {MAX_CRITERIA} can be judged with care.")
    faults += [f"The key “{key}” is used by {n} criteria. Give each its own." for key, n in twice(criteria, "key")]
    faults += [f"{n} criteria are named “{name}”. Name them apart." for name, n in twice(criteria, "name")]
    scored = [criterion for criterion in criteria if not criterion.is_worded]
    if not scored:
        faults.append("Every criterion is answered in words, so there is nothing to score. Add one of another kind.")
    elif not any(criterion.weight > 0 for criterion in scored):
        faults.append("All weights are 0, so no score can be computed. Give at least one criterion a weight.")
    given = [criterion.points or 0 for criterion in criteria if criterion.kind == d.POINTS]
    if given and max(given) <= 0:
        faults.append("No criterion gives points, so points lost cannot be measured. Add one with points above 0.")
    return faults


def criterion_faults(criterion: CriterionDocument, rubric_for: str) -> Faults:
    """What is wrong with one criterion of a rubric for samples, outputs or both."""
    faults: Faults = []
    if criterion.key and not KEY_PATTERN.fullmatch(criterion.key):
        faults.append(("name", f"the key “{criterion.key}” may hold small letters, digits and _ only, a letter first."))
    if not 0 <= criterion.weight <= MAX_WEIGHT:
        faults.append(("weight", f"the weight must be between 0 and {MAX_WEIGHT:g}."))
    if rubric_for in (d.SAMPLES, d.OUTPUTS) and criterion.applies_to not in (d.BOTH, rubric_for):
        words = f"the rubric judges {rubric_for}, so a criterion for {criterion.applies_to} would never be asked."
        faults.append(("applies_to", words))
    if not criterion.evidence:
        faults.append(("evidence", "name at least one kind of evidence: output, source or absent."))
    kind = _KINDS.get(criterion.kind)
    return faults + _foreign(criterion) + (kind(criterion, rubric_for) if kind else [])


def twice(items: Iterable[object], field: str) -> list[tuple[str, int]]:
    """Texts that several items share, without regard to case."""
    counts = Counter(str(getattr(item, field)).casefold() for item in items)
    return [(text, n) for text, n in counts.items() if n > 1 and text]


def _foreign(criterion: CriterionDocument) -> Faults:
    """Fields that belong to another kind."""
    kind = criterion.kind
    present = {
        "levels": (criterion.levels, (d.LEVELS, d.GATE, d.PREFERENCE)),
        "unit": (criterion.unit, (d.COUNT,)),
        "most": (criterion.most is not None, (d.COUNT, d.SPANS)),
        "points": (criterion.points is not None, (d.POINTS,)),
        "error_types": (criterion.error_types, (d.SPANS,)),
    }
    faults = [
        (field, f"{field} belongs to {' and '.join(kinds)}, not to {kind}. Remove it.")
        for field, (given, kinds) in present.items()
        if given and kind in d.KINDS and kind not in kinds
    ]
    if kind in (d.TEXT, d.PREFERENCE, d.SPANS) and criterion.evidence_at_or_below is not None:
        faults.append(("evidence_at_or_below", f"{kind} has no level that could ask for evidence. Leave it empty."))
    if kind in (d.GATE, d.POINTS, d.SPANS) and criterion.direction != d.direction_of(kind, criterion.points):
        faults.append(("direction", f"{kind} has a direction of its own, {d.direction_of(kind, criterion.points)}."))
    return faults


def _gate(criterion: CriterionDocument, rubric_for: str) -> Faults:
    faults: Faults = []
    if sorted(level.value for level in criterion.levels) != [0, 1]:
        faults.append(("levels", "a gate has exactly two levels, 1 (a violation is present) and 0 (none)."))
    if criterion.allow_na:
        faults.append(("allow_na", "a gate is answered yes or no; it cannot be not applicable."))
    if criterion.evidence_at_or_below != 1:
        words = "a gate asks for evidence whenever the answer is yes; leave evidence_at_or_below empty or 1."
        faults.append(("evidence_at_or_below", words))
    return faults


def _levels(criterion: CriterionDocument, rubric_for: str) -> Faults:
    values = [level.value for level in criterion.levels]
    faults = _level_names(criterion)
    if not MIN_LEVELS <= len(values) <= MAX_LEVELS:
        faults.append(("levels", f"it has {len(values)} levels; {MIN_LEVELS} to {MAX_LEVELS} are needed."))
    if any(not LOWEST_LEVEL <= value <= HIGHEST_LEVEL for value in values):
        words = (
            f"level values go from {LOWEST_LEVEL} to {HIGHEST_LEVEL}, the digit that chooses them; "
            "0 stands for not applicable."
        )
        faults.append(("levels", words))
    return faults + (_limit(criterion, min(values), max(values), "levels") if values else [])


def _level_names(criterion: CriterionDocument) -> Faults:
    faults = [("levels", f"two levels have the value {value}.") for value, _ in twice(criterion.levels, "value")]
    return faults + [("levels", f"two levels are labelled “{text}”.") for text, _ in twice(criterion.levels, "label")]


def _limit(criterion: CriterionDocument, low: int, high: int, noun: str) -> Faults:
    """The limit of evidence must lie on the scale, and the best place on it must not ask for any."""
    limit = criterion.evidence_at_or_below
    if limit is None or (low < limit <= high if criterion.is_lower_better else low <= limit < high):
        return []
    side = "above" if criterion.is_lower_better else "below"
    best = {"levels": "the best level", "counts": "the best count"}.get(noun, "the best answer")
    words = f"evidence at or {side} {limit} makes no sense with {noun} {low} to {high}; {best} must not ask for it."
    return [("evidence_at_or_below", words)]


def _count(criterion: CriterionDocument, rubric_for: str) -> Faults:
    faults: Faults = []
    if not criterion.unit:
        faults.append(("unit", "say what is counted, for example “omissions”."))
    if criterion.most is None or not 1 <= criterion.most <= MAX_COUNT:
        return [*faults, ("most", f"the largest count must be a whole number from 1 to {MAX_COUNT}.")]
    return faults + _limit(criterion, 0, criterion.most, "counts")


def _points(criterion: CriterionDocument, rubric_for: str) -> Faults:
    points = criterion.points
    if points is None or not 1 <= abs(points) <= MAX_POINTS:
        return [("points", f"points go from -{MAX_POINTS} to {MAX_POINTS} and are not 0.")]
    faults: Faults = []
    if criterion.weight != abs(points):
        faults.append(("weight", "the points are the weight; leave the weight out."))
    return faults + _limit(criterion, 0, 1, "answers (1 met, 0 not met)")


def _text(criterion: CriterionDocument, rubric_for: str) -> Faults:
    faults: Faults = []
    if criterion.weight:
        faults.append(("weight", "an answer in words is not scored; leave the weight out or 0."))
    if criterion.is_critical:
        faults.append(("is_critical", "an answer in words cannot fail an item. Use a gate for that."))
    return faults


def _preference(criterion: CriterionDocument, rubric_for: str) -> Faults:
    values = sorted(level.value for level in criterion.levels)
    faults = _level_names(criterion)
    if d.SAMPLES in (rubric_for, criterion.applies_to):
        faults.append(("applies_to", "a preference compares two outputs, so the rubric must be for outputs."))
    if values not in ([-1, 1], [-1, 0, 1], [-2, -1, 1, 2], [-2, -1, 0, 1, 2]):
        words = "a preference has levels 1 (A is better) and -1 (B is better), and may have 0 (a tie), 2 and -2."
        faults.append(("levels", words))
    if criterion.is_critical:
        faults.append(("is_critical", "a preference cannot fail an item; it has no item of its own."))
    return faults


def _spans(criterion: CriterionDocument, rubric_for: str) -> Faults:
    kinds = criterion.error_types
    faults: Faults = []
    if not 1 <= len(kinds) <= MAX_ERROR_TYPES:
        faults.append(("error_types", f"it has {len(kinds)} error types; 1 to {MAX_ERROR_TYPES} are needed."))
    faults += [("error_types", f"two error types have the key “{key}”.") for key, _ in twice(kinds, "key")]
    faults += [("error_types", f"two error types are named “{name}”.") for name, _ in twice(kinds, "name")]
    for kind in kinds:
        if kind.key and not KEY_PATTERN.fullmatch(kind.key):
            faults.append(("error_types", f"the key “{kind.key}” may hold small letters, digits and _ only."))
        if not 0 <= kind.minor <= kind.major <= MAX_ERROR_WEIGHT:
            words = f"“{kind.name}” weighs from 0 to {MAX_ERROR_WEIGHT}, a major error no less than a minor one."
            faults.append(("error_types", words))
    if kinds and not any(kind.major for kind in kinds):
        faults.append(("error_types", "every error weighs 0, so errors change nothing. Give one a weight."))
    if criterion.most is None or not 1 <= criterion.most <= MAX_COUNT:
        faults.append(("most", f"the penalty at which the score is 0 must be a whole number from 1 to {MAX_COUNT}."))
    return faults


_KINDS: dict[str, Callable[[CriterionDocument, str], Faults]] = {
    d.LEVELS: _levels,
    d.GATE: _gate,
    d.COUNT: _count,
    d.POINTS: _points,
    d.TEXT: _text,
    d.PREFERENCE: _preference,
    d.SPANS: _spans,
}
