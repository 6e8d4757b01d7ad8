"""The client and the commands of docs/api.md, against a running server with a worker."""

from __future__ import annotations

import io
import json
import re
import shutil
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator
from contextlib import redirect_stdout
from pathlib import Path
from types import ModuleType, SimpleNamespace
from typing import Any

import pytest
from django.db import connection
from django.utils import timezone

from reviewapp.api.models import ApiToken
from reviewapp.core import jobs
from reviewapp.core.models import Job
from reviewapp.feedback.models import FeedbackItem
from reviewapp.projects.models import Project
from reviewapp.samples.models import Sample
from tests import factories
from tests.reviewapp.api.asking import secret_for
from tests.reviewapp.api.receiver import receiving
from tests.reviewapp.api.test_webhooks import client_module

pytestmark = pytest.mark.django_db(transaction=True)
DOCS = (Path(__file__).resolve().parents[3] / "docs" / "api.md").read_text(encoding="utf-8")


def blocks(language: str) -> list[str]:
    return re.findall(rf"```{language}\n(.*?)```", DOCS, re.DOTALL)


@pytest.fixture
def module() -> ModuleType:
    return client_module()


@pytest.fixture
def connect(live_server: Any, module: ModuleType, project: Project, people: SimpleNamespace) -> Callable[..., Any]:
    def make(role: str = "lead", *scopes: str, **values: Any) -> Any:
        secret = secret_for(getattr(people, role), project, *scopes)
        return module.Client(live_server.url, secret, "letters", **values)

    return make


@pytest.fixture
def worker(live_server: Any) -> Iterator[None]:
    """Does what waits, as a worker would, until the test ends."""
    stopped = threading.Event()

    def work() -> None:
        while not stopped.wait(0.05):
            for job in Job.objects.filter(state=Job.State.QUEUED):
                jobs.execute(job.pk)
        connection.close()

    thread = threading.Thread(target=work, daemon=True)
    thread.start()
    yield
    stopped.set()
    thread.join()


def test_the_program_of_the_docs_runs_as_it_stands(
    live_server: Any, module: ModuleType, project: Project, people: SimpleNamespace, worker: None, monkeypatch: Any
) -> None:
    monkeypatch.setitem(sys.modules, "countersign_client", module)
    (program,) = blocks("python")
    program = program.replace("https://countersign.example.org", live_server.url)
    program = program.replace("cs_your_token", secret_for(people.lead, project))
    out = io.StringIO()

    with redirect_stdout(out):
        exec(program, {})  # noqa: S102 - the program is ours, and running it is the test

    lines = out.getvalue().splitlines()
    assert lines[:2] == ["lead", "1 created, 1 with errors"]
    assert lines[2].startswith("line 2 ")
    assert lines[3] == "n2 imported"
    assert lines[-1] == "404 not_found"
    assert FeedbackItem.objects.get().correction == "61"


@pytest.mark.skipif(shutil.which("curl") is None, reason="no curl here")
def test_the_commands_of_the_docs_run(live_server: Any, project: Project, people: SimpleNamespace) -> None:
    secret = secret_for(people.lead, project)
    told = []
    for command in blocks("sh"):
        command = command.replace("https://countersign.example.org", live_server.url).replace("cs_your_token", secret)
        done = subprocess.run(["bash", "-c", command], capture_output=True, timeout=60, check=True)
        told.append(json.loads(done.stdout))

    assert told[0]["role"] == "lead"
    assert (told[1]["file_name"], told[1]["state"]) == ("nightly.jsonl", "queued")


def test_every_call_gives_what_it_says(connect: Callable[..., Any], project: Project, people: SimpleNamespace) -> None:
    accepted = [factories.sample(project, state="accepted") for _ in range(2)]
    version = factories.version(project, accepted, frozen_by=people.lead2, drafted_by=people.lead2)
    base = factories.base_model(project)
    run = factories.run(project, version, base, result=factories.run_result())
    one, two = factories.model_version(project, base), factories.model_version(project, base, run)
    rubric = factories.rubric_version(project)
    generation = factories.generation_run(project, factories.heldout_set(project), one, two)
    round = factories.grading_round(generation, factories.rubric_version(project, applies_to="outputs"))
    client = connect()

    assert client.project_detail()["slug"] == "letters"
    assert client.sample(accepted[0].pk)["revisions"][0]["number"] == 1
    assert [row["id"] for row in client.examples(version.pk)] == [sample.external_id for sample in accepted]
    assert client.training_set_version(version.pk)["content_hash"] == version.content_hash
    assert [row["id"] for row in client.training_set_versions()] == [version.pk]
    assert client.rubric_version(rubric.rubric_id, 1)["document"]["criteria"]
    assert rubric.rubric_id in {row["id"] for row in client.rubrics()}
    assert client.run(run.number)["model_version"] == two.number
    assert [row["number"] for row in client.runs()] == [run.number]
    assert {row["number"] for row in client.model_versions()} == {one.number, two.number}
    assert client.round(round.pk)["progress"]["needed"] == 6
    assert [row["id"] for row in client.rounds()] == [round.pk]
    assert list(client.reports()) == list(client.imports()) == list(client.feedback()) == []


def test_pages_are_walked_to_the_end(connect: Callable[..., Any], project: Project) -> None:
    for _ in range(201):
        factories.sample(project)

    found = [row["id"] for row in connect().samples()]

    assert found == list(Sample.objects.order_by("pk").values_list("pk", flat=True))


def test_a_refusal_says_what_to_do(connect: Callable[..., Any], module: ModuleType) -> None:
    with pytest.raises(module.ApiError, match="lacks the scope import") as refusal:
        connect("lead", "read").import_samples([{"prompt": "x", "completion": "y"}])

    assert (refusal.value.status, refusal.value.code) == (403, "scope_missing")


def test_too_many_requests_are_waited_out(
    connect: Callable[..., Any], module: ModuleType, settings: Any, monkeypatch: Any
) -> None:
    settings.API_REQUESTS_PER_MINUTE = 1
    client = connect()
    ApiToken.objects.update(minute_at=timezone.now().replace(second=0, microsecond=0), minute_used=1)
    waited: list[float] = []

    def minute_passes(seconds: float) -> None:
        waited.append(seconds)
        ApiToken.objects.update(minute_used=0)

    monkeypatch.setattr(module.time, "sleep", minute_passes)

    assert client.me()["role"] == "lead"
    assert len(waited) <= 1  # none where the minute changed by itself
    assert all(1 <= seconds <= 60 for seconds in waited)


def test_a_server_that_is_gone_is_told(module: ModuleType) -> None:
    client = module.Client("http://127.0.0.1:9", "cs_x", "letters", retries=0)

    with pytest.raises(module.ApiError) as refusal:
        client.me()
    assert refusal.value.status == 0


def test_a_token_is_not_carried_to_another_address(module: ModuleType) -> None:
    with receiving() as first, receiving() as second:
        first.status, first.location = 302, second.url
        client = module.Client(first.url.partition("/hook")[0], "cs_x", "letters", retries=0)

        with pytest.raises(module.ApiError):
            client.feedback_send("x", remark="y")

        assert len(first.got) == 1
        assert second.got == []
