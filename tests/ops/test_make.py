"""The targets of the Makefile as a person types them."""

from __future__ import annotations

import os
import subprocess
from pathlib import Path

import pytest

from tests.architecture.rules import ROOT
from tests.ops.processes import stack_env
from tests.ops.test_worker import manage, shell


def make_env() -> dict[str, str]:
    """As in a person's shell: nothing of the tests' own settings."""
    ours = ("COUNTERSIGN_", "DATABASE_URL", "REDIS_URL", "DEBUG", "DJANGO_", "MAKE", "MFLAGS")
    return {name: value for name, value in os.environ.items() if not name.startswith(ours)}


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
