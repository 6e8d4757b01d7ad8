"""The workbench when things go wrong: no connection, two tabs, two machines, a lease that was taken, a stale form."""

from __future__ import annotations

import dataclasses
import json
import time
from types import SimpleNamespace
from typing import Any

import pytest
from django.conf import settings
from django.urls import reverse
from django.utils import timezone

from reviewapp.reviews.models import Assignment, Review
from reviewapp.reviews.views import workbench
from reviewapp.rubrics.services import rubric_create
from tests import factories
from tests.browsing import IN_BROWSER
from tests.reviewapp.reviews.reviewing import RUBRIC, claim, review
from tests.reviewapp.reviews.test_browser import Bench, draft, saved, w
from tests.reviewapp.reviews.test_browser import bench as any_bench

pytestmark = IN_BROWSER
__all__ = ["any_bench", "w"]


@pytest.fixture
def bench(any_bench: Bench) -> Bench:
    """With nothing fetched ahead: what becomes of a form is said on its own page, however slow the machine is."""
    any_bench.context.route("**/next/prefetch/", lambda route: route.fulfill(status=204))
    return any_bench


def no_answer(page: Any, pattern: str = "**/submit/") -> None:
    page.route(pattern, lambda route: route.abort("internetdisconnected"))


def score(made: Bench) -> None:
    made.press("0", "ArrowDown", "4")
    made.says("2 of 2 scored")


def waiting_in(page: Any, prefix: str) -> list[str]:
    found: list[str] = page.evaluate(f"Object.keys(localStorage).filter((key) => key.startsWith('{prefix}'))")
    return found


def test_a_minute_without_connection_loses_neither_words_nor_decision(bench: Bench, w: SimpleNamespace) -> None:
    page = bench.open(claim(w.project, w.ann))
    page.clock.install()
    bench.context.set_offline(True)
    bench.press("e")
    page.keyboard.press("Control+End")
    page.keyboard.type(" Since May.")
    page.clock.run_for(2_000)
    bench.says("Not saved, retrying")
    bench.press("Escape")
    score(bench)
    bench.press("Control+Enter")
    bench.says("There is no connection. Your decision is kept in this browser")
    page.clock.run_for(60_000)
    assert not Review.objects.exists() and draft() == {}
    assert len(waiting_in(page, "countersign:outbox")) == 1
    # nothing that is typed now could change what was handed in
    page.locator("textarea[name=block-1]").evaluate("(box) => { box.closest('details').open = true; box.focus() }")
    page.keyboard.type("Too late.")
    assert "Too late." not in page.locator("textarea[name=block-1]").input_value()

    bench.context.set_offline(False)
    bench.says("2 / 3")

    stored = Review.objects.get()
    assert stored.revision_after.completion.startswith("Reason: knee pain. Since May.")
    assert waiting_in(page, "countersign:draft") == waiting_in(page, "countersign:outbox") == []


def test_words_saved_while_the_page_is_loaded_again_stand_on_it(bench: Bench, w: SimpleNamespace) -> None:
    page = bench.open(claim(w.project, w.ann))
    bench.press("e")
    page.keyboard.press("Control+End")
    page.keyboard.type(" Since May.")
    saved(page, "block-1", "Reason: knee pain. Since May.")
    page.keyboard.type(" Worse at night.")

    def late(route: Any) -> None:
        made = route.fetch()  # from the draft as it was before the last words
        for _ in range(100):
            if draft()["block-1"].endswith("Worse at night."):
                break
            time.sleep(0.1)
        route.fulfill(response=made)

    page.route("**/edit/", late)
    page.reload()

    assert draft()["block-1"].endswith("Since May. Worse at night.")
    page.wait_for_function("() => document.querySelector('[name=block-1]')?.value.endsWith('Worse at night.')")
    page.wait_for_timeout(1_000)
    assert draft()["block-1"].endswith("Since May. Worse at night.")


def test_a_lost_answer_is_asked_for_again_and_stored_once(bench: Bench, w: SimpleNamespace) -> None:
    page = bench.open(claim(w.project, w.ann))
    asked: list[str] = []

    def lose_first(route: Any) -> None:
        asked.append(route.request.post_data)
        if len(asked) == 1:
            route.fetch()  # the server stores it, the answer is lost
            route.abort("connectionreset")
        else:
            route.continue_()

    page.route("**/submit/", lose_first)
    score(bench)
    bench.press("Control+Enter")
    bench.says("2 / 3")

    assert len(asked) == 2 and asked[0] == asked[1]
    assert Review.objects.count() == 1


