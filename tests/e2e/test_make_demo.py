"""`make demo` as a person types it: started, stopped by Ctrl-C, started again with its data, reset."""

from __future__ import annotations

import subprocess
from pathlib import Path

import pytest

from tests.architecture.rules import ROOT
from tests.e2e.demo import Demo, LoadedDemo
from tests.ops.processes import stack_env
from tests.ops.test_make import make_env
from tests.ops.test_worker import shell

pytestmark = [pytest.mark.slow, pytest.mark.stack, pytest.mark.timeout(1800)]


def count_samples(state: Path) -> int:
    code = "from reviewapp.samples.models import Sample; print(Sample.objects.count())"
    return int(shell(stack_env(state), code))


def test_demo_starts_stops_and_starts_again_with_its_data(loaded_demo: LoadedDemo, tmp_path: Path) -> None:
    assert f"http://localhost:{loaded_demo.port}/" in loaded_demo.said
    for role in ("annotator", "reviewer", "lead", "engineer", "observer"):
        assert role in loaded_demo.said.lower(), f"no sign-in for the role {role} was printed"
    state = loaded_demo.saved
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
