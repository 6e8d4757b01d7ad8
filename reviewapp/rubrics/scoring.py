"""Reading what a person answered on a rubric's form, and what the answers add up to. Plain Python.

Fields of a form, used by reviewing, grading and the preview:

    score-<key>                 a level, a count, met (1) or not (0), words, or "na"; for error spans "marked"
    score-<key>-na              "na" for a count that does not apply (its own field is a number)
    score-<key>-<type>-minor    how many errors, where they are counted and not marked in the text (also -major)
    note-<key>                  the reason or the evidence
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from reviewapp.rubrics import documents as d
from reviewapp.rubrics.answers import (
    HIGHEST_VALUE,
    MARKED,
    NOT_APPLICABLE,
    asking_values,
    is_answered,
    is_optional,
    needs_evidence,
    part_fields,
    penalty,
    whole,
)
from reviewapp.rubrics.documents import CriterionDocument, RubricDocument
from reviewapp.rubrics.sheets import CriterionRow, criterion_rows
from reviewapp.words import say

__all__ = [
    "MARKED",
    "NOT_APPLICABLE",
    "CriterionRow",
    "ItemScore",
    "Score",
    "Scores",
    "asking_values",
    "criterion_rows",
    "is_answered",
    "is_failing",
    "is_optional",
    "item_score",
    "needs_evidence",
    "part_fields",
    "penalty",
    "score_fields",
    "score_words",
    "scores_read",
    "share",
]

LONGEST_TEXT = 5_000


@dataclass(frozen=True)
class Score:
    """value None: not applicable, with its reason in note, or answered in words, which are in text."""

    value: int | None
    note: str
    text: str = ""


@dataclass(frozen=True)
class Scores:
    """by_key holds what was answered well; problems a sentence for each criterion that was not."""

    by_key: dict[str, Score] = field(default_factory=dict)
    problems: dict[str, str] = field(default_factory=dict)
    n_open: int = 0


@dataclass(frozen=True)
class ItemScore:
    """What the answers about one item add up to; ``value`` None says why in ``reason``.

    ``failed_by`` are keys of critical criteria that fail the item; its value is then 0, or less where points made it
    so. ``n_scored`` answers are in it; ``n_na`` did not apply and ``n_missing`` were not given.
    """

    value: float | None
    failed_by: tuple[str, ...] = ()
    n_scored: int = 0
    n_na: int = 0
    n_missing: int = 0
    reason: str = ""


def scores_read(
    rubric: RubricDocument,
    form: Mapping[str, str],
    *,
    is_complete: bool = True,
    penalties: Mapping[str, int] | None = None,
) -> Scores:
    """Reads the answers of a form; ``is_complete`` False leaves unanswered criteria out instead of asking for them.

    ``penalties`` by key come from errors that were marked in the text.
    """
    scores = Scores()
    n_open = 0
    for criterion in rubric.criteria:
        is_open = not is_answered(criterion, form)
        if is_open and (not is_complete or is_optional(criterion)):
            continue
        score = _read(criterion, form, penalties or {})
        if isinstance(score, str):
            scores.problems[criterion.key] = f"{criterion.name}: {score}"
            n_open += is_open
        else:
            scores.by_key[criterion.key] = score
    return Scores(scores.by_key, scores.problems, n_open)


def score_fields(criterion: CriterionDocument, score: Score) -> dict[str, str]:
    """The fields of a form that give this score again (an undone decision, scores on which all agree)."""
    name = f"score-{criterion.key}"
    note = {f"note-{criterion.key}": score.note} if score.note else {}
    if criterion.is_worded:
        return {name: score.text} | note
    if score.value is None:
        return {f"{name}-na" if criterion.kind == d.COUNT else name: NOT_APPLICABLE} | note
    if criterion.kind == d.SPANS:
        return (_counted_fields(criterion, score.text) if score.text else {name: MARKED}) | note
    return {name: str(score.value)} | note


def score_words(criterion: CriterionDocument, score: Score) -> str:
    """The answer for a person who reads it: "3, Slips only", "2 omissions", "met", or the words themselves."""
    if criterion.is_worded:
        return score.text or "No answer"
    if score.value is None:
        return "Not applicable"
    if criterion.kind == d.COUNT:
        return f"{score.value} {criterion.unit}"
    if criterion.kind == d.POINTS:
        return "Met" if score.value else "Not met"
    if criterion.kind == d.SPANS:
        return f"Penalty {score.value}" + (f" ({score.text})" if score.text else "")
    return next((f"{level.value}, {level.label}" for level in criterion.levels if level.value == score.value), "")


def item_score(rubric: RubricDocument, scores: Mapping[str, Score]) -> ItemScore:
    """The score of one item: the weighted mean over the criteria that apply, each from 0 (worst) to 1 (best).

    Criteria of points make one part together: points of those met over the sum of positive points (HealthBench,
    arXiv 2505.08775), weighing as much as that sum; it may be below 0. What does not apply counts nowhere; words and
    preferences are not scored.
    """
    scored = [c for c in rubric.criteria if c.kind not in (d.TEXT, d.PREFERENCE)]
    given = {c.key: scores[c.key].value for c in scored if c.key in scores}
    used = [(c, value) for c in scored if (value := given.get(c.key)) is not None]
    parts = [(c.weight, share(c, value)) for c, value in used if c.kind != d.POINTS]
    parts += _points_part([(c.points or 0, value) for c, value in used if c.kind == d.POINTS])
    total = sum(weight for weight, _ in parts)
    n_na = sum(value is None for value in given.values())
    failed = tuple(c.key for c, value in used if c.is_critical and is_failing(c, value))
    counts = (len(used), n_na, len(scored) - len(given))
    if not total:
        return ItemScore(None, failed, *counts, reason="No criterion that has a weight was answered.")
    mean = sum(weight * part for weight, part in parts) / total
    return ItemScore(min(mean, 0.0) if failed else mean, failed, *counts)


def share(criterion: CriterionDocument, value: int) -> float:
    """Where an answer lies between the worst (0) and the best (1); points and words have no share of their own."""
    values = [level.value for level in criterion.levels]
    low, high = (min(values), max(values)) if values else (0, criterion.most or 1)
    part = (min(max(value, low), high) - low) / (high - low)
    return 1 - part if criterion.is_lower_better else part


def is_failing(criterion: CriterionDocument, value: int) -> bool:
    """Whether this answer to a critical criterion fails the whole item.

    A violation, the worst level, one counted error (none, where more is better), points lost or not won, or a penalty
    of one major error.
    """
    if criterion.kind == d.POINTS:
        return value == (1 if criterion.is_lower_better else 0)
    if criterion.kind == d.SPANS:
        return value >= criterion.major_from
    if criterion.kind == d.COUNT and criterion.is_lower_better:
        return value >= 1
    return share(criterion, value) == 0.0


def _points_part(given: list[tuple[int, int]]) -> list[tuple[float, float]]:
    most = sum(points for points, _ in given if points > 0)
    return [(float(most), sum(points for points, value in given if value) / most)] if most else []


def _read(criterion: CriterionDocument, form: Mapping[str, str], penalties: Mapping[str, int]) -> Score | str:
    """The score, or what is wrong with the answer."""
    name = f"score-{criterion.key}"
    chosen = form.get(name, "").replace("\r\n", "\n").strip()
    note = form.get(f"note-{criterion.key}", "").replace("\r\n", "\n").strip()
    if criterion.is_worded:
        return _words(chosen, note)
    if NOT_APPLICABLE in (chosen, form.get(f"{name}-na", "")):
        if not criterion.allow_na:
            return say("this criterion always applies. Choose a level.")
        return Score(None, note) if note else say("say why it does not apply.")
    if criterion.kind == d.COUNT:
        return _count(criterion, chosen, note)
    if criterion.kind == d.SPANS:
        return _spans(criterion, form, chosen, note, penalties)
    return _choice(criterion, chosen, note)


def _words(text: str, note: str) -> Score | str:
    if not text:
        return say("answer in words.")
    if len(text) > LONGEST_TEXT:
        return say(
            "the answer has %(n_text)s characters; at most %(longest_text)s fit.",
            n_text=len(text),
            longest_text=LONGEST_TEXT,
        )
    return Score(None, note, text)


def _choice(criterion: CriterionDocument, chosen: str, note: str) -> Score | str:
    if not chosen:
        return say("say whether it is met.") if criterion.kind == d.POINTS else say("choose a level.")
    known = {"0", "1"} if criterion.kind == d.POINTS else {str(level.value) for level in criterion.levels}
    return (
        Score(int(chosen), note)
        if chosen in known
        else say("there is no level %(chosen)s. Choose one of the list.", chosen=chosen)
    )


def _count(criterion: CriterionDocument, chosen: str, note: str) -> Score | str:
    number = whole(chosen)
    if number is None or number > HIGHEST_VALUE:
        return say("count the %(unit)s and give a whole number, 0 for none.", unit=criterion.unit)
    # A count beyond the scale is as bad as its end; the number itself is kept.
    return Score(number, note)


def _spans(
    criterion: CriterionDocument, form: Mapping[str, str], chosen: str, note: str, penalties: Mapping[str, int]
) -> Score | str:
    if chosen == MARKED and criterion.key in penalties:
        return Score(penalties[criterion.key], note)
    given = {place: form.get(name, "").strip() for name, place in part_fields(criterion).items()}
    if not any(given.values()):
        return say("mark every error, then say that all are marked; for none say so too.")
    numbers = {place: whole(text) if text else 0 for place, text in given.items()}
    if any(number is None or number > 999 for number in numbers.values()):
        return say("how many errors of each kind is a whole number, 0 for none.")
    counted = [(place, number or 0) for place, number in numbers.items()]
    errors = [place for place, number in counted for _ in range(number)]
    words = ", ".join(f"{kind} {severity} {number}" for (kind, severity), number in counted if number)
    return Score(penalty(criterion, errors), note, words or "none")


def _counted_fields(criterion: CriterionDocument, text: str) -> dict[str, str]:
    """The numbers that ``_spans`` noted, as fields; what it did not name was 0."""
    known = {(kind, severity): number for kind, severity, number in _parts_of(text)}
    return {name: str(known.get(place, 0)) for name, place in part_fields(criterion).items()}


def _parts_of(text: str) -> list[tuple[str, str, int]]:
    """(error type, severity, number) of what ``_spans`` noted; all that is not named is 0."""
    parts = [part.rsplit(" ", 2) for part in text.split(", ")]
    return [(part[0], part[1], int(part[2])) for part in parts if len(part) == 3 and part[2].isdecimal()]