def test_a_decision_outlives_the_tab_that_made_it(bench: Bench, w: SimpleNamespace) -> None:
    held = claim(w.project, w.ann)
    page = bench.open(held)
    no_answer(page)
    score(bench)
    bench.press("Control+Enter")
    bench.says("Your decision is kept in this browser")
    page.close()

    bench.page = page = bench.context.new_page()
    bench.open(held)
    bench.says("You handed this in before the connection broke")
    bench.says("2 / 3")
    assert Review.objects.get().assignment_id == held.pk


def test_a_decision_left_by_a_closed_tab_goes_out_from_another_item(bench: Bench, w: SimpleNamespace) -> None:
    page = bench.open(claim(w.project, w.ann))
    no_answer(page)
    score(bench)
    bench.press("Control+Enter")
    bench.says("Your decision is kept in this browser")
    page.close()
    second = factories.assignment(w.samples[2], w.ann, w.version)

    bench.page = bench.context.new_page()
    bench.open(second)
    bench.says("What you handed in before the connection broke was sent")
    assert Review.objects.get().sample == w.samples[0]


def test_a_server_that_starts_again_is_waited_for(bench: Bench, w: SimpleNamespace) -> None:
    page = bench.open(claim(w.project, w.ann))
    answers = iter([502, 503])

    def restarting(route: Any) -> None:
        status = next(answers, None)
        route.continue_() if status is None else route.fulfill(status=status, body="starting")

    page.route("**/submit/", restarting)
    score(bench)
    bench.press("Control+Enter")
    bench.says("The server does not answer properly")
    bench.says("2 / 3")
    assert Review.objects.count() == 1


def test_a_next_page_that_breaks_off_is_asked_for_again(bench: Bench, w: SimpleNamespace) -> None:
    page = bench.open(claim(w.project, w.ann))
    broken = iter([True])

    def breaking_off(route: Any) -> None:
        route.abort("connectionreset") if next(broken, False) else route.continue_()

    page.route("**/edit/", breaking_off)
    score(bench)
    bench.press("Control+Enter")
    bench.says("Stored. Waiting for the next sample")
    bench.says("2 / 3")
    assert Review.objects.count() == 1


def test_what_is_handed_in_is_neither_saved_nor_held_any_more(bench: Bench, w: SimpleNamespace) -> None:
    # asking other tabs takes longer than the person does
    bench.page.clock.install()
    bench.page.add_init_script(
        "const later = setTimeout; window.setTimeout = (f, ms) => later(f, ms === 150 ? 1500 : ms)"
    )
    page = bench.open(claim(w.project, w.ann))
    page.route("**/submit/", lambda route: None)  # no answer
    sent: list[str] = []
    page.on("request", lambda request: sent.append(request.url.rstrip("/").rpartition("/")[2]))
    score(bench)
    bench.press("Control+Enter")
    page.wait_for_timeout(2_000)
    page.clock.run_for(20_000)
    page.wait_for_timeout(500)
    assert "submit" in sent
    assert not {"draft", "renew"} & set(sent[sent.index("submit") :])


def test_a_second_tab_says_so_and_changes_nothing(bench: Bench, w: SimpleNamespace) -> None:
    held = claim(w.project, w.ann)
    first = bench.open(held)
    bench.press("e")
    first.keyboard.type("First tab. ")
    second = bench.context.new_page()
    second.goto(first.url)
    second.get_by_text("This is open in another tab").wait_for()

    second.keyboard.press("4")
    second.keyboard.press("Control+Enter")
    second.locator("input[name=score-complete][value='2']").click(force=True)
    second.wait_for_timeout(900)
    assert second.locator("input[type=radio]:checked").count() == 0
    assert not Review.objects.exists()

    with second.expect_navigation():
        second.get_by_role("button", name="Work here instead").click()
    second.wait_for_function("() => document.querySelector('[name=block-1]')?.value.startsWith('First tab. ')")
    first.get_by_text("You went on in another tab").wait_for()
    second.keyboard.press("0")
    second.get_by_text("1 of 2 scored").wait_for()
    saved(second, "block-1", "First tab. ")


def test_another_machine_is_not_written_over_in_silence(
    bench: Bench, browser: Any, live_server: Any, w: SimpleNamespace
) -> None:
    held = claim(w.project, w.ann)
    page = bench.open(held)
    elsewhere = Bench(browser, live_server, w.ann)
    elsewhere.open(held)
    elsewhere.press("e")
    elsewhere.page.keyboard.type("At the desk. ")
    saved(page, "block-1", "At the desk. ")

    bench.press("e")
    page.keyboard.type("On the ward. ")
    bench.says("Changed in another window at")
    assert draft()["block-1"].startswith("At the desk. ")
    assert page.locator("textarea[name=block-1]").input_value().startswith("On the ward. ")

    page.get_by_role("button", name="Keep what stands here").click()
    saved(page, "block-1", "On the ward. ")
    # and the other one is asked in its turn
    elsewhere.page.keyboard.type("Again. ")
    elsewhere.says("Changed in another window at")
    elsewhere.page.get_by_role("button", name="Load what was written there").click()
    elsewhere.page.wait_for_function(
        "() => document.querySelector('[name=block-1]')?.value.startsWith('On the ward. ')"
    )
    elsewhere.context.close()


