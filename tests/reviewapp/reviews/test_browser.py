"""The workbench in a browser: by keyboard, through lost connections, without JavaScript."""

from __future__ import annotations

import random
from collections.abc import Callable, Iterator
from types import SimpleNamespace
from typing import Any

import pytest
from django.urls import reverse
from django.utils import timezone

from reviewapp.accounts.models import User
from reviewapp.reviews.diffing import diff_words
from reviewapp.reviews.models import Assignment, Review
from reviewapp.samples.models import Sample
from tests import factories
from tests.browsing import IN_BROWSER, signed_in
from tests.reviewapp.reviews import reviewing
from tests.reviewapp.reviews.reviewing import claim, review
from tests.reviewapp.reviews.test_findings import finding

pytestmark = IN_BROWSER


@pytest.fixture
def w() -> SimpleNamespace:
    return reviewing.world(factories.project("letters"))


class Bench:
    """One person's browser on the workbench; ``troubles`` are errors of the page and of its policy."""

    def __init__(self, browser: Any, live_server: Any, user: User, **options: Any) -> None:
        self.base = live_server.url
        self.context = signed_in(browser, self.base, user, **options)
        self.page = self.context.new_page()
        self.troubles: list[str] = []
        self.page.on("pageerror", lambda error: self.troubles.append(str(error)))
        self.page.on("console", lambda m: self.troubles.append(m.text) if "Content Security" in m.text else None)

    def open(self, assignment: Assignment) -> Any:
        self.page.goto(self.base + reverse("reviews:review_edit", args=["letters", assignment.key]))
        return self.page

    def press(self, *keys: str) -> None:
        for key in keys:
            self.page.keyboard.press(key)

    def says(self, words: str) -> None:
        self.page.get_by_text(words).first.wait_for(timeout=15_000)

    def hand_in(self) -> Review:
        """The review stored by Ctrl+Enter. The next sample is shown before the server has answered for this one."""
        n = Review.objects.count()
        with self.page.expect_navigation():
            self.press("Control+Enter")
        for _ in range(50):
            if Review.objects.count() > n:
                return Review.objects.latest("pk")
            self.page.wait_for_timeout(200)
        raise AssertionError("no review was stored in ten seconds")


@pytest.fixture
def bench(browser: Any, live_server: Any, w: SimpleNamespace) -> Iterator[Bench]:
    made = Bench(browser, live_server, w.ann)
    yield made
    made.context.close()
    assert made.troubles == []


def saved(page: Any, name: str, start: str) -> None:
    """Waits until the server has this in the draft: a slow machine saves half a sentence first."""
    for _ in range(50):
        if draft().get(name, "").startswith(start):
            return
        page.wait_for_timeout(200)
    raise AssertionError(f"{name} is {draft().get(name)!r}")


def draft() -> dict[str, str]:
    drafts = Assignment.objects.filter(state="leased", is_prefetched=False).values_list("draft", flat=True)
    return dict(drafts[0]) if drafts else {}


def test_three_samples_by_keyboard_alone(bench: Bench, w: SimpleNamespace) -> None:
    page = bench.open(claim(w.project, w.ann))
    page.evaluate("document.addEventListener('pointerdown', () => { throw new Error('a pointer was used') }, true)")
    for position in (1, 2, 3):
        bench.says(f"{position} / 3")
        bench.press("0", "ArrowDown", "4")
        bench.says("2 of 2 scored")
        with page.expect_navigation():
            bench.press("Control+Enter")
    bench.says("This queue is finished")
    assert list(Review.objects.values_list("decision", flat=True)) == ["accept"] * 3
    assert set(Review.objects.values_list("scores__value", flat=True)) == {0, 4}


def test_an_edit_is_saved_shown_as_a_diff_and_handed_in(bench: Bench, w: SimpleNamespace) -> None:
    page = bench.open(claim(w.project, w.ann))
    bench.press("e")
    page.keyboard.press("Control+End")
    page.keyboard.type(" Since May.")
    bench.says("Against revision 1: 2 words in, 0 out")
    bench.says("Saved ")
    saved(page, "block-1", "Reason: knee pain. Since May.")
    # digits go into the text while somebody types; Ctrl+Enter works there too
    page.keyboard.type(" 3")
    bench.press("Escape", "0", "ArrowDown", "3")
    bench.says("You changed the text, so this is a fix. Nothing is open.")
    bench.press("e")
    assert bench.hand_in().revision_after.completion == "Reason: knee pain. Since May. 3\n\nPlan: rest."


