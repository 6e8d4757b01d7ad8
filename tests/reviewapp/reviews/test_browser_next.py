"""The next sample is there before the answer to the last one, and nothing of it can go wrong in silence."""

from __future__ import annotations

import dataclasses
from types import SimpleNamespace
from typing import Any

from reviewapp.reviews.models import Assignment, Review
from reviewapp.rubrics.services import rubric_create
from reviewapp.samples.models import Sample
from tests import factories
from tests.browsing import IN_BROWSER
from tests.reviewapp.reviews.reviewing import RUBRIC, claim
from tests.reviewapp.reviews.test_browser import Bench, bench, saved, w

pytestmark = IN_BROWSER
__all__ = ["bench", "w"]


def fetched(made: Bench, page: Any) -> None:
    """Waits until the next page is in hand: its lease is taken and its page was read."""
    for _ in range(50):
        if Assignment.objects.filter(is_prefetched=True).exists():
            break
        page.wait_for_timeout(100)
    page.wait_for_timeout(400)


def score(made: Bench) -> None:
    made.press("0", "ArrowDown", "4")
    made.says("2 of 2 scored")


def test_three_samples_without_loading_a_page(bench: Bench, w: SimpleNamespace) -> None:
    page = bench.open(claim(w.project, w.ann))
    page.evaluate("window.loadedOnce = true")
    for position in (1, 2):
        fetched(bench, page)
        score(bench)
        bench.press("Control+Enter")
        bench.says(f"{position + 1} / 3")
        assert page.evaluate("window.loadedOnce")
        assert page.evaluate("document.activeElement.tagName") == "H1"
    score(bench)
    bench.press("Control+Enter")
    bench.says("This queue is finished")

    assert Review.objects.count() == 3
    assert set(Sample.objects.values_list("state", flat=True)) == {"accepted"}
    assert Assignment.objects.filter(is_prefetched=True).count() == 0


def test_the_next_one_is_shown_while_the_answer_is_awaited_and_can_be_undone(bench: Bench, w: SimpleNamespace) -> None:
    first = claim(w.project, w.ann)
    page = bench.open(first)
    fetched(bench, page)
    score(bench)
    waiting: list[Any] = []
    page.route("**/submit/", lambda route: waiting.append(route))
    bench.press("Control+Enter")
    page.wait_for_url(lambda url: str(first.key) not in url)
    assert not Review.objects.exists()
    assert page.locator("[data-undo]").is_hidden()

    while not waiting:  # the form goes after its last draft
        page.wait_for_timeout(100)
    waiting[0].continue_()
    page.locator("[data-undo]").wait_for()
    bench.says("Undo: accepted")
    bench.says("2 / 3")
    with page.expect_navigation():
        bench.press("u")
    bench.says(f"Sample {first.sample}")
    bench.says("2 of 2 scored")


def test_the_page_that_came_back_is_handed_in_by_one_press(bench: Bench, w: SimpleNamespace) -> None:
    first = claim(w.project, w.ann)
    page = bench.open(first)
    fetched(bench, page)
    score(bench)
    document = dataclasses.replace(RUBRIC, name="Note, second")
    changed = rubric_create(project=w.project, document=document, created_by=factories.user("lead"))
    Assignment.objects.filter(pk=first.pk).update(rubric_version=changed)
    bench.press("Control+Enter")
    bench.says("The rubric was changed since you opened this page")

    assert bench.hand_in().assignment_id == first.pk  # the page between has let go of the keys
    bench.says("2 / 3")


def test_a_refusal_brings_the_page_back_with_every_word(bench: Bench, w: SimpleNamespace) -> None:
    first = claim(w.project, w.ann)
    page = bench.open(first)
    fetched(bench, page)
    bench.press("e")
    page.keyboard.type("A word. ")
    saved(page, "block-1", "A word. ")
    bench.press("Escape")
    score(bench)
    # others settle it in the very moment
    Sample.objects.filter(pk=first.sample_id).update(state="rejected")
    bench.press("Control+Enter")

    bench.says("This sample was settled meanwhile")
    assert str(first.key) in page.url
    assert page.locator("textarea[name=block-1]").input_value().startswith("A word. ")
    assert not Review.objects.exists()


def test_back_leads_to_the_last_one_as_a_page_of_its_own(bench: Bench, w: SimpleNamespace) -> None:
    page = bench.open(claim(w.project, w.ann))
    fetched(bench, page)
    score(bench)
    bench.press("Control+Enter")
    bench.says("2 / 3")
    bench.says("Undo: accepted")
    page.go_back()
    bench.says("You have decided about")


def test_keys_held_down_decide_one_sample_only(bench: Bench, w: SimpleNamespace) -> None:
    page = bench.open(claim(w.project, w.ann))
    fetched(bench, page)
    score(bench)
    page.evaluate(
        """() => {
            const press = {key: 'Enter', ctrlKey: true, bubbles: true, cancelable: true}
            for (let i = 0; i < 20; i++) document.dispatchEvent(new KeyboardEvent('keydown', {...press, repeat: i > 0}))
        }"""
    )
    bench.says("2 / 3")
    bench.says("Undo: accepted")
    page.wait_for_timeout(700)
    assert Review.objects.count() == 1


def test_two_fast_decisions_arrive_in_order(bench: Bench, w: SimpleNamespace) -> None:
    page = bench.open(claim(w.project, w.ann))
    fetched(bench, page)
    score(bench)
    bench.press("Control+Enter")
    page.locator("[data-criterion][data-active]").first.wait_for()
    score(bench)
    bench.press("Control+Enter")
    bench.says("3 / 3")
    for _ in range(30):
        if Review.objects.count() == 2:
            break
        page.wait_for_timeout(100)
    assert list(Review.objects.order_by("pk").values_list("sample", flat=True)) == [s.pk for s in w.samples[:2]]


def test_leaving_gives_the_one_taken_ahead_back(bench: Bench, w: SimpleNamespace) -> None:
    page = bench.open(claim(w.project, w.ann))
    fetched(bench, page)
    before = Assignment.objects.get(is_prefetched=True).lease_expires_at
    page.goto("about:blank")
    page.wait_for_timeout(800)

    assert Assignment.objects.get(is_prefetched=True).lease_expires_at < before


def test_a_comment_is_written_beside_the_sample(bench: Bench, w: SimpleNamespace) -> None:
    page = bench.open(claim(w.project, w.ann))
    bench.press("c")
    page.locator("#comment-text").fill("Is this the right visit?")
    page.get_by_role("button", name="Add the comment").click()
    page.locator(".cs-comment-text").wait_for()
    bench.press("Escape", "0")
    bench.says("1 of 2 scored")
    assert page.locator("#comments-drawer").is_hidden()


def test_stepping_back_leads_on(bench: Bench, w: SimpleNamespace) -> None:
    held = claim(w.project, w.ann)
    page = bench.open(held)
    bench.press("s")
    page.get_by_role("button", name="I must not judge this").click()
    page.locator("#recuse-reason").fill("I treated this patient")
    with page.expect_navigation():
        page.get_by_role("button", name="Step back, next").click()
    bench.says("You stepped back from this group")
    held.refresh_from_db()
    assert held.state != "leased"
