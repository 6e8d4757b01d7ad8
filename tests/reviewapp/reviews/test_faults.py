"""Nothing lost and nothing doubled: many people at once, and the web server killed while they hand in."""

from __future__ import annotations

import contextlib
import http.client
import random
import threading
import time
import uuid
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any
from urllib.parse import quote

import pytest
from django.conf import settings
from django.db import connection
from django.db.models import Count

from reviewapp.accounts.models import User
from reviewapp.audit.services import chain_verify
from reviewapp.core.exceptions import ApplicationError, LeaseLost
from reviewapp.core.models import SLOT_TAKEN
from reviewapp.projects.models import Project
from reviewapp.reviews import services
from reviewapp.reviews.models import Assignment, CriterionScore, Review
from reviewapp.reviews.selectors.slots import queue_problems
from tests import factories
from tests.bench import serving, world
from tests.reviewapp.reviews import reviewing
from tests.reviewapp.reviews.reviewing import claim, expire, given

OVERLAP = 2


def _assert_whole(project: Project) -> None:
    """No sample has more people than it needs, no assignment two reviews, and what is kept is what is there."""
    held = Assignment.objects.filter(SLOT_TAKEN, sample__project=project).order_by()
    per_sample = held.values("sample").annotate(n=Count("pk"))
    assert max(row["n"] for row in per_sample) <= OVERLAP
    reviews = Review.objects.filter(sample__project=project).order_by()
    assert not reviews.values("assignment").annotate(n=Count("pk")).filter(n__gt=1)
    assert not reviews.values("sample", "reviewer").annotate(n=Count("pk")).filter(n__gt=1)
    assert CriterionScore.objects.filter(review__in=reviews).count() == 2 * reviews.count()
    assert reviews.count() == held.filter(state="submitted").count()
    assert queue_problems() == []
    assert chain_verify().holds


@pytest.mark.django_db(transaction=True)
def test_people_who_take_hand_in_and_lose_leases_at_once_never_exceed_the_overlap() -> None:
    project = factories.project("crowd", review_overlap=OVERLAP)
    reviewing.rubric(project)
    for _ in range(12):
        factories.sample(project, completion=reviewing.TEXT)
    people = [factories.member(project, "annotator") for _ in range(6)]

    def work(number: int) -> None:
        chance, person = random.Random(number), people[number]
        try:
            for _ in range(8):
                _one_act(project, person, chance)
        finally:
            connection.close()

    with ThreadPoolExecutor(len(people)) as pool:
        list(pool.map(work, range(len(people))))
    _assert_whole(project)
    # What is left can be finished by people who have not seen it.
    while any(services.assignment_claim(project=project, user=person) for person in people):
        for person in people:
            _submit_held(person)
    assert set(project.samples.values_list("state", flat=True)) == {"accepted"}
    _assert_whole(project)


def _one_act(project: Project, person: User, chance: random.Random) -> None:
    held = services.assignment_claim(project=project, user=person)
    services.assignment_prefetch(project=project, user=person)
    if held is None:
        return
    if chance.random() < 0.3:
        expire(held)
        services.assignments_expire()
    # Others may have taken it meanwhile; then the person was told.
    with contextlib.suppress(LeaseLost, ApplicationError):
        services.review_submit(assignment=held, given=given(), idempotency_key=uuid.uuid4())


def _submit_held(person: User) -> None:
    for held in Assignment.objects.live().filter(holder=person):
        services.review_submit(assignment=held, given=given(), idempotency_key=uuid.uuid4())


@pytest.mark.django_db(transaction=True)
def test_two_reviewers_race_for_the_last_sample() -> None:
    project = factories.project("last")
    reviewing.rubric(project)
    last = factories.sample(project, completion=reviewing.TEXT)
    people = [factories.member(project, "annotator") for _ in range(2)]
    barrier = threading.Barrier(2)

    def take(number: int) -> Assignment | None:
        try:
            barrier.wait(timeout=30)
            return services.assignment_claim(project=project, user=people[number])
        finally:
            connection.close()

    with ThreadPoolExecutor(2) as pool:
        taken = [one for one in pool.map(take, range(2)) if one]
    assert [one.sample for one in taken] == [last]
    assert queue_problems() == []


