from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta
from types import SimpleNamespace
from typing import Any

import pytest
from django.test import Client
from django.utils import timezone

from reviewapp.accounts.models import User
from reviewapp.api.models import ApiToken
from reviewapp.api.services import tokens
from reviewapp.audit.models import AuditEvent
from reviewapp.core.exceptions import ApplicationError
from reviewapp.projects.models import Project
from tests.reviewapp.api.asking import ask, code_of, secret_for, told

ClientFor = Callable[[User], Client]
PAGE = "/projects/letters/api/tokens/"
FORM = {"name": "Nightly", "scopes": ["read", "import"], "days": "30"}


def test_a_token_is_shown_once_and_kept_as_a_hash(client_for: ClientFor, people: SimpleNamespace) -> None:
    client = client_for(people.annotator)

    response = client.post(PAGE, FORM)
    secret = response.context["secret"]

    assert secret.startswith("cs_")
    assert secret in response.content.decode()
    assert secret not in client.get(PAGE).content.decode()
    token = ApiToken.objects.get()
    assert secret not in str(vars(token))
    assert (token.owner, token.scopes) == (people.annotator, ["import", "read"])
    assert told(ask(secret, "me"))["username"] == people.annotator.username


def test_the_scopes_of_a_token_never_exceed_the_role(people: SimpleNamespace, project: Project) -> None:
    """An observer may ask for every scope and gets what observers get."""
    secret = secret_for(people.observer, project)

    assert "import" not in told(ask(secret, "me"))["may"]
    refused = ask(secret, "projects/letters/imports", "post", b"{}", headers={"Idempotency-Key": "nightly-1"})
    assert (refused.status_code, code_of(refused)) == (403, "forbidden")


def test_a_change_of_role_holds_at_once(people: SimpleNamespace, project: Project) -> None:
    secret = secret_for(people.reviewer, project)
    assert ask(secret, "projects/letters/feedback").status_code == 200

    project.memberships.filter(user=people.reviewer).update(role="observer")

    assert ask(secret, "projects/letters/feedback").status_code == 403


@pytest.mark.parametrize("end", ["revoked", "expired", "inactive", "archived"])
def test_a_dead_token_opens_nothing(people: SimpleNamespace, project: Project, end: str) -> None:
    secret = secret_for(people.lead, project)
    assert ask(secret, "me").status_code == 200
    now = timezone.now()
    if end == "revoked":
        tokens.token_revoke(token=ApiToken.objects.get(), revoked_by=people.lead)
    elif end == "expired":
        ApiToken.objects.update(expires_at=now)
    elif end == "inactive":
        User.objects.filter(pk=people.lead.pk).update(is_active=False)
    else:
        Project.objects.update(archived_at=now)

    assert ask(secret, "me").status_code == 401


def test_making_and_revoking_are_audited(client_for: ClientFor, people: SimpleNamespace) -> None:
    client = client_for(people.lead)
    secret = client.post(PAGE, FORM).context["secret"]
    client.post(f"{PAGE}{ApiToken.objects.get().pk}/revoke/")

    events = list(AuditEvent.objects.filter(action__startswith="api_token."))
    assert [(event.action, event.actor) for event in events] == [
        ("api_token.create", people.lead),
        ("api_token.revoke", people.lead),
    ]
    assert secret not in str([event.data for event in events])


def test_one_sees_and_revokes_only_ones_own_tokens(
    client_for: ClientFor, people: SimpleNamespace, project: Project
) -> None:
    secret_for(people.lead, project)
    url = f"{PAGE}{ApiToken.objects.get().pk}/revoke/"

    assert b"Nightly" not in client_for(people.annotator).get(PAGE).content
    assert client_for(people.annotator).post(url).status_code == 404
    # an admin manages members and settings, so also what acts in their names
    assert b"Nightly" in client_for(people.admin).get(PAGE).content
    assert client_for(people.admin).post(url).status_code == 302
    assert not ApiToken.objects.get().is_live


@pytest.mark.parametrize(
    "change", [{"scopes": []}, {"scopes": ["everything"]}, {"days": "0"}, {"days": "9999"}, {"name": " "}]
)
def test_a_form_that_cannot_be_used_makes_nothing(
    client_for: ClientFor, people: SimpleNamespace, change: dict[str, Any]
) -> None:
    response = client_for(people.lead).post(PAGE, FORM | change)

    assert response.status_code == 422
    assert not ApiToken.objects.exists()


def test_too_many_requests_of_a_minute_are_turned_away(
    people: SimpleNamespace, project: Project, settings: Any
) -> None:
    settings.API_REQUESTS_PER_MINUTE = 3
    secret, other = secret_for(people.lead, project), secret_for(people.lead2, project)
    ApiToken.objects.update(minute_at=timezone.now().replace(second=0, microsecond=0), minute_used=3)
    ApiToken.objects.filter(owner=people.lead2).update(minute_used=2)

    response = ask(secret, "me")
    if ApiToken.objects.get(owner=people.lead).minute_used == 1:  # a minute ended between the two lines above
        pytest.skip("the minute changed")

    assert (response.status_code, code_of(response)) == (429, "too_many_requests")
    assert 1 <= int(response["Retry-After"]) <= 60
    assert ask(other, "me").status_code == 200  # counted apart


def test_a_new_minute_counts_anew(people: SimpleNamespace, project: Project, settings: Any) -> None:
    settings.API_REQUESTS_PER_MINUTE = 2
    secret_for(people.lead, project)
    token = ApiToken.objects.get()
    before = timezone.now().replace(second=0, microsecond=0) - timedelta(minutes=1)
    ApiToken.objects.update(minute_at=before, minute_used=2)

    assert tokens.token_use(token=token) == 0
    token.refresh_from_db()
    assert (token.minute_used, token.last_used_at is not None) == (1, True)


def test_a_revoked_token_is_not_revoked_again(people: SimpleNamespace, project: Project) -> None:
    secret_for(people.lead, project)
    token = ApiToken.objects.get()
    tokens.token_revoke(token=token, revoked_by=people.lead)

    with pytest.raises(ApplicationError, match="already"):
        tokens.token_revoke(token=token, revoked_by=people.lead)


def test_a_session_is_no_token(client_for: ClientFor, people: SimpleNamespace) -> None:
    """The API knows no cookies, so another site's form can do nothing in somebody's name."""
    assert client_for(people.lead).get("/api/v1/me").status_code == 401


def test_the_pages_ask_the_database_a_fixed_number_of_times(
    client_for: ClientFor, people: SimpleNamespace, project: Project, django_assert_max_num_queries: Any
) -> None:
    for _ in range(20):
        secret_for(people.annotator, project)
    client = client_for(people.lead)

    with django_assert_max_num_queries(8):
        assert client.get(PAGE).content.count(b"Nightly") >= 20
    with django_assert_max_num_queries(5):
        assert b"/api/v1/me" in client.get("/projects/letters/api/").content
