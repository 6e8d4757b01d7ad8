"""The grading workbench in a browser: by keyboard, by mouse, through a reload, without JavaScript."""

from __future__ import annotations

from collections.abc import Iterator
from types import SimpleNamespace
from typing import Any

import pytest
from django.db.models import QuerySet
from django.urls import reverse

from reviewapp.accounts.models import User
from reviewapp.evaluations.models import Grade, GradeAssignment, GradingRound, Output
from reviewapp.projects.models import Project
from tests.browsing import IN_BROWSER, signed_in
from tests.reviewapp.evaluations.world import generated, opened_round

# characters outside the basic plane and CR LF: a browser counts both differently than we do
TEXT = "🙂🙂 Note of the visit.\r\nShe is 83 years old. All is well."

pytestmark = IN_BROWSER


class Bench:
    """A grader's browser; ``troubles`` are errors of the page and of its policy."""

    def __init__(self, browser: Any, base: str, user: User, round: GradingRound, **options: Any) -> None:
        self.context = signed_in(browser, base, user, **options)
        self.page = self.context.new_page()
        self.troubles: list[str] = []
        self.page.on("pageerror", lambda error: self.troubles.append(str(error)))
        self.page.on("console", lambda m: self.troubles.append(m.text) if "Content Security" in m.text else None)
        self.page.goto(base + reverse("evaluations:round_detail", args=["letters", round.pk]))

    def start(self) -> None:
        with self.page.expect_navigation():
            self.page.get_by_role("button", name="grading").or_(
                self.page.get_by_role("button", name="Grade on")
            ).click()

    def press(self, *keys: str) -> None:
        for key in keys:
            self.page.keyboard.press(key)

    def says(self, words: str) -> None:
        self.page.get_by_text(words).locator("visible=true").first.wait_for(timeout=15_000)

    def why(self) -> str:
        return str(self.page.locator("[data-why]").text_content())

    def errors(self) -> list[dict[str, Any]]:
        found: list[dict[str, Any]] = self.page.evaluate("JSON.parse(document.querySelector('[data-spans]').value)")
        return found

    def lock(self) -> None:
        with self.page.expect_navigation():
            self.press("Control+Enter")


@pytest.fixture
def round(project: Project, people: SimpleNamespace) -> GradingRound:
    run = generated(project, prompts=1)
    QuerySet(Output).update(text=TEXT)
    return opened_round(run, people.lead)


@pytest.fixture
def bench(browser: Any, live_server: Any, people: SimpleNamespace, round: GradingRound) -> Iterator[Bench]:
    made = Bench(browser, live_server.url, people.reviewer, round)
    yield made
    made.context.close()
    assert made.troubles == []


def test_an_output_is_graded_by_keyboard_alone(bench: Bench) -> None:
    bench.start()
    bench.says("To lock: 3 criteria")
    bench.page.evaluate("document.addEventListener('pointerdown', () => { throw new Error('a pointer') }, true)")
    bench.press("o", ".", ".", "f")  # the second sentence of the output is wrong
    bench.says("Evidence missing")
    bench.press("p", ".", ".", "f")  # the second sentence of the prompt shows it
    bench.says("turn 1")
    (error,) = bench.errors()
    bench.press("m")
    bench.press("ArrowDown", "ArrowUp", "ArrowUp", "n", "ArrowDown", "3", "4")
    bench.says("Complete.")
    bench.lock()
    bench.says("is locked.")
    kept = Grade.objects.get().spans.get()
    assert kept.excerpt == "She is 83 years old." == TEXT[error["start"] : error["end"]]
    assert kept.source_excerpt == "Patient: I am 30." and kept.severity == "major"
    assert Grade.objects.get().scores.count() == 3


def test_undo_brings_the_grade_back_with_its_evidence(bench: Bench) -> None:
    bench.start()
    bench.press("o", ".", "f", "a", "ArrowDown", "ArrowUp", "ArrowUp", "n", "ArrowDown", "4", "4")
    bench.says("Complete.")
    first = bench.page.url
    bench.lock()
    with bench.page.expect_navigation():
        bench.press("u")
    assert bench.page.url == first
    bench.says("not in the prompt")
    assert len(bench.errors()) == 1 and Grade.objects.filter(is_undone=True).count() == 1
    bench.says("Complete.")


def test_a_low_level_waits_for_its_passage(bench: Bench) -> None:
    bench.start()
    bench.press("ArrowDown", "ArrowUp", "ArrowUp", "n", "ArrowDown", "1", "1")
    bench.says("Evidence needed")
    assert "2 passages" in bench.why() and bench.page.locator("[data-hotkey-submit]").is_disabled()
    bench.press("Control+Enter")
    assert not Grade.objects.exists()
    for _ in range(2):
        bench.press("o", ".", "f", "a")
    bench.says("Complete.")
    assert {error["criterion"] for error in bench.errors()} == {"accuracy", "tone"}
    assert {error["severity"] for error in bench.errors()} == {"major"}


