"""axe finds nothing on the pages of comparing and calibrating: light, dark, high contrast, 200% zoom, 400 px."""

from __future__ import annotations

import uuid
from types import SimpleNamespace
from typing import Any

import pytest
from django.urls import reverse

from reviewapp.evaluations.models import Output
from reviewapp.evaluations.services import grades, preferences, rounds
from reviewapp.projects.models import Project
from tests import factories
from tests.browsing import IN_BROWSER, signed_in
from tests.reviewapp.evaluations.test_blindness import open_calibration
from tests.reviewapp.evaluations.world import bad_form, generated, lock
from tests.reviewapp.looks import faults_in_every_look

pytestmark = IN_BROWSER


def address(name: str, *args: object) -> str:
    return reverse(f"evaluations:{name}", args=["letters", *args])


def pair_page(project: Project, people: SimpleNamespace) -> str:
    run = generated(project, prompts=3)
    texts = {"baseline": "She is 83. She takes 5 mg of apixaban once a day.", "candidate": "She is 38. Apixaban 5 mg."}
    for output in run.outputs.all():
        Output.objects.filter(pk=output.pk)._raw_delete("default")
        Output.objects.create(
            generation_run=run, heldout_prompt=output.heldout_prompt, model_version=output.model_version,
            arm=output.arm, text=texts[output.arm], content_hash="0",
        )  # fmt: skip
    version = factories.rubric_version(project, applies_to="outputs")
    made = preferences.pairwise_create(
        generation_run=run, rubric_version=version, overlap_percent=0, created_by=people.lead
    )
    rounds.round_open(round=made, opened_by=people.lead)
    first = grades.grade_claim(round=made, user=people.reviewer)
    preferences.preference_submit(
        assignment=first, idempotency_key=uuid.uuid4(), values={"choice": "tie"}, submitted_by=people.reviewer
    )
    return address("pair", grades.grade_claim(round=made, user=people.reviewer).key)


def pair_result(project: Project, people: SimpleNamespace) -> str:
    pair_page(project, people)
    made = project.grading_rounds.get()
    rounds.round_unseal(round=made, unsealed_by=people.lead, reason="The pilot ends here.")
    return address("round_detail", made.pk)


def calibration_result(project: Project, people: SimpleNamespace) -> str:
    made = open_calibration(project, people, practice=1, exam=2)
    while (taken := grades.grade_claim(round=made, user=people.reviewer)) is not None:
        lock(taken, **bad_form())
    return address("round_detail", made.pk)


def feedback(project: Project, people: SimpleNamespace) -> str:
    made = open_calibration(project, people, practice=1, exam=1)
    taken = grades.grade_claim(round=made, user=people.reviewer)
    lock(taken, **bad_form())
    return address("grade_feedback", taken.key)


def revealed(project: Project, people: SimpleNamespace) -> str:
    run, version = generated(project), factories.rubric_version(project, applies_to="outputs")
    made = rounds.round_create(generation_run=run, rubric_version=version, overlap_percent=0, created_by=people.lead)
    rounds.round_open(round=made, opened_by=people.lead)
    taken = grades.grade_claim(round=made, user=people.reviewer)
    grades.grade_reveal(grade=lock(taken, **bad_form()), revealed_by=people.reviewer)
    return address("grade_locked", taken.key)


def revising(project: Project, people: SimpleNamespace) -> str:
    return revealed(project, people).replace("/locked/", "/revise/")


def my_grades(project: Project, people: SimpleNamespace) -> str:
    revealed(project, people)
    return address("grade_list", project.grading_rounds.get().pk)


SCREENS = {
    "pair": pair_page,
    "pair-result": pair_result,
    "calibration": calibration_result,
    "calibration-feedback": feedback,
    "grade-revealed": revealed,
    "grade-revising": revising,
    "grade-mine": my_grades,
}


@pytest.mark.parametrize("screen", SCREENS)
def test_axe_is_content_in_every_look(
    browser: Any, live_server: Any, project: Project, people: SimpleNamespace, screen: str
) -> None:
    url = SCREENS[screen](project, people)
    context = signed_in(browser, live_server.url, people.reviewer)
    page = context.new_page()
    assert page.goto(live_server.url + url).ok
    page.wait_for_timeout(300)
    assert faults_in_every_look(page, screen) == {}
    context.close()
