from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from django.test import Client

from reviewapp.accounts.models import User
from reviewapp.audit.models import AuditEvent
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


def _ana(settings: Any) -> User:
    settings.PASSWORD_HASHERS = ["django.contrib.auth.hashers.MD5PasswordHasher"]  # a slow one is not tested here
    ana = factories.user("ana")
    ana.set_password("correct horse battery")
    ana.save()
    return ana


def test_signing_in_and_out_is_written_down(db: None, client: Client, settings: Any) -> None:
    ana = _ana(settings)

    client.post("/accounts/sign-in/", {"username": "ana", "password": "wrong"})
    client.post("/accounts/sign-in/", {"username": "ana", "password": "correct horse battery"})
    response = client.post("/accounts/sign-out/")

    assert response["Location"] == "/accounts/sign-in/"
    events = AuditEvent.objects.order_by("seq").values_list("action", "target_id", "actor")
    assert list(events) == [
        ("sign_in.refused", str(ana.pk), None),
        ("sign_in.done", str(ana.pk), ana.pk),
        ("sign_out.done", str(ana.pk), ana.pk),
    ]


def test_a_name_that_nobody_has_is_not_written_down(db: None, client: Client) -> None:
    client.post("/accounts/sign-in/", {"username": "my password by mistake", "password": "x"})

    event = AuditEvent.objects.get()
    assert event.target_id == "unknown"
    assert "mistake" not in str(event.data)


def test_failures_lock_the_name_and_then_add_no_events(db: None, client: Client, settings: Any) -> None:
    _ana(settings)
    settings.AXES_ENABLED, settings.AXES_FAILURE_LIMIT = True, 3
    for _ in range(3):
        response = client.post("/accounts/sign-in/", {"username": "ana", "password": "wrong"})
    assert "Too many failed sign-ins" in response.content.decode()
    n = AuditEvent.objects.count()

    right = client.post("/accounts/sign-in/", {"username": "ana", "password": "correct horse battery"})

    assert "Too many failed sign-ins" in right.content.decode()
    assert "_auth_user_id" not in client.session
    assert AuditEvent.objects.count() == n


@pytest.mark.parametrize(
    "path", ["signup/", "email/", "login/", "password/reset/", "2fa/", "3rdparty/", "oidc/x/login/"]
)
def test_pages_of_the_library_are_not_there(client_for: ClientFor, path: str) -> None:
    assert client_for(factories.user("ana")).get(f"/accounts/{path}").status_code == 404
