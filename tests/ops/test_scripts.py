"""The small scripts under scripts/: what they find, and what they say when they may not."""

from __future__ import annotations

import os
import subprocess
from pathlib import Path

import pytest

from tests.architecture.rules import ROOT

SCRIPTS = ROOT / "scripts"


def run(name: str, *words: str, **env: str) -> subprocess.CompletedProcess[str]:
    argv = [str(SCRIPTS / name), *words]
    return subprocess.run(argv, env={**os.environ, **env}, capture_output=True, text=True, check=False)


@pytest.fixture
def bare_path(tmp_path: Path) -> Path:
    """A PATH with a shell's ordinary tools and nothing else."""
    folder = tmp_path / "bin"
    folder.mkdir()
    for tool in ("sh", "ls", "sort", "dirname", "id", "mktemp", "rm", "tail", "env", "cat"):
        found = next(p / tool for p in (Path("/usr/bin"), Path("/bin")) if (p / tool).exists())
        (folder / tool).symlink_to(found)
    return folder


def executable(path: Path, text: str) -> None:
    path.write_text("#!/bin/sh\n" + text)
    path.chmod(0o755)


def test_a_named_browser_comes_first(tmp_path: Path) -> None:
    executable(tmp_path / "my-chrome", "exit 0\n")
    done = run("find-chromium.sh", CHROMIUM=str(tmp_path / "my-chrome"))
    assert done.stdout.strip() == str(tmp_path / "my-chrome")


def test_no_browser_says_what_to_install(bare_path: Path) -> None:
    done = run("find-chromium.sh", PATH=str(bare_path), CHROMIUM="")
    assert done.returncode == 1
    assert "apt-get install chromium" in done.stderr


def test_a_named_postgres_comes_first(tmp_path: Path) -> None:
    for name in ("initdb", "pg_ctl"):
        executable(tmp_path / name, "exit 0\n")
    assert run("find-postgres.sh", PG_BIN=str(tmp_path)).stdout.strip() == str(tmp_path)


def test_without_apt_it_says_so(bare_path: Path) -> None:
    done = run("apt-install.sh", "chromium", PATH=str(bare_path))
    assert done.returncode == 1
    assert "This machine has no apt-get: install the equivalent of 'chromium'" in done.stderr


def test_without_the_right_to_install_it_says_what_to_ask_for(bare_path: Path) -> None:
    executable(bare_path / "apt-get", "echo must not run; exit 0\n")
    (bare_path / "id").unlink()
    executable(bare_path / "id", "echo 1000\n")
    done = run("apt-install.sh", "chromium", PATH=str(bare_path))
    assert done.returncode == 1
    assert "sudo apt-get install chromium" in done.stderr
    assert "must not run" not in done.stdout


def test_a_failing_apt_is_passed_on(bare_path: Path) -> None:
    executable(bare_path / "apt-get", "echo E: Unable to locate package nonsense; exit 100\n")
    (bare_path / "id").unlink()
    executable(bare_path / "id", "echo 0\n")
    done = run("apt-install.sh", "nonsense", PATH=str(bare_path))
    assert done.returncode == 1
    assert "Unable to locate package nonsense" in done.stderr
    assert "apt-get could not install them" in done.stderr


def test_with_postgres_wants_a_command() -> None:
    """Before it makes anything."""
    done = run("with-postgres.sh")
    assert done.returncode == 2
    assert "usage: scripts/with-postgres.sh COMMAND" in done.stderr


@pytest.mark.parametrize("path", sorted(SCRIPTS.glob("*.sh")) + [ROOT / "setup.sh", ROOT / ".ci" / "run"], ids=str)
def test_scripts_are_plain_shell_and_may_be_run(path: Path) -> None:
    """sh -n reads the whole file; a script that lost its execute bit would stop `make` with a riddle."""
    subprocess.run(["sh", "-n", path], check=True)
    assert os.access(path, os.X_OK)
    assert path.read_text().startswith("#!/bin/sh\n")
