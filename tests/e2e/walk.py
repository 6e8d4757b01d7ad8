"""Steps of the loop as people take them in the browser; each names the person, and waits for what the page says."""

from __future__ import annotations

import json
import os
import re
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from playwright.sync_api import Locator, Page, TimeoutError, expect

from demo.world.build import world_build
from tests.e2e.conftest import ROOT, Visitor

SAMPLES, HELDOUT = 24, 6
JOB_SECONDS = int(os.environ.get("E2E_JOB_SECONDS", "420"))  # a training run on a busy machine


def files_write(folder: Path) -> tuple[Path, Path]:
    """Sound rows of another demo world than the demo's with one broken one, and held-out prompts of it."""
    world = world_build(23)
    spoiled = {entry["sample"] for entry in world.truth["defects"]}
    sound = [row for row in world.samples if row["id"] not in spoiled][:SAMPLES]
    pool, heldout = folder / "visits.jsonl", folder / "visits_heldout.jsonl"
    pool.write_text("".join(json.dumps(row) + "\n" for row in sound), encoding="utf-8")
    with pool.open("a", encoding="utf-8") as handle:
        handle.write('{"id": "broken", "prompt": \n')
    heldout.write_text("".join(json.dumps(row) + "\n" for row in world.heldout[:HELDOUT]), encoding="utf-8")
    return pool, heldout


def _nothing(done: int) -> None:
    """Nothing happens meanwhile."""


def button(page: Page, words: str) -> Locator:
    return page.get_by_role("button", name=re.compile(words))


def wait_for(page: Page, words: str, *, seconds: int = JOB_SECONDS) -> None:
    """Looks until the page says it; pages that poll need no reload, the others get one."""
    deadline = time.monotonic() + seconds
    while time.monotonic() < deadline:
        if page.get_by_text(re.compile(words)).first.is_visible():
            return
        page.wait_for_timeout(2500)
        page.reload()
    raise AssertionError(f"{words!r} did not appear on {page.url}:\n{page.inner_text('main')[:2000]}")


def agree(page: Page) -> None:
    """Says yes to the question that a weighty button asks."""
    page.locator("#confirm[open] [data-yes]").click()


def seal(page: Page) -> None:
    button(page, "Seal").click()
    agree(page)
    expect(page.get_by_text(re.compile("Sealed")).first).to_be_visible()


def bench_ready(page: Page) -> None:
    """The next item is there and its scripts run: modules run before the load event."""
    page.wait_for_url(re.compile(r"/(edit|grade/[^/]+)/$"), wait_until="load")


def hand_in(page: Page) -> bool:
    """Ctrl+Enter, and the page that follows. One that a killed server cut off is loaded again, as anybody would: False
    where that was needed."""
    with page.expect_navigation(wait_until="commit"):
        page.keyboard.press("Control+Enter")
    try:
        page.wait_for_load_state("load", timeout=10_000)
    except TimeoutError:
        page.reload()
        return False
    return True


def grade_by_keyboard(ravi: Visitor, round_url: str, *, meanwhile: Callable[[int], None] = _nothing) -> None:
    page = ravi.page
    ravi.go(round_url)
    button(page, "Start grading").click()
    bench_ready(page)
    done = whole = 0
    while "/grade/" in page.url:  # both models' outputs, and some a second time; the last one leads back to its round
        assert "run 1" not in page.inner_text("body").lower()  # blind: no model's name
        for key in ("n", "ArrowDown", "4", "4", "4", "4"):  # no violation; every quality at its best
            page.keyboard.press(key)
        if done == 2:
            ravi.shot("loop-7-grade")
        meanwhile(done)
        whole += hand_in(page)
        done += 1
    assert done > 2 * HELDOUT and done - whole <= 1  # one server was killed
    expect(page.get_by_text("Every grade is in")).to_be_visible()


def generation_of(page: Page) -> str:
    """The generation run that the round on this page grades."""
    href = page.locator("a[href*='/evaluations/generations/']").first.get_attribute("href")
    assert href is not None
    return re.findall(r"\d+", href)[-1]


