"""Rows and answers that the tests of reviewing share."""

from __future__ import annotations

import uuid
from types import SimpleNamespace
from typing import Any

from django.utils import timezone

from reviewapp.accounts.models import User
from reviewapp.projects.models import Project
from reviewapp.reviews.judging import ReviewGiven
from reviewapp.reviews.models import Assignment, Review
from reviewapp.reviews.services import assignment_claim, review_submit
from reviewapp.rubrics.models import RubricVersion
from reviewapp.rubrics.schema import rubric_parse
from reviewapp.rubrics.scoring import Score
from reviewapp.rubrics.services import rubric_create
from reviewapp.samples.models import Sample
from tests import factories

TEXT = "Reason: knee pain.\n\nPlan: rest."

RUBRIC = rubric_parse(
    {
        "name": "Note",
        "applies_to": "samples",
        "guidelines": "Read the prompt first.",
        "criteria": [
            {
                "key": "wrong_fact",
                "name": "Wrong fact",
                "kind": "gate",
                "is_critical": True,
                "levels": [
                    {"value": 1, "label": "Yes", "anchor": "One or more."},
                    {"value": 0, "label": "No", "anchor": "None."},
                ],
            },
            {
                "key": "complete",
                "name": "Complete",
                "kind": "levels",
                "allow_na": True,
                "evidence_at_or_below": 2,
                "levels": [{"value": n, "label": f"Level {n}", "anchor": f"Anchor {n}."} for n in (1, 2, 3, 4)],
            },
        ],
    }
)


def rubric(project: Project) -> RubricVersion:
    return rubric_create(project=project, document=RUBRIC, created_by=factories.user())


def world(project: Project, *, samples: int = 3, overlap: int = 1) -> SimpleNamespace:
    """A project that can be reviewed: a rubric, ready samples, two annotators."""
    project.review_overlap = overlap
    project.save()
    return SimpleNamespace(
        project=project,
        version=rubric(project),
        samples=[factories.sample(project, completion=TEXT) for _ in range(samples)],
        ann=factories.member(project, "annotator", "ann"),
        bob=factories.member(project, "annotator", "bob"),
        cleo=factories.member(project, "reviewer", "cleo"),
    )


def given(decision: str = "accept", *, completion: str = TEXT, complete: int | None = 4, **values: Any) -> ReviewGiven:
    values.setdefault("prompt", factories.PROMPT)
    values.setdefault("reason", "" if decision == "accept" else "Not about a visit.")
    scores = {"wrong_fact": Score(values.pop("wrong_fact", 0), "evidence"), "complete": Score(complete, "evidence")}
    return ReviewGiven(decision=decision, completion=completion, scores=scores, **values)


def claim(project: Project, user: User) -> Assignment:
    assignment = assignment_claim(project=project, user=user)
    assert assignment is not None, "nothing to claim"
    return assignment


def review(project: Project, user: User, answer: ReviewGiven | None = None) -> Review:
    """Claims the next sample and decides about it."""
    assignment = claim(project, user)
    return review_submit(assignment=assignment, given=answer or given(), idempotency_key=uuid.uuid4())


def expire(assignment: Assignment) -> None:
    Assignment.objects.filter(pk=assignment.pk).update(lease_expires_at=timezone.now())


def state_of(sample: Sample) -> str:
    return Sample.objects.get(pk=sample.pk).state
