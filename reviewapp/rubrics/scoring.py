"""Reading what a person chose on a rubric's form. Plain Python, used by reviewing, grading and the preview.

Fields of a form: ``score-<key>`` holds the value of a level or "na", ``note-<key>`` the reason or the evidence.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from reviewapp.rubrics.schema import CriterionDocument, RubricDocument

NOT_APPLICABLE = "na"


@dataclass(frozen=True)
class Score:
    """value None: not applicable, with its reason in note."""

    value: int | None
    note: str


@dataclass(frozen=True)
class Scores:
    """by_key holds what was answered well; problems a sentence for each criterion that was not."""

    by_key: dict[str, Score] = field(default_factory=dict)
    problems: dict[str, str] = field(default_factory=dict)
    n_open: int = 0


@dataclass(frozen=True)
class CriterionRow:
    """One criterion as the form shows it: what is chosen now, and what is wrong with it."""

    number: int
    total: int
    criterion: CriterionDocument
    chosen: str
    note: str
    problem: str

    @property
    def answer(self) -> tuple[str, str, str] | None:
        """(value, label, anchor) of the chosen level, None while nothing or an unknown level is chosen."""
        if self.chosen == NOT_APPLICABLE and self.criterion.allow_na:
            return "0", "Not applicable", self.note
        levels = {str(level.value): level for level in self.criterion.levels}
        level = levels.get(self.chosen)
        return (self.chosen, level.label, level.anchor) if level else None

    @property
    def field(self) -> str:
        return f"score-{self.criterion.key}"

    @property
    def note_field(self) -> str:
        return f"note-{self.criterion.key}"


def needs_evidence(criterion: CriterionDocument, value: int | None) -> bool:
    """Whether this level must be proved: a gate answered yes, a level at or below the criterion's limit."""
    limit = criterion.evidence_at_or_below
    if value is None or limit is None:
        return False
    return value == 1 if criterion.kind == "gate" else value <= limit


def scores_read(rubric: RubricDocument, form: Mapping[str, str], *, is_complete: bool = True) -> Scores:
    """Reads the answers of a form; ``is_complete`` False leaves unanswered criteria out instead of asking for them."""
    scores = Scores()
    n_open = 0
    for criterion in rubric.criteria:
        chosen = form.get(f"score-{criterion.key}", "")
        note = form.get(f"note-{criterion.key}", "").replace("\r\n", "\n").strip()
        problem = _problem(criterion, chosen, note)
        if not chosen and not is_complete:
            continue
        if problem:
            scores.problems[criterion.key] = problem
            n_open += not chosen
        else:
            scores.by_key[criterion.key] = Score(None if chosen == NOT_APPLICABLE else int(chosen), note)
    return Scores(scores.by_key, scores.problems, n_open)


def criterion_rows(
    rubric: RubricDocument, form: Mapping[str, str], problems: Mapping[str, str] | None = None
) -> list[CriterionRow]:
    """Rows for the form, with what was chosen before (a draft, or a form that was refused)."""
    total = len(rubric.criteria)
    return [
        CriterionRow(
            number=number,
            total=total,
            criterion=criterion,
            chosen=form.get(f"score-{criterion.key}", ""),
            note=form.get(f"note-{criterion.key}", ""),
            problem=(problems or {}).get(criterion.key, ""),
        )
        for number, criterion in enumerate(rubric.criteria, 1)
    ]


def _problem(criterion: CriterionDocument, chosen: str, note: str) -> str:
    if not chosen:
        return f"{criterion.name}: choose a level."
    if chosen == NOT_APPLICABLE:
        if not criterion.allow_na:
            return f"{criterion.name}: this criterion always applies. Choose a level."
        return "" if note else f"{criterion.name}: say why it does not apply."
    if chosen not in {str(level.value) for level in criterion.levels}:
        return f"{criterion.name}: there is no level {chosen}. Choose one of the list."
    return ""
