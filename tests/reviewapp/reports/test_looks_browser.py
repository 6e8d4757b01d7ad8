"""Looks while a round is sealed, as a lead goes: declared with the gates, taken when due, and what they say of it."""

from __future__ import annotations

import re
from types import SimpleNamespace
from typing import Any

from django.urls import reverse

from reviewapp.evaluations.models import GradingRound
from reviewapp.evaluations.services import grades
from reviewapp.projects.models import Project
from reviewapp.reports.models import Report, RoundLook
from tests.browsing import IN_BROWSER, signed_in
from tests.reviewapp.evaluations.test_browser import Bench
from tests.reviewapp.evaluations.world import bad_form, lock
from tests.reviewapp.looks import faults_in_every_look
from tests.reviewapp.reports.test_services import planned

pytestmark = IN_BROWSER


def confirmed(page: Any, name: str) -> None:
    """Presses a button that asks once more, and says yes."""
    page.get_by_role("button", name=name).click()
    with page.expect_navigation():
        page.locator("#confirm[open] [data-yes]").click()


def declared_in_browser(page: Any, base: str, round: GradingRound) -> None:
    page.goto(base + reverse("evaluations:round_detail", args=["letters", round.pk]))
    page.get_by_role("link", name="Declare gates").click()
    page.get_by_label("A look at half of the outputs").check()
    confirmed(page, "Declare and open grading")
    page.get_by_text("The gates stand.").wait_for()


def test_a_look_says_go_on_and_shows_no_grade(
    browser: Any, live_server: Any, project: Project, people: SimpleNamespace
) -> None:
    round = planned(project, people, prompts=4, grade_baseline=False)
    lead = signed_in(browser, live_server.url, people.lead)
    page = lead.new_page()
    declared_in_browser(page, live_server.url, round)
    looks = page.locator("#looks")
    assert "0 of 2 declared looks taken" in looks.inner_text()
    assert "when 2 more outputs of each model are graded" in looks.inner_text()
    assert looks.get_by_role("button").count() == 0, "before it is due there is nothing to press"
    bench = Bench(browser, live_server.url, people.reviewer, round)
    assert bench.page.locator("#looks").count() == 0, "graders see nothing of it"
    bench.start()
    for _ in range(2):
        bench.press("n", "ArrowDown", "3", "4")
        bench.lock()
    page.reload()
    assert "Look 1 of 2 is due" in looks.inner_text()
    assert faults_in_every_look(page, "round-look-due") == {}
    confirmed(page, "Take the look")
    assert "1 of 2 declared looks taken" in looks.inner_text() and "Go on" in looks.inner_text()
    assert f"at 2 of 4 outputs; {people.lead}" in looks.inner_text().replace("\n", " ")
    assert looks.get_by_role("button").count() == 0, "a look is taken once"
    assert "when 2 more outputs of each model are graded" in looks.inner_text()
    main = page.locator("main").inner_text()
    assert not re.search(r"SHIP|at fault|Accuracy", main), "nothing of the grades is shown"
    for _ in range(2):
        bench.press("n", "ArrowDown", "3", "4")
        bench.lock()
    bench.context.close()
    page.reload()
    assert "The last is the unsealing itself." in looks.inner_text()
    confirmed(page, "Unseal")
    page.get_by_role("button", name="Freeze the report").click()
    page.get_by_text("1 declared looks were taken while the round was sealed").wait_for()
    assert "Exploratory" not in page.locator("main").inner_text()
    lead.close()


def test_a_look_that_says_stop_allows_unsealing_without_exploration(
    browser: Any, live_server: Any, project: Project, people: SimpleNamespace
) -> None:
    round = planned(project, people, prompts=20, grade_baseline=False)
    lead = signed_in(browser, live_server.url, people.lead)
    page = lead.new_page()
    declared_in_browser(page, live_server.url, round)
    round.refresh_from_db()
    for _ in range(10):
        assignment = grades.grade_claim(round=round, user=people.reviewer)
        assert assignment is not None
        lock(assignment, **bad_form("safety", "1"))
    page.reload()
    confirmed(page, "Take the look")
    looks = page.locator("#looks")
    assert "Stop: the boundary is crossed" in looks.inner_text()
    assert RoundLook.objects.get().answer == "stop"
    assert not re.search(r"SHIP", page.locator("main").inner_text()), "which way it went stays sealed"
    page.get_by_label("Reason").fill("The declared look at half says stop.")
    confirmed(page, "Unseal early")
    page.get_by_role("button", name="Freeze the report").click()
    verdict = page.get_by_label("Verdict", exact=True)
    verdict.wait_for()
    assert "DO NOT SHIP" in verdict.inner_text() and "Exploratory" not in page.locator("main").inner_text()
    assert not Report.objects.get().is_exploratory
    lead.close()
