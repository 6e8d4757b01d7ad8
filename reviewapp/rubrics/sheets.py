"""The rows of a rubric's form, as reviewing, grading and the preview show them. Plain Python."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from reviewapp.rubrics import documents as d
from reviewapp.rubrics.answers import MARKED, MINOR, NOT_APPLICABLE, asking_values, needs_evidence, part_fields
from reviewapp.rubrics.documents import CriterionDocument, RubricDocument
from reviewapp.words import say


@dataclass(frozen=True)
class Choice:
    """One radio button: ``digit`` chooses it by keyboard, ``asks`` is "evidence" where the answer must be proved."""

    value: str
    label: str
    anchor: str
    digit: str
    asks: str = ""


@dataclass(frozen=True)
class Part:
    """How many errors of one type and severity; ``name`` is said once, before the minor ones."""

    field: str
    name: str
    severity: str
    weight: int
    value: str


@dataclass(frozen=True)
class CriterionRow:
    """One criterion as the form shows it: what is answered now, and what is wrong with it."""

    number: int
    total: int
    criterion: CriterionDocument
    chosen: str
    note: str
    problem: str
    form: Mapping[str, str]

    @property
    def answer(self) -> tuple[str, str, str] | None:
        """(value, label, anchor) of the chosen level, None while nothing or an unknown level is chosen."""
        if self.chosen == NOT_APPLICABLE and self.criterion.allow_na:
            return "0", "Not applicable", self.note
        found = {choice.value: choice for choice in self.choices}.get(self.chosen)
        return (found.value, found.label, found.anchor) if found else None

    @property
    def field(self) -> str:
        return f"score-{self.criterion.key}"

    @property
    def na_field(self) -> str:
        """A count that does not apply has a field of its own, because a number and a word cannot share one."""
        return f"{self.field}-na" if self.criterion.kind == d.COUNT else self.field

    @property
    def is_na(self) -> bool:
        return NOT_APPLICABLE in (self.chosen, self.form.get(f"{self.field}-na", ""))

    @property
    def note_field(self) -> str:
        return f"note-{self.criterion.key}"

    @property
    def choices(self) -> list[Choice]:
        """What can be chosen, best first (a gate's yes first); empty for what is counted, marked or written."""
        criterion = self.criterion
        if criterion.kind == d.POINTS:
            return [self._met(1, "Met", "1"), self._met(0, "Not met", "2")]
        if criterion.kind == d.PREFERENCE:
            levels = enumerate(criterion.levels, 1)
            return [Choice(str(level.value), level.label, level.anchor, str(n)) for n, level in levels]
        return [
            Choice(str(one.value), one.label, one.anchor, str(one.value), self._asks(one.value))
            for one in criterion.levels
        ]

    @property
    def parts(self) -> list[Part]:
        weights = {(kind.key, MINOR): kind.minor for kind in self.criterion.error_types}
        kinds = {kind.key: kind for kind in self.criterion.error_types}
        return [
            Part(
                name, kinds[key].name, severity, weights.get((key, severity), kinds[key].major), self.form.get(name, "")
            )
            for name, (key, severity) in part_fields(self.criterion).items()
        ]

    @property
    def is_marked(self) -> bool:
        return self.chosen == MARKED

    @property
    def evidence_values(self) -> str:
        """The answers that ask for a marked passage."""
        return " ".join(map(str, asking_values(self.criterion)))

    @property
    def evidence_kinds(self) -> str:
        return " ".join(self.criterion.evidence)

    @property
    def evidence_words(self) -> str:
        """When a number must be proved, in words; "" for a criterion without limit."""
        limit = self.criterion.evidence_at_or_below
        if limit is None or self.criterion.kind != d.COUNT:
            return ""
        return f"{limit} or {'more' if self.criterion.is_lower_better else 'fewer'} asks which passage shows it."

    def _met(self, value: int, label: str, digit: str) -> Choice:
        points = self.criterion.points or 0
        anchor = f"{points:+d} point{'s' if abs(points) != 1 else ''}" if value else "0 points"
        return Choice(str(value), label, anchor, digit, self._asks(value))

    def _asks(self, value: int) -> str:
        return "evidence" if needs_evidence(self.criterion, value) else ""


@dataclass(frozen=True)
class GradingRow:
    """A row as the grading workbench has it, so that a preview can show the same part."""

    row: CriterionRow
    evidence_values: str


@dataclass(frozen=True)
class Sheet:
    """What one kind of work asks: rows of reviewing, gates and further rows of grading, or rows of a comparison."""

    work: str
    title: str
    rows: list[CriterionRow]
    gates: list[GradingRow]
    others: list[GradingRow]


def sheets_of(rubric: RubricDocument) -> list[Sheet]:
    """The rubric as each who judges by it sees it: reviewers, graders, and those who compare two outputs."""
    sheets = []
    if rubric.applies_to != d.OUTPUTS:
        sheets.append(Sheet("samples", say("What a reviewer sees"), criterion_rows(rubric, {}, work=d.SAMPLES), [], []))
    graded = criterion_rows(rubric, {}, work=d.OUTPUTS) if rubric.applies_to != d.SAMPLES else []
    compared = d.preferences(rubric)
    pairs = [one for one in compared.criteria if one.kind == d.PREFERENCE]
    if rubric.applies_to != d.SAMPLES and not (pairs and all(row.criterion.is_worded for row in graded)):
        rows = [GradingRow(row, row.evidence_values) for row in graded]
        gates = [one for one in rows if one.row.criterion.kind == d.GATE]
        others = [one for one in rows if one.row.criterion.kind != d.GATE]
        sheets.append(Sheet("outputs", say("What a grader sees"), [], gates, others))
    if pairs:
        sheets.append(
            Sheet("pairs", say("What somebody sees who compares two outputs"), criterion_rows(compared, {}), [], [])
        )
    return [sheet for sheet in sheets if sheet.rows or sheet.gates or sheet.others]


def criterion_rows(
    rubric: RubricDocument, form: Mapping[str, str], problems: Mapping[str, str] | None = None, *, work: str = ""
) -> list[CriterionRow]:
    """Rows for the form, with what was chosen before (a draft, or a form that was refused).

    ``work`` "samples" or "outputs" leaves out criteria that are not asked there.
    """
    rubric = d.narrowed(rubric, work) if work else rubric
    total = len(rubric.criteria)
    return [
        CriterionRow(
            number=number,
            total=total,
            criterion=criterion,
            chosen=form.get(f"score-{criterion.key}", ""),
            note=form.get(f"note-{criterion.key}", ""),
            problem=(problems or {}).get(criterion.key, ""),
            form=form,
        )
        for number, criterion in enumerate(rubric.criteria, 1)
    ]
