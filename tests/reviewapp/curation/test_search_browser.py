"""Search by meaning in a browser: from the list of samples to the nearest, and axe on each page."""

from __future__ import annotations

from typing import Any

from tests import factories
from tests.browsing import IN_BROWSER, signed_in
from tests.reviewapp.curation.test_indexes import built, change, fill
from tests.reviewapp.curation.test_learned import decide, learned
from tests.reviewapp.looks import faults_in_every_look

pytestmark = IN_BROWSER


def test_search_and_similar_samples_read_well(browser: Any, live_server: Any) -> None:
    project = factories.project("letters")
    lead = factories.member(project, "lead")
    samples = fill(project)
    change(samples["knee"][1], "The knee hurts and is swollen.")
    decide(project, factories.rubric_version(project, used=True), 55)
    learned(project)
    built(project)
    context = signed_in(browser, live_server.url, lead)
    page = context.new_page()
    home = f"{live_server.url}/projects/letters"

    page.goto(f"{home}/samples/?state=ready")
    page.get_by_label("Words").fill("troponin and angina")
    page.get_by_role("button", name="By meaning").click()
    page.wait_for_url("**/curation/search/**")
    assert "state=ready" in page.url and page.locator("tbody tr").first.text_content().startswith("heart-")
    assert faults_in_every_look(page, "search") == {}
    page.goto(f"{home}/samples/{samples['knee'][0].pk}/")
    page.get_by_text("the same text").wait_for()
    assert faults_in_every_look(page, "similar") == {}
    page.goto(f"{home}/reviews/settings/")
    page.get_by_text("five folds by group").wait_for()
    assert faults_in_every_look(page, "learning") == {}
    context.close()
