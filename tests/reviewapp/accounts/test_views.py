from __future__ import annotations

from collections.abc import Callable

import pytest
from django.test import Client

from reviewapp.accounts.models import User
from tests import factories

ClientFor = Callable[[User], Client]


def test_a_stranger_is_sent_to_the_sign_in(db: None, client: Client) -> None:
    response = client.get("/")

    assert response.status_code == 302
    assert response["Location"].startswith("/accounts/sign-in/")


def test_signing_in_leads_to_where_one_wanted_to_go(db: None, client: Client) -> None:
    ana = factories.user("ana")
    ana.set_password("correct horse battery")
    ana.save()

    response = client.post(
        "/accounts/sign-in/?next=/projects/new/",
        {"username": "ana", "password": "correct horse battery", "next": "/projects/new/"},
    )

    assert response["Location"] == "/projects/new/"


def test_a_wrong_password_is_said_plainly(db: None, client: Client) -> None:
    response = client.post("/accounts/sign-in/", {"username": "ana", "password": "wrong"})

    assert b"Please enter a correct username and password" in response.content


def test_the_theme_is_kept_with_the_account(client_for: ClientFor) -> None:
    ana = factories.user("ana")

    response = client_for(ana).post("/accounts/theme/", {"theme": "dark", "next": "/projects/new/"})

    ana.refresh_from_db()
    assert ana.theme == "dark"
    assert response["Location"] == "/projects/new/"


@pytest.mark.parametrize("elsewhere", ["https://evil.example/", "//evil.example", "javascript:alert(1)"])
def test_a_theme_change_never_leads_to_another_site(client_for: ClientFor, elsewhere: str) -> None:
    response = client_for(factories.user("ana")).post("/accounts/theme/", {"theme": "dark", "next": elsewhere})

    assert response["Location"] == "/"


def test_every_page_carries_the_strict_policy(client_for: ClientFor) -> None:
    policy = client_for(factories.user("ana")).get("/")["Content-Security-Policy"]

    assert "default-src 'none'" in policy
    assert "unsafe" not in policy
