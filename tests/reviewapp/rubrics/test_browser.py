"""The rubric editor in a browser: by keyboard, with a live preview, without JavaScript, on a narrow screen."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from django.urls import reverse

from reviewapp.accounts.models import User
from reviewapp.evaluations.models import GradeScore
from reviewapp.evaluations.services import grades, rounds
from reviewapp.projects.models import Project
from reviewapp.reviews.models import CriterionScore
from reviewapp.rubrics import selectors, services
from reviewapp.rubrics.models import RubricVersion
from reviewapp.rubrics.schema import rubric_parse
from tests import factories
from tests.browsing import IN_BROWSER, signed_in
from tests.reviewapp.evaluations.world import generated
from tests.reviewapp.looks import faults_in_every_look
from tests.reviewapp.reviews.reviewing import claim
from tests.reviewapp.rubrics.kinds import every_kind

pytestmark = IN_BROWSER


class Editor:
    """A lead's browser; ``troubles`` are errors of the page and of its policy."""

    def __init__(self, browser: Any, base: str, user: User, **options: Any) -> None:
        self.base = base
        self.context = signed_in(browser, base, user, **options)
        self.page = self.context.new_page()
        self.page.set_default_timeout(15_000)
        self.troubles: list[str] = []
        self.page.on("pageerror", lambda error: self.troubles.append(str(error)))
        self.page.on("console", lambda m: self.troubles.append(m.text) if "Content Security" in m.text else None)

    def open(self, name: str, *args: object, query: str = "") -> Any:
        self.page.goto(self.base + reverse(f"rubrics:{name}", args=["letters", *args]) + query)
        return self.page

    def focused(self) -> str:
        return str(self.page.evaluate("document.activeElement.id"))


@pytest.fixture
def version(project: Project, people: SimpleNamespace) -> RubricVersion:
    return services.rubric_create(project=project, document=rubric_parse(every_kind("both")), created_by=people.lead)


@pytest.fixture
def editor(browser: Any, live_server: Any, project: Project, people: SimpleNamespace) -> Iterator[Editor]:
    made = Editor(browser, live_server.url, people.lead)
    yield made
    made.context.close()
    assert made.troubles == []


def shot(page: Any, name: str) -> None:
    """A picture to look at, where SCREENSHOTS names a folder."""
    folder = os.environ.get("SCREENSHOTS")
    if folder:
        page.screenshot(path=Path(folder) / f"{name}.png")


def test_a_rubric_is_made_by_keyboard_and_the_preview_follows(editor: Editor) -> None:
    page = editor.open("rubric_new", query="?applies_to=outputs")
    page.keyboard.press("Tab")
    page.locator("#name").focus()
    page.keyboard.type("By keyboard")
    page.locator("#add-count").focus()
    page.keyboard.press("Enter")
    page.wait_for_selector("#c-1-name:focus")
    page.keyboard.type("Left out")
    page.locator("#c-1-unit").focus()
    page.keyboard.type("facts")
    page.get_by_text("How many facts").wait_for()
    # The first criterion has levels without anchors; it is not needed.
    page.locator("button[value='remove:0']").focus()
    page.keyboard.press("Enter")
    page.wait_for_selector("#c-0-name:focus")
    assert page.locator("#c-0-name").input_value() == "Left out"
    page.locator("#c-0-name").press("Enter")
    page.get_by_text("By keyboard, version 1 is saved.").wait_for()
    saved = selectors.version_document(RubricVersion.objects.get())
    assert [(one.key, one.kind, one.unit) for one in saved.criteria] == [("left_out", "count", "facts")]


def test_alt_and_arrows_move_levels_and_criteria(editor: Editor, version: RubricVersion) -> None:
    page = editor.open("rubric_edit", version.rubric_id)
    page.locator("#c-1-l-0-label").focus()
    page.keyboard.press("Alt+ArrowDown")
    page.wait_for_selector("#c-1-l-1-down:focus")
    assert page.locator("#c-1-l-0-label").input_value() == "Label 2"
    page.locator("#c-2-name").focus()
    page.keyboard.press("Alt+ArrowUp")
    page.wait_for_selector("#c-1-up:focus")
    assert page.locator("#c-1-name").input_value() == "Harm"
    assert RubricVersion.objects.get().content_hash == version.content_hash
    page.once("dialog", lambda dialog: dialog.accept())


def test_a_missing_anchor_is_told_beside_its_field_and_nothing_is_lost(editor: Editor, version: RubricVersion) -> None:
    page = editor.open("rubric_edit", version.rubric_id)
    page.locator("#guidelines").fill("Typed here.")
    page.locator("#c-1-l-2-anchor").fill("")
    page.get_by_role("button", name="Save", exact=True).last.click()
    page.wait_for_selector("#c-1-l-2-anchor-problem")
    assert "Anchor is empty." in page.locator("#c-1-l-2-anchor-problem").inner_text()
    assert page.locator("#guidelines").input_value() == "Typed here."
    shot(page, "editor_problem")


