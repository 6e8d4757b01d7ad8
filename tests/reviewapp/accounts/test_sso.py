"""Single sign-on, over HTTP, against a real provider with its own key."""

from __future__ import annotations

import html
import re
import time
from collections.abc import Callable, Iterator
from dataclasses import replace
from typing import Any

import pytest
import requests
from allauth.mfa.models import Authenticator
from allauth.socialaccount.models import SocialAccount
from django.test import Client

from reviewapp.accounts.models import User
from reviewapp.accounts.sso_settings import OidcSettings, oidc_read
from reviewapp.audit.models import AuditEvent
from reviewapp.environment import SettingError
from tests import factories
from tests.reviewapp.accounts import provider as providers
from tests.reviewapp.accounts.provider import Provider

ClientFor = Callable[[User], Client]


@pytest.fixture(scope="module")
def server() -> Iterator[Provider]:
    with providers.running() as running:
        yield running


@pytest.fixture
def idp(server: Provider, settings: Any, db: None) -> Provider:
    server.well_behaved()
    settings.PASSWORD_HASHERS = ["django.contrib.auth.hashers.MD5PasswordHasher"]  # a slow one is not tested here
    settings.OIDC = OidcSettings(
        issuer=server.url, client_id=providers.CLIENT, client_secret=providers.SECRET, name="Hospital"
    )
    return server


def allow(settings: Any, **values: Any) -> None:
    settings.OIDC = replace(settings.OIDC, **values)


def leave(client: Client, url: str = "/accounts/sso/start/", **data: Any) -> str:
    """Begins, and returns the address at the provider that the page leads to."""
    page = client.post(url, data)
    assert page.status_code == 200, page.content.decode()
    found = re.search(r'http-equiv="refresh" content="0; url=([^"]+)"', page.content.decode())
    assert found
    return html.unescape(found[1])


def come_back(address: str) -> str:
    """What a browser does at the provider: the address that it is sent back to."""
    return requests.get(address, allow_redirects=False, timeout=5).headers["Location"]


def sign_in(client: Client, **data: Any) -> Any:
    return client.get(come_back(leave(client, **data)))


def link(user: User, idp: Provider, subject: str = "s-1") -> None:
    SocialAccount.objects.create(user=user, provider=idp.url, uid=subject)


def is_signed_in(client: Client) -> bool:
    return "_auth_user_id" in client.session


def words(response: Any) -> str:
    return html.unescape(response.content.decode())


def last_event() -> tuple[str, str, dict[str, Any]]:
    event = AuditEvent.objects.latest("seq")
    return event.action, event.target_id, event.data


def test_a_linked_person_signs_in_and_gets_where_they_wanted(idp: Provider, client: Client) -> None:
    ana = factories.user("ana")
    link(ana, idp)

    response = sign_in(client, next="/projects/new/")

    assert response["Location"] == "/projects/new/"
    assert client.session["_auth_user_id"] == str(ana.pk)
    assert last_event() == ("sign_in.done", str(ana.pk), {"how": "sso", "second_factor": ""})


def test_one_is_never_led_to_another_site(idp: Provider, client: Client) -> None:
    link(factories.user("ana"), idp)

    assert sign_in(client, next="https://evil.example/")["Location"] == "/"


def test_an_unknown_person_is_told_what_to_do(idp: Provider, client: Client) -> None:
    factories.user("ana")  # the same address, but nobody said that the provider's addresses hold

    response = sign_in(client)

    assert response.status_code == 403
    assert "There is no account for ana@example.org here. Ask your operator to make one." in words(response)
    assert not is_signed_in(client)
    action, target, data = last_event()
    assert (action, target) == ("sign_in.refused", "unknown")
    assert data == {"how": "sso", "reason": "unknown", "subject": "s-1", "email": "ana@example.org"}


def test_a_trusted_verified_address_links_the_account(idp: Provider, client: Client, settings: Any) -> None:
    ana = factories.user("ana")
    allow(settings, trusts_emails=True)

    sign_in(client)

    assert client.session["_auth_user_id"] == str(ana.pk)
    assert SocialAccount.objects.get().uid == "s-1"
    assert AuditEvent.objects.get(action="identity.linked").data["by"] == "email"


def test_an_unverified_address_links_nothing(idp: Provider, client: Client, settings: Any) -> None:
    factories.user("ana")
    allow(settings, trusts_emails=True)
    idp.claims["email_verified"] = False

    assert sign_in(client).status_code == 403
    assert not SocialAccount.objects.exists()


def test_an_address_that_two_accounts_have_links_nothing(idp: Provider, client: Client, settings: Any) -> None:
    factories.user("ana")
    User.objects.filter(pk=factories.user("anna").pk).update(email="ANA@example.org")
    allow(settings, trusts_emails=True, makes_accounts=True)

    assert sign_in(client).status_code == 403


