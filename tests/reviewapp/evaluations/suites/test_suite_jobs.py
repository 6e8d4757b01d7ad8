"""The job of a suite run with the real trainer on a tiny model: killed on the way, it goes on where it stood."""

from __future__ import annotations

import os
import signal
import subprocess
import uuid
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from reviewapp.core import jobs
from reviewapp.core.models import Job
from reviewapp.evaluations.models import SuiteRun
from reviewapp.evaluations.services import suite_runs
from reviewapp.evaluations.suites.table import SUITES
from reviewapp.projects.models import Project
from reviewapp.runs import rundir
from reviewapp.runs import services as runs
from reviewapp.runs.models import ModelVersion
from tests import factories
from training import contract

pytestmark = [pytest.mark.slow, pytest.mark.django_db(transaction=True)]


def test_every_suite_is_answered_after_a_kill_and_equal_weights_differ_in_nothing(
    project: Project, people: SimpleNamespace, tiny_base: Path, settings: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder = tiny_base
    settings.MODEL_DIRS = [folder.parent]
    base = runs.base_model_register(project=project, name="Tiny", path=str(folder), registered_by=people.engineer)
    # the same weights once more, as a whole tuned model: no figure may then differ
    candidate = ModelVersion.objects.create(
        project=project, number=9, base_model=base, label="Tiny again", model_path=str(folder)
    )
    run = suite_runs.suite_run_request(
        project=project, candidate=candidate, heldout_set=factories.heldout_set(project, prompts=3),
        suites=list(SUITES), requested_by=people.engineer, idempotency_key=uuid.uuid4(),
        values={"max_new_tokens": 6, "max_length": 256, "most": 4},
    )  # fmt: skip
    killed: list[int] = []
    events = rundir.read_events

    def kill_once(run_dir: Path, offset: int) -> Any:
        batch = events(run_dir, offset)
        if not killed and any(event["kind"] == "step" for event in batch.events):
            child = int(subprocess.check_output(["pgrep", "-P", str(os.getpid()), "-f", str(run_dir)]).split()[0])
            os.kill(child, signal.SIGKILL)
            killed.append(child)
        return batch

    monkeypatch.setattr(rundir, "read_events", kill_once)
    monkeypatch.setattr("reviewapp.evaluations.jobs.POLL_SECONDS", 0.05)
    assert run.job is not None
    jobs.execute(run.job.pk)
    job, run = Job.objects.get(pk=run.job.pk), SuiteRun.objects.get()
    assert job.state == Job.State.SUCCEEDED, f"{job.message}\n{job.log}\n{job.traceback}"
    assert killed and "going on where it stopped" in job.log
    assert run.result is not None and run.result["items"] == len(suite_runs.read_items(run))
    for figure in (figure for listed in run.figures.values() for figure in listed):
        if figure["arm"] == "change" and figure["value"] is not None:
            assert figure["value"] == 0, figure
    forgotten = next(row for row in run.figures["forgetting"] if row["key"] == "forgetting")
    assert (forgotten["value"], forgotten["n"], forgotten["missing"]) == (0, 4, 4)  # the clinic texts are too long
    path = Path(run.run_dir) / contract.SUITE_ANSWERS_FILE
    assert run.result["files"][path.name] == contract.file_sha256(path)
