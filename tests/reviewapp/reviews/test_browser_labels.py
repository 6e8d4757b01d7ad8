"""Labelling in a browser: every kind of field by keyboard alone, on the screens it is done on."""

from __future__ import annotations

from collections.abc import Iterator
from types import SimpleNamespace
from typing import Any

import pytest
from django.urls import reverse

from reviewapp.labelling.services import rules_save
from reviewapp.projects.models import Project
from reviewapp.reviews.models import Assignment, Review
from reviewapp.reviews.services import adjudication_claim
from tests import factories
from tests.browsing import IN_BROWSER
from tests.reviewapp.labelling import documents as d
from tests.reviewapp.looks import faults_in_every_look
from tests.reviewapp.reviews import reviewing, test_labels
from tests.reviewapp.reviews.reviewing import claim
from tests.reviewapp.reviews.test_browser import Bench

pytestmark = IN_BROWSER
PROMPT = (
    "Doctor: What brings you in today?\nPatient: I take ibuprofen 400 mg for my knee, twice a day.\n"
    "Doctor: Does it help?\nPatient: It helps, but my skin itches at night."
)
ANSWERS = ["Rest for a week.", "See a doctor.", "Take ibuprofen."]
NO_POINTER = """for (const name of ['pointerdown', 'mousedown']) document.addEventListener(
    name, () => { throw new Error('a pointer was used') }, true)"""


@pytest.fixture
def letters(transactional_db: None) -> Project:
    return factories.project("letters")


@pytest.fixture
def w(letters: Project) -> SimpleNamespace:
    return reviewing.world(letters, samples=0)


@pytest.fixture
def bench(browser: Any, live_server: Any, w: SimpleNamespace) -> Iterator[Bench]:
    made = Bench(browser, live_server, w.ann)
    yield made
    made.context.close()
    assert made.troubles == []


def ready(w: SimpleNamespace, *fields: dict[str, Any], samples: int = 1, **values: Any) -> Assignment:
    for _ in range(samples):
        factories.sample(w.project, prompt=PROMPT, completion="", metadata={"candidates": ANSWERS})
    w.schema = d.version(w.project, *fields, **values)
    return claim(w.project, w.ann)


def draft_holds(assignment: Assignment, name: str, page: Any, whole: str = "") -> bool:
    """Waits until the server has a field, or all of it; what is typed is saved piece by piece."""
    for _ in range(50):
        assignment.refresh_from_db()
        saved = assignment.draft.get(name)
        if saved and whole in ("", saved):
            return True
        page.wait_for_timeout(100)
    raise AssertionError(f"{name} was not saved: {assignment.draft}")


def tree_of(n: int) -> dict[str, Any]:
    rows = [{"key": f"K{i}", "name": f"Condition {i}", "parent": f"K{i // 10}" if i >= 10 else ""} for i in range(n)]
    return d.tree(classes=rows)


def test_one_and_many_classes_by_digits(bench: Bench, w: SimpleNamespace) -> None:
    assignment = ready(w, d.one_class(), d.many_classes())
    page = bench.open(assignment)
    page.evaluate(NO_POINTER)
    bench.press("2")
    bench.press("1", "3")
    assert draft_holds(assignment, "label-topics", page, "pain\nsleep")
    bench.press("1")  # ticked again: not any more
    page.wait_for_timeout(700)
    bench.says("Nothing is open.")
    revision = bench.hand_in().revision_after
    assert revision.completion == "Reason: Skin\n\nTopics: Sleep"


def test_ten_thousand_classes_are_found_by_typing_and_by_walking_the_tree(bench: Bench, w: SimpleNamespace) -> None:
    assignment = ready(w, tree_of(10_000))
    page = bench.open(assignment)
    page.evaluate(NO_POINTER)
    bench.press("/")
    page.keyboard.type("7531")
    page.get_by_role("option", name="Condition 7531").wait_for()
    bench.press("Enter")
    assert draft_holds(assignment, "label-code", page, "K7531")
    assert page.locator("[data-label-chosen]").inner_text().startswith("Condition 7 > Condition 75 >")
    bench.press("/")
    page.get_by_role("option", name="Condition 3", exact=False).first.wait_for()
    bench.press("ArrowDown", "ArrowDown", "ArrowDown", "ArrowRight")
    page.get_by_role("option", name="Condition 31", exact=False).first.wait_for()
    bench.press("ArrowDown", "Enter")
    page.wait_for_timeout(800)
    assert bench.hand_in().revision_after.completion == "Condition 3 > Condition 31"


