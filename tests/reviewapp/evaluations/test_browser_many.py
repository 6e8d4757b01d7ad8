"""Two hundred real outputs graded in a browser by keyboard alone, every low score with its evidence."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from django.db.models import Count

from reviewapp.evaluations import selectors
from reviewapp.evaluations.models import Grade, GradeAssignment, GradingRound
from reviewapp.projects.models import Project
from tests.browsing import IN_BROWSER
from tests.reviewapp.evaluations import mts
from tests.reviewapp.evaluations.test_browser import Bench
from tests.reviewapp.evaluations.world import opened_round

pytestmark = IN_BROWSER
OUTPUTS = 200
# Every event that a mouse, pen or finger makes; a key that presses a button makes a click without any of them.
POINTER = """
for (const name of ["pointerdown", "pointermove", "mousedown", "mouseup", "mousemove", "wheel", "touchstart"]) {
  addEventListener(name, () => console.log("POINTER " + name), true);
}
"""


@pytest.fixture
def round(project: Project, people: SimpleNamespace, shared_data: Path) -> GradingRound:
    run = mts.four_systems(project, people.engineer, shared_data)
    return opened_round(run, people.lead, repeat_percent=5)


@pytest.fixture
def bench(browser: Any, live_server: Any, people: SimpleNamespace, round: GradingRound) -> Iterator[Bench]:
    made = Bench(browser, live_server.url, people.reviewer, round)
    made.context.add_init_script(POINTER)
    made.page.reload()
    yield made
    made.context.close()


def press_start(bench: Bench) -> None:
    """Tab to the button and Enter, as a person without a mouse does."""
    for _ in range(60):
        bench.press("Tab")
        if "grading" in str(bench.page.evaluate("document.activeElement.textContent")):
            break
    with bench.page.expect_navigation():
        bench.press("Enter")


def grade_one(bench: Bench, number: int) -> None:
    """Every fourth output gets a low level: its first sentence is marked, and the prompt shows it or has nothing."""
    if number % 4:
        bench.press("n", "ArrowDown", "3", "4")
    else:
        bench.press("n", "ArrowDown", "2", "4", "o", ".", "f")
        bench.press(*(("a",) if number % 8 else ("p", ".", "f")))
    bench.lock()


@pytest.mark.timeout(600)
def test_two_hundred_real_outputs_by_keyboard_alone(bench: Bench, round: GradingRound) -> None:
    pointed: list[str] = []
    bench.page.on("console", lambda message: pointed.append(message.text) if "POINTER" in message.text else None)
    press_start(bench)
    for number in range(OUTPUTS):
        grade_one(bench, number)
    assert pointed == [] and bench.troubles == []
    check_grades(round)
    bench.page.mouse.move(300, 300)
    bench.page.wait_for_timeout(100)
    assert pointed, "the listener would have told"


def check_grades(round: GradingRound) -> None:
    kinds = GradeAssignment.Purpose
    grades = Grade.objects.filter(round=round).select_related("assignment", "output__heldout_prompt")
    assert grades.count() == OUTPUTS
    assert selectors.effective_grades(grades).count() == GradeAssignment.objects.filter(
        item__round=round, purpose=kinds.WORK, state="submitted"
    ).count()  # fmt: skip
    assert {row["n"] for row in grades.values("pk").annotate(n=Count("scores"))} == {3}
    low = grades.filter(scores__value=2)
    assert low.count() == OUTPUTS // 4
    for grade in low:
        text, prompt = grade.output.text, grade.output.heldout_prompt.prompt
        (span,) = grade.spans.select_related("criterion")
        assert span.excerpt == text[span.start : span.end] and span.excerpt
        assert grade.scores.get(criterion=span.criterion).value == 2
        if span.is_absent_from_source:
            assert span.source_start is None
        else:
            assert span.source_excerpt and prompt[span.source_start : span.source_end] == span.source_excerpt
    assert grades.filter(spans__is_absent_from_source=True).count() == OUTPUTS // 8
    assert grades.exclude(pk__in=low.values("pk")).filter(spans__isnull=False).count() == 0
    assert len({grade.output.arm for grade in grades}) == 4