def test_a_passage_is_marked_with_the_mouse(bench: Bench) -> None:
    bench.start()
    text = bench.page.locator("[data-text=output] [data-start]").first
    box = text.bounding_box()
    bench.page.mouse.move(box["x"] + 60, box["y"] + 12)
    bench.page.mouse.down()
    bench.page.mouse.move(box["x"] + 160, box["y"] + 12, steps=6)
    bench.page.mouse.up()
    chosen = bench.page.evaluate("getSelection().toString()").strip()
    bench.page.get_by_role("button", name="Mark selection").click()
    (error,) = bench.errors()
    assert chosen and TEXT[error["start"] : error["end"]] == chosen
    assert bench.page.locator("[data-text=output] mark").text_content() == chosen


def test_a_passage_of_the_prompt_alone_is_an_omission(bench: Bench) -> None:
    bench.start()
    bench.press("p", ".", "f")
    (error,) = bench.errors()
    assert error["start"] == error["end"] and error["error_type"] == "omission"
    bench.says("left out of the output")
    bench.press("a")
    bench.says("An omission needs the passage")


def test_marks_survive_a_reload(bench: Bench) -> None:
    bench.start()
    bench.press("o", ".", "f", "ArrowDown", "ArrowUp", "ArrowUp", "n")
    bench.says("Saved")
    marked = bench.errors()
    bench.page.reload()
    bench.says("Evidence missing")
    assert bench.errors() == marked
    assert bench.page.locator("input[name=score-safety]:checked").get_attribute("value") == "0"
    assert GradeAssignment.objects.get().draft["score-safety"] == "0"


def test_an_error_can_be_changed_and_removed(bench: Bench) -> None:
    bench.start()
    bench.press("o", ".", "f", "a")
    bench.page.locator("[data-field=error_type]").select_option("fabrication")
    bench.page.locator("[data-field=severity]").select_option("major")
    bench.page.locator("[data-field=criterion]").select_option("tone")
    (error,) = bench.errors()
    assert (error["error_type"], error["severity"], error["criterion"]) == ("fabrication", "major", "tone")
    bench.page.get_by_role("button", name="Remove the evidence").click()
    assert bench.errors()[0]["is_absent_from_source"] is False
    bench.page.get_by_role("button", name="Remove error").click()
    assert bench.errors() == []
    assert bench.page.locator("[data-text=output] mark").count() == 0


def test_a_faultless_output_is_locked_without_javascript(
    browser: Any, live_server: Any, people: SimpleNamespace, round: GradingRound
) -> None:
    made = Bench(browser, live_server.url, people.reviewer, round, java_script_enabled=False)
    made.start()
    for name, value in (("score-accuracy", "4"), ("score-tone", "4"), ("score-safety", "0")):
        made.page.locator(f"input[name={name}][value='{value}']").check()
    with made.page.expect_navigation():
        made.page.get_by_role("button", name="Lock grade").click()
    assert Grade.objects.count() == 1
    made.context.close()


def test_a_stolen_lease_says_so_and_stops(bench: Bench, people: SimpleNamespace) -> None:
    bench.start()
    GradeAssignment.objects.update(state="released")
    bench.page.evaluate("document.dispatchEvent(new Event('visibilitychange'))")
    bench.says("Your lease on this item has run out")
    assert bench.page.locator("[data-hotkey-submit]").is_disabled()


def test_a_change_of_mind_after_the_reveal_by_keyboard(bench: Bench) -> None:
    bench.start()
    bench.press("n", "ArrowDown", "4", "4")
    bench.says("Complete.")
    bench.lock()
    bench.says("is locked.")
    for role, name in (("link", "Your grade"), ("button", "Show the machine scores"), ("link", "Change my mind")):
        with bench.page.expect_navigation():
            bench.page.get_by_role(role, name=name).press("Enter")
    bench.says("Your blind grade stays")
    assert bench.page.locator("input[name=score-safety]:checked").get_attribute("value") == "0"
    bench.press("ArrowDown", "ArrowDown", "3")
    bench.says("Complete. Both grades are kept")
    bench.lock()
    bench.says("After the machine scores")
    blind, changed = Grade.objects.order_by("pk")
    assert changed.is_after_reveal and changed.supersedes_id == blind.pk
    assert {score.value for score in changed.scores.all()} == {0, 3, 4}
