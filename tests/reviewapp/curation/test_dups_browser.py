"""Duplicates in a browser: decided by keyboard and click, undone, the limit measured; axe on each page."""

from __future__ import annotations

from typing import Any

from reviewapp.samples.models import Sample
from tests import factories
from tests.browsing import IN_BROWSER, signed_in
from tests.reviewapp.curation.test_dups import texts
from tests.reviewapp.curation.test_dups_services import COPIES, scan
from tests.reviewapp.looks import faults_in_every_look, violations

pytestmark = IN_BROWSER


def rejected() -> set[str]:
    return set(Sample.objects.filter(state="rejected").values_list("external_id", flat=True))


def test_duplicates_are_decided_and_undone(browser: Any, live_server: Any) -> None:
    project = factories.project("letters")
    lead = factories.member(project, "lead")
    for name, text in COPIES.items():
        factories.sample(project, prompt=text, completion="Seen.", external_id=name)
    for text in texts(20, seed=3):
        factories.sample(project, prompt=text, completion="Seen.")
    scan(project, lead)
    context = signed_in(browser, live_server.url, lead)
    page = context.new_page()
    home = f"{live_server.url}/projects/letters"

    page.goto(f"{home}/curation/findings/")
    page.get_by_role("link", name="Duplicates", exact=True).click()
    page.wait_for_url("**/duplicates/")
    assert faults_in_every_look(page, "duplicates") == {}
    page.get_by_role("link", name="3 samples alike").first.click()
    page.get_by_text("Keep only a").first.wait_for()
    assert faults_in_every_look(page, "cluster") == {}
    page.keyboard.press("k")
    page.get_by_text("2 samples are withdrawn; undo brings them back.").wait_for()
    assert rejected() == {"b", "c"}

    page.goto(f"{home}/curation/duplicates/exact/")
    assert violations(page) == []
    page.get_by_role("button", name="Withdraw 2 copies").click()
    page.wait_for_url("**/decisions/")
    assert rejected() == {"b", "c", "x2", "x3"}
    assert violations(page) == []
    for _ in range(2):
        with page.expect_navigation():
            page.locator("form").filter(has_text="Undo").first.get_by_role("button").click()
        page.get_by_text("2 of 2 samples are back").wait_for()
    assert rejected() == set()

    page.get_by_role("link", name="Limit", exact=True).click()
    page.get_by_role("button", name="Measure on our samples").click()
    page.get_by_role("heading", name="By kind of copy").wait_for()
    assert faults_in_every_look(page, "limit") == {}
    page.get_by_role("button", name="Set the limit").click()
    page.get_by_text("The next scan looks for near-duplicates").wait_for()
    page.get_by_role("link", name="Benchmarks", exact=True).click()
    page.get_by_label("Name").fill("Ducks")
    row = b"question\nHow many ducks are in the pond today?\n"
    page.get_by_label("File").set_input_files({"name": "ducks.csv", "mimeType": "text/csv", "buffer": row})
    page.get_by_role("button", name="Declare it").click()
    page.get_by_text("1 row is declared").wait_for()
    assert violations(page) == []
    context.close()
