"""Single sign-on and the second factor in a browser, under the page policy; axe on each page."""

from __future__ import annotations

import time
from collections.abc import Iterator
from dataclasses import replace
from typing import Any

import pytest
from allauth.mfa.totp.internal import auth as totp
from allauth.socialaccount.models import SocialAccount

from reviewapp.accounts.models import User
from reviewapp.accounts.sso_settings import OidcSettings
from tests import factories
from tests.browsing import IN_BROWSER
from tests.reviewapp.accounts import provider as providers
from tests.reviewapp.accounts.provider import Provider
from tests.reviewapp.looks import faults_in_every_look

pytestmark = IN_BROWSER
WORDS = "correct horse battery"


@pytest.fixture
def idp(settings: Any, db: None) -> Iterator[Provider]:
    with providers.running() as running:
        settings.OIDC = OidcSettings(
            issuer=running.url, client_id=providers.CLIENT, client_secret=providers.SECRET, name="Hospital"
        )
        yield running


@pytest.fixture
def ana(db: None) -> User:
    user = factories.user("ana")
    user.set_password(WORDS)
    user.save()
    return user


@pytest.fixture
def page(browser: Any, live_server: Any) -> Iterator[Any]:
    # Looks change on the open page: axe must not measure a colour half way between two of them.
    context = browser.new_context(
        base_url=live_server.url, viewport={"width": 1440, "height": 900}, reduced_motion="reduce"
    )
    made = context.new_page()
    troubles: list[str] = []
    made.on("pageerror", lambda error: troubles.append(str(error)))
    made.on("console", lambda m: troubles.append(m.text) if "Content Security" in m.text else None)
    yield made
    context.close()
    assert troubles == []


def next_code(secret: str) -> str:
    """A code one step ahead of now: later than the one that proved the app, and near enough."""
    return totp.format_hotp_value(totp.hotp_value(secret, int(time.time()) // 30 + 1))


def sign_in(page: Any) -> None:
    page.goto("/accounts/sign-in/")
    page.get_by_label("Username").fill("ana")
    page.get_by_label("Password").fill(WORDS)
    page.get_by_role("button", name="Sign in", exact=True).click()


def test_a_second_factor_is_set_up_and_asked_for(page: Any, ana: User) -> None:
    sign_in(page)
    page.goto("/accounts/security/")
    assert faults_in_every_look(page, "security") == {}
    page.get_by_role("button", name="Set up a second factor").click()
    assert faults_in_every_look(page, "setup") == {}
    secret = page.locator("[data-secret]").inner_text().replace(" ", "")
    assert page.get_by_role("img", name="QR code").bounding_box()["width"] >= 200

    page.get_by_label("Code", exact=True).fill(totp.format_hotp_value(totp.hotp_value(secret, int(time.time()) // 30)))
    page.get_by_role("button", name="Set up", exact=True).click()
    page.get_by_role("heading", name="Your recovery codes").wait_for()
    assert faults_in_every_look(page, "codes") == {}
    recovery = page.locator("main li code").first.inner_text()

    page.goto("/accounts/security/")
    assert faults_in_every_look(page, "security-set") == {}
    page.context.clear_cookies()
    sign_in(page)
    page.get_by_role("heading", name="One more step").wait_for()
    page.get_by_label("Code", exact=True).fill("000000")
    page.get_by_role("button", name="Sign in").click()
    page.get_by_text("This code does not fit").wait_for()
    assert faults_in_every_look(page, "code") == {}
    page.get_by_label("Code", exact=True).fill(next_code(secret))
    page.get_by_role("button", name="Sign in").click()
    page.get_by_role("button", name="account menu").wait_for()

    page.context.clear_cookies()
    sign_in(page)
    page.get_by_label("Code", exact=True).fill(recovery)
    page.get_by_role("button", name="Sign in").click()
    page.get_by_role("button", name="account menu").wait_for()


def test_single_sign_on_there_and_back(page: Any, idp: Provider, ana: User) -> None:
    page.goto("/accounts/sign-in/?next=/projects/new/")
    assert faults_in_every_look(page, "sign-in") == {}
    page.get_by_role("button", name="Sign in with Hospital").click()
    page.get_by_role("heading", name="You are not signed in").wait_for()
    assert faults_in_every_look(page, "refused") == {}

    SocialAccount.objects.create(user=ana, provider=idp.url, uid="s-1")
    page.goto("/accounts/sign-in/?next=/projects/new/")
    page.get_by_role("button", name="Sign in with Hospital").click()
    page.wait_for_url("**/projects/new/")
    page.goto("/accounts/security/")
    assert faults_in_every_look(page, "security-linked") == {}


def test_the_only_way_shows_no_password(page: Any, idp: Provider, settings: Any) -> None:
    settings.OIDC = replace(settings.OIDC, is_only_way=True, password_accounts=("root",))

    page.goto("/accounts/sign-in/")

    assert page.get_by_label("Password").count() == 0
    assert faults_in_every_look(page, "only") == {}
    page.get_by_role("link", name="sign in with a password").click()
    page.get_by_label("Password").wait_for()
    assert faults_in_every_look(page, "operator") == {}
