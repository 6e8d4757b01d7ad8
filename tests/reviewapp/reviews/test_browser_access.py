"""axe finds nothing on the workbench: light, dark, forced high contrast, at 200% zoom, at 400 px; and long sources."""

from __future__ import annotations

import csv
from collections.abc import Callable
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from django.urls import reverse

from reviewapp.accounts.models import User
from reviewapp.evaluations.services import grades
from reviewapp.reviews.models import Assignment
from reviewapp.reviews.reading import turns_of
from reviewapp.reviews.services import adjudication_claim
from reviewapp.samples.models import Sample
from tests import factories
from tests.browsing import IN_BROWSER, signed_in
from tests.reviewapp.evaluations.world import generated, opened_round
from tests.reviewapp.looks import faults_in_every_look, violations
from tests.reviewapp.reviews import reviewing
from tests.reviewapp.reviews.reviewing import TEXT, claim, given, review
from tests.reviewapp.reviews.test_browser import Bench, bench, w
from tests.reviewapp.reviews.test_findings import finding

pytestmark = IN_BROWSER
__all__ = ["bench", "w"]

DIALOGUE = "\n".join(
    [
        "Doctor: Good morning, what brings you in today?",
        "Patient: My breathing got worse, and the ankles swell by the evening.",
        "Doctor: Are you taking the spironolactone?",
        "Patient: I stopped it two weeks ago, my chest got sore on the left.",
        "Doctor: We will change it to eplerenone, 25 milligrams once a day.",
        "Patient: And the furosemide stays the same?",
    ]
)
NOTE = "Reason: worse breathing.\n\nPlan: Start eplerenone 25 mg once daily. Spironolactone was stopped for soreness."


def review_page(project: Any, people: SimpleNamespace) -> tuple[User, str]:
    sample = factories.sample(project, prompt=DIALOGUE, completion=NOTE)
    finding(sample, "prompt", "two weeks", "[TIME]")
    finding(sample, "completion", "25 mg", "50 mg")
    review(project, people.ann)
    held = factories.assignment(sample, people.ann, people.version)
    return people.ann, reverse("reviews:review_edit", args=[project.slug, held.key])


def adjudication_page(project: Any, people: SimpleNamespace) -> tuple[User, str]:
    project.review_overlap = 2
    project.save()
    Sample.objects.filter(project=project).update(slots_needed=2)
    review(project, people.ann, given(completion=TEXT.replace("rest", "sleep"), complete=2))
    review(project, people.bob, given(completion=TEXT.replace("rest", "ice"), complete=4))
    held = adjudication_claim(project=project, user=people.cleo)
    assert held is not None
    return people.cleo, reverse("reviews:adjudication_edit", args=[project.slug, held.key])


def grade_page(project: Any, people: SimpleNamespace) -> tuple[User, str]:
    lead = factories.member(project, "lead", "lea")
    opened = opened_round(generated(project, prompts=1), lead)
    assignment = grades.grade_claim(round=opened, user=people.cleo)
    assert assignment is not None
    return people.cleo, reverse("evaluations:grade", args=[project.slug, assignment.key])


def empty_page(project: Any, people: SimpleNamespace) -> tuple[User, str]:
    Sample.objects.filter(project=project).update(state="accepted")
    return people.ann, reverse("reviews:queue", args=[project.slug])


def keys_page(project: Any, people: SimpleNamespace) -> tuple[User, str]:
    return people.ann, reverse("accounts:keys_edit")


SCREENS: dict[str, Callable[[Any, SimpleNamespace], tuple[User, str]]] = {
    "review": review_page,
    "adjudication": adjudication_page,
    "grade": grade_page,
    "empty": empty_page,
    "keys": keys_page,
}


def world() -> SimpleNamespace:
    return reviewing.world(factories.project("letters"))


@pytest.mark.parametrize("screen", SCREENS)
def test_axe_is_content_in_every_look(browser: Any, live_server: Any, screen: str) -> None:
    people = world()
    user, url = SCREENS[screen](people.project, people)
    context = signed_in(browser, live_server.url, user)
    page = context.new_page()
    page.goto(live_server.url + url)
    page.wait_for_timeout(500)
    assert faults_in_every_look(page, screen) == {}
    context.close()


