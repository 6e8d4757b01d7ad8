"""The targets of the Makefile as a person types them."""

from __future__ import annotations

import os
import signal
import subprocess
from pathlib import Path

import pytest

from tests.architecture.rules import ROOT
from tests.ops.processes import stack_env, wait_for
from tests.ops.test_up import free_port
from tests.ops.test_worker import manage, shell

# The first start loads the demo project, which trains nothing but imports and checks its samples.
DEMO_SECONDS = 900
STAMP = ROOT / ".venv" / "countersign-setup"

needs_setup = pytest.mark.skipif(
    not STAMP.exists(), reason="would install into .venv; `make test` has done that before it comes here"
)


def make_env() -> dict[str, str]:
    """As in a person's shell: nothing of the tests' own settings."""
    ours = ("COUNTERSIGN_", "DATABASE_URL", "REDIS_URL", "DEBUG", "DJANGO_", "MAKE", "MFLAGS")
    return {name: value for name, value in os.environ.items() if not name.startswith(ours)}


class Demo:
    """`make demo` in a process group of its own, which Ctrl-C reaches as a whole, as in a terminal."""

    def __init__(self, state: Path, log: Path) -> None:
        self.port = free_port()
        self.log = log
        with log.open("wb") as file:
            self.make = subprocess.Popen(
                ["make", "demo", f"PORT={self.port}", f"DEMO_STATE={state}"],
                cwd=ROOT,
                env=make_env(),
                stdout=file,
                stderr=subprocess.STDOUT,
                process_group=0,
            )

    def __enter__(self) -> Demo:
        def is_ready() -> bool:
            assert self.make.poll() is None, self.log.read_text()
            return "Countersign is ready" in self.log.read_text()

        try:
            wait_for(is_ready, DEMO_SECONDS, self.log.read_text)
        except BaseException:
            os.killpg(self.make.pid, signal.SIGTERM)
            raise
        return self

    def __exit__(self, *ignored: object) -> None:
        os.killpg(self.make.pid, signal.SIGINT)
        self.make.wait(timeout=60)
        wait_for(lambda: "Stopped. Everything is saved." in self.log.read_text(), 30, self.log.read_text)


def count_samples(state: Path) -> int:
    code = "from reviewapp.samples.models import Sample; print(Sample.objects.count())"
    return int(shell(stack_env(state), code))


@needs_setup
@pytest.mark.slow
@pytest.mark.timeout(1800)
def test_demo_starts_stops_and_starts_again_with_its_data(tmp_path: Path) -> None:
    state = tmp_path / "demo"
    with Demo(state, tmp_path / "first.log") as first:
        text = first.log.read_text()
        assert f"http://localhost:{first.port}/" in text
        for role in ("annotator", "reviewer", "lead", "engineer", "observer"):
            assert role in text.lower(), f"no sign-in for the role {role} was printed"
        count = count_samples(state)
        assert count >= 1_000
    with Demo(state, tmp_path / "second.log") as second:
        assert "Preparing the database" not in second.log.read_text()
        assert count_samples(state) == count
    reset = subprocess.run(
        ["make", "demo-reset", f"DEMO_STATE={state}"], cwd=ROOT, env=make_env(), capture_output=True, check=True
    )
    assert b"Removed" in reset.stdout
    assert not state.exists()


@pytest.mark.slow
def test_first_account(tmp_path: Path) -> None:
    env = stack_env(tmp_path) | {"DJANGO_SUPERUSER_PASSWORD": "a made-up phrase"}
    manage(env, "migrate", "-v", "0")
    manage(env, "createsuperuser", "--noinput", "--username", "ana", "--display_name", "Ana Ruiz")
    user = "from reviewapp.accounts.models import User; user = User.objects.get()"
    code = f"{user}; print(user, user.check_password('a made-up phrase'))"
    assert shell(env, code) == "Ana Ruiz True"


@pytest.mark.slow
def test_a_private_postgres_lives_as_long_as_its_command(tmp_path: Path) -> None:
    script = ROOT / "scripts" / "with-postgres.sh"
    if subprocess.run([ROOT / "scripts" / "find-postgres.sh"], capture_output=True, check=False).returncode != 0:
        pytest.skip("PostgreSQL is not installed here")
    code = "from django.db import connection as c; c.ensure_connection(); print(c.connection.info.server_version)"
    command = f'.venv/bin/python manage.py shell -v 0 -c "{code}"; echo $DATABASE_URL >{tmp_path}/url; exit 7'
    done = subprocess.run(
        [script, "sh", "-c", command], cwd=ROOT, env=stack_env(tmp_path), capture_output=True, text=True, check=False
    )
    assert done.returncode == 7, "the command's own status"
    assert int(done.stdout.split()[-1]) >= 150_000
    folder = (tmp_path / "url").read_text().partition("@")[2].partition("/postgres")[0].replace("%2F", "/")
    assert folder.startswith("/tmp/countersign-pg.")
    assert not Path(folder).exists()


def test_make_without_a_target_lists_them() -> None:
    done = subprocess.run(["make"], cwd=ROOT, env=make_env(), capture_output=True, text=True, check=True)
    assert "make demo " in done.stdout
