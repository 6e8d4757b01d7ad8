"""What graders gave without being told: repeats of their own, and outputs with a reference grade."""

from __future__ import annotations

from reviewapp.evaluations.models import Grade, GradeAssignment
from reviewapp.evaluations.reliability import GoldOutcome, RepeatPair
from reviewapp.evaluations.selectors.grades import blind_grades, effective_grades
from reviewapp.projects.models import Project


def repeat_pairs(project: Project) -> list[RepeatPair]:
    """What graders gave to outputs that they met twice without being told, one row a criterion."""
    kinds = GradeAssignment.Purpose
    grades = blind_grades(Grade.objects.filter(round__project=project, assignment__purpose=kinds.REPEAT))
    seconds = list(grades.select_related("assignment").prefetch_related("scores__criterion"))
    firsts = effective_grades(Grade.objects.filter(output__in=[grade.output_id for grade in seconds]))
    by_place = {
        (grade.round_id, grade.output_id, grade.grader_id): grade
        for grade in firsts.prefetch_related("scores__criterion")
    }
    found = []
    for second in seconds:
        first = by_place.get((second.round_id, second.output_id, second.grader_id))
        before = {score.criterion.key: score.value for score in first.scores.all()} if first else {}
        found += [
            RepeatPair(
                grader_id=second.grader_id,
                round_id=second.round_id,
                output_id=second.output_id,
                criterion=score.criterion.key,
                kind=score.criterion.kind,
                first=before[score.criterion.key],
                second=score.value,
                first_at=first.submitted_at,
                second_at=second.submitted_at,
            )
            for score in second.scores.all()
            if first and score.criterion.key in before and score.criterion.kind != "text"
        ]
    return found


def gold_outcomes(project: Project) -> list[GoldOutcome]:
    """What graders gave to hidden outputs with a reference grade, one row a criterion."""
    grades = blind_grades(
        Grade.objects.filter(round__project=project, assignment__purpose=GradeAssignment.Purpose.GOLD)
    ).select_related("assignment__item__reference")
    related = ("scores__criterion", "assignment__item__reference__scores__criterion")
    found = []
    for grade in grades.prefetch_related(*related):
        reference = grade.assignment.item.reference
        known = {score.criterion.key: score.value for score in reference.scores.all()} if reference else {}
        found += [
            GoldOutcome(
                grader_id=grade.grader_id,
                round_id=grade.round_id,
                output_id=grade.output_id,
                criterion=score.criterion.key,
                kind=score.criterion.kind,
                given=score.value,
                reference=known[score.criterion.key],
                graded_at=grade.submitted_at,
            )
            for score in grade.scores.all()
            if score.criterion.key in known and score.criterion.kind != "text"
        ]
    return found
