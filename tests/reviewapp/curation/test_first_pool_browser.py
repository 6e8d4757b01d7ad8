"""From a file to a clean start set by clicks alone, as somebody does who has read nothing."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any

import pytest

from demo.world.build import World, world_build
from reviewapp.core import jobs
from reviewapp.core.models import Job
from reviewapp.curation.models import Finding, SelectionEntry
from reviewapp.projects.models import Project
from reviewapp.samples.models import Sample
from tests import factories
from tests.browsing import IN_BROWSER, signed_in

pytestmark = IN_BROWSER
MOST_CLICKS = 25  # at ten seconds each, with what is read between them, four minutes
PART = slice(300, 900)  # of the demo world's rows: every kind of defect is among them, and its only leak


class Newcomer:
    """Clicks what the page offers, and counts; work that a page waits for is done as a worker would."""

    def __init__(self, page: Any) -> None:
        self.page, self.clicks = page, 0

    def link(self, name: str) -> None:
        self._click(self.page.get_by_role("link", name=name, exact=True).first)

    def button(self, name: str) -> None:
        self._click(self.page.get_by_role("button", name=re.compile(name)).first)
        self._work()

    def yes(self) -> None:
        self._click(self.page.locator("#confirm[open] [data-yes]"))

    def _click(self, place: Any) -> None:
        with self.page.expect_navigation():
            place.click()
        self.clicks += 1

    def _work(self) -> None:
        while job := Job.objects.filter(state=Job.State.QUEUED).order_by("pk").first():
            jobs.execute(job.pk)
            job.refresh_from_db()
            assert job.state == Job.State.SUCCEEDED, (job.message, job.traceback)
            self.page.reload()


def files(world: World, folder: Path) -> tuple[Path, Path]:
    pool, heldout = folder / "visits.jsonl", folder / "heldout.jsonl"
    pool.write_text("".join(json.dumps(row) + "\n" for row in world.samples[PART]), encoding="utf-8")
    heldout.write_text("".join(json.dumps(row) + "\n" for row in world.heldout), encoding="utf-8")
    return pool, heldout


@pytest.mark.timeout(600)
def test_a_newcomer_reaches_a_clean_start_set(browser: Any, live_server: Any, tmp_path: Path) -> None:
    world = world_build(7)
    pool, heldout = files(world, tmp_path)
    lead = factories.user("lena", is_superuser=True)
    context = signed_in(browser, live_server.url, lead)
    page = context.new_page()
    page.goto(live_server.url)
    she = Newcomer(page)

    she.link("New project")
    page.locator("[name=name]").fill("Visits")
    she.button("Create the project")
    she.link("Samples")
    for path, name in ((heldout, "Other patients"), (pool, "")):
        she.link("Imports")
        she.link("Import a file")
        page.locator("[name=file]").set_input_files(path)
        if name:
            page.locator("[name=target]").select_option("heldout")
            page.locator("[name=new_set]").fill(name)
        she.button("Look at the file")
        she.button("Import all rows")
    she.link("Find problems")
    she.button("Clean and check")

    she.link("Duplicates")
    she.link("Keep the first of each exact cluster")
    she.button("Withdraw")
    she.link("Identifiers")
    she.button("Preview")
    she.button("Do it to all samples")
    she.link("Choose")
    page.get_by_label("How many samples").fill("300")
    she.button("^Select$")
    assert she.clicks <= MOST_CLICKS

    project = Project.objects.get(name="Visits")
    kept = set(SelectionEntry.objects.filter(selection__project=project, is_kept=True).values_list("sample", flat=True))
    assert len(kept) == 300
    assert not Sample.objects.filter(pk__in=kept, state=Sample.State.REJECTED).exists()
    still = Finding.objects.filter(sample__in=kept, state=Finding.State.OPEN)
    assert not still.filter(
        check_name__in=["identifiers", "named_people", "heldout_overlap", "exact_duplicates"]
    ).exists()
    names = set(Sample.objects.filter(pk__in=kept).values_list("external_id", flat=True))
    there = {row["id"] for row in world.samples[PART]}
    defects = [defect for defect in world.truth["defects"] if defect["sample"] in there]
    assert {"exact_duplicate", "heldout_leak", "identifier"} <= {defect["kind"] for defect in defects}
    for defect in defects:
        if defect["kind"] == "exact_duplicate":
            assert not {defect["sample"], defect["of"]} <= names
        if defect["kind"] == "heldout_leak":
            assert defect["sample"] not in names
    context.close()
