"""A lead looks for labels in doubt, goes from a confused pair to a text, and dismisses one; axe on each page."""

from __future__ import annotations

from typing import Any

from reviewapp.core import jobs
from reviewapp.curation.models import Finding, LabelReport
from tests import factories
from tests.browsing import IN_BROWSER, signed_in
from tests.reviewapp.curation.labelling_world import fill
from tests.reviewapp.looks import faults_in_every_look

pytestmark = IN_BROWSER


def test_labels_in_doubt_are_found_and_settled(browser: Any, live_server: Any) -> None:
    project = factories.project("letters")
    lead = factories.member(project, "lead")
    fill(project, lead, n=150)
    context = signed_in(browser, live_server.url, lead)
    page = context.new_page()
    home = f"{live_server.url}/projects/letters/curation"

    page.goto(f"{home}/findings/")
    page.get_by_role("link", name="Labels in doubt").click()
    page.get_by_text("150 samples are labelled").wait_for()
    page.get_by_role("button", name="Look for labels in doubt").click()
    page.wait_for_url("**/label-errors/")
    job = LabelReport.objects.get().job
    assert job is not None
    jobs.execute(job.pk)
    page.goto(f"{home}/label-errors/")
    page.get_by_role("heading", name="Reason: noise by class").wait_for()
    assert faults_in_every_look(page, "labels") == {}
    page.get_by_role("link", name="“Appointment”, probably “New symptom”").click()
    page.get_by_role("heading", name="“Appointment” that look like “New symptom”").wait_for()
    page.get_by_role("link", name="look at it").first.click()
    page.get_by_role("heading", name="Most like it, labelled “New symptom”").wait_for()
    assert faults_in_every_look(page, "label_finding") == {}
    page.locator(".cs-found-dismiss > summary").click()
    page.get_by_label("Why it is none").fill("It asks for a date.")
    page.get_by_role("button", name="Dismiss").last.click()
    page.get_by_text("The finding is dismissed").wait_for()
    assert Finding.objects.filter(check_name="label_errors", state="dismissed").count() == 1
    context.close()
