"""The planner: its words at known sizes, and its page with the project's own pace."""

from __future__ import annotations

from collections.abc import Callable
from types import SimpleNamespace

import pytest
from django.db import connection
from django.test import Client
from django.urls import reverse

from reviewapp.accounts.models import User
from reviewapp.projects.models import Project
from reviewapp.reports import planning_page, selectors
from reviewapp.reports.planning_page import Asked, asked_from, plan_of
from tests.reviewapp.evaluations.world import good_form, write_grades
from tests.reviewapp.reports.test_services import declared, planned

ClientFor = Callable[[User], Client]


def said(asked: Asked) -> str:
    plan = plan_of(asked)
    lines = [text for answer in plan.answers for text in (answer.question, answer.answer, *answer.more)]
    return "\n".join([*lines, *plan.can, *plan.cannot])


def test_the_three_claims_at_their_known_sizes() -> None:
    words = said(Asked())
    assert "Errors fall from 70% to 5%" in words and "12 prompts show it 8 times in 10; 13 prompts" in words
    assert "If the true rate is 1%: 124 prompts show it 8 times in 10; 153 prompts, 9 times in 10." in words
    assert "Without a single error, 59 prompts are enough." in words
    assert "Of 200 prompts, at most 4 may be at fault (2.0%)." in words
    assert "73 prompts show it 8 times in 10, where differences spread by 15 points." in words


def test_what_two_hundred_can_and_cannot_say() -> None:
    plan = plan_of(Asked())
    can, cannot = "\n".join(plan.can), "\n".join(plan.cannot)
    assert "errors are below 5%, with at most 4 at fault" in can and "errors are below 2%, with none at fault" in can
    assert "a change of 3.0 points of ROUGE-L (spread 15), or of 0.20 levels (spread 1)" in can
    assert "fell from 10% to 5% (shown 40 times in 100)" in cannot
    assert "below 1%: that takes 299 prompts without one error" in cannot
    assert "fell from 40% to 5%" in can and "fell from 10% to 5%" in cannot


def test_hours_for_two_hundred_prompts() -> None:
    plan = plan_of(Asked(minutes=5, overlap=25))
    assert [effort.hours for effort in plan.efforts] == ["17 hours", "33 hours", "42 hours", "67 hours"]
    assert plan.efforts[2].grades == "500"


def test_three_prompts_get_words_and_no_promise() -> None:
    plan = plan_of(Asked(prompts=3))
    assert len(plan.cannot) >= 4 + 3 and "59 prompts without one error" in "\n".join(plan.cannot)
    assert "Of 80 prompts, none may be at fault." in said(Asked(prompts=80))
    assert "3 prompts are too few to show it, even with none at fault." in said(Asked(prompts=3))


@pytest.mark.parametrize(
    ("asked", "part"),
    [
        (Asked(base=5, tuned=5), "That is no fall"),
        (Asked(limit=5, hoped=5), "A model whose true rate is 5% never shows it."),
        (Asked(base=6, tuned=5.9), "more than 3,000 prompts"),
    ],
)
def test_what_cannot_be_shown_is_said(asked: Asked, part: str) -> None:
    assert part in said(asked)


def test_typed_numbers_are_read_and_faulty_ones_named() -> None:
    asked, problems = asked_from(
        {"prompts": "300", "limit": "2,5", "base": "many", "hoped": "nan", "points": ""}, Asked()
    )
    assert (asked.prompts, asked.limit, asked.base, asked.points) == (300, 2.5, 70.0, 5.0)
    assert len(problems) == 2 and "Errors of the base model, in percent: give a number from 1 to 99." in problems
    too_many, problems = asked_from({"prompts": "1000000"}, Asked())
    assert too_many.prompts == 200 and "from 3 to 5,000" in problems[0]


@pytest.mark.parametrize("name", planning_page.RANGES)
def test_both_ends_of_each_range_give_an_answer(name: str) -> None:
    for end in planning_page.RANGES[name]:
        asked, problems = asked_from({name: f"{end:g}"}, Asked())
        assert not problems and plan_of(asked).answers


def address() -> str:
    return reverse("reports:report_plan", args=["letters"])


def test_the_page_starts_from_the_projects_own_size_and_pace(
    project: Project, people: SimpleNamespace, client_for: ClientFor
) -> None:
    round = planned(project, people, prompts=12)
    declared(round, people.lead)
    assert selectors.pace_of(project).minutes is None
    empty = client_for(people.lead).get(address()).content.decode()
    assert "5 minutes an output is a guess" in empty and "What 12 prompts can say" in empty
    write_grades(round, [people.reviewer], lambda output, grader: good_form())
    with connection.cursor() as cursor:  # grades are immutable rows
        cursor.execute("UPDATE evaluations_grade SET seconds = 150")
    pace = selectors.pace_of(project)
    assert (pace.timed, pace.minutes) == (24, 2.5)
    page = client_for(people.reviewer).get(address()).content.decode()
    assert "own pace: 2.5 minutes an output, from 24 grades" in page and 'value="2.5"' in page


def test_what_was_typed_comes_back_with_what_is_wrong(
    project: Project, people: SimpleNamespace, client_for: ClientFor
) -> None:
    page = client_for(people.lead).get(address(), {"prompts": "400", "limit": "<b>"}).content.decode()
    assert "What 400 prompts can say" in page and 'value="&lt;b&gt;"' in page
    assert "Errors must be below, in percent: give a number" in page


def test_the_planner_is_reached_from_where_gates_are_declared(
    project: Project, people: SimpleNamespace, client_for: ClientFor
) -> None:
    round = planned(project, people)
    form = client_for(people.lead).get(reverse("reports:gates_declare", args=["letters", round.pk]))
    assert address() in form.content.decode()
    assert address() in client_for(people.lead).get(reverse("reports:report_list", args=["letters"])).content.decode()
