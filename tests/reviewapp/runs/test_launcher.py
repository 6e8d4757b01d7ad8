"""The launcher with a small script in the trainer's place: the same arguments, files, signals and exit codes."""

from __future__ import annotations

import json
import os
import signal
import sys
from pathlib import Path

import pytest

from reviewapp.runs import launcher, rundir
from training import contract

SCRIPT = """
import json, os, signal, sys, time
from pathlib import Path

mode, command, folder = sys.argv[1], sys.argv[2], Path(sys.argv[3])
print("hello from", command, flush=True)
(folder / "child.json").write_text(json.dumps({
    "pid": os.getpid(), "rest": sys.argv[4:], "group": os.getpgrp(),
    "cwd": os.getcwd(), "environment": dict(os.environ)}))
if mode == "stubborn":
    signal.signal(signal.SIGTERM, signal.SIG_IGN)
(folder / "ready").touch()
if mode in ("count", "polite", "stubborn", "deaf"):
    for step in range(1, 100000):
        with (folder / "events.jsonl").open("a") as handle:
            handle.write(json.dumps({"seq": step, "kind": "step"}) + "\\n")
        if mode == "count" and step == 5:
            break
        if mode == "polite" and (folder / "cancel").exists():
            (folder / "checkpoint").touch()
            sys.exit(4)
        time.sleep(0.02)
if mode == "fail":
    print("a reason in the log", file=sys.stderr)
    sys.exit(3)
if mode == "locked":
    sys.exit(5)
if mode == "die":
    os.kill(os.getpid(), signal.SIGKILL)
"""


@pytest.fixture
def program(tmp_path: Path) -> Path:
    path = tmp_path / "child.py"
    path.write_text(SCRIPT)
    return path


@pytest.fixture
def run_dir(tmp_path: Path) -> Path:
    path = tmp_path / "run"
    path.mkdir()
    return path


class CancelledByPerson(Exception):
    pass


def cancel_when_ready(run_dir: Path) -> None:
    if (run_dir / "ready").exists():
        raise CancelledByPerson


def run(program: Path, run_dir: Path, mode: str, **options: object) -> launcher.Outcome:
    arguments: dict[str, object] = {"on_poll": lambda: None, "poll_seconds": 0.02, "grace_seconds": 5, **options}
    return launcher.run("sft", run_dir, program=(sys.executable, str(program), mode), **arguments)  # type: ignore[arg-type]


def child(run_dir: Path) -> dict[str, object]:
    value: dict[str, object] = json.loads((run_dir / "child.json").read_text())
    return value


def is_alive(pid: object) -> bool:
    assert isinstance(pid, int)
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    return True


def test_success_is_code_0_and_every_event_is_there(program: Path, run_dir: Path) -> None:
    polls: list[int] = []
    outcome = run(program, run_dir, "count", on_poll=lambda: polls.append(1))
    assert outcome.code == contract.EXIT_OK and not outcome.was_killed
    assert len(polls) >= 2
    assert [event["seq"] for event in rundir.read_events(run_dir).events] == [1, 2, 3, 4, 5]


@pytest.mark.parametrize(("mode", "code"), [("fail", contract.EXIT_FAILED), ("locked", contract.EXIT_LOCKED)])
def test_exit_codes_of_the_contract_come_back(program: Path, run_dir: Path, mode: str, code: int) -> None:
    assert run(program, run_dir, mode).code == code


def test_a_killed_child_says_so(program: Path, run_dir: Path) -> None:
    outcome = run(program, run_dir, "die")
    assert outcome.was_killed and outcome.code == -signal.SIGKILL


def test_output_is_appended_to_the_log(program: Path, run_dir: Path) -> None:
    (run_dir / contract.LOG_FILE).write_text("first attempt\n")
    run(program, run_dir, "fail")
    assert rundir.log_tail(run_dir) == "first attempt\nhello from sft\na reason in the log\n"


def test_the_child_shares_the_process_group(program: Path, run_dir: Path) -> None:
    run(program, run_dir, "count")
    assert child(run_dir)["group"] == os.getpgrp()
    assert child(run_dir)["cwd"] == str(launcher.ROOT)


def test_cancel_lets_the_trainer_save_its_checkpoint(program: Path, run_dir: Path) -> None:
    with pytest.raises(CancelledByPerson):
        run(program, run_dir, "polite", on_poll=lambda: cancel_when_ready(run_dir))
    assert (run_dir / "checkpoint").exists()
    assert not is_alive(child(run_dir)["pid"])


@pytest.mark.parametrize("mode", ["deaf", "stubborn"])
def test_cancel_ends_a_trainer_that_does_not_listen(program: Path, run_dir: Path, mode: str) -> None:
    with pytest.raises(CancelledByPerson):
        run(program, run_dir, mode, on_poll=lambda: cancel_when_ready(run_dir), grace_seconds=0.2)
    assert not (run_dir / "checkpoint").exists()
    assert not is_alive(child(run_dir)["pid"])


def test_an_earlier_request_to_stop_does_not_stop_the_next_attempt(program: Path, run_dir: Path) -> None:
    rundir.ask_to_stop(run_dir)
    assert run(program, run_dir, "count").code == contract.EXIT_OK
    assert not (run_dir / contract.CANCEL_FILE).exists()


def test_the_child_is_offline_and_knows_no_secret(
    program: Path, run_dir: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("DATABASE_URL", "postgres://user:word@host/db")
    monkeypatch.setenv("DJANGO_SETTINGS_MODULE", "reviewapp.settings")
    monkeypatch.setenv("SMTP_PASSWORD", "word")
    monkeypatch.delenv("HF_HUB_OFFLINE", raising=False)
    run(program, run_dir, "count")
    environment = child(run_dir)["environment"]
    assert isinstance(environment, dict)
    assert (
        environment["HF_HUB_OFFLINE"] == environment["HF_HUB_DISABLE_TELEMETRY"] == environment["DO_NOT_TRACK"] == "1"
    )
    assert environment["TOKENIZERS_PARALLELISM"] == "false" and environment["OMP_WAIT_POLICY"] == "PASSIVE"
    assert not {"DATABASE_URL", "DJANGO_SETTINGS_MODULE", "SMTP_PASSWORD"} & set(environment)
    assert environment["PATH"] == os.environ["PATH"]


@pytest.mark.parametrize(("allow_hub", "rest"), [(False, []), (True, ["--allow-hub"])])
def test_the_trainer_is_told_its_parent_and_whether_it_may_fetch(
    program: Path, run_dir: Path, allow_hub: bool, rest: list[str]
) -> None:
    run(program, run_dir, "count", allow_hub=allow_hub)
    assert child(run_dir)["rest"] == ["--parent", str(os.getpid()), *rest]


def test_the_hub_is_reached_only_when_a_person_asked_for_it() -> None:
    base = {"HF_HUB_OFFLINE": "1", "HF_TOKEN": "a token"}
    asked = launcher.environment(base, allow_hub=True)
    assert "HF_HUB_OFFLINE" not in asked and asked["HF_TOKEN"] == "a token"
    assert asked["HF_HUB_DISABLE_TELEMETRY"] == "1"
    assert launcher.environment(base)["HF_HUB_OFFLINE"] == "1"