def test_passages_are_marked_and_joined_by_keyboard(bench: Bench, w: SimpleNamespace) -> None:
    assignment = ready(w, d.spans(), d.one_class())
    page = bench.open(assignment)
    page.evaluate(NO_POINTER)
    bench.press("m", "ArrowDown", "ArrowRight", "ArrowRight")
    bench.press("1")  # ibuprofen: medicine
    bench.press("ArrowRight", "Shift+ArrowRight")
    bench.press("2")  # 400 mg: dose
    bench.press("ArrowLeft", "ArrowLeft", "Shift+ArrowRight", "Shift+ArrowRight", "1")  # ibuprofen 400 mg, over the two
    assert page.locator("[data-span-list] li").count() == 3
    bench.press("Escape")
    page.locator("[data-relation-from]").focus()
    bench.press("ArrowDown")
    page.locator("[data-relation-add]").focus()
    page.locator("[data-relation-to]").select_option("1")
    bench.press("Enter")
    page.locator("#label-reason input").first.focus()
    bench.press("1")
    page.wait_for_timeout(800)
    answer = bench.hand_in().revision_after.labels["fields"]["facts"]
    assert [(one["type"], one["text"]) for one in answer["spans"]] == [
        ("medicine", "ibuprofen"), ("medicine", "ibuprofen 400 mg"), ("dose", "400 mg"),
    ]  # fmt: skip
    assert answer["relations"] == [{"type": "dose_of", "from": 3, "to": 1}]


def test_words_are_selected_by_pointer_as_well(bench: Bench, w: SimpleNamespace) -> None:
    page = bench.open(ready(w, d.spans(is_required=True)))
    page.get_by_text("ibuprofen 400 mg").dblclick(position={"x": 60, "y": 8})
    page.get_by_role("button", name="Medicine").click()
    assert page.locator("[data-span-list] li").count() == 1
    page.get_by_role("button", name="Remove passage 1").click()
    assert page.locator("[data-span-list] li").count() == 0


def test_candidates_are_ranked_by_keyboard(bench: Bench, w: SimpleNamespace) -> None:
    assignment = ready(w, d.ranking())
    page = bench.open(assignment)
    page.evaluate(NO_POINTER)
    bench.press("3", "ArrowUp", "ArrowUp")
    assert draft_holds(assignment, "label-best", page)
    page.wait_for_timeout(800)
    answer = bench.hand_in().revision_after.labels["fields"]["best"]
    assert answer["ranked"] == ["Take ibuprofen.", "Rest for a week.", "See a doctor."]


def test_labels_outlive_a_reload_and_the_next_sample_starts_anew(bench: Bench, w: SimpleNamespace) -> None:
    assignment = ready(w, d.many_classes(), d.written(), samples=2)
    page = bench.open(assignment)
    bench.press("1")
    page.locator("textarea[name=label-reply]").focus()
    page.keyboard.type("Rest 2 days.")
    assert draft_holds(assignment, "label-reply", page)
    bench.open(assignment)
    assert page.locator("[data-label-check]").first.is_checked()
    page.wait_for_function("() => document.querySelector('[name=label-reply]')?.value === 'Rest 2 days.'")
    bench.press("Control+Enter")
    bench.says("2 / 2")
    assert not page.locator("[data-label-check]").first.is_checked()
    bench.press("2")
    page.locator("textarea[name=label-reply]").focus()
    page.keyboard.type("Walk.")
    page.wait_for_timeout(800)
    bench.press("Control+Enter")
    bench.says("This queue is finished")
    texts = set(Review.objects.values_list("revision_after__completion", flat=True))
    assert texts == {"Topics: Pain\n\nReply: Rest 2 days.", "Topics: Skin\n\nReply: Walk."}


