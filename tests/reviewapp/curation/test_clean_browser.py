"""The house style in a browser: look at what was found, choose, scan, take a suggestion."""

from __future__ import annotations

from typing import Any

from reviewapp.curation.models import Finding
from reviewapp.samples.models import Sample
from tests import factories
from tests.browsing import IN_BROWSER, signed_in
from tests.reviewapp.curation.test_clean_views import CITED, NOTE
from tests.reviewapp.curation.test_jobs import fill
from tests.reviewapp.curation.test_pipeline_browser import work
from tests.reviewapp.looks import faults_in_every_look

pytestmark = IN_BROWSER


def test_a_lead_chooses_a_style_and_takes_a_suggestion(browser: Any, live_server: Any) -> None:
    project = factories.project("letters")
    fill(project, [*CITED, *((f"Prompt {n}", NOTE.format(n)) for n in range(25))])
    context = signed_in(browser, live_server.url, factories.member(project, "lead"))
    page = context.new_page()

    page.goto(f"{live_server.url}/projects/letters/curation/scans/")
    page.get_by_role("link", name="House style").click()
    page.get_by_text("Preview: what each style would write").wait_for()
    assert faults_in_every_look(page, "house_style") == {}
    page.get_by_label("With full stops, as the Bluebook has them").check()
    page.get_by_role("button", name="Save the style").click()
    page.get_by_text("Saved as version 1 of the pipeline").wait_for()
    page.get_by_role("link", name="Back to checks").click()
    page.get_by_role("button", name="Clean and check").click()
    page.wait_for_load_state()
    work()
    cited = Sample.objects.get(external_id="s-0")
    assert cited.revision is not None and "410 U.S. 113 and 42 U.S.C. § 1983" in cited.revision.completion
    page.goto(f"{live_server.url}/projects/letters/curation/findings/?check=legal_citations")
    page.get_by_role("button", name="Accept the suggestion for s-1").click()
    page.get_by_role("status").filter(has_text="Accepted").wait_for()
    assert Finding.objects.get(check_name="legal_citations").state == Finding.State.ACCEPTED
    context.close()