def test_an_account_with_a_link_is_not_taken_over_by_a_second_identity(
    idp: Provider, client: Client, settings: Any
) -> None:
    link(factories.user("ana"), idp, "s-0")
    allow(settings, trusts_emails=True)

    assert sign_in(client).status_code == 403


def test_accounts_are_made_where_the_operator_allows_it(idp: Provider, client: Client, settings: Any) -> None:
    factories.user("ana2")
    allow(settings, makes_accounts=True)
    idp.claims |= {"preferred_username": "ana2", "email": "new@example.org"}

    response = sign_in(client)

    made = User.objects.get(email="new@example.org")
    assert response.status_code == 302
    assert (made.username, made.display_name, made.is_superuser) == ("ana2-2", "Ana", False)
    assert not made.has_usable_password()
    assert not made.memberships.exists()
    assert AuditEvent.objects.filter(action="account.created", actor=made).exists()


def test_a_closed_account_stays_closed(idp: Provider, client: Client) -> None:
    link(factories.user("ana", is_active=False), idp)

    assert "This account is closed." in words(sign_in(client))
    assert not is_signed_in(client)


@pytest.mark.parametrize(
    ("email", "verified", "status"),
    [("ana@example.org", True, 302), ("ana@example.org", False, 403), ("ana@other.org", True, 403)],
)
def test_only_verified_addresses_of_allowed_domains(
    idp: Provider, client: Client, settings: Any, email: str, verified: bool, status: int
) -> None:
    link(factories.user("ana"), idp)
    allow(settings, email_domains=("example.org",))
    idp.claims |= {"email": email, "email_verified": verified}

    assert sign_in(client).status_code == status


@pytest.mark.parametrize(
    ("asked", "held", "status"),
    [
        ("groups=experts", ["experts", "staff"], 302),
        ("groups=experts", "experts", 302),
        ("groups=experts", ["staff"], 403),
        ("groups=experts", None, 403),
        ("groups", ["any"], 302),
        ("groups", [], 403),
    ],
)
def test_a_claim_that_must_be_there(
    idp: Provider, client: Client, settings: Any, asked: str, held: Any, status: int
) -> None:
    link(factories.user("ana"), idp)
    allow(settings, required_claim=asked)
    idp.claims["groups"] = held

    assert sign_in(client).status_code == status


NOW = int(time.time())
FORGED: list[tuple[str, dict[str, Any], str]] = [
    ("a nonce of another sign-in", {"nonce": "another"}, "nonce"),
    ("no nonce", {"nonce": None}, "nonce"),
    ("another issuer", {"iss": "https://evil.example"}, "signature"),
    ("another audience", {"aud": "another"}, "signature"),
    ("two audiences and no authorised party", {"aud": ["countersign", "another"]}, "audience"),
    ("another authorised party", {"azp": "another"}, "audience"),
    ("too old", {"exp": NOW - 600, "iat": NOW - 900}, "clock"),
    ("from the future", {"iat": NOW + 6000, "exp": NOW + 9000}, "clock"),
    ("nobody", {"sub": None}, "claim"),
    ("without an end", {"exp": None}, "claim"),
    ("an empty name", {"sub": ""}, "claim"),
    ("a name too long to keep", {"sub": "s" * 192}, "claim"),
    ("a name that is no text", {"sub": 7}, "signature"),
]


@pytest.mark.parametrize(("changed", "reason"), [row[1:] for row in FORGED], ids=[row[0] for row in FORGED])
def test_a_token_that_does_not_hold_signs_nobody_in(
    idp: Provider, client: Client, changed: dict[str, Any], reason: str
) -> None:
    link(factories.user("ana"), idp)
    idp.token_claims = changed

    response = sign_in(client)

    assert response.status_code == 403
    assert "You are not signed in" in words(response)
    assert not is_signed_in(client)
    assert last_event()[2]["reason"] == reason


def test_a_clock_half_a_minute_off_is_no_obstacle(idp: Provider, client: Client) -> None:
    link(factories.user("ana"), idp)
    now = int(time.time())
    idp.token_claims = {"iat": now + 30, "exp": now - 20}

    assert sign_in(client).status_code == 302


@pytest.mark.parametrize("kind", ["foreign key", "shared secret", "none"])
def test_a_wrong_signature_signs_nobody_in(idp: Provider, client: Client, kind: str) -> None:
    link(factories.user("ana"), idp)
    if kind == "foreign key":
        idp.signing_key = idp.foreign_key
    elif kind == "shared secret":
        idp.signing_key, idp.algorithm = providers.SECRET * 2, "HS256"
    else:
        idp.signing_key, idp.algorithm = None, "none"

    response = sign_in(client)

    assert response.status_code == 403
    assert "not signed as it should be" in words(response)
    assert last_event()[2]["reason"] == "signature"


