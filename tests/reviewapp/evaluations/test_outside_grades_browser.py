"""An evaluation from elsewhere, from the Grade page to its report, by keyboard as far as a file dialog lets one."""

from __future__ import annotations

import json
from types import SimpleNamespace
from typing import Any

from reviewapp.evaluations.models import GenerationRun, GradingRound
from reviewapp.projects.models import Project
from tests import factories
from tests.browsing import IN_BROWSER, signed_in
from tests.reviewapp.evaluations.world import generated
from tests.reviewapp.looks import faults_in_every_look

pytestmark = IN_BROWSER


def lines_of(run: GenerationRun, word: str | None = None) -> bytes:
    """Two graders find every tuned output wrong and mark its first word, or ``word``."""
    rows = []
    for output in run.outputs.select_related("heldout_prompt").order_by("id"):
        is_wrong = output.arm == "candidate"
        first = output.text.split()[0]
        mark = {"start": 0, "end": len(first), "text": first} if word is None else {"text": word}
        marks = [{**mark, "severity": "major", "error_type": "wrong_value", "source": output.heldout_prompt.prompt}]
        for who in ("Dr Vogel", "Dr Ames"):
            about = {"grader": who, "prompt_id": output.heldout_prompt.external_id,
                     "system": "tuned" if is_wrong else "base"}  # fmt: skip
            answer = {"value": 1, "marks": marks, "why": "Not the age."} if is_wrong else {"value": 4}
            rows += [{**about, "criterion": "accuracy", **answer}, {**about, "criterion": "tone", "value": 3},
                     {**about, "criterion": "safety", "value": 0}]  # fmt: skip
    return "\n".join(map(json.dumps, rows)).encode()


def tab_to(page: Any, name: str) -> None:
    """Tab until the link or button of this name has the focus."""
    for _ in range(60):
        page.keyboard.press("Tab")
        if page.evaluate("document.activeElement.textContent.trim()") == name:
            return
    raise AssertionError(f"Tab does not reach {name}.")


def sent(page: Any, content: bytes) -> None:
    file = {"name": "grades.jsonl", "mimeType": "application/jsonl", "buffer": content}
    page.get_by_label("Grades, as CSV, TSV, JSON or JSON Lines").set_input_files(file)
    with page.expect_navigation():
        page.get_by_role("button", name="Import", exact=True).click()


def test_grades_from_elsewhere_come_in_with_their_passages(
    browser: Any, live_server: Any, project: Project, people: SimpleNamespace
) -> None:
    run = generated(project, prompts=2)
    rubric = factories.rubric_version(project, applies_to="outputs")
    context = signed_in(browser, live_server.url, people.lead)
    page = context.new_page()
    page.goto(f"{live_server.url}/projects/letters/")
    page.get_by_role("link", name="Grade", exact=True).first.click()
    assert page.locator(".cs-head .btn-primary").count() == 1
    assert faults_in_every_look(page, "grade-page") == {}
    tab_to(page, "Import outputs")
    tab_to(page, "Generation run 1")
    page.keyboard.press("Enter")
    page.get_by_role("link", name="Import grades").click()
    page.get_by_label("Rubric").select_option(str(rubric.pk))
    page.get_by_label("Column with marked passages").fill("marks")
    page.get_by_label("Column with the grader's note").fill("why")
    sent(page, lines_of(run, word="never said"))
    page.get_by_text("4 rows cannot be used, so nothing was imported.").wait_for()
    assert page.get_by_text("“never said” does not stand in the output.").count() == 4
    assert page.get_by_label("Column with marked passages").input_value() == "marks", "what was typed stays"
    assert not GradingRound.objects.exists()
    assert faults_in_every_look(page, "grade-import-problems") == {}
    sent(page, lines_of(run))
    page.get_by_text("4 passages were marked.").wait_for()
    assert "Dr Vogel" in page.locator("main").inner_text() and "Outside" in page.locator("main").inner_text()
    page.get_by_role("link", name="Declare gates").first.click()
    page.get_by_role("button", name="Declare and open grading").click()
    with page.expect_navigation():
        page.locator("#confirm[open] [data-yes]").click()
    page.get_by_role("button", name="Freeze the report").click()
    page.get_by_text("Exploratory: graded elsewhere, imported").wait_for()
    marks = page.locator(".cs-worst mark").all_inner_texts()
    first = {output.text.split()[0] for output in run.outputs.filter(arm="candidate")}
    assert marks and set(marks) <= first, "the report shows what the outside graders marked"
    assert faults_in_every_look(page, "report-imported") == {}
    context.close()
