"""The samples list in a browser: ticking by keyboard, one act on many, saved views; axe on every look."""

from __future__ import annotations

from collections.abc import Iterator
from types import SimpleNamespace
from typing import Any

import pytest
from django.urls import reverse

from reviewapp.samples.models import BulkAct, SampleTag, SavedView
from tests import factories
from tests.browsing import IN_BROWSER, signed_in
from tests.reviewapp.looks import faults_in_every_look

pytestmark = IN_BROWSER


class Opened:
    """One person's browser; ``troubles`` are errors of its pages and of their policy."""

    def __init__(self, browser: Any, live_server: Any, user: Any, **options: Any) -> None:
        self.base = live_server.url
        self.context = signed_in(browser, self.base, user, **options)
        self.page = self.context.new_page()
        self.troubles: list[str] = []
        self.page.on("pageerror", lambda error: self.troubles.append(str(error)))
        self.page.on("console", lambda m: self.troubles.append(m.text) if "Content Security" in m.text else None)

    def open(self, query: str = "") -> Any:
        self.page.goto(self.base + reverse("samples:sample_list", args=["letters"]) + query)
        return self.page

    def press(self, *keys: str) -> None:
        for key in keys:
            self.page.keyboard.press(key)

    def tab_to(self, selector: str, key: str = "Tab") -> None:
        """By the Tab key alone, as somebody without a mouse gets there."""
        for _ in range(120):
            if self.page.evaluate("selector => document.activeElement.matches(selector)", selector):
                return
            self.press(key)
        raise AssertionError(f"Tab never reached {selector}")

    def says(self, words: str) -> None:
        self.page.get_by_text(words).first.wait_for(timeout=15_000)


@pytest.fixture
def w(transactional_db: None) -> SimpleNamespace:
    project = factories.project("letters")
    lead = factories.member(project, "lead", "lea")
    return SimpleNamespace(project=project, lead=lead, samples=[factories.sample(project) for _ in range(5)])


@pytest.fixture
def opened(browser: Any, live_server: Any, w: SimpleNamespace) -> Iterator[Opened]:
    made = Opened(browser, live_server, w.lead)
    yield made
    made.context.close()
    assert made.troubles == []


def test_samples_are_ticked_tagged_and_put_back_by_keyboard_alone(opened: Opened, w: SimpleNamespace) -> None:
    opened.open()
    opened.tab_to("select[name=act]")
    opened.page.keyboard.type("Add tags")
    opened.tab_to("input[name=sample]")
    opened.press("Space", "ArrowDown", "Shift+ArrowDown", "ArrowUp", "ArrowUp", "Shift+ArrowDown")
    assert opened.page.locator("[data-ticked]").inner_text() == "2 ticked"
    opened.tab_to("#bulk button", "Shift+Tab")
    opened.press("Enter")
    opened.says("Add tags: 2 samples")
    assert opened.page.evaluate("document.activeElement.name") == "given"
    opened.page.keyboard.type("urgent, night")
    opened.press("Enter")
    opened.says("2 samples tagged: night, urgent")
    assert SampleTag.objects.count() == 4
    opened.tab_to("form[action$='/undo/'] button")
    opened.press("Enter")
    opened.says("2 of 2 put back as they were")
    assert not SampleTag.objects.exists()


def test_all_that_match_and_a_click_with_shift(opened: Opened, w: SimpleNamespace) -> None:
    page = opened.open("?state=ready")
    boxes = page.locator("input[name=sample]")
    boxes.nth(0).click()
    boxes.nth(3).click(modifiers=["Shift"])
    assert page.locator("[data-ticked]").inner_text() == "4 ticked"
    page.get_by_label("Tick all on this page").check()
    assert page.locator("[data-ticked]").inner_text() == "5 ticked"
    page.get_by_label("Which samples").select_option(label="All 5 that match the filters")
    page.get_by_label("What to do").select_option(label="Withdraw")
    page.get_by_role("button", name="Go on").click()
    page.get_by_label("Reason").fill("The file was the wrong one.")
    page.get_by_role("button", name="Withdraw: 5 samples").dblclick()
    opened.says("5 samples withdrawn: The file was the wrong one.")
    assert BulkAct.objects.count() == 1
    page.get_by_role("link", name="Back to the list").click()
    opened.says("No sample fits these filters")


def test_a_view_is_saved_made_the_first_and_deleted_by_keyboard(opened: Opened, w: SimpleNamespace) -> None:
    opened.open("?state=ready")
    opened.tab_to(".cs-view-more > summary")
    opened.press("Enter")
    opened.tab_to("#view-name")
    opened.page.keyboard.type("To do")
    opened.press("Enter")
    opened.says("Saved as To do.")
    opened.tab_to(".cs-view-more > summary")
    opened.press("Enter")
    opened.tab_to("form[action$='/default/'] button")
    opened.press("Enter")
    opened.says("Samples open with To do from now on.")
    page = opened.open()
    assert page.locator(".cs-views [aria-current]").inner_text().split()[:3] == ["To", "do", "5"]
    opened.tab_to(".cs-view-more > summary")
    opened.press("Enter")
    opened.tab_to("form[action$='/delete/'] button")
    opened.press("Enter")
    page.locator("dialog[open]").wait_for()
    opened.tab_to("dialog[open] .btn-primary")
    opened.press("Enter")
    opened.says("No sample was touched.")
    assert not SavedView.objects.exists()


def test_axe_is_content_with_list_confirmation_and_result(browser: Any, live_server: Any, w: SimpleNamespace) -> None:
    SavedView.objects.create(project=w.project, owner=w.lead, name="Nights", filters={"state": "ready", "tag": "gone"})
    SavedView.objects.create(project=w.project, owner=w.lead, name="Ours", filters={"q": "knee"}, is_shared=True)
    SampleTag.objects.create(project=w.project, sample=w.samples[0], name="urgent")
    type(w.samples[0]).objects.filter(pk=w.samples[1].pk).update(priority=1, flagged_at=factories.long_ago())
    factories.sample(w.project, state="accepted")
    opened = Opened(browser, live_server, w.lead)
    page = opened.open(f"?view={SavedView.objects.get(name='Nights').pk}")
    page.locator(".cs-view-more > summary").click()
    assert faults_in_every_look(page, "samples-list") == {}
    page = opened.open("?view=all")
    page.get_by_label("Tick all on this page").check()
    page.get_by_label("What to do").select_option("priority")
    page.get_by_role("button", name="Go on").click()
    page.get_by_label("First").check()
    assert faults_in_every_look(page, "samples-confirm") == {}
    page.get_by_role("button", name="Set the priority: 6 samples").click()
    opened.says("left alone: accepted or rejected already")
    assert faults_in_every_look(page, "samples-result") == {}
    opened.context.close()
    assert opened.troubles == []