def test_labels_that_never_reached_the_server_come_back_from_the_browser(bench: Bench, w: SimpleNamespace) -> None:
    assignment = ready(w, d.one_class(), d.many_classes(), d.written())
    page = bench.open(assignment)
    page.route("**/draft/", lambda route: route.abort())
    bench.press("2", "1", "3")
    page.locator("textarea[name=label-reply]").focus()
    page.keyboard.type("Rest 2 days.")
    bench.says("Not saved, retrying")
    page.unroute("**/draft/")
    bench.open(assignment)
    bench.says("it is back and being saved now")
    assert page.locator("[name=label-reason][value=skin]").is_checked()
    assert [box.is_checked() for box in page.locator("[data-label-check]").all()] == [True, False, True]
    assert page.locator("textarea[name=label-reply]").input_value() == "Rest 2 days."
    revision = bench.hand_in().revision_after
    assert revision.completion == "Reason: Skin\n\nTopics: Pain; Sleep\n\nReply: Rest 2 days."


def test_suggestions_come_after_the_own_answer_and_are_taken_by_hand(bench: Bench, w: SimpleNamespace) -> None:
    assignment = ready(w, d.one_class())
    rules_save(schema=w.schema.schema, lines="reason, pain: knee\nreason, skin: skin, itches", saved_by=w.ann)
    page = bench.open(assignment)
    bench.press("r")
    bench.says("Answer every required field first")
    bench.press("3", "r")
    bench.says("67%")
    assert page.locator("[name=label-reason][value=sleep]").is_checked()
    page.get_by_role("button", name="Take Skin for Reason").focus()
    bench.press("Enter")
    assert page.locator("[name=label-reason][value=skin]").is_checked()


def test_axe_is_content_with_the_form_in_every_look(bench: Bench, w: SimpleNamespace) -> None:
    page = bench.open(ready(w, d.one_class(), d.many_classes(), tree_of(40), d.spans(), d.written(), d.ranking()))
    bench.press("m", "ArrowDown", "ArrowRight", "ArrowRight", "1", "ArrowRight", "2")
    bench.press("Escape")
    assert faults_in_every_look(page, "label_form") == {}


@pytest.mark.parametrize("name", ["schema_list", "schema_new", "schema_detail", "schema_edit", "rules_edit"])
def test_axe_is_content_with_the_editor_in_every_look(
    browser: Any, live_server: Any, w: SimpleNamespace, name: str
) -> None:
    lead = factories.member(w.project, "lead", "lead")
    schema = d.version(w.project, d.one_class(), d.tree(), d.spans()).schema
    made = Bench(browser, live_server, lead)
    arguments = [] if name in ("schema_list", "schema_new") else [schema.pk]
    made.page.goto(made.base + reverse(f"labelling:{name}", args=["letters", *arguments]))
    assert faults_in_every_look(made.page, name) == {}
    if name == "schema_edit":
        made.page.locator("#text").fill("{")
        made.page.get_by_text("not JSON").first.wait_for()
    made.context.close()
    assert made.troubles == []


def test_an_adjudicator_labels_anew_by_keyboard(browser: Any, live_server: Any, w: SimpleNamespace) -> None:
    w.project.review_overlap = 2
    w.project.save()
    first = ready(w, d.one_class(), d.spans())
    second = claim(w.project, w.bob)
    for assignment, chosen in ((first, "pain"), (second, "skin")):
        test_labels.hand_in(assignment, w.schema, reason=chosen)
    settling = adjudication_claim(project=w.project, user=w.cleo)
    assert settling is not None
    made = Bench(browser, live_server, w.cleo)
    made.page.goto(made.base + reverse("reviews:adjudication_edit", args=["letters", settling.key]))
    made.page.evaluate(NO_POINTER)
    made.press("w")
    made.press("3", "m", "ArrowDown", "ArrowRight", "ArrowRight", "1", "Escape")
    made.page.locator("[name=cause]").first.focus()
    made.press("Space")
    revision = made.hand_in().revision_after
    assert revision.completion.startswith("Reason: Sleep") and "ibuprofen" in revision.completion
    made.context.close()
    assert made.troubles == []
