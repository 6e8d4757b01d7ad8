"""Where a person stands in a calibration round: what is done, what was right, what to read again."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from reviewapp.evaluations import reliability, selectors
from reviewapp.evaluations.models import Grade, GradeAssignment, GradingRound, RoundItem
from reviewapp.rubrics.schema import CriterionDocument, LevelDocument
from reviewapp.rubrics.selectors import version_document

if TYPE_CHECKING:
    from reviewapp.accounts.models import User

Purpose = GradeAssignment.Purpose


@dataclass(frozen=True, kw_only=True)
class Compared:
    """One criterion of a grade beside the reference grade."""

    criterion: CriterionDocument
    given: int | None
    reference: int | None
    is_right: bool

    @property
    def given_level(self) -> LevelDocument | None:
        return _level(self.criterion, self.given)

    @property
    def reference_level(self) -> LevelDocument | None:
        return _level(self.criterion, self.reference)


@dataclass(frozen=True, kw_only=True)
class Standing:
    """What a person has done of a calibration; ``to_read`` are criteria that were missed, with how often."""

    practice: int
    practice_done: int
    exam: int
    exam_done: int
    n_right: int
    pass_percent: int
    to_read: tuple[tuple[CriterionDocument, int], ...]

    @property
    def is_over(self) -> bool:
        """Whether nothing is left to do, scored or not."""
        return self.practice_done == self.practice and self.exam_done == self.exam

    @property
    def is_done(self) -> bool:
        return self.exam > 0 and self.exam_done == self.exam

    @property
    def is_passed(self) -> bool:
        return self.is_done and reliability.is_passed(self.n_right, self.exam, self.pass_percent)


def _level(criterion: CriterionDocument, value: int | None) -> LevelDocument | None:
    return next((level for level in criterion.levels if level.value == value), None)


def compared(grade: Grade, reference: Grade) -> list[Compared]:
    """A grade beside the reference, criterion by criterion, in the order of the rubric."""
    given, right = values_of(grade), values_of(reference)
    return [
        Compared(
            criterion=criterion,
            given=given.get(criterion.key),
            reference=right.get(criterion.key),
            is_right=reliability.is_right(criterion.kind, given.get(criterion.key), right.get(criterion.key)),
        )
        for criterion in version_document(grade.rubric_version).criteria
        if criterion.kind not in ("text", "preference")
    ]


def values_of(grade: Grade) -> dict[str, int | None]:
    return {score.criterion.key: score.value for score in grade.scores.all()}


def references(round: GradingRound) -> dict[int, Grade]:
    """The reference grade of each item of a calibration round that has one, by item id."""
    found = selectors.blind_grades(Grade.objects.filter(round=round, assignment__purpose=Purpose.REFERENCE))
    rows = found.select_related("assignment").prefetch_related("scores__criterion")
    return {grade.assignment.item_id: grade for grade in rows}


def standing(round: GradingRound, user: User) -> Standing:
    """Where one person stands; four queries and those of the rubric, however many outputs."""
    return standings(round, [user.pk])[user.pk]


def standings(round: GradingRound, users: list[int]) -> dict[int, Standing]:
    """Where each of these people stands in a calibration round."""
    items = list(RoundItem.objects.filter(round=round).values_list("purpose", flat=True))
    right = references(round)
    document = version_document(round.rubric_version)
    kinds = {criterion.key: criterion.kind for criterion in document.criteria}
    grades = selectors.blind_grades(
        Grade.objects.filter(round=round, grader__in=users, assignment__purpose__in=[Purpose.PRACTICE, Purpose.EXAM])
    )
    rows = list(grades.select_related("assignment").prefetch_related("scores__criterion"))
    found = {}
    for user in users:
        mine = [grade for grade in rows if grade.grader_id == user]
        exam = [grade for grade in mine if grade.assignment.purpose == Purpose.EXAM]
        missed = [
            reliability.missed(kinds, values_of(grade), values_of(right[grade.assignment.item_id])) for grade in exam
        ]
        often = reliability.missed_most(key for keys in missed for key in keys)
        criteria = {criterion.key: criterion for criterion in document.criteria}
        found[user] = Standing(
            practice=items.count(RoundItem.Purpose.PRACTICE),
            practice_done=len(mine) - len(exam),
            exam=items.count(RoundItem.Purpose.EXAM),
            exam_done=len(exam),
            n_right=sum(not keys for keys in missed),
            pass_percent=round.pass_percent,
            to_read=tuple((criteria[key], n) for key, n in often),
        )
    return found


def people(round: GradingRound) -> list[tuple[str, Standing]]:
    """Everyone who has begun a calibration, by name, with where they stand."""
    begun = Grade.objects.filter(round=round).exclude(assignment__purpose=Purpose.REFERENCE)
    names = dict(begun.values_list("grader_id", "grader__display_name").distinct().order_by("grader__display_name"))
    found = standings(round, list(names))
    return [(name, found[pk]) for pk, name in names.items()]
