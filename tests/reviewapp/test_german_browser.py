"""A German reader in a browser: signs in, takes a sample, grades an output; no English word of the interface is met."""

from __future__ import annotations

import re
from collections.abc import Iterator
from types import SimpleNamespace
from typing import Any

import pytest
from django.urls import reverse

from reviewapp.accounts.models import User
from reviewapp.reviews.models import Review
from tests import factories
from tests.browsing import IN_BROWSER
from tests.reviewapp.evaluations.world import generated, opened_round
from tests.reviewapp.looks import is_too_wide, violations
from tests.reviewapp.reviews import reviewing

pytestmark = IN_BROWSER
PASSWORD = "a quiet river in spring"  # noqa: S105 - of a person of this test
ENGLISH = re.compile(
    r"\b(Sign in|Sign out|Password|Home|Samples?|Review(?:s|ed|ing)?|Reports?|Training sets?|Search|Menu|Saved?"
    r"|Accept|Return|Reject|Skip|Guidelines?|Comments?|Findings?|Undo|Queue|waits?|Error|Severity|minor|major|Grade|Graded"
    r"|Grading|Lock|Remark|Evidence|Not applicable|All keys|Close|Next|Previous|of this|Your)\b"
)


@pytest.fixture
def w() -> SimpleNamespace:
    made = reviewing.world(factories.project("letters"))
    made.ann.set_password(PASSWORD)
    made.ann.save()
    return made


@pytest.fixture(params=[1440, 400], ids=["wide", "narrow"])
def page(request: Any, browser: Any, live_server: Any) -> Iterator[Any]:
    context = browser.new_context(locale="de-DE", viewport={"width": request.param, "height": 900})
    made = context.new_page()
    troubles: list[str] = []
    made.on("pageerror", lambda error: troubles.append(str(error)))
    made.base = live_server.url
    yield made
    context.close()
    assert troubles == []


def sign_in(page: Any, user: User) -> None:
    page.goto(page.base + reverse("accounts:sign_in"))
    looks_right(page)
    page.get_by_label("Benutzername").fill(user.username)
    page.get_by_label("Passwort").fill(PASSWORD)
    with page.expect_navigation():
        page.get_by_role("button", name="Anmelden").click()


def looks_right(page: Any) -> None:
    """German for the eye and for a screen reader, nothing for axe, nothing wider than the screen."""
    assert page.locator("html").get_attribute("lang") == "de"
    read_out = page.locator("[aria-label], [title], [placeholder]").evaluate_all(
        "all => all.flatMap(one => ['aria-label', 'title', 'placeholder'].map(name => one.getAttribute(name) || ''))"
    )
    assert ENGLISH.findall(page.inner_text("body") + "\n" + "\n".join(read_out)) == []
    assert violations(page) == []
    assert not is_too_wide(page)


def keys_are_listed(page: Any) -> None:
    """The same key as in English opens the list, which is German."""
    page.keyboard.press("?")
    page.locator("dialog[open]").get_by_role("heading").first.wait_for()
    assert ENGLISH.findall(page.locator("dialog[open]").inner_text()) == []
    page.keyboard.press("Escape")


def test_from_the_sign_in_to_a_review(page: Any, w: SimpleNamespace) -> None:
    sign_in(page, w.ann)
    looks_right(page)
    page.goto(page.base + reverse("reviews:queue", args=["letters"]))
    looks_right(page)
    with page.expect_navigation():
        page.locator(f"form[action='{reverse('reviews:assignment_claim', args=['letters'])}'] button").click()
    looks_right(page)

    keys_are_listed(page)
    for key in ("0", "ArrowDown", "4"):  # no wrong fact; the best level
        page.keyboard.press(key)
    page.get_by_text("Gespeichert").first.wait_for()
    with page.expect_navigation():
        page.keyboard.press("Control+Enter")

    for _ in range(50):  # the next sample is shown before the server has answered for this one
        if Review.objects.exists():
            break
        page.wait_for_timeout(200)
    assert Review.objects.get().decision == "accept"
    looks_right(page)


def test_grading(page: Any, w: SimpleNamespace) -> None:
    w.cleo.set_password(PASSWORD)
    w.cleo.save()
    round = opened_round(generated(w.project, prompts=2), w.cleo)
    sign_in(page, w.cleo)
    page.goto(page.base + reverse("evaluations:round_detail", args=["letters", round.pk]))
    looks_right(page)
    with page.expect_navigation():
        page.locator(f"form[action='{reverse('evaluations:grade_next', args=['letters', round.pk])}'] button").click()
    looks_right(page)
    keys_are_listed(page)