def test_the_editor_works_without_javascript(
    browser: Any, live_server: Any, version: RubricVersion, people: SimpleNamespace
) -> None:
    editor = Editor(browser, live_server.url, people.lead, java_script_enabled=False)
    page = editor.open("rubric_edit", version.rubric_id)
    page.locator("button[value='remove:1']").click()
    assert page.locator("#c-1-name").input_value() == "Harm"
    page.locator("button[value='add-gate']").click()
    page.locator("#c-7-name").fill("Rude")
    page.locator("#c-7-l-0-anchor").fill("1 rude word.")
    page.locator("#c-7-l-1-anchor").fill("0 rude words.")
    page.locator(".cs-rubric-save button[value='save']").click()
    page.get_by_text("version 1 is saved").wait_for()
    keys = [one.key for one in selectors.version_document(RubricVersion.objects.get()).criteria]
    assert "clear" not in keys and keys[-1] == "rude"
    editor.context.close()


def test_the_pages_are_accessible_and_fit(
    browser: Any, live_server: Any, version: RubricVersion, people: SimpleNamespace
) -> None:
    services.rubric_version_use(version=version)
    worded = every_kind("both", guidelines="Read it twice.")
    worded["criteria"][1]["levels"][0]["anchor"] = "1 thing to count."
    worded["criteria"][3]["most"] = 6
    services.rubric_save(rubric=version.rubric, document=rubric_parse(worded), saved_by=people.lead)
    editor = Editor(browser, live_server.url, people.lead)
    for name, args in (
        ("rubric_edit", (version.rubric_id,)),
        ("rubric_detail", (version.rubric_id,)),
        ("rubric_diff", (version.rubric_id, 1, 2)),
        ("rubric_list", ()),
    ):
        page = editor.open(name, *args)
        assert faults_in_every_look(page, name) == {}, name
    editor.context.close()
    assert editor.troubles == []


@pytest.fixture
def reviewer(browser: Any, live_server: Any, project: Project, people: SimpleNamespace) -> Iterator[Editor]:
    made = Editor(browser, live_server.url, people.annotator)
    yield made
    made.context.close()
    assert made.troubles == []


def test_every_kind_is_reviewed_by_keyboard(reviewer: Editor, project: Project, people: SimpleNamespace) -> None:
    services.rubric_create(project=project, document=rubric_parse(every_kind("samples")), created_by=people.lead)
    factories.sample(project, completion="Reason: knee pain.")
    assignment = claim(project, people.annotator)
    page = reviewer.page
    page.goto(reviewer.base + reverse("reviews:review_edit", args=["letters", assignment.key]))
    page.get_by_text("0 of 8 scored").or_(page.get_by_text("1 of 8 scored")).first.wait_for()
    keys = page.keyboard
    keys.press("0")  # no violation; a gate waits
    keys.press("ArrowDown")
    keys.press("3")  # clear; on to harm
    keys.press("1")  # harm; on to the count, which takes digits
    page.wait_for_selector("#criterion-omissions[data-active]")
    keys.press("2")
    assert page.locator("#score-omissions").input_value() == "2"
    keys.press("Tab")
    keys.press("Tab")
    keys.type("Both doses.")
    keys.press("Escape")
    keys.press("ArrowDown")
    keys.press("1")  # named owner: met
    keys.press("2")  # invents: not met; on to the errors, because a remark may stay empty
    page.wait_for_selector("#criterion-errors[data-active]")
    keys.type("1")
    shot(page, "review_every_kind")
    page.get_by_text("8 of 8 scored").first.wait_for()
    keys.press("Control+Enter")
    page.wait_for_url(lambda url: "/edit/" not in url)
    stored = dict(CriterionScore.objects.values_list("criterion__key", "value"))
    assert stored == {
        "unsafe": 0,
        "clear": 3,
        "harm": 1,
        "omissions": 2,
        "named_owner": 1,
        "invents": 0,
        "errors": 1,
    }


def test_every_kind_is_graded_by_keyboard(
    browser: Any, live_server: Any, project: Project, people: SimpleNamespace
) -> None:
    document = every_kind()
    document["criteria"] = [one for one in document["criteria"] if one["key"] not in ("clear", "harm", "invents")]
    version = services.rubric_create(project=project, document=rubric_parse(document), created_by=people.lead)
    made = rounds.round_create(
        generation_run=generated(project), rubric_version=version, overlap_percent=0, created_by=people.lead
    )
    assignment = grades.grade_claim(round=rounds.round_open(round=made, opened_by=people.lead), user=people.reviewer)
    assert assignment is not None
    grader = Editor(browser, live_server.url, people.reviewer)
    page = grader.page
    page.goto(grader.base + reverse("evaluations:grade", args=["letters", assignment.key]))
    page.locator("#criterion-unsafe input[value='0']").press("Space")
    page.locator("#score-omissions").focus()
    page.keyboard.type("0")
    page.locator("#criterion-named_owner input[value='1']").press("Space")
    page.locator("#criterion-errors input[value='marked']").press("Space")
    page.locator("#criterion-errors").evaluate("element => document.activeElement.blur()")
    page.keyboard.press(".")
    page.keyboard.press("f")
    # The error is the criterion's that collects errors, and its kind is one of its own.
    page.locator("[data-field='error_type']").select_option("fabrication")
    page.locator("#error-1 [data-absent]").press("Enter")
    shot(page, "grade_every_kind")
    page.wait_for_selector("button[data-hotkey-submit]:not([disabled])")
    page.keyboard.press("Control+Enter")
    page.wait_for_url(lambda url: str(assignment.key) not in url)
    stored = dict(GradeScore.objects.values_list("criterion__key", "value"))
    assert stored == {"unsafe": 0, "omissions": 0, "named_owner": 1, "errors": 1}
    grader.context.close()
    assert grader.troubles == []
