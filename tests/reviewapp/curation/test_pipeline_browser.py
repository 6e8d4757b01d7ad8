"""The pipeline in a browser: switch a check off, try it, save it, scan by it, read what came of it."""

from __future__ import annotations

from typing import Any

from reviewapp.core import jobs
from reviewapp.core.models import Job
from reviewapp.curation.models import PipelineVersion, Scan
from tests import factories
from tests.browsing import IN_BROWSER, signed_in
from tests.reviewapp.curation.test_jobs import fill
from tests.reviewapp.looks import faults_in_every_look

pytestmark = IN_BROWSER


def work() -> None:
    """What a worker does."""
    for job in Job.objects.filter(state=Job.State.QUEUED):
        jobs.execute(job.pk)


def test_a_lead_tries_a_pipeline_saves_it_and_reads_what_it_did(browser: Any, live_server: Any) -> None:
    project = factories.project("letters")
    fill(project)
    lead = factories.member(project, "lead")
    context = signed_in(browser, live_server.url, lead)
    page = context.new_page()

    page.goto(f"{live_server.url}/projects/letters/curation/scans/")
    page.get_by_role("link", name="Pipeline").click()
    page.get_by_label("Run Off topic").uncheck()
    page.get_by_label("Samples to try it on").fill("5")
    page.get_by_role("button", name="Try without changing anything").click()
    page.get_by_text("Waiting").first.wait_for()
    assert not page.get_by_label("Run Off topic").is_checked(), "what was filled in stays"
    work()
    page.get_by_text("5 of 5 samples were looked at and nothing was changed").wait_for()
    assert faults_in_every_look(page, "pipeline") == {}
    page.get_by_label("Why (kept with the version)").fill("All of it is on topic")
    page.get_by_role("button", name="Save as a new version").click()
    page.get_by_text("Version 1 is in use").wait_for()
    page.get_by_role("link", name="Back to checks").click()
    page.get_by_role("button", name="Clean and check").click()
    page.wait_for_load_state()
    work()
    page.goto(f"{live_server.url}/projects/letters/curation/summary/")
    page.get_by_text("by version 1 of the pipeline").wait_for()
    assert faults_in_every_look(page, "summary") == {}
    assert Scan.objects.filter(dry_size=0).get().pipeline == PipelineVersion.objects.get()
    context.close()