def test_what_is_missing_is_said_and_nothing_is_lost(bench: Bench, w: SimpleNamespace) -> None:
    page = bench.open(claim(w.project, w.ann))
    bench.press("0", "Control+Enter")
    bench.says("Complete: choose a level.")
    assert page.locator("[name=score-wrong_fact][value='0']").is_checked() and not Review.objects.exists()


def test_a_low_level_asks_which_passage(bench: Bench, w: SimpleNamespace) -> None:
    page = bench.open(claim(w.project, w.ann))
    bench.press("0", "ArrowDown", "1")
    assert page.evaluate("document.activeElement.name") == "note-complete"
    page.keyboard.type("The dose")
    assert bench.hand_in().scores.get(criterion__key="complete").reason == "The dose"


def test_a_lost_connection_is_said_and_made_good(bench: Bench, w: SimpleNamespace) -> None:
    page = bench.open(claim(w.project, w.ann))
    bench.context.set_offline(True)
    bench.press("e")
    page.keyboard.type("Offline. ")
    bench.says("Not saved, retrying")
    assert draft() == {} and "Offline" in page.evaluate("JSON.stringify(localStorage)")
    bench.context.set_offline(False)
    saved(page, "block-1", "Offline. ")
    bench.says("Saved ")
    assert page.evaluate("Object.keys(localStorage).filter((key) => key.startsWith('countersign:draft'))") == []


def test_what_was_not_saved_outlives_the_page(bench: Bench, w: SimpleNamespace) -> None:
    held = claim(w.project, w.ann)
    page = bench.open(held)
    page.route("**/draft/", lambda route: route.abort())
    bench.press("e")
    page.keyboard.type("Before the crash. ")
    bench.says("Not saved, retrying")
    page.unroute("**/draft/")
    # a page that is killed sends no beacon: only localStorage is left
    page.evaluate("navigator.sendBeacon = () => false")
    bench.open(held)
    bench.says("was not saved yet; it is back")
    saved(page, "block-1", "Before the crash. ")


def test_leaving_the_page_saves_and_shortens_the_lease(bench: Bench, w: SimpleNamespace) -> None:
    held = claim(w.project, w.ann)
    page = bench.open(held)
    bench.press("e")
    page.keyboard.type("Last ")
    saved(page, "block-1", "Last ")
    page.keyboard.type("words. ")
    page.goto("about:blank")
    saved(page, "block-1", "Last words. ")
    assert seconds_left(held, page, lambda left: left <= 60)
    bench.open(held)
    assert seconds_left(held, page, lambda left: left > 600)


def seconds_left(held: Assignment, page: Any, is_right: Callable[[float], bool]) -> bool:
    """Whether the lease comes to have this long to run, in ten seconds."""
    for _ in range(50):
        held.refresh_from_db()
        if is_right((held.lease_expires_at - timezone.now()).total_seconds()):
            return True
        page.wait_for_timeout(200)
    return False


def test_a_draft_that_is_refused_says_why(bench: Bench, w: SimpleNamespace) -> None:
    held = claim(w.project, w.ann)
    page = bench.open(held)
    Assignment.objects.update(state="submitted")
    bench.press("e")
    page.keyboard.type("x")
    bench.says("Not saved")
    bench.says("already submitted")


def test_two_presses_store_one_review(bench: Bench, w: SimpleNamespace) -> None:
    page = bench.open(claim(w.project, w.ann))
    bench.press("0", "ArrowDown", "4")
    page.evaluate(
        """() => { for (let i = 0; i < 2; i++) document.dispatchEvent(
            new KeyboardEvent('keydown', {key: 'Enter', ctrlKey: true, bubbles: true, cancelable: true})) }"""
    )
    bench.says("2 / 3")
    assert Review.objects.count() == 1


def test_the_last_decision_is_undone_by_key(bench: Bench, w: SimpleNamespace) -> None:
    made = review(w.project, w.ann)
    page = bench.open(claim(w.project, w.ann))
    with page.expect_navigation():
        bench.press("u")
    bench.says(f"Sample {made.sample}")
    bench.says("2 of 2 scored")
    assert Sample.objects.get(pk=made.sample_id).state == "ready"


