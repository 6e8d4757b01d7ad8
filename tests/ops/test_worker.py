"""The worker and the clock as commands, on a queue server of the test's own."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from reviewapp.core import embedded_redis
from tests.architecture.rules import ROOT
from tests.ops.processes import stack_env, wait_for


@pytest.fixture
def env(migrated: Callable[[Path], Path], tmp_path: Path) -> Iterator[dict[str, str]]:
    """A migrated SQLite database and a running queue server."""
    state_dir = migrated(tmp_path / "var")
    server = subprocess.Popen(embedded_redis.command(state_dir), stdout=subprocess.DEVNULL)
    try:
        wait_for(lambda: embedded_redis.is_ready(embedded_redis.default_url(state_dir)), 20)
        yield stack_env(state_dir)
    finally:
        server.kill()
        server.wait()


def manage(env: dict[str, str], *words: str, check: bool = True) -> subprocess.CompletedProcess[str]:
    argv = [sys.executable, "manage.py", *words]
    return subprocess.run(argv, cwd=ROOT, env=env, capture_output=True, text=True, check=check, timeout=120)


def shell(env: dict[str, str], code: str) -> str:
    return manage(env, "shell", "-v", "0", "-c", code).stdout.strip()


ENQUEUE = """
from reviewapp.core.jobs import enqueue
print(enqueue("tests.ops.jobs.{function}", title="test", created_by=None, queue="{queue}", kwargs={kwargs}).pk)
"""


def enqueue(env: dict[str, str], function: str, queue: str = "default", **kwargs: object) -> str:
    return shell(env, ENQUEUE.format(function=function, queue=queue, kwargs=repr(kwargs)))


def job(env: dict[str, str], pk: str, field: str) -> str:
    return shell(env, f"from reviewapp.core.models import Job; print(Job.objects.get(pk={pk}).{field})")


@pytest.mark.slow
def test_burst_does_what_waits(env: dict[str, str], tmp_path: Path) -> None:
    """Only of its own queue, with the environment that torch needs."""
    mine = enqueue(env, "work_a_moment", queue="training", seconds=0, diary=str(tmp_path / "diary"))
    other = enqueue(env, "work_a_moment", queue="default", seconds=0)
    seen = enqueue(env, "note_environment", queue="training", file=str(tmp_path / "environment"))
    done = manage(env, "worker", "training", "--burst")
    assert "Waiting for work in: training" in done.stdout
    assert (job(env, mine, "state"), job(env, other, "state"), job(env, seen, "state")) == (
        "succeeded",
        "queued",
        "succeeded",
    )
    assert (tmp_path / "diary").read_text().splitlines()[-1] == "end"
    assert "OMP_WAIT_POLICY=PASSIVE" in (tmp_path / "environment").read_text()
    assert "HF_HUB_OFFLINE=1" in (tmp_path / "environment").read_text()


@pytest.mark.slow
def test_an_expected_failure_and_a_bug_are_told_apart(env: dict[str, str]) -> None:
    failed = enqueue(env, "fail_as_expected")
    errored = enqueue(env, "stumble")
    manage(env, "worker", "--burst")
    assert (job(env, failed, "state"), job(env, failed, "message")) == ("failed", "The file is empty.")
    assert job(env, errored, "state") == "errored"
    assert "ZeroDivisionError" in job(env, errored, "traceback")


def lost_job(env: dict[str, str]) -> str:
    """A job whose worker has been silent for five minutes."""
    lost = enqueue(env, "work_a_moment", seconds=0)
    shell(
        env,
        "import datetime, uuid; from django.utils import timezone; from reviewapp.core.models import Job; "
        "Job.objects.update(state='running', token=uuid.uuid4(), "
        "heartbeat_at=timezone.now() - datetime.timedelta(minutes=5))",
    )
    return lost


@pytest.mark.slow
def test_a_worker_takes_back_lost_jobs_when_it_starts(env: dict[str, str]) -> None:
    """The last worker died with its machine: nobody else is there to notice."""
    lost = lost_job(env)
    manage(env, "worker", "--burst")
    assert (job(env, lost, "state"), job(env, lost, "attempt")) == ("succeeded", "2")


@pytest.mark.slow
def test_the_clock_takes_back_lost_jobs(env: dict[str, str]) -> None:
    lost = lost_job(env)
    manage(env, "clock", "--once")
    assert job(env, lost, "state") == "queued"


@pytest.mark.slow
def test_the_clock_ends_when_asked(env: dict[str, str]) -> None:
    lost = lost_job(env)
    clock = subprocess.Popen([sys.executable, "manage.py", "clock", "--every", "0.2"], cwd=ROOT, env=env)
    wait_for(lambda: job(env, lost, "state") == "queued", 60)  # it is at work, and hears signals
    assert clock.poll() is None
    clock.terminate()
    assert clock.wait(timeout=20) == 0


@pytest.mark.slow
def test_an_unknown_queue_is_refused(tmp_path: Path) -> None:
    done = manage(stack_env(tmp_path), "worker", "trainig", check=False)
    assert done.returncode == 1
    assert "There is no queue named trainig. The queues are: default, training." in done.stderr


@pytest.mark.slow
def test_without_queue_server_it_says_how_to_start_one(tmp_path: Path) -> None:
    manage(stack_env(tmp_path), "migrate", "-v", "0")
    done = manage(stack_env(tmp_path), "worker", check=False)
    assert done.returncode == 1
    assert "cannot be reached. Start it (manage.py up does) or set REDIS_URL." in done.stderr
    assert "Traceback" not in done.stderr
