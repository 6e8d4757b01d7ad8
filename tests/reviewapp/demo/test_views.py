from __future__ import annotations

from typing import Any

import pytest
from django.test import Client

from reviewapp.demo.people import PEOPLE, people_ensure
from reviewapp.projects.models import Project
from reviewapp.projects.selectors import role_of


@pytest.fixture
def cast(project: Project) -> dict[str, Any]:
    return people_ensure(project)


def test_people_are_made_once(project: Project, cast: dict[str, Any]) -> None:
    again = people_ensure(project)

    assert {u.pk for u in again.values()} == {u.pk for u in cast.values()}
    assert all(role_of(cast[p.username], project) == p.role for p in PEOPLE)
    assert not any(user.has_usable_password() for user in cast.values())


def test_one_click_signs_in_on_the_demo(cast: dict[str, Any], client: Client, settings: Any) -> None:
    settings.DEMO = settings.DEBUG = True
    assert b"Ana Ruiz" in client.get("/demo/people/").content

    client.post("/demo/people/ana/enter/")

    assert client.session["_auth_user_id"] == str(cast["ana"].pk)


@pytest.mark.parametrize(("demo", "debug"), [(True, False), (False, True), (False, False)])
def test_there_is_no_one_click_sign_in_elsewhere(
    cast: dict[str, Any], client: Client, settings: Any, demo: bool, debug: bool
) -> None:
    settings.DEMO, settings.DEBUG = demo, debug

    assert client.get("/demo/people/").status_code == 404
    assert client.post("/demo/people/ana/enter/").status_code == 404
    assert "_auth_user_id" not in client.session


def test_nobody_signs_in_as_a_simulated_expert(cast: dict[str, Any], client: Client, settings: Any) -> None:
    settings.DEMO = settings.DEBUG = True

    assert client.post("/demo/people/sim-lead-1/enter/").status_code == 404
