"""Events: numbered without gap or repeat, whole lines, JSON, and never silent for long."""

from __future__ import annotations

import json
import math
import time
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tests.training.tiny import events_of
from training import contract
from training.events import HEARTBEAT_SECONDS, EventLog, finite


def test_numbers_go_on_after_a_restart_and_a_half_line_is_dropped(tmp_path: Path) -> None:
    path = tmp_path / contract.EVENTS_FILE
    with EventLog(path) as events:
        events.append("start")
        events.append("step", 1, 10, loss=2.5)
    with path.open("a") as handle:
        handle.write('{"seq":3,"kind":"st')
    with EventLog(path) as events:
        events.append("start")
        events.append("finished", 10, 10)
    found = events_of(tmp_path)
    assert [event["seq"] for event in found] == [1, 2, 3, 4]
    assert found[1]["step"] == 1
    assert found[1]["total_steps"] == 10
    assert found[1]["data"] == {"loss": 2.5}
    assert found[0]["at"].endswith("Z")


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], max_examples=25, deadline=None)
@given(cut=st.integers(min_value=0, max_value=400))
def test_a_file_cut_anywhere_goes_on_without_gap(tmp_path: Path, cut: int) -> None:
    path = tmp_path / contract.EVENTS_FILE
    path.unlink(missing_ok=True)
    with EventLog(path) as events:
        for step in range(4):
            events.append("step", step, 4, loss=1.0)
    content = path.read_bytes()
    path.write_bytes(content[: min(cut, len(content))])
    with EventLog(path) as events:
        events.append("finished")
    assert [event["seq"] for event in events_of(tmp_path)] == list(range(1, len(events_of(tmp_path)) + 1))


def test_steps_wait_in_memory_but_no_other_event_does(tmp_path: Path) -> None:
    path = tmp_path / contract.EVENTS_FILE
    with EventLog(path) as events:
        events.append("start")
        for step in range(50):
            events.append("step", step, 50)
        assert len(events_of(tmp_path)) < 51
        events.append("eval", 50, 50)
        assert len(events_of(tmp_path)) == 52


@pytest.mark.slow
def test_a_silence_is_filled_with_what_the_run_does(tmp_path: Path) -> None:
    with EventLog(tmp_path / contract.EVENTS_FILE) as events:
        events.stage("Loading the base model")
        time.sleep(HEARTBEAT_SECONDS + 0.8)
    beats = [event for event in events_of(tmp_path) if event["data"].get("heartbeat")]
    assert beats
    assert beats[0]["kind"] == "log"
    assert beats[0]["data"]["message"] == "Loading the base model"


def test_not_a_number_becomes_null_and_is_named() -> None:
    assert finite({"loss": math.nan, "grad_norm": math.inf, "step": 1.0}) == {
        "loss": None,
        "grad_norm": None,
        "step": 1.0,
        "nonfinite": ["grad_norm", "loss"],
    }


def test_every_line_is_strict_json(tmp_path: Path) -> None:
    path = tmp_path / contract.EVENTS_FILE
    with EventLog(path) as events:
        events.append("step", 1, 2, loss=math.nan, note='quote " and\nbreak, ümlaut')

    def refuse(word: str) -> None:
        raise AssertionError(word)

    for line in path.read_text(encoding="utf-8").splitlines():
        json.loads(line, parse_constant=refuse)
