"""Accepted samples whose completions were labelled, the way a reviewer does it."""

from __future__ import annotations

import uuid
from typing import Any

from reviewapp.labelling.models import LabelSchemaVersion
from reviewapp.labelling.selectors import version_current
from reviewapp.projects.models import Project
from reviewapp.reviews.selectors.labels import review_given
from reviewapp.reviews.services import assignment_claim, review_submit
from reviewapp.rubrics.selectors import version_document
from tests import factories
from tests.reviewapp.labelling import documents as d
from tests.reviewapp.reviews import reviewing
from tests.reviewapp.trainingsets import builders

CANDIDATES = ["Rest for a week.", "See a doctor.", "Take ibuprofen."]


def labelled(project: Project, count: int = 20, *fields: dict[str, Any], waiting: int = 0) -> LabelSchemaVersion:
    """``count`` samples c0000, c0001 ... in groups of two, labelled in turn as pain, skin, sleep and ranked 3 1 2.

    ``waiting``: how many there are already, to be labelled as well.
    """
    reviewing.rubric(project)
    person = factories.member(project, "annotator", "labeller")
    version = version_current(project) or d.version(project, *(fields or (d.one_class(),)))
    for number in range(count):
        factories.sample(
            project, prompt=builders.text(number)[0], completion="", external_id=f"c{number:04d}",
            group_key=f"patient {number // 2}", metadata={"candidates": CANDIDATES},
        )  # fmt: skip
    for number in range(count + waiting):
        assignment = assignment_claim(project=project, user=person)
        assert assignment is not None
        chosen = ("pain", "skin", "sleep")[number % 3]
        form = {"label-reason": chosen, "label-best": "3 1 2", "label-version": version.content_hash}
        rubric = version_document(assignment.rubric_version)
        given = review_given(version, assignment, {"decision": "accept", **form}, rubric)
        review_submit(assignment=assignment, given=given, idempotency_key=uuid.uuid4())
    return version