def test_a_sample_is_skipped_and_flagged_by_key(bench: Bench, w: SimpleNamespace) -> None:
    page = bench.open(claim(w.project, w.ann))
    bench.press("f")
    bench.says("Flagged for the lead")
    bench.press("s")
    page.keyboard.type("I know this person")
    bench.press("Enter")
    page.wait_for_timeout(300)
    assert Assignment.objects.order_by("pk")[0].state == "leased", "Enter in a field decides nothing"
    bench.press("Tab")
    with page.expect_navigation():
        bench.press("Enter")
    first = Assignment.objects.order_by("pk")[0]
    assert (first.state, first.skip_reason, first.is_flagged) == ("skipped", "I know this person", True)


def test_keys_wait_while_a_dialog_is_open_and_can_be_turned_off(bench: Bench, w: SimpleNamespace) -> None:
    page = bench.open(claim(w.project, w.ann))
    bench.press("?", "4", "0")
    assert page.locator("[data-criterion] input:checked").count() == 0
    page.get_by_text("Single keys are on in this browser").click()
    bench.press("Escape", "0")
    assert page.locator("[data-criterion] input:checked").count() == 0
    bench.press("g")
    assert not page.locator("#guidelines").is_visible()


def test_findings_are_visited_and_accepted_by_keyboard(bench: Bench, w: SimpleNamespace) -> None:
    finding(w.samples[0], "prompt", "three weeks", "[TIME]")
    finding(w.samples[0], "completion", "rest", "sleep")
    page = bench.open(claim(w.project, w.ann))
    for position in (1, 2):
        bench.press("n")
        assert page.evaluate("document.activeElement.id") == f"finding-{position}"
    bench.press("Tab", "Tab")
    with page.expect_navigation():
        bench.press("Enter")
    bench.says("1 of 2 findings open")
    assert draft()["block-2"] == "Plan: sleep."


def test_without_javascript_a_sample_is_reviewed(browser: Any, live_server: Any, w: SimpleNamespace) -> None:
    plain = Bench(browser, live_server, w.ann, java_script_enabled=False)
    page = plain.open(claim(w.project, w.ann))
    page.locator("summary:has-text('Edit')").last.click(force=True)
    page.locator("textarea[name=block-2]").fill("Plan: sleep.")
    page.locator("input[name=score-wrong_fact][value='0']").check()
    page.locator("input[name=score-complete][value='4']").check()
    page.get_by_role("button", name="Accept, next").click()
    plain.says("2 / 3")
    assert Review.objects.get().revision_after.completion == "Reason: knee pain.\n\nPlan: sleep."
    page.get_by_role("button", name="Reject").click()
    page.locator("#reason-reject").fill("Off topic.")
    page.get_by_role("button", name="Reject, next").click()
    plain.says("3 / 3")
    assert Review.objects.latest("pk").reason == "Off topic."
    plain.context.close()


def test_the_browsers_diff_can_be_read_as_both_texts(bench: Bench, w: SimpleNamespace) -> None:
    page = bench.open(claim(w.project, w.ann))
    rng = random.Random(5)
    pairs = [("Start 50 mg once.", "Start 25 mg once."), ("in due course.", "at one week."), ("", "a"), ("a", "")]
    parts = ["a", "b", " ", "\n", ".", "mg", "ü"]
    pairs += [tuple("".join(rng.choices(parts, k=rng.randint(0, 12))) for _ in range(2)) for _ in range(60)]
    script = """async (pairs) => {
        const { diffWords } = await import('/static/js/diff.js');
        return pairs.map(([before, after]) => diffWords(before, after)) }"""
    for (before, after), pieces in zip(pairs, page.evaluate(script, pairs), strict=True):
        assert "".join(text for kind, text in pieces if kind != "in") == before
        assert "".join(text for kind, text in pieces if kind != "out") == after
    shown = page.evaluate(script, pairs[:2])
    for (before, after), pieces in zip(pairs[:2], shown, strict=True):
        assert pieces == [[piece.kind, piece.text] for piece in diff_words(before, after).pieces]