def test_axe_is_content_with_every_panel_open(bench: Bench, w: SimpleNamespace) -> None:
    page = bench.open(claim(w.project, w.ann))
    for keys, place in (("?", "dialog[data-cheatsheet]"), ("g", "#guidelines"), ("s", "#skip-panel")):
        bench.press(keys)
        page.locator(place).wait_for()
        assert violations(page) == [], place
        bench.press("Escape")
    bench.press("e")
    assert violations(page) == []


# ---- long sources: search, and from a sentence to where it comes from


def test_the_source_is_searched_by_keyboard(bench: Bench, w: SimpleNamespace) -> None:
    sample = factories.sample(w.project, prompt=DIALOGUE, completion=NOTE)
    held = factories.assignment(sample, w.ann, w.version)
    page = bench.open(held)
    n = sum(line.split(": ", 1)[1].lower().count("the") for line in DIALOGUE.splitlines())
    bench.press("/")
    page.keyboard.type("the")
    bench.says(f"1 of {n}")
    bench.press("Enter")
    bench.says(f"2 of {n}")
    bench.press("n")
    bench.says(f"3 of {n}")
    bench.press("Shift+N")
    bench.says(f"2 of {n}")
    assert page.evaluate("CSS.highlights.get('cs-found').size") == n
    assert page.evaluate("[...CSS.highlights.get('cs-found-now')][0].toString().toLowerCase()") == "the"
    bench.press("Escape")
    assert not page.evaluate("CSS.highlights.has('cs-found')")
    bench.press("/")
    page.keyboard.type("(unheard [of")
    bench.says("not found")
    assert not Assignment.objects.get(pk=held.pk).draft, "a search is no part of the draft"


def test_a_sentence_leads_to_the_turns_that_say_it(bench: Bench, w: SimpleNamespace) -> None:
    sample = factories.sample(w.project, prompt=DIALOGUE, completion=NOTE)
    page = bench.open(factories.assignment(sample, w.ann, w.version))
    bench.press(".", ".")
    bench.says("Closest: 5 (shown)")
    assert page.locator("#turn-5[aria-current=true][data-matched='1']").count() == 1
    bench.press(".")
    bench.says("Closest: 3 (shown), 4")
    bench.press("w")
    bench.says("Closest: 3, 4 (shown)")
    assert page.locator("#turn-4[aria-current=true]").count() == 1
    bench.press(",")
    bench.says("Closest: 5 (shown)")


def test_a_passage_is_marked_and_then_scored(bench: Bench, w: SimpleNamespace) -> None:
    sample = factories.sample(w.project, prompt=DIALOGUE, completion=NOTE)
    page = bench.open(factories.assignment(sample, w.ann, w.version))
    bench.press(".", ".", "m")
    bench.says("Marked: “Start eplerenone 25 mg once daily.”")
    bench.press("0", "ArrowDown", "2")
    assert page.locator("[name=note-complete]").input_value() == "“Start eplerenone 25 mg once daily.”"


SCRIPT = """async ([sentences, turns]) => {
    const { bestTurns } = await import('/static/js/align.js');
    return sentences.map((sentence) => bestTurns(sentence, turns).map((one) => one.index)) }"""


def test_real_notes_find_the_turns_they_were_written_from(bench: Bench, w: SimpleNamespace, shared_data: Path) -> None:
    """Of the lines of real notes that name a figure the talk has too, most lead to a turn that has it, of 55 turns."""
    folder = shared_data / "aci-bench/data/challenge_data"
    rows = [row for name in ("train.csv", "valid.csv") for row in _rows(folder / name)]
    page = bench.open(claim(w.project, w.ann))
    hits = asked = 0
    for row in rows:
        turns = [row["dialogue"][turn.start : turn.end] for turn in turns_of(row["dialogue"])]
        sentences = [line for line in row["note"].splitlines() if any(c.isdigit() for c in line)]
        for sentence, found in zip(sentences, page.evaluate(SCRIPT, [sentences, turns]), strict=True):
            figures = [word for word in sentence.replace(",", " ").split() if word.isdigit() and len(word) > 1]
            wanted = [f for f in figures if any(f in turn for turn in turns)]
            if wanted:
                asked += 1
                hits += any(f in turns[index] for f in wanted for index in found)
    assert asked >= 50
    assert hits / asked >= 0.85


def _rows(path: Path) -> list[dict[str, str]]:
    with path.open(encoding="utf-8", newline="") as handle:
        return list(csv.DictReader(handle))
