"""What is kept, hashed, exported or sent is the same whoever did it: the main acts, by readers of both languages."""

from __future__ import annotations

import json
import re
import uuid
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from types import SimpleNamespace
from typing import Any

import pytest
from django.apps import apps
from django.core.files.uploadedfile import SimpleUploadedFile
from django.db import connection, transaction
from django.test import Client
from django.urls import reverse

from reviewapp.accounts.models import User
from reviewapp.api.models import Webhook
from reviewapp.audit.models import AuditEvent
from reviewapp.core import jobs
from reviewapp.core.models import Job
from reviewapp.evaluations.services import rounds
from reviewapp.projects.models import Project
from reviewapp.reports.models import Report
from reviewapp.reviews.models import Assignment
from reviewapp.samples.models import ImportBatch, Sample
from reviewapp.trainingsets import selectors
from tests import factories
from tests.reviewapp.evaluations.world import write_grades
from tests.reviewapp.permission_rows import ROWS, world_make
from tests.reviewapp.reports.test_services import better, planned
from tests.reviewapp.reviews import reviewing
from tests.reviewapp.reviews.test_views import form as review_form
from tests.reviewapp.samples.batches import ROWS as FILE
from tests.reviewapp.trainingsets import builders

SLUG = "letters"
Reader = Callable[[User], Client]
CHANGING = re.compile(r"[0-9a-f]{32,}|[0-9a-f]{8}-[0-9a-f-]{27}|[0-9]+")  # hashes, keys, ids, times
WRITTEN = re.compile(r'(?:INSERT (?:OR IGNORE )?INTO|UPDATE|DELETE FROM) "(\w+)"')
MAPPING = {"prompt": "ask", "completion": "say", "external_id": "id", "group": "who", "encoding": "utf-8"}


def _texts(value: object) -> Iterator[str]:
    if isinstance(value, str):
        yield CHANGING.sub("#", value)
    elif isinstance(value, dict):
        yield from (text for pair in value.items() for part in pair for text in _texts(part))
    elif isinstance(value, list | tuple):
        yield from (text for part in value for text in _texts(part))


@contextmanager
def written() -> Iterator[set[str]]:
    """The tables that are written to inside."""
    names: set[str] = set()

    def note(execute: Callable[..., Any], sql: str, *rest: object) -> Any:
        names.update(WRITTEN.findall(sql))
        return execute(sql, *rest)

    with connection.execute_wrapper(note):
        yield names


def kept(tables: set[str]) -> dict[str, list[str]]:
    """Every text in these tables of ours, without what differs from one run to the next."""
    found = {}
    for model in apps.get_models():
        if model.__module__.startswith("reviewapp.") and model._meta.db_table in tables:
            rows = model._default_manager.order_by("pk").values_list()
            found[model._meta.label] = [text for row in rows for text in _texts(row)]
    return found


def in_language(act: Callable[[Reader], object], client_for: Any, language: str) -> tuple[object, dict[str, list[str]]]:
    """What ``act`` gives and what is kept after it, when its people read ``language``; all of it is rolled back."""

    def reader(user: User) -> Client:
        client: Client = client_for(user)
        client.defaults["HTTP_ACCEPT_LANGUAGE"] = language
        return client

    with transaction.atomic():
        with written() as tables:
            given = act(reader)
        found = kept(tables)
        transaction.set_rollback(True)
    return given, found


def compare(act: Callable[[Reader], object], client_for: Any) -> dict[str, list[str]]:
    """Raises when a German reader leaves other texts than an English one; gives what was left."""
    given, english = in_language(act, client_for, "en")
    other, german = in_language(act, client_for, "de")

    assert given == other
    assert english == german
    return english


def url(name: str, *args: object) -> str:
    return reverse(name, args=[SLUG, *args])


def test_an_import(project: Project, people: SimpleNamespace, client_for: Any) -> None:
    def act(reader: Reader) -> str:
        lead = reader(people.lead)
        file = SimpleUploadedFile("notes.csv", FILE.encode())
        sent = {"file": file, "target": "pool", "heldout_set": "new", "idempotency_key": str(uuid.uuid4())}
        lead.post(url("samples:import_create"), sent)
        batch = ImportBatch.objects.get()
        lead.post(url("samples:import_map", batch.pk), MAPPING)
        jobs.execute(Job.objects.get().pk)
        return str(Job.objects.get().message)

    assert compare(act, client_for)["samples.Sample"]