def test_a_lease_that_others_took_over_leaves_the_words_on_the_page(bench: Bench, w: SimpleNamespace) -> None:
    held = claim(w.project, w.ann)
    page = bench.open(held)
    bench.press("e")
    page.keyboard.type("Half an hour of work. ")
    saved(page, "block-1", "Half an hour of work. ")
    Assignment.objects.filter(pk=held.pk).update(lease_expires_at=timezone.now())
    other = claim(w.project, w.bob)
    assert other.sample_id == held.sample_id
    bench.press("Escape")
    score(bench)
    bench.press("Control+Enter")

    bench.says("others have taken this sample meanwhile")
    assert not Review.objects.exists()
    assert page.locator("textarea[name=block-1]").input_value().startswith("Half an hour of work. ")
    assert page.locator("[name=score-complete][value='4']").is_checked()


def test_a_rubric_that_changed_under_the_page_is_said(bench: Bench, w: SimpleNamespace) -> None:
    held = claim(w.project, w.ann)
    page = bench.open(held)
    bench.press("0", "ArrowDown", "2")
    page.keyboard.type("The dose is missing")
    document = dataclasses.replace(RUBRIC, name="Note, second")
    changed = rubric_create(project=w.project, document=document, created_by=factories.user("lead"))
    Assignment.objects.filter(pk=held.pk).update(rubric_version=changed)
    bench.press("Control+Enter")

    bench.says("The rubric was changed since you opened this page")
    assert page.locator("[name=note-complete]").input_value() == "The dose is missing"
    assert not Review.objects.exists()
    bench.press("Control+Enter")
    bench.says("2 / 3")
    assert Review.objects.get().rubric_version == changed


def test_a_session_that_ended_keeps_the_words(bench: Bench, w: SimpleNamespace) -> None:
    page = bench.open(claim(w.project, w.ann))
    score(bench)
    bench.context.clear_cookies(name=settings.SESSION_COOKIE_NAME)
    bench.press("Control+Enter")

    bench.says("You are signed out")
    assert page.locator("[name=score-complete][value='4']").is_checked()


def test_a_refused_decision_can_be_mended_and_sent(bench: Bench, w: SimpleNamespace) -> None:
    page = bench.open(claim(w.project, w.ann))
    bench.press("0", "Control+Enter")
    bench.says("Complete: choose a level.")
    assert page.url.endswith("/edit/")
    page.locator("[name=score-complete][value='4']").check()
    bench.press("Control+Enter")
    bench.says("2 / 3")
    assert Review.objects.count() == 1


@pytest.mark.parametrize("body", [{"version": "0", "window": "here"}, {"version": "x"}, {}])
def test_a_page_that_says_less_about_itself_still_saves(w: SimpleNamespace, client: Any, body: dict[str, str]) -> None:
    held = claim(w.project, w.ann)
    client.force_login(w.ann, backend="django.contrib.auth.backends.ModelBackend")
    url = reverse("reviews:draft_save", args=["letters", held.key])

    answer = client.post(url, {"changes": json.dumps({"note-complete": "x"}), **body})

    assert answer.status_code == 200
    assert draft()["note-complete"] == "x"


def test_undo_after_the_page_was_left(bench: Bench, w: SimpleNamespace) -> None:
    made = review(w.project, w.ann)
    page = bench.open(claim(w.project, w.ann))
    with page.expect_navigation():
        bench.press("Control+z")
    bench.says(f"Sample {made.sample}")


def test_a_draft_on_its_way_arrives_before_its_form(
    bench: Bench, w: SimpleNamespace, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A slow server would refuse the draft of a sample that is decided already, and say so to somebody who is done."""
    keep = workbench.draft_keep
    monkeypatch.setattr(workbench, "draft_keep", lambda **values: (time.sleep(0.8), keep(**values))[1])
    refused: list[str] = []
    page = bench.open(claim(w.project, w.ann))
    page.on("response", lambda answer: refused.append(answer.url) if answer.status == 409 else None)
    bench.press("0", "ArrowDown", "4")
    page.wait_for_timeout(700)  # the draft left after half a second
    bench.press("Control+Enter")
    bench.says("2 / 3")
    page.wait_for_timeout(1500)
    assert Review.objects.count() == 1 and refused == []