def test_a_state_works_once_and_in_its_own_browser(idp: Provider, client: Client) -> None:
    link(factories.user("ana"), idp)
    back = come_back(leave(client))

    stranger = Client().get(back)
    first, second = client.get(back), client.get(back)

    assert (stranger.status_code, first.status_code, second.status_code) == (403, 302, 403)
    assert "begun in another browser, twice, or too long ago" in words(stranger)


def test_a_made_up_state_is_refused_and_written_down(idp: Provider, client: Client) -> None:
    leave(client)

    assert client.get("/accounts/sso/callback/?code=x&state=made-up").status_code == 403
    assert last_event()[2]["reason"] == "state"


def test_a_stranger_cannot_fill_the_audit_log(idp: Provider, client: Client) -> None:
    client.get("/accounts/sso/callback/?code=x&state=made-up")

    assert not AuditEvent.objects.exists()


def test_a_cancelled_sign_in_is_no_failure_of_the_program(idp: Provider, client: Client) -> None:
    state = re.search(r"state=([^&]+)", leave(client))
    assert state

    response = client.get(f"/accounts/sso/callback/?error=access_denied&state={state[1]}")

    assert response.status_code == 403
    assert "stopped at the provider" in words(response)


@pytest.mark.parametrize("path", ["/.well-known/openid-configuration", "/token", "/keys"])
def test_a_provider_that_fails_gets_a_page_with_words(idp: Provider, client: Client, path: str) -> None:
    link(factories.user("ana"), idp)
    address = "" if path.startswith("/.well") else come_back(leave(client))
    idp.failing = {path}

    response = client.get(address) if address else client.post("/accounts/sso/start/")

    assert response.status_code == 503
    assert "Signing in with Hospital does not work now" in words(response)
    assert not is_signed_in(client)


def test_a_provider_that_is_down_gets_a_page_with_words(idp: Provider, client: Client, settings: Any) -> None:
    allow(settings, issuer="http://127.0.0.1:9")

    response = client.post("/accounts/sso/start/")

    assert response.status_code == 503
    assert "it did not answer" in words(response)
    assert last_event()[2]["reason"] == "discovery"


@pytest.mark.parametrize(
    "discovery",
    [{"issuer": "https://evil.example"}, {"token_endpoint": None}, {"jwks_uri": "http://evil.example/keys"}],
)
def test_a_description_that_does_not_fit_is_not_followed(
    idp: Provider, client: Client, discovery: dict[str, Any]
) -> None:
    idp.discovery = discovery

    assert client.post("/accounts/sso/start/").status_code == 503


def test_a_wrong_client_secret_is_said(idp: Provider, client: Client, settings: Any) -> None:
    back = come_back(leave(client))
    allow(settings, client_secret="wrong")

    assert "client id or secret may be wrong" in words(client.get(back))


@pytest.mark.parametrize(
    "published", [[], "none", [{"kty": "RSA", "kid": "k1"}], [{"kty": "RSA", "kid": "k1", "n": 1, "e": 1}]]
)
def test_keys_that_cannot_be_read_sign_nobody_in(idp: Provider, client: Client, published: Any) -> None:
    link(factories.user("ana"), idp)
    idp.published = published

    assert sign_in(client).status_code == 403
    assert last_event()[2]["reason"] == "signature"


@pytest.mark.parametrize(("proves", "leads_to"), [(False, "/accounts/sign-in/code/"), (True, "/")])
def test_a_second_factor_is_asked_for_unless_the_provider_did(
    idp: Provider, client: Client, settings: Any, proves: bool, leads_to: str
) -> None:
    ana = factories.user("ana")
    link(ana, idp)
    Authenticator.objects.create(user=ana, type=Authenticator.Type.TOTP, data={})
    settings.SECOND_FACTOR_FOR = ("everybody",)
    allow(settings, proves_second_factor=proves)

    assert sign_in(client)["Location"] == leads_to
    assert is_signed_in(client) is proves
    assert client.get("/projects/new/").status_code == (200 if proves else 302)


def test_an_address_may_come_from_userinfo_of_the_same_person(idp: Provider, client: Client, settings: Any) -> None:
    factories.user("ana")
    allow(settings, trusts_emails=True)
    idp.claims = {"sub": "s-1"}
    idp.userinfo = {"sub": "s-2", "email": "ana@example.org", "email_verified": True}
    assert sign_in(client).status_code == 403

    idp.userinfo["sub"] = "s-1"
    assert sign_in(client).status_code == 302


