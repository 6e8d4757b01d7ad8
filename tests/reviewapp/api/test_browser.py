"""The pages of tokens, webhooks and endpoints in a browser: axe finds nothing, nothing is too wide."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

import pytest
from django.utils import timezone

from reviewapp.api.models import ApiToken, Delivery, Webhook
from reviewapp.projects.models import Project
from tests.browsing import IN_BROWSER, signed_in
from tests.reviewapp.api.asking import ask, secret_for, told
from tests.reviewapp.looks import faults_in_every_look

pytestmark = IN_BROWSER
BASE = "/projects/letters/api/"


@pytest.fixture
def hook(project: Project, people: SimpleNamespace) -> Webhook:
    """A webhook that fails now, with a delivery in each state; a token that works and one that is revoked."""
    secret_for(people.lead, project)
    secret_for(people.annotator, project, "read")
    ApiToken.objects.filter(owner=people.annotator).update(revoked_at=timezone.now())
    made = Webhook.objects.create(
        project=project, url="https://hooks.example.org/countersign/project-letters", events=Webhook.Event.values,
        salt="s", failures=2, created_by=people.lead,
    )  # fmt: skip
    values = {"webhook": made, "payload": {}, "attempted_at": timezone.now()}
    Delivery.objects.create(event="run.finished", key="a", state="delivered", response_code=204, attempts=1, **values)
    Delivery.objects.create(event="report.frozen", key="b", state="failed", response_code=500, attempts=7,
                            error="It answered 500.", **values)  # fmt: skip
    Delivery.objects.create(event="import.finished", key="c", attempts=1, error="No connection: timed out", **values)
    return made


def page_of(browser: Any, live_server: Any, user: Any, **look: Any) -> tuple[Any, list[str]]:
    context = signed_in(browser, live_server.url, user, **look)
    page, troubles = context.new_page(), []
    page.on("pageerror", lambda error: troubles.append(str(error)))
    page.on("console", lambda m: troubles.append(m.text) if "Content Security" in m.text else None)
    return page, troubles


@pytest.mark.parametrize("name", ["reference", "tokens", "webhooks", "webhook"])
def test_axe_is_content_in_every_look(
    browser: Any, live_server: Any, people: SimpleNamespace, hook: Webhook, name: str
) -> None:
    path = {"reference": "", "tokens": "tokens/", "webhooks": "webhooks/", "webhook": f"webhooks/{hook.pk}/"}[name]
    page, troubles = page_of(browser, live_server, people.lead)
    shown = page.goto(f"{live_server.url}{BASE}{path}")
    assert shown.ok
    assert faults_in_every_look(page, f"api-{name}") == {}
    assert troubles == []
    page.context.close()


def test_a_token_made_in_the_browser_works_until_it_is_revoked(
    browser: Any, live_server: Any, people: SimpleNamespace, project: Project
) -> None:
    page, troubles = page_of(browser, live_server, people.annotator)
    page.goto(f"{live_server.url}/projects/letters/")
    page.get_by_role("button", name="account menu").click()
    page.get_by_role("link", name="API tokens").click()
    page.get_by_label("Name").fill("Nightly <b>report</b>")
    page.get_by_role("button", name="Make a token").click()
    secret = page.locator("[data-secret]").inner_text()

    assert told(ask(secret, "me"))["token"] == "Nightly <b>report</b>"
    page.get_by_role("button", name="Revoke").click()
    page.locator("#confirm [data-yes]").click()
    page.get_by_text("no longer works").wait_for()
    assert ask(secret, "me").status_code == 401
    assert troubles == []
    page.context.close()
