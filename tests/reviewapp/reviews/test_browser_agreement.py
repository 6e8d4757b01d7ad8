"""Agreement, raters and an ambiguity of the rubric in a browser: axe, nothing too wide, nothing blocked."""

from __future__ import annotations

import os
import uuid
from datetime import UTC, datetime, timedelta
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
from django.urls import reverse

from reviewapp.accounts.models import User
from reviewapp.evaluations.models import Grade, GradeAssignment, GradeScore, GradingRound, RoundItem
from reviewapp.reviews.models import CriterionScore, Review
from reviewapp.reviews.services import Cause, adjudication_claim, adjudication_submit
from tests import factories
from tests.browsing import IN_BROWSER, signed_in
from tests.reviewapp.evaluations.world import generated, opened_round
from tests.reviewapp.looks import LOOKS, faults_in_every_look, is_too_wide, violations
from tests.reviewapp.reviews.reviewing import TEXT, given, review
from tests.reviewapp.reviews.test_browser import w

pytestmark = IN_BROWSER
__all__ = ["w"]

START = datetime(2026, 11, 2, 9, tzinfo=UTC)


@pytest.fixture
def lead(w: SimpleNamespace) -> User:
    """Seventy samples reviewed by two of four people with leanings of their own, and one ambiguity settled."""
    people = [w.ann, w.bob, w.cleo, factories.member(w.project, "annotator", "dimitrios")]
    criteria = list(w.version.criteria.all())
    rng = np.random.default_rng(2)
    for number in range(70):
        sample = factories.sample(w.project, state="accepted", language=("en", "de")[number % 2])
        truth = rng.normal(3, 0.9)
        for slot, place in enumerate(rng.permutation(4)[: 2 if number % 9 else 3]):
            at = START + timedelta(minutes=4 * number)
            made = factories.review(
                sample, people[place], w.version, slot=slot, seconds=int(rng.integers(30, 300)), submitted_at=at
            )
            level = int(np.clip(round(truth + (-0.9, 0.1, 0.3, 0.5)[place] + rng.normal(0, 0.4)), 1, 4))
            CriterionScore.objects.create(review=made, criterion=criteria[0], value=int(rng.random() < 0.06))
            CriterionScore.objects.create(review=made, criterion=criteria[1], value=level)
    made_lead = factories.member(w.project, "lead", "lena")
    ambiguity(w, made_lead)
    return made_lead


def ambiguity(w: SimpleNamespace, lead: User) -> None:
    w.project.review_overlap = 2
    w.project.save()
    type(w.samples[0]).objects.filter(project=w.project).update(slots_needed=2)
    review(w.project, w.ann, given(completion=TEXT.replace("rest", "sleep"), complete=2))
    review(w.project, w.bob, given(completion=TEXT.replace("rest", "ice"), complete=4))
    held = adjudication_claim(project=w.project, user=lead)
    assert held is not None
    cause = Cause(kind="rubric_ambiguous", note="Does a plan count as complete when it names no dose?")
    adjudication_submit(assignment=held, given=given(), cause=cause, idempotency_key=held.key)


def page_for(browser: Any, live_server: Any, user: User, look: dict[str, Any]) -> tuple[Any, list[str]]:
    context = signed_in(browser, live_server.url, user, **look)
    page, troubles = context.new_page(), []
    page.on("pageerror", lambda error: troubles.append(str(error)))
    page.on("console", lambda m: troubles.append(m.text) if "Content Security" in m.text else None)
    return page, troubles


def test_axe_is_content_with_agreement_and_raters(
    browser: Any, live_server: Any, lead: User, w: SimpleNamespace
) -> None:
    page, troubles = page_for(browser, live_server, lead, LOOKS["light"])
    agreement = reverse("reviews:agreement", args=[w.project.slug])
    addresses = {
        "agreement": f"{agreement}?criterion=complete&by=language",
        "raters": reverse("home:raters", args=[w.project.slug]) + "?criterion=complete",
        "ambiguity": reverse("rubrics:rubric_edit", args=[w.project.slug, w.version.rubric_id]) + "?note=Is+it%3F",
    }
    for name, address in addresses.items():
        page.goto(live_server.url + address)
        assert faults_in_every_look(page, name) == {}
    assert troubles == []
    page.context.close()


def test_what_a_rubric_leaves_open_is_asked_when_it_is_the_cause(
    browser: Any, live_server: Any, w: SimpleNamespace, lead: User
) -> None:
    for person, words, level in ((w.ann, "sleep", 2), (w.bob, "ice", 4)):
        review(w.project, person, given(completion=TEXT.replace("rest", words), complete=level))
    held = adjudication_claim(project=w.project, user=lead)
    assert held is not None
    page, troubles = page_for(browser, live_server, lead, LOOKS["light"])
    page.goto(live_server.url + reverse("reviews:adjudication_edit", args=[w.project.slug, held.key]))
    note = page.get_by_label("What the rubric leaves open")
    assert not note.is_visible()
    page.get_by_label("The rubric can be read both ways").check()
    assert note.is_visible()
    note.fill("Is sleep a plan?")
    page.get_by_text("The text as it came").click()
    page.get_by_role("radio", name="Level 4").first.check()
    if os.environ.get("SCREENSHOTS"):
        page.screenshot(path=Path(os.environ["SCREENSHOTS"]) / "adjudication_note.png")
    page.keyboard.press("Control+Enter")
    page.get_by_text("The rubric leaves something open").wait_for(timeout=15_000)
    assert Review.objects.filter(cause_note="Is sleep a plan?").count() == 1
    assert troubles == []
    page.context.close()


def test_axe_is_content_with_graders(browser: Any, live_server: Any, w: SimpleNamespace) -> None:
    lead = factories.member(w.project, "lead", "lea")
    people = [factories.member(w.project, "reviewer", name) for name in ("gus", "ida")]
    round = opened_round(generated(w.project, prompts=6), lead)
    for number, item in enumerate(round.items.all()):
        for slot, person in enumerate(people):
            grade(round, item, person, slot, 1 + (number + slot) % 3)
    page, troubles = page_for(browser, live_server, lead, LOOKS["narrow"])
    page.goto(live_server.url + reverse("home:raters", args=[w.project.slug]))
    page.get_by_role("heading", name="Agreement of graders").wait_for(timeout=15_000)
    assert violations(page) == [] and not is_too_wide(page)
    if os.environ.get("SCREENSHOTS"):
        page.screenshot(path=Path(os.environ["SCREENSHOTS"]) / "raters_grades_narrow.png", full_page=True)
        page.set_viewport_size({"width": 1440, "height": 900})
        page.screenshot(path=Path(os.environ["SCREENSHOTS"]) / "raters_grades_light.png", full_page=True)
    assert troubles == []
    page.context.close()


def grade(round: GradingRound, item: RoundItem, person: User, slot: int, level: int) -> None:
    assignment = GradeAssignment.objects.create(
        item=item, slot=slot, holder=person, state="submitted", lease_expires_at=START
    )
    made = Grade.objects.create(
        assignment=assignment, output=item.output, round=round, grader=person, rubric_version=round.rubric_version,
        idempotency_key=uuid.uuid4(), seconds=90,
    )  # fmt: skip
    for criterion in round.rubric_version.criteria.filter(kind="levels"):
        GradeScore.objects.create(grade=made, criterion=criterion, value=level)