def test_a_person_who_is_signed_in_links_and_unlinks(idp: Provider, client_for: ClientFor) -> None:
    bo = factories.user("bo")
    client = client_for(bo)
    idp.claims["email"] = "bo@elsewhere.org"

    response = client.get(come_back(leave(client, "/accounts/sso/link/")))

    assert response["Location"] == "/accounts/security/"
    assert "Linked with bo@elsewhere.org" in words(client.get("/accounts/security/"))
    assert last_event()[0] == "identity.linked"

    refused = client.post("/accounts/sso/unlink/")
    assert "You have no password here" in words(refused)
    bo.set_password("correct horse battery")
    bo.save()
    client.force_login(bo, backend="django.contrib.auth.backends.ModelBackend")
    client.post("/accounts/sso/unlink/")
    assert not SocialAccount.objects.exists()
    assert last_event()[0] == "identity.unlinked"


def test_an_identity_belongs_to_one_person(idp: Provider, client_for: ClientFor) -> None:
    link(factories.user("ana"), idp)
    client = client_for(factories.user("bo"))

    response = client.get(come_back(leave(client, "/accounts/sso/link/")))

    assert "This identity belongs to another account here" in words(response)
    assert last_event()[0] == "identity.refused"


def test_a_link_is_not_given_to_who_came_after(idp: Provider, client_for: ClientFor) -> None:
    client = client_for(factories.user("ana"))
    back = come_back(leave(client, "/accounts/sso/link/"))
    session = client.session
    session["_auth_user_id"] = str(factories.user("bo").pk)
    session.save()

    assert client.get(back).status_code in {302, 403}
    assert not SocialAccount.objects.exists()


def test_a_link_to_another_provider_is_not_this_person(idp: Provider, client: Client) -> None:
    SocialAccount.objects.create(user=factories.user("ana"), provider="https://former.example", uid="s-1")

    assert sign_in(client).status_code == 403


def _with_password(username: str) -> User:
    user = factories.user(username)
    user.set_password("correct horse battery")
    user.save()
    return user


def _password(client: Client, url: str, username: str) -> Any:
    return client.post(url, {"username": username, "password": "correct horse battery"})


def test_only_single_sign_on_hides_and_refuses_passwords(idp: Provider, client: Client, settings: Any) -> None:
    _with_password("ana")
    _with_password("root")
    allow(settings, is_only_way=True, password_accounts=("root",))

    page = words(client.get("/accounts/sign-in/"))
    assert "Sign in with Hospital" in page
    assert 'type="password"' not in page

    for url in ("/accounts/sign-in/", "/accounts/sign-in/operator/"):
        response = _password(client, url, "ana")
        assert not is_signed_in(client)
    assert "Passwords are not used here." in words(response)
    assert last_event()[2] == {"how": "password", "reason": "sso_only"}

    assert _password(client, "/accounts/sign-in/operator/", "root").status_code == 302
    assert is_signed_in(client)


def test_without_the_switch_both_ways_are_offered(idp: Provider, client: Client) -> None:
    page = words(client.get("/accounts/sign-in/"))

    assert "Sign in with Hospital" in page
    assert 'type="password"' in page
    assert client.get("/accounts/sign-in/operator/")["Location"] == "/accounts/sign-in/"


def test_without_a_provider_nothing_of_it_is_there(db: None, client: Client) -> None:
    assert "/accounts/sso/" not in words(client.get("/accounts/sign-in/"))
    assert client.post("/accounts/sso/start/").status_code == 422
    assert client.get("/accounts/sso/callback/").status_code == 422


@pytest.mark.parametrize(
    ("given", "says"),
    [
        ({"OIDC_ONLY": "True"}, "needs a provider"),
        ({"OIDC_ISSUER": "http://sso.example.org"}, "https://"),
        ({"OIDC_ISSUER": "https://sso.example.org"}, "OIDC_CLIENT_ID"),
        (
            {"OIDC_ISSUER": "https://a.b", "OIDC_CLIENT_ID": "c", "OIDC_CLIENT_SECRET": "d", "OIDC_SCOPES": "email"},
            "openid",
        ),
    ],
)
def test_settings_that_do_not_fit_stop_the_start(
    monkeypatch: pytest.MonkeyPatch, given: dict[str, str], says: str
) -> None:
    for name, value in given.items():
        monkeypatch.setenv(name, value)

    with pytest.raises(SettingError, match=says):
        oidc_read()


def test_a_discovery_address_is_as_good_as_an_issuer(monkeypatch: pytest.MonkeyPatch) -> None:
    address = "https://sso.example.org/realms/a/.well-known/openid-configuration"
    for name, value in {"ISSUER": address, "CLIENT_ID": "c", "CLIENT_SECRET": "d", "ONLY_EXCEPT": "root"}.items():
        monkeypatch.setenv(f"OIDC_{name}", value)

    read = oidc_read()

    assert (read.issuer, read.discovery_url) == ("https://sso.example.org/realms/a", address)
    assert read.password_accounts == ("root",)
