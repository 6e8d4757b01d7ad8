from __future__ import annotations

from collections.abc import Callable
from types import SimpleNamespace

from django.test import Client

from reviewapp.accounts.models import User
from reviewapp.projects.models import Membership, Project
from reviewapp.projects.selectors import role_of

ClientFor = Callable[[User], Client]
SETTINGS = "/projects/letters/settings/"


def test_anyone_signed_in_can_start_a_project(client_for: ClientFor, people: SimpleNamespace) -> None:
    response = client_for(people.annotator).post(
        "/projects/new/", {"name": "Heart", "slug": "heart", "description": ""}
    )

    assert response.status_code == 302
    assert role_of(people.annotator, Project.objects.get(slug="heart")) == "lead"


def test_a_taken_address_is_said_beside_the_field(client_for: ClientFor, people: SimpleNamespace) -> None:
    response = client_for(people.lead).post("/projects/new/", {"name": "Again", "slug": "letters"})

    assert response.status_code == 422
    assert b"already exists" in response.content


def test_settings_show_every_member(client_for: ClientFor, people: SimpleNamespace) -> None:
    response = client_for(people.lead).get(SETTINGS)

    assert response.status_code == 200
    for membership in Membership.objects.filter(project__slug="letters").select_related("user"):
        assert str(membership.user).encode() in response.content


def test_a_lead_changes_a_role(client_for: ClientFor, project: Project, people: SimpleNamespace) -> None:
    client_for(people.lead).post(f"{SETTINGS}members/", {"username": "annotator", "role": "reviewer"})

    assert role_of(people.annotator, project) == "reviewer"


def test_an_unknown_name_is_refused_with_a_sentence(client_for: ClientFor, people: SimpleNamespace) -> None:
    response = client_for(people.lead).post(f"{SETTINGS}members/", {"username": "ghost", "role": "lead"})

    assert response.status_code == 422
    assert b"Nobody signs in with this name" in response.content


def test_the_last_lead_is_kept(client_for: ClientFor, project: Project, people: SimpleNamespace) -> None:
    client = client_for(people.lead)
    client.post(f"{SETTINGS}members/{people.lead2.pk}/remove/")

    response = client.post(f"{SETTINGS}members/{people.lead.pk}/remove/", follow=True)

    assert b"needs a lead" in response.content
    assert role_of(people.lead, project) == "lead"


def test_rules_outside_their_range_are_refused(
    client_for: ClientFor, project: Project, people: SimpleNamespace
) -> None:
    response = client_for(people.lead).post(SETTINGS, {"signatures_required": 0})

    assert response.status_code == 422
    project.refresh_from_db()
    assert project.signatures_required == 1
