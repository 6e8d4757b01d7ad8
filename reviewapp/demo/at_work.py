"""Simulated experts at work: they use the services that the screens use, under names that say what they are."""

from __future__ import annotations

import json
import uuid
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from typing import Any

from reviewapp.accounts.models import User
from reviewapp.curation.models import Finding
from reviewapp.curation.services import finding_dismiss
from reviewapp.evaluations.models import GradeAssignment, GradingRound
from reviewapp.evaluations.services.grades import grade_claim, grade_submit
from reviewapp.projects.models import Project
from reviewapp.reviews.judging import ReviewGiven
from reviewapp.reviews.models import Assignment
from reviewapp.reviews.services.adjudications import Cause, adjudication_claim, adjudication_submit
from reviewapp.reviews.services.assignments import assignment_claim
from reviewapp.reviews.services.decisions import review_submit
from reviewapp.rubrics.scoring import Score
from reviewapp.samples.models import Sample

MARK = "Simulated expert"


@dataclass(frozen=True)
class Opinion:
    """What a simulated reviewer does with a sample; an empty reason is allowed when they accept."""

    decision: str  # accept or reject; a changed text makes an acceptance a fix
    prompt: str
    completion: str
    scores: dict[str, int]
    reason: str
    seconds: int


@dataclass(frozen=True)
class Marks:
    """What a simulated grader says about an output: levels, the errors they mark, a note and a correction."""

    scores: dict[str, int]
    spans: list[dict[str, Any]]
    note: str
    correction: str


# (sample, reviewer's username) -> opinion; (assignment, grader's username) -> marks
Reviewer = Callable[[Sample, str], Opinion]
Grader = Callable[[GradeAssignment, str], Marks]


@dataclass
class ReviewCounts:
    reviews: int = 0
    adjudications: int = 0
    by_decision: dict[str, int] = field(default_factory=dict)


def review_all(
    project: Project, reviewers: list[User], judge: Reviewer, *, limit: int, say: Callable[[str], None]
) -> ReviewCounts:
    """Takes samples in turn until nobody gets one, or ``limit`` reviews are in."""
    counts = ReviewCounts()
    for assignment in _in_turn(lambda user: assignment_claim(project=project, user=user), reviewers):
        opinion = judge(assignment.sample, assignment.holder.username)
        review = review_submit(
            assignment=assignment, given=_given(assignment, opinion), idempotency_key=uuid.uuid4(),
            seconds=opinion.seconds,
        )  # fmt: skip
        counts.by_decision[review.decision] = counts.by_decision.get(review.decision, 0) + 1
        counts.reviews += 1
        if counts.reviews % 250 == 0:
            say(f"  {counts.reviews:,} reviews")
        if counts.reviews >= limit:
            break
    return counts


def adjudicate_all(project: Project, adjudicators: list[User], judge: Reviewer) -> int:
    """Settles every sample whose reviews differ; returns how many."""
    settled = 0
    for assignment in _in_turn(lambda user: adjudication_claim(project=project, user=user), adjudicators):
        opinion = judge(assignment.sample, assignment.holder.username)
        adjudication_submit(
            assignment=assignment,
            given=_given(assignment, opinion),
            cause=Cause(kind="slip"),
            idempotency_key=uuid.uuid4(),
        )
        settled += 1
    return settled


def _in_turn(claim: Callable[[User], Any], people: list[User]) -> Iterator[Any]:
    """One item for each person in turn, until nobody gets any."""
    waiting = list(people)
    while waiting:
        for user in list(waiting):
            item = claim(user)
            if item is None:
                waiting.remove(user)
            else:
                yield item


def _given(assignment: Assignment, opinion: Opinion) -> ReviewGiven:
    settle_findings(assignment, opinion)
    return ReviewGiven(
        decision=opinion.decision,
        prompt=opinion.prompt,
        completion=opinion.completion,
        scores={key: Score(value=value, note=MARK) for key, value in opinion.scores.items()},
        reason=f"{MARK}: {opinion.reason}" if opinion.reason else "",
    )


def settle_findings(assignment: Assignment, opinion: Opinion) -> None:
    """An expert who accepts a text as it is has looked at its findings and found nothing in them."""
    if opinion.decision != "accept" or _is_changed(assignment, opinion):
        return
    open_findings = Finding.objects.filter(revision=assignment.revision, state=Finding.State.OPEN)
    for finding in open_findings.exclude(check_name="heldout_overlap"):
        finding_dismiss(finding=finding, reason=f"{MARK}: nothing wrong here.", dismissed_by=assignment.holder)


def _is_changed(assignment: Assignment, opinion: Opinion) -> bool:
    return (opinion.prompt, opinion.completion) != (assignment.revision.prompt, assignment.revision.completion)


def grade_all(round: GradingRound, graders: list[User], mark: Grader, *, say: Callable[[str], None]) -> int:
    """Grades what is open, each grader in turn; returns how many grades were locked."""
    locked = 0
    for assignment in _in_turn(lambda user: grade_claim(round=round, user=user), graders):
        marks = mark(assignment, assignment.holder.username)
        values = {f"score-{key}": str(value) for key, value in marks.scores.items()}
        values |= {"spans": json.dumps(marks.spans), "note": marks.note, "correction": marks.correction}
        grade_submit(assignment=assignment, idempotency_key=uuid.uuid4(), values=values, submitted_by=assignment.holder)
        locked += 1
        if locked % 200 == 0:
            say(f"  {locked:,} grades")
    return locked
