"""Which language a person reads: their own choice, what the browser asks for, what the operator set."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

import pytest
from django.test import Client
from django.urls import reverse
from django.utils import translation

from reviewapp.accounts.models import User
from reviewapp.audit.models import AuditEvent
from reviewapp.projects.models import Project

SIGN_IN = reverse("accounts:sign_in")


def language_of(client: Client, asked: str = "", url: str = SIGN_IN) -> str:
    headers = {"Accept-Language": asked} if asked else {}
    return str(client.get(url, headers=headers).headers["Content-Language"])


@pytest.mark.parametrize(
    ("asked", "language"),
    [
        ("de", "de"),
        ("de-AT,de;q=0.9,en;q=0.5", "de"),
        ("fr-FR,de;q=0.4,en;q=0.2", "de"),
        ("fr, en;q=0.5, de;q=0.1", "en"),
        ("fr", "en"),
        ("*", "en"),
        ("", "en"),
        ("nonsense;;q=x", "en"),
    ],
)
def test_before_signing_in_the_browser_is_asked(client: Client, db: None, asked: str, language: str) -> None:
    assert language_of(client, asked) == language


def test_the_operator_sets_what_holds_otherwise(client: Client, db: None, settings: Any) -> None:
    settings.READERS_LANGUAGE = "de"

    assert language_of(client) == "de"
    assert language_of(client, "fr") == "de"
    assert language_of(client, "en") == "en"
    assert "Anmelden" in client.get(SIGN_IN).content.decode()


def test_a_persons_own_choice_goes_first(people: SimpleNamespace, client_for: Any) -> None:
    client = client_for(people.lead)
    home = reverse("accounts:security")
    assert language_of(client, "de", home) == "de"

    answer = client.post(reverse("accounts:language_set"), {"language": "en", "next": home})
    assert answer.headers["Location"] == home
    assert language_of(client, "de", home) == "en"

    client.post(reverse("accounts:language_set"), {"language": "", "next": home})
    assert language_of(client, "de", home) == "de"
    assert not AuditEvent.objects.exists()


def test_only_a_language_that_there_is_can_be_chosen(people: SimpleNamespace, client_for: Any) -> None:
    client = client_for(people.lead)
    for language in ("xx", "deutsch", "de-DE"):
        client.post(reverse("accounts:language_set"), {"language": language})
    answer = client.post(reverse("accounts:language_set"), {"language": "de", "next": "https://elsewhere.example/"})

    assert answer.headers["Location"] == "/"
    assert User.objects.get(pk=people.lead.pk).language == "de"
    assert client.get(reverse("accounts:language_set")).status_code == 405


def test_the_menu_shows_the_choice(people: SimpleNamespace, client_for: Any) -> None:
    User.objects.filter(pk=people.lead.pk).update(language="de")
    page = client_for(people.lead).get(reverse("accounts:security")).content.decode()

    assert '<html lang="de"' in page
    assert 'value="de" lang="de" aria-pressed="true">Deutsch</button>' in page
    assert 'value="en" lang="en" aria-pressed="false">English</button>' in page
    assert 'id="words" type="application/json"' in page


def test_an_english_page_carries_no_catalogue(people: SimpleNamespace, client_for: Any) -> None:
    page = client_for(people.lead).get(reverse("accounts:security")).content.decode()

    assert 'id="words"' not in page


def test_the_language_ends_with_the_request(client: Client, db: None) -> None:
    client.get(SIGN_IN, headers={"Accept-Language": "de"})

    assert translation.get_language() == "en"


def test_caches_are_told(client: Client, db: None) -> None:
    assert "Accept-Language" in client.get(SIGN_IN).headers["Vary"]


def test_the_language_costs_no_query(people: SimpleNamespace, client_for: Any, django_assert_num_queries: Any) -> None:
    client = client_for(people.lead)
    url = reverse("accounts:keys_edit")
    with django_assert_num_queries(2):  # session and user, as before
        client.get(url, headers={"Accept-Language": "de"})


def test_a_machine_is_answered_in_english(project: Project, client: Client, settings: Any) -> None:
    settings.READERS_LANGUAGE = "de"
    for url in ("/api/v1/me", reverse("feedback:endpoint", args=[project.slug]), reverse("home:health")):
        assert language_of(client, "de", url) == "en", url


def test_an_error_page_speaks_the_readers_language(people: SimpleNamespace, client_for: Any) -> None:
    page = client_for(people.lead).get("/projects/nowhere/", headers={"Accept-Language": "de"})

    assert page.status_code == 404
    assert "Hier ist nichts" in page.content.decode()
