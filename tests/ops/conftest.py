from __future__ import annotations

import shutil
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from tests.architecture.rules import ROOT
from tests.ops.processes import stack_env


@pytest.fixture(scope="session")
def migrated(tmp_path_factory: pytest.TempPathFactory) -> Callable[[Path], Path]:
    """Makes a state directory with an empty, migrated database: the migrations run once for all tests."""
    first = tmp_path_factory.mktemp("migrated")
    argv = [sys.executable, "manage.py", "migrate", "-v", "0"]
    subprocess.run(argv, cwd=ROOT, env=stack_env(first), check=True, timeout=120)

    def make(where: Path) -> Path:
        shutil.copytree(first, where)
        return where

    return make


@pytest.fixture
def tiny_disk(tmp_path: Path) -> Iterator[Path]:
    """A file system of 12 MB; only root may mount one."""
    where = tmp_path / "tiny"
    where.mkdir()
    mounted = subprocess.run(
        ["mount", "-t", "tmpfs", "-o", "size=12m", "tmpfs", where], capture_output=True, check=False
    )
    if mounted.returncode != 0:
        pytest.skip("this account may not mount a file system")
    yield where
    subprocess.run(["umount", "-l", where], check=True)