@dataclass(frozen=True)
class Walk:
    """The loop of one project."""

    slug: str
    name: str
    epochs: int = 2

    @property
    def base(self) -> str:
        return f"/projects/{self.slug}/"

    def found_project(self, lena: Visitor) -> None:
        page = lena.page
        lena.go("/projects/new/")
        page.fill("[name=name]", self.name)
        page.fill("[name=slug]", self.slug)
        button(page, "Create the project").click()
        for username, role in (("erik", "engineer"), ("ana", "annotator"), ("ravi", "reviewer"), ("liam", "lead")):
            lena.go(f"{self.base}settings/")
            page.fill("[name=username]", username)
            page.select_option("[name=role]", role)
            button(page, "Set the role").click()
            expect(page.get_by_text("is now")).to_be_visible()
        for builtin in ("clinical_note", "generic_generation"):
            lena.go(f"{self.base}rubrics/new/?builtin={builtin}")
            button(page, "^Save").first.click()
            expect(page.get_by_role("heading", level=1)).to_contain_text(re.compile("note|generation", re.IGNORECASE))

    def import_file(self, erik: Visitor, path: Path, *, heldout: str = "") -> None:
        page = erik.page
        erik.go(f"{self.base}samples/imports/new/")
        page.set_input_files("[name=file]", path)
        if heldout:
            page.select_option("[name=target]", "heldout")
            page.fill("[name=new_set]", heldout)
        button(page, "Look at the file").click()
        expect(page.get_by_role("heading", level=1)).to_contain_text("Map")
        button(page, "Import all rows").click()

    def review_by_keyboard(self, ana: Visitor, *, meanwhile: Callable[[int], None] = _nothing) -> None:
        """``meanwhile`` is told how many are done, with the next one scored and not yet submitted."""
        page = ana.page
        ana.go(f"{self.base}reviews/")
        button(page, "Start reviewing").click()
        page.evaluate("addEventListener('pointerdown', () => console.error('a pointer was used'), true)")
        whole = 0
        for done in range(SAMPLES):
            bench_ready(page)
            for key in ("0", "ArrowDown", "4", "4", "4"):  # no wrong fact; a level leads on to the next criterion
                page.keyboard.press(key)
            expect(page.get_by_text("4 of 4 scored")).to_be_visible()
            if done == 3:
                ana.shot("loop-3-review")
            meanwhile(done)
            whole += hand_in(page)
        assert SAMPLES - whole <= 1
        expect(page.get_by_text("This queue is finished")).to_be_visible()

    def freeze(self, lena: Visitor) -> str:
        page = lena.page
        lena.go(f"{self.base}training-sets/new/")
        page.fill("[name=validation_percent]", "20")
        button(page, "Make the draft").click()
        page.wait_for_url(re.compile(r"/training-sets/\d+/"))
        version = page.url.split("?")[0].removeprefix(lena.url)
        wait_for(page, "0\\s+pairs|Empty|none overlaps|compared", seconds=120)
        button(page, "^Freeze").first.click()
        expect(page.get_by_text(re.compile("Frozen by")).first).to_be_visible()
        return version

    def request_run(self, erik: Visitor) -> None:
        page = erik.page
        erik.go(f"{self.base}runs/base-models/new/")
        page.fill("[name=name]", "Demo base model")
        page.fill("[name=path]", str(ROOT / "demo" / "base_model"))
        page.uncheck("[name=use_chat_template]")
        button(page, "Register").click()
        erik.go(f"{self.base}runs/new/")
        page.fill("[name=max_length]", "512")
        page.fill("[name=epochs]", str(self.epochs))
        page.fill("[name=eval_steps]", str(self.epochs))
        page.fill("[name=learning_rate]", "0.002")
        button(page, "Request the run").click()
        page.wait_for_url(re.compile(r"/runs/\d+/"))

    def open_round(self, lena: Visitor) -> str:
        page = lena.page
        lena.go(f"{self.base}evaluations/rounds/new/")
        page.fill("[name=overlap_percent]", "0")
        button(page, "Set up the round").click()
        page.wait_for_url(re.compile(r"/rounds/\d+/"))
        round_url = re.sub(r"^.*?(/projects/.*?/rounds/\d+/).*$", r"\1", page.url)
        lena.go(round_url)
        page.get_by_role("link", name="Declare gates").click()
        button(page, "Declare").click()
        with page.expect_navigation():
            agree(page)
        lena.go(round_url)
        expect(page.get_by_text(re.compile("declared by"))).to_be_visible()
        return round_url

    def feed_back(self, ravi: Visitor, round_url: str) -> None:
        ravi.go(round_url)
        page = ravi.page
        ravi.go(f"{self.base}evaluations/generations/{generation_of(page)}/outputs/")
        number = page.locator("a[href*='/evaluations/outputs/']").first.get_attribute("href")
        assert number is not None
        ravi.go(number.replace("/evaluations/outputs/", "/feedback/outputs/"))
        page.fill("[name=correction]", "HPI: 50-year-old with a cough.")
        button(page, "Send the feedback").click()
        button(page, "Promote to a sample").click()
        expect(page.get_by_text("is held out: it is reviewed, and never trains.")).to_be_visible()
        ravi.shot("loop-9-feedback")

    def chain_leads_to(self, lena: Visitor, name: str) -> None:
        page = lena.page
        lena.go(f"{self.base}samples/?state=accepted")
        page.get_by_role("main").get_by_role("link").filter(has_text=re.compile(r"^S-")).first.click()
        lena.go(page.url.removeprefix(lena.url).replace("/samples/", "/lineage/samples/"))
        expect(page.get_by_text(name).first).to_be_visible()
        lena.shot("loop-9-lineage")

    def prepare(self, lena: Visitor, erik: Visitor, files: tuple[Path, Path]) -> None:
        """Project, samples, sealed held-out prompts, checks: all that comes before people review."""
        pool, heldout = files
        self.found_project(lena)
        self.import_file(erik, pool)
        wait_for(erik.page, "1 row error")  # the bad row is named, the good ones are kept
        erik.shot("loop-1-import")
        self.import_file(erik, heldout, heldout="Visits held out")
        wait_for(erik.page, f"{HELDOUT} held-out prompts")
        lena.go(f"{self.base}samples/held-out/")
        lena.page.get_by_role("link", name="Visits held out").click()
        seal(lena.page)
        erik.go(f"{self.base}curation/scans/")
        button(erik.page, "Clean and check").click()
        wait_for(erik.page, "Finished")
        erik.shot("loop-2-checks")

    def sign(self, liam: Visitor, version: str) -> None:
        liam.go(version)
        liam.page.fill("[name=meaning]", "I read every example of this walk and found no defect.")
        button(liam.page, "Sign version").click()
        expect(liam.page.get_by_text("Signed, may train").first).to_be_visible()
        liam.shot("loop-4-signed")

    def request_generation(self, erik: Visitor) -> None:
        erik.go(f"{self.base}evaluations/generations/new/")
        button(erik.page, "^Generate").click()


def report(lena: Visitor, round_url: str) -> None:
    lena.go(round_url)
    button(lena.page, "Unseal").click()
    agree(lena.page)
    button(lena.page, "Freeze the report").click()
    verdict = lena.page.locator(".cs-verdict-word")
    expect(verdict).to_contain_text(re.compile("SHIP|EVIDENCE"))
    lena.shot("loop-8-report")
