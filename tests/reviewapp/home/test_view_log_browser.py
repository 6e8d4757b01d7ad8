"""The log of views in a browser: real visits stand in it, in every look, without a fault that axe finds."""

from __future__ import annotations

from typing import Any

import pytest
from django.urls import reverse

from tests import factories
from tests.browsing import IN_BROWSER, signed_in
from tests.reviewapp.looks import faults_in_every_look

pytestmark = IN_BROWSER


@pytest.mark.parametrize("screen", ["view_log", "own_views"])
def test_visits_stand_in_the_log_in_every_look(browser: Any, live_server: Any, screen: str) -> None:
    project = factories.project("letters")
    people = factories.members(project)
    sample = factories.sample(project)
    context = signed_in(browser, live_server.url, people.lead)
    page = context.new_page()
    page.goto(live_server.url + reverse("samples:sample_list", args=["letters"]))
    page.goto(live_server.url + reverse("samples:sample_detail", args=["letters", sample.pk]))
    if screen == "view_log":
        page.get_by_role("link", name="Opened by").click()
    else:
        page.goto(live_server.url + reverse("home:own_views"))
    page.get_by_role("link", name=f"Sample {sample.pk}").first.wait_for()
    assert page.get_by_text("Sample: 1 shown").first.is_visible()
    assert faults_in_every_look(page, screen) == {}
    context.close()
