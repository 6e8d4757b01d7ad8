"""Runs and previews from the job row to the model version, with the real trainer in its own process."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
import uuid
from collections.abc import Callable
from datetime import timedelta
from pathlib import Path
from types import SimpleNamespace
from typing import Any
from urllib.parse import quote

import pytest
from django.db import connection
from django.utils import timezone

from reviewapp.core import jobs
from reviewapp.core.exceptions import ApplicationError, JobCancelled
from reviewapp.core.models import Job
from reviewapp.lineage.services import samples_recall
from reviewapp.projects.models import Project
from reviewapp.runs import budgets, launcher, pausing, rundir, selectors, services
from reviewapp.runs.models import BaseModel, RunEvent, TrainingRun
from reviewapp.trainingsets import services as trainingsets
from reviewapp.trainingsets.models import TrainingSetVersion
from tests.reviewapp.trainingsets import builders
from training import contract

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.slow]

here = pytest.mark.usefixtures("trainer_here")
State = Job.State
# A step takes 20 ms: enough of them that a trainer is still at work when a test has seen its first ones.
STEPS, EVERY = 160, 20
SETTINGS = {
    "max_steps": STEPS, "batch_size": 2, "eval_steps": EVERY, "max_length": 256, "learning_rate": 1e-3,
    "early_stopping_patience": 0, "lora": {"r": 2, "alpha": 4},
}  # fmt: skip


@pytest.fixture
def real_base(project: Project, people: SimpleNamespace, tiny_base: Path, settings: Any) -> BaseModel:
    settings.MODEL_DIRS = [tiny_base.parent]
    return services.base_model_register(
        project=project, name="Tiny", path=str(tiny_base), registered_by=people.engineer
    )


@pytest.fixture
def run(project: Project, people: SimpleNamespace, version: TrainingSetVersion, real_base: BaseModel) -> TrainingRun:
    return services.run_request(
        project=project, version=version, base_model=real_base, requested_by=people.engineer,
        idempotency_key=uuid.uuid4(), values=SETTINGS,
    )  # fmt: skip


def job_of(run: TrainingRun) -> Job:
    run.refresh_from_db()
    assert run.job is not None
    run.job.refresh_from_db()
    return run.job


def wait_until(condition: Callable[[], bool], seconds: float = 240) -> None:
    end = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < end, "waited in vain"
        time.sleep(0.1)


def events_written(run: TrainingRun) -> str:
    file = Path(run.run_dir) / contract.EVENTS_FILE
    return file.read_text(encoding="utf-8") if file.is_file() else ""


def facts_of(run: TrainingRun) -> list[tuple[str, int]]:
    """What happened at which step, as often as it stands there."""
    kinds = ["step", "eval", "checkpoint"]
    return sorted(RunEvent.objects.filter(run=run, kind__in=kinds).values_list("kind", "step"))


def assert_complete(run: TrainingRun) -> None:
    """The run has what an undisturbed run has, and nothing twice."""
    job = job_of(run)
    assert job.state == State.SUCCEEDED, (job.message, job.traceback, rundir.log_tail(Path(run.run_dir)))
    assert run.result is not None
    assert run.result["train_rows"] == run.version.examples.filter(split="train").count() == 18
    evals = list(range(EVERY, STEPS + 1, EVERY))
    expected = [("eval", n) for n in evals] + [("step", n) for n in range(1, STEPS + 1)]
    assert [fact for fact in facts_of(run) if fact[0] != "checkpoint"] == sorted(expected)
    checkpoints = [step for kind, step in facts_of(run) if kind == "checkpoint"]
    assert len(checkpoints) == len(set(checkpoints)) and set(evals) <= set(checkpoints)  # an orphan saves one more
    seqs = list(run.events.values_list("seq", flat=True))
    assert len(seqs) == len(set(seqs))
    assert [point.step for point in selectors.run_series(run).train] == list(range(1, STEPS + 1))
    assert selectors.model_versions(run.project).filter(run=run).count() == 1
    assert Path(run.model_version.adapter_path, "adapter_model.safetensors").is_file()


def test_a_run_goes_from_the_queue_to_a_model_version(run: TrainingRun) -> None:
    assert run.job is not None
    jobs.execute(run.job.pk)
    assert_complete(run)
    job = job_of(run)
    assert (job.progress_done, job.progress_total) == (STEPS, STEPS)
    assert "18 examples trained, as approved" in job.log
    assert run.result is not None
    assert run.result["base_sha256"] == run.base_model.facts["weights_sha256"]
    before = (RunEvent.objects.count(), run.model_version.pk)
    Job.objects.filter(pk=job.pk).update(state=State.QUEUED)
    jobs.execute(job.pk)
    assert_complete(run)
    assert (RunEvent.objects.count(), run.model_version.pk) == before


def trainer_pid(run: TrainingRun) -> int:
    """The trainer of this run directory, from the process table."""
    found = subprocess.run(["pgrep", "-f", f"training sft {run.run_dir}"], capture_output=True, text=True, check=False)
    assert found.stdout, "no trainer is at work"
    return int(found.stdout.split()[0])


def steps(run: TrainingRun) -> int:
    last = rundir.read_events(Path(run.run_dir)).events if Path(run.run_dir).exists() else []
    return max((event.get("step") or 0 for event in last), default=0)


def worker(run: TrainingRun) -> subprocess.Popen[bytes]:
    """A worker process that executes the run's job on the test's own database."""
    values = connection.settings_dict
    address = f"sqlite:///{values['NAME']}"
    if connection.vendor == "postgresql":
        who = f"{values['USER']}:{values['PASSWORD']}"
        where = f"{quote(values['HOST'], safe='')}:{values['PORT'] or 5432}"
        address = f"postgres://{who}@{where}/{values['NAME']}"
    assert run.job is not None
    program = f"import django; django.setup(); from reviewapp.core import jobs; jobs.execute({run.job.pk})"
    environment = {
        **os.environ,
        "DJANGO_SETTINGS_MODULE": "reviewapp.settings",
        "DATABASE_URL": address,
        "COUNTERSIGN_RUNS_DIR": str(Path(run.run_dir).parent),
        "OMP_NUM_THREADS": "1",
    }
    return subprocess.Popen([sys.executable, "-c", program], cwd=launcher.ROOT, env=environment)


def lose_the_worker(run: TrainingRun) -> None:
    """Makes the last heartbeat old, as it becomes when its process is gone, and lets the reconciler see it."""
    Job.objects.filter(pk=job_of(run).pk).update(heartbeat_at=timezone.now() - timedelta(minutes=5))
    assert jobs.reconcile()["requeued"] == 1
    assert job_of(run).state == State.QUEUED


@pytest.mark.fault
@pytest.mark.timeout(600)
def test_a_killed_trainer_goes_on_from_its_checkpoint(run: TrainingRun) -> None:
    process = worker(run)
    try:
        wait_until(lambda: steps(run) > EVERY)
        os.kill(trainer_pid(run), signal.SIGKILL)
        process.wait(timeout=240)
    finally:
        process.kill()
        process.wait()
    assert_complete(run)
    assert "killed by signal 9" in job_of(run).log
    assert run.events.filter(kind="start").count() == 2


@pytest.mark.fault
@pytest.mark.timeout(600)
def test_after_a_killed_worker_the_reconciler_lets_another_finish_the_run(run: TrainingRun) -> None:
    process = worker(run)
    try:
        wait_until(lambda: steps(run) >= 2)
        process.kill()
        process.wait()
        lose_the_worker(run)  # its trainer still holds the run directory, until its checkpoint is saved
        jobs.execute(job_of(run).pk)
    finally:
        process.kill()
    assert_complete(run)
    assert job_of(run).attempt == 2


@pytest.mark.fault
@pytest.mark.timeout(600)
def test_after_worker_and_trainer_were_killed_the_run_resumes(run: TrainingRun) -> None:
    process = worker(run)
    try:
        wait_until(lambda: steps(run) > EVERY)
        trainer = trainer_pid(run)
        process.kill()
        os.kill(trainer, signal.SIGKILL)
        process.wait()
    finally:
        process.kill()
    wait_until(lambda: not rundir.is_locked(Path(run.run_dir)))
    lose_the_worker(run)
    jobs.execute(job_of(run).pk)
    assert_complete(run)
    resumed = run.events.filter(kind="plan").order_by("-seq")[0].step
    assert resumed >= EVERY and resumed % EVERY == 0


def test_a_pause_keeps_a_checkpoint_and_resume_goes_on(run: TrainingRun, people: SimpleNamespace) -> None:
    process = worker(run)
    try:
        # in the file: on a busy machine the trainer may have ended before its steps are in the database
        wait_until(lambda: '"kind":"step"' in events_written(run))
        trainer = trainer_pid(run)
        os.kill(trainer, signal.SIGSTOP)  # it must not end before it is asked to stop
        pausing.run_pause(run=run, paused_by=people.lead)
        wait_until((Path(run.run_dir) / contract.CANCEL_FILE).exists)
        os.kill(trainer, signal.SIGCONT)
        process.wait(timeout=240)
    finally:
        process.kill()
    job = job_of(run)
    assert job.state == State.PAUSED
    assert run.events.filter(kind="paused").exists() and not hasattr(run, "model_version")
    checkpoint = run.events.filter(kind="checkpoint").order_by("-seq")[0].step
    assert job.message == f"Paused on request. A checkpoint is kept at step {checkpoint}."
    services.run_resume(run=TrainingRun.objects.get(pk=run.pk), resumed_by=people.lead)
    jobs.execute(job_of(run).pk)
    job = job_of(run)
    assert job.state == State.SUCCEEDED, (job.message, job.traceback)
    assert run.events.filter(kind="plan").order_by("-seq")[0].step == checkpoint
    assert [point.step for point in selectors.run_series(run).train] == list(range(1, STEPS + 1))


def cancelled(run: TrainingRun, people: SimpleNamespace) -> None:
    services.run_cancel(run=TrainingRun.objects.get(pk=run.pk), cancelled_by=people.lead)


def at_its_ceiling(run: TrainingRun, people: SimpleNamespace) -> None:
    budgets.ceiling_set(run=run, hours=1e-6, cost=None, changed_by=people.lead)


def recalled(run: TrainingRun, people: SimpleNamespace) -> None:
    sample = run.version.examples.first().sample_id
    samples_recall(
        project=run.project, sample_ids=[sample], reason="consent", words="", recalled_by=people.lead,
        idempotency_key=uuid.uuid4(),
    )  # fmt: skip


@pytest.mark.parametrize(
    ("act", "told", "refusal"),
    [
        (cancelled, "Cancelled on request.", ""),
        (at_its_ceiling, "Run 1 reached its ceiling of 0.00 hours.", "reached its ceiling"),
        (recalled, "Run 1 learns from a sample that was recalled.", "is on hold"),
    ],
    ids=["cancel", "ceiling", "recall"],
)
def test_a_run_at_work_is_stopped_with_a_checkpoint(
    run: TrainingRun,
    people: SimpleNamespace,
    monkeypatch: pytest.MonkeyPatch,
    act: Callable[[TrainingRun, SimpleNamespace], None],
    told: str,
    refusal: str,
) -> None:
    took_in, done = services.run_ingest_events, []

    def with_the_first_step(*, run: TrainingRun) -> Any:
        found = took_in(run=run)
        if not done and run.events.filter(kind="step").exists():
            done.append(act(run, people))
        return found

    monkeypatch.setattr(services, "run_ingest_events", with_the_first_step)
    monkeypatch.setattr(budgets, "TICK_SECONDS", 0.0)
    jobs.execute(job_of(run).pk)
    job, events = job_of(run), run.events.order_by("-seq")
    assert (job.state, hasattr(run, "model_version")) == (State.CANCELLED, False), (job.message, job.traceback)
    checkpoint = events.filter(kind="checkpoint")[0].step
    assert checkpoint is not None and 1 <= checkpoint < STEPS
    assert job.message.startswith(told) and job.message.endswith(f"A checkpoint is kept at step {checkpoint}.")
    assert events.filter(kind="cancelled")[0].data["message"] == job.message
    fresh = TrainingRun.objects.get(pk=run.pk)
    if refusal:
        with pytest.raises(ApplicationError, match=refusal):
            services.run_resume(run=fresh, resumed_by=people.lead)
    else:
        services.run_resume(run=fresh, resumed_by=people.lead)


@here
def test_cancelled_as_the_training_ended_its_model_is_registered_on_resume(
    run: TrainingRun, people: SimpleNamespace, monkeypatch: pytest.MonkeyPatch
) -> None:
    trained = launcher.run

    def cancelled_at_the_end(*arguments: Any, **options: Any) -> launcher.Outcome:
        trained(*arguments, **options)
        raise JobCancelled("Cancelled on request.")

    monkeypatch.setattr(launcher, "run", cancelled_at_the_end)
    assert run.job is not None
    jobs.execute(run.job.pk)
    job = job_of(run)
    assert (job.state, hasattr(run, "model_version")) == (State.CANCELLED, False)
    assert job.message == "Cancelled on request, but the training had ended. Resume registers its model."
    monkeypatch.setattr(launcher, "run", trained)
    services.run_resume(run=TrainingRun.objects.get(pk=run.pk), resumed_by=people.lead)
    jobs.execute(job.pk)
    assert_complete(TrainingRun.objects.get(pk=run.pk))


@here
def test_what_the_trainer_refuses_stands_on_the_row(
    project: Project, people: SimpleNamespace, version: TrainingSetVersion, real_base: BaseModel
) -> None:
    run = services.run_request(
        project=project, version=version, base_model=real_base, requested_by=people.lead,
        idempotency_key=uuid.uuid4(), values={**SETTINGS, "max_length": 16},
    )  # fmt: skip
    assert run.job is not None
    jobs.execute(run.job.pk)
    job = job_of(run)
    assert job.state == State.FAILED
    assert "would not be learned at all" in job.message and job.traceback == ""
    assert run.result is None and not hasattr(run, "model_version")


# ---- refusals of the worker, before any trainer starts


def refused(run: TrainingRun) -> str:
    assert run.job is not None
    jobs.execute(run.job.pk)
    job = job_of(run)
    assert job.state == State.FAILED and job.traceback == ""
    assert not (Path(run.run_dir) / contract.EVENTS_FILE).exists()
    return job.message


def execute_sql(statement: str, *values: Any) -> None:
    with connection.cursor() as cursor:
        cursor.execute(statement, values)
        assert cursor.rowcount == 1


def test_the_worker_refuses_a_version_that_was_altered_after_the_request(run: TrainingRun) -> None:
    execute_sql(
        "UPDATE trainingsets_example SET completion = completion || 's' WHERE position = 5 AND version_id = %s",
        run.version_id,
    )
    assert "was altered after it was frozen" in refused(run)


def test_the_worker_refuses_a_version_whose_signature_was_withdrawn(run: TrainingRun, people: SimpleNamespace) -> None:
    trainingsets.signature_withdraw(version=run.version, withdrawn_by=people.lead, reason="A dose is wrong.")
    assert "1 signature is missing" in refused(run)


def test_the_worker_refuses_altered_settings(run: TrainingRun) -> None:
    TrainingRun.objects.filter(pk=run.pk).update(config={**run.config, "learning_rate": 1.0})
    assert "settings of this run were altered" in refused(run)
    TrainingRun.objects.filter(pk=run.pk).update(config={**run.config, "callable": "os.system"})
    Job.objects.filter(pk=job_of(run).pk).update(state=State.QUEUED)
    assert "unknown keys: callable" in refused(run)


def test_the_worker_refuses_files_that_differ_from_the_version(run: TrainingRun) -> None:
    folder = Path(run.run_dir)
    folder.mkdir(parents=True)
    (folder / contract.TRAIN_FILE).write_text('{"id":"x","prompt":"p","completion":"c"}\n')
    assert "train.jsonl" in refused(run)


def test_the_worker_refuses_a_swapped_base_model(run: TrainingRun) -> None:
    facts = {**run.base_model.facts, "weights_sha256": "0" * 64}
    BaseModel.objects.filter(pk=run.base_model_id).update(facts=facts)
    assert "not the ones that were registered" in refused(run)


# ---- previews


@here
def test_a_preview_comes_from_the_trainers_own_collator(
    project: Project, people: SimpleNamespace, version: TrainingSetVersion, real_base: BaseModel
) -> None:
    preview = trainingsets.preview_request(
        version=version, base_model_path=real_base.path, max_length=256, requested_by=people.lead
    )
    assert preview.job is not None
    jobs.execute(preview.job.pk)
    preview.refresh_from_db()
    job = Job.objects.get(pk=preview.job.pk)
    assert job.state == State.SUCCEEDED, (job.message, job.traceback)
    assert preview.result is not None
    assert preview.result["counts"]["rows"] == 20 and preview.result["counts"]["dropped"] == 0
    row = preview.result["rows"][0]
    learned = "".join(token["text"] for token in row["tokens"] if token["trained"])
    example = version.examples.get(sample__external_id=row["id"])
    assert learned == example.completion + "<|end|>"
    assert example.prompt in "".join(token["text"] for token in row["tokens"] if not token["trained"])


def test_a_preview_of_a_draft_that_changed_is_refused(
    project: Project, people: SimpleNamespace, real_base: BaseModel
) -> None:
    builders.accepted(project)
    draft = builders.draft(project, people.lead)
    values = {"base_model_path": real_base.path, "max_length": 256, "requested_by": people.lead}
    preview = trainingsets.preview_request(version=draft, **values)
    builders.accepted(project, 1, start=50)
    assert preview.job is not None
    jobs.execute(preview.job.pk)
    job = Job.objects.get(pk=preview.job.pk)
    assert (job.state, job.message) == (State.FAILED, "The draft changed after the preview was asked for. Ask again.")
    again = trainingsets.preview_request(version=draft, **{**values, "base_model_path": "/not/registered"})
    assert again.job is not None
    jobs.execute(again.job.pk)
    assert "not registered any more" in Job.objects.get(pk=again.job.pk).message
