"""Grading through a lost connection, in two tabs, with own keys, and along the prompt."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

from reviewapp.accounts.models import User
from reviewapp.evaluations.models import Grade
from tests.browsing import IN_BROWSER
from tests.reviewapp.evaluations.test_browser import Bench, bench, round

pytestmark = IN_BROWSER
__all__ = ["bench", "round"]


def answer_all(made: Bench) -> None:
    made.press("ArrowDown", "ArrowUp", "ArrowUp", "n", "ArrowDown", "4", "4")
    made.says("Complete.")


def test_a_grade_waits_for_the_connection_and_is_stored_once(bench: Bench) -> None:
    bench.start()
    bench.says("To lock: 3 criteria")
    answer_all(bench)
    bench.context.set_offline(True)
    bench.press("Control+Enter")
    bench.says("There is no connection. Your decision is kept in this browser")
    assert not Grade.objects.exists()

    bench.context.set_offline(False)
    bench.says("is locked")
    assert Grade.objects.count() == 1


def test_a_second_tab_grades_nothing(bench: Bench) -> None:
    bench.start()
    bench.says("To lock: 3 criteria")
    second = bench.context.new_page()
    second.goto(bench.page.url)
    second.get_by_text("This output is open in another tab").wait_for()
    for key in ("n", "4", "Control+Enter"):
        second.keyboard.press(key)
    assert second.locator("input[type=radio]:checked").count() == 0


def test_own_keys_act_and_are_shown(bench: Bench, people: SimpleNamespace) -> None:
    User.objects.filter(pk=people.reviewer.pk).update(keymap={"grade": {"f": "k"}})
    bench.start()
    bench.says("To lock: 3 criteria")
    bench.press("o", ".", "f")
    assert bench.errors() == []
    bench.press("k")
    assert len(bench.errors()) == 1
    shown: Any = bench.page.locator("[data-mark] kbd").text_content()
    assert shown == "K"


def test_an_output_leads_to_its_place_in_the_prompt(bench: Bench) -> None:
    bench.start()
    bench.says("To lock: 3 criteria")
    bench.press("o", ".", ".", "w")
    bench.says("Closest: 1 (shown)")
    bench.press("/")
    bench.page.keyboard.type("old")
    bench.says("1 of 1")