def test_a_review_and_its_adjudication(project: Project, client_for: Any) -> None:
    world = reviewing.world(project, samples=1, overlap=2)

    def act(reader: Reader) -> str:
        for person, level in ((world.ann, "1"), (world.bob, "4")):
            client = reader(person)
            client.post(url("reviews:assignment_claim"))
            held = Assignment.objects.get(holder=person)
            told = {"score-complete": level, "evidence-complete": "knee pain", "note-complete": "knee pain"}
            client.post(url("reviews:review_submit", held.key), review_form(**told))
        cleo = reader(world.cleo)
        cleo.post(url("reviews:adjudication_claim"))
        held = Assignment.objects.get(is_adjudication=True)
        told = {
            "score-wrong_fact": "0",
            "score-complete": "4",
            "cause": "slip",
            "decision": "accept",
            "choice": "original",
        }
        cleo.post(url("reviews:adjudication_submit", held.key), review_form(**told))
        return str(Sample.objects.get().state)

    left = compare(act, client_for)
    assert left["samples.Sample"].count("accepted") == 1


def test_a_frozen_and_signed_version(project: Project, people: SimpleNamespace, client_for: Any) -> None:
    builders.accepted(project, 12)
    version = builders.draft(project, people.lead)

    def act(reader: Reader) -> list[str]:
        plan = selectors.version_plan(selectors.version_in(project, version.pk))
        assert plan.content is not None
        digest = plan.content.content_hash
        reader(people.lead).post(url("trainingsets:version_freeze", version.pk), {"content_hash": digest})
        told = {"content_hash": digest, "meaning": "I read it."}
        reader(people.lead2).post(url("trainingsets:version_sign", version.pk), told)
        export = reader(people.lead).get(url("trainingsets:version_export", version.pk))
        return [digest, export.getvalue().decode()]

    assert "version.sign" in compare(act, client_for)["audit.AuditEvent"]


def test_gates_and_the_report(project: Project, people: SimpleNamespace, client_for: Any) -> None:
    round = planned(project, people)
    gates = {f"gate-{number}": "on" for number in range(6)}
    gates |= {
        "gate-0-threshold": "4.5",
        "gate-1-threshold": "0.3",
        "gate-2-threshold": "0.25",
        "gate-4-threshold": "90",
    }

    def act(reader: Reader) -> list[object]:
        lead = reader(people.lead)
        lead.post(url("reports:gates_declare", round.pk), gates)
        round.refresh_from_db()
        write_grades(round, [people.reviewer], better)
        rounds.round_unseal(round=round, unsealed_by=people.lead)
        lead.post(url("reports:report_freeze", round.pk))
        report = Report.objects.get()
        lead.post(url("reports:report_sign", report.pk), {"content_hash": report.content_hash})
        files = ("summary.csv", "ratings.csv", "report.json")
        exports = [lead.get(url("reports:report_export", report.pk, name)).content.decode() for name in files]
        return [CHANGING.sub("#", text) for text in (json.dumps(report.data), *exports)]

    left = compare(act, client_for)
    assert {"gates.declare", "report.freeze", "report.sign"} <= set(left["audit.AuditEvent"])


@pytest.fixture
def world(project: Project, people: SimpleNamespace) -> SimpleNamespace:
    return world_make(project, people)


@pytest.mark.slow
def test_every_act_of_the_permission_table(world: SimpleNamespace, people: SimpleNamespace, client_for: Any) -> None:
    """Each URL that changes something, as those who may: done or refused, nothing of the language stays."""
    for name, row in sorted(ROWS.items()):
        if row.method == "POST" and not name.startswith("accounts:"):
            for who in ("lead", "lead2", "annotator2") if row.is_personal else ("lead",):

                def act(reader: Reader, name: str = name, who: str = who) -> int:
                    address = reverse(name, args=ROWS[name].arguments(world))
                    return int(reader(getattr(people, who)).post(address, ROWS[name].data).status_code)

                compare(act, client_for)


def test_the_api_and_the_endpoint_speak_english(project: Project, client: Client) -> None:
    endpoint = reverse("feedback:endpoint", args=[SLUG])
    for address in (endpoint, "/api/v1/me", "/api/v1/projects/letters/samples"):
        english, german = (client.get(address, headers={"Accept-Language": language}) for language in ("en", "de"))
        assert english.content == german.content, address
        assert german.headers["Content-Language"] == "en"


def test_workers_and_commands_speak_english_whatever_the_default(settings: Any, project: Project) -> None:
    settings.READERS_LANGUAGE = "de"
    job = factories.job(project_slug=SLUG, kwargs={"batch_id": 0})

    jobs.execute(job.pk)

    job.refresh_from_db()
    assert job.state != Job.State.SUCCEEDED
    assert not re.search("[äöüß]|nicht", job.message)
    assert not AuditEvent.objects.exclude(action="").filter(action__contains="ü").exists()
    assert not Webhook.objects.exists()
