"""What a finished run says about itself."""

from __future__ import annotations

from pathlib import Path

import pytest

from training import contract, environment, manifest
from training.events import EventLog

CONFIG = contract.PreviewConfig(model=contract.ModelSpec(path="base"))


def test_a_result_names_config_versions_and_hardware(tmp_path: Path) -> None:
    assert not manifest.is_finished(tmp_path, CONFIG)
    manifest.write_result(tmp_path, CONFIG, {"counts": {"rows": 1}})
    found = contract.read_json(tmp_path / contract.RESULT_FILE)
    assert found["config_sha256"] == contract.config_sha256(CONFIG)
    assert found["versions"]["torch"].startswith("2.13")
    assert found["hardware"]["threads"] >= 1
    assert found["counts"] == {"rows": 1}
    assert manifest.is_finished(tmp_path, CONFIG)


def test_a_result_of_another_config_is_no_result_of_this_one(tmp_path: Path) -> None:
    manifest.write_result(tmp_path, CONFIG, {})
    other = contract.PreviewConfig(model=contract.ModelSpec(path="base"), max_length=7)
    with pytest.raises(contract.ContractError, match="another config"):
        manifest.is_finished(tmp_path, other)


def test_seconds_of_earlier_attempts_count(tmp_path: Path) -> None:
    assert manifest.seconds_used(tmp_path) == 0
    with EventLog(tmp_path / contract.EVENTS_FILE) as events:
        events.append("step", 1, 9, seconds=1.5)
        events.append("step", 2, 9, seconds=3.25)
        events.append("log", message="resumed")
    assert manifest.seconds_used(tmp_path) == 3.25


def test_versions_leave_out_what_is_not_installed(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(environment, "_LIBRARIES", ("torch", "no-such-library"))
    assert set(environment.versions()) == {"python", "torch"}
