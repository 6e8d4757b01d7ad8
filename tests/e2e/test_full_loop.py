"""The whole loop, walked as five people in a browser on the running stack with real workers."""

from __future__ import annotations

import os
import re
from pathlib import Path

import pytest
from playwright.sync_api import expect

from tests.e2e.conftest import Person
from tests.e2e.walk import Walk, grade_by_keyboard, report, wait_for

pytestmark = [pytest.mark.e2e, pytest.mark.timeout(1500)]


def test_the_loop_as_five_people(person: Person, walk_files: tuple[Path, Path]) -> None:
    walk = Walk(slug=os.environ.get("E2E_SLUG", "walked-loop"), name="Walked loop")
    lena, erik, ana, ravi, liam = (person(name) for name in ("lena", "erik", "ana", "ravi", "liam"))
    walk.prepare(lena, erik, walk_files)
    walk.review_by_keyboard(ana)

    version = walk.freeze(lena)
    lena.go(version)  # its author cannot sign it
    expect(lena.page.get_by_role("button", name=re.compile("^Sign version"))).to_have_count(0)
    walk.sign(liam, version)

    walk.train(erik)
    walk.request_generation(erik)
    wait_for(erik.page, "ROUGE|rouge")

    round_url = walk.open_round(lena)
    grade_by_keyboard(ravi, round_url)
    report(lena, round_url)

    # a held-out correction stays held out, and the chain leads back to Ana
    walk.feed_back(ravi, round_url)
    walk.chain_leads_to(lena, "Ana Ruiz")
