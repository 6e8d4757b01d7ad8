"""`make loop` as a person types it, and what its JSON must show."""

from __future__ import annotations

import json
import subprocess
from pathlib import Path
from typing import Any

import pytest

from tests.architecture.rules import ROOT
from tests.ops.test_make import make_env

pytestmark = [pytest.mark.loop, pytest.mark.timeout(1800)]


def loop(tmp_path: Path, *words: str) -> dict[str, Any]:
    done = subprocess.run(
        ["make", "loop", f"LOOP_STATE={tmp_path}", *words],
        cwd=ROOT, env=make_env(), capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr[-3000:]
    told: dict[str, Any] = json.loads(done.stdout[done.stdout.index("{") :])
    return told


def assert_reconciled(told: dict[str, Any]) -> None:
    """In = out + errors at every stage, from the rows of a file to the grades of a report."""
    stages = told["stages"]
    assert told["is_reconciled"] and told["experts"] == "simulated"
    for name, stage in stages.items():
        if name.startswith("import"):
            assert stage["rows"] == stage["created"] + stage["known"] + stage["failed"]
        if name.startswith("version"):
            assert stage["accepted"] == stage["examples"] + stage["left_out"] and stage["signed_by"]
            assert not stage["counts"]["contamination"]["pairs"]
        if name.startswith("run"):
            assert stage["approved_rows"] == stage["trained_rows"] > 0
        if name.startswith("generation"):
            assert all(arm["answered"] + arm["missing"] == stage["prompts"] for arm in stage["outputs"].values())
        if name.startswith("grading"):
            assert stage["grades"] == stage["wanted"] and not stage["early_unseal"]
    feedback = stages["feedback"]
    assert feedback["is_eligible"] and not feedback["heldout_is_eligible"]


def test_the_demo_world_refuses_the_first_version_and_ships_the_second(tmp_path: Path) -> None:
    told = loop(tmp_path)

    assert_reconciled(told)
    first, second = told["figures"]["Generation run 1"], told["figures"]["Generation run 2"]
    base = first["baseline"]
    assert first["candidate"]["rougeL"] >= base["rougeL"] + 0.40, "the first version looks excellent"
    assert first["candidate"]["slot_accuracy"] < 0.90, "and its facts are wrong"
    assert second["candidate"]["slot_accuracy"] >= 0.90
    assert told["verdicts"] == ["DO NOT SHIP", "SHIP"]
    assert told["stages"]["import_heldout"]["prompts"] == 220


def test_real_dialogues_reconcile(tmp_path: Path, shared_data: Path) -> None:
    """Quality is not asked of a model of 260,032 parameters; that nothing is lost on the way is."""
    told = loop(tmp_path, "DATA=mts-dialog")

    assert_reconciled(told)
    assert told["stages"]["import_1"]["rows"] == 1201
    assert told["stages"]["import_heldout"]["prompts"] == 200