def test_a_lease_that_ends_while_one_writes_loses_neither_text_nor_slot(project: Project) -> None:
    w = reviewing.world(project, samples=1, overlap=OVERLAP)
    held, other = claim(project, w.ann), claim(project, w.bob)
    Assignment.objects.filter(pk=held.pk).update(draft={"block-2": "Plan: ice."})
    expire(held)
    third = claim(project, w.cleo)
    with pytest.raises(LeaseLost, match="What you wrote is kept"):
        services.review_submit(assignment=held, given=given(), idempotency_key=uuid.uuid4())
    held.refresh_from_db()
    assert held.draft == {"block-2": "Plan: ice."}
    services.assignment_release(assignment=third)
    services.review_submit(assignment=held, given=given(), idempotency_key=uuid.uuid4())
    services.review_submit(assignment=other, given=given(), idempotency_key=uuid.uuid4())
    assert reviewing.state_of(held.sample) == "accepted"
    _assert_whole(project)


# ---- the web server is killed


def _server_env(folder: Path) -> dict[str, str]:
    """The server works on this test's database, with its sessions."""
    database = connection.settings_dict
    url = f"sqlite:///{database['NAME']}"
    if connection.vendor == "postgresql":
        url = f"postgres://{database['USER']}@{quote(database['HOST'], safe='')}/{database['NAME']}"
    return {
        "DATABASE_URL": url, "SECRET_KEY": settings.SECRET_KEY, "DEBUG": "True", "LOG_LEVEL": "ERROR",
        "COUNTERSIGN_STATE_DIR": str(folder), "DJANGO_SETTINGS_MODULE": "reviewapp.settings",
    }  # fmt: skip


def _insist(act: Any) -> Any:
    """What a browser does when the connection breaks: the same once more, until it is answered."""
    deadline = time.monotonic() + 120
    while True:
        try:
            return act()
        except (OSError, http.client.HTTPException):
            assert time.monotonic() < deadline, "the server did not come back"
            time.sleep(0.2)


class _Crowd:
    """People who hand in one review after the other until ``n`` were answered."""

    def __init__(self, n: int) -> None:
        self.left, self.answered = n, 0
        self.keys: set[str] = set()
        self.lock = threading.Lock()

    def work(self, browser: serving.Browser) -> None:
        page = _insist(browser.claim)
        while page and self._may_go_on():
            form = world.answers()
            page = _insist(lambda page=page, form=form: browser.submit(page, form))
            with self.lock:
                self.keys.add(form["idempotency_key"])
                self.answered += 1

    def _may_go_on(self) -> bool:
        with self.lock:
            self.left -= 1
            return self.left >= 0


@pytest.mark.fault
@pytest.mark.timeout(600)
@pytest.mark.django_db(transaction=True)
def test_killing_the_web_server_amid_500_submits_loses_and_doubles_nothing(tmp_path: Path) -> None:
    project, _ = world.project_make("killed", samples=300, overlap=OVERLAP)
    sessions = [world.session_make(person) for person in world.people_make(project, 16)]
    crowd = _Crowd(500)
    server = serving.Server(_server_env(tmp_path))
    server.start()
    browsers = [serving.Browser(server.port, project.slug, session) for session in sessions]
    try:
        with ThreadPoolExecutor(len(browsers)) as pool:
            working = [pool.submit(crowd.work, browser) for browser in browsers]
            for kills in (150, 300):
                while crowd.answered < kills:
                    assert not any(one.done() and one.exception() for one in working)
                    time.sleep(0.05)
                server.kill()
                server.start()
            for one in working:
                one.result()
    finally:
        server.kill()
        for browser in browsers:
            browser.close()
    assert [browser.errors for browser in browsers] == [[] for _ in browsers]
    assert crowd.answered == len(crowd.keys) == 500
    stored = {str(key) for key in Review.objects.values_list("idempotency_key", flat=True)}
    assert crowd.keys == stored
    _assert_whole(project)
