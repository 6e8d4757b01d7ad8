"""One trainer a directory; stops that were asked for; bugs that leave a trace."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from tests.training.conftest import MakeRun
from tests.training.tiny import events_of, execute, last_message
from training import contract
from training.errors import Cancelled, Locked
from training.session import open_session


def test_a_second_process_is_turned_away_and_writes_nothing(make_sft: MakeRun) -> None:
    run_dir = make_sft()
    with open_session(run_dir):
        assert execute("sft", run_dir) == contract.EXIT_LOCKED
        with pytest.raises(Locked, match="Another process"), open_session(run_dir):
            pass
    assert events_of(run_dir) == []
    with open_session(run_dir):
        pass


def test_a_cancel_file_stops_before_anything_starts(make_sft: MakeRun) -> None:
    run_dir = make_sft()
    (run_dir / contract.CANCEL_FILE).touch()
    assert execute("sft", run_dir) == contract.EXIT_CANCELLED
    assert [event["kind"] for event in events_of(run_dir)] == ["cancelled"]
    assert not (run_dir / contract.RESULT_FILE).exists()


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_a_signal_asks_for_a_stop_and_handlers_are_put_back(tmp_path: Path, number: signal.Signals) -> None:
    before = signal.getsignal(number)
    with open_session(tmp_path) as session:
        session.check_stop()
        os.kill(os.getpid(), number)
        with pytest.raises(Cancelled, match=number.name):
            session.check_stop()
    assert signal.getsignal(number) is before


def test_the_end_of_the_parent_asks_for_a_stop(tmp_path: Path) -> None:
    with open_session(tmp_path, parent=os.getppid()) as session:
        session.check_stop()
    ended = subprocess.Popen([sys.executable, "-c", ""])
    ended.wait()
    with open_session(tmp_path, parent=ended.pid) as session, pytest.raises(Cancelled, match="has ended"):
        session.check_stop()


def test_an_unexpected_error_reaches_log_and_events(tmp_path: Path) -> None:
    with pytest.raises(ZeroDivisionError), open_session(tmp_path):
        _ = 1 / 0
    assert events_of(tmp_path)[-1]["data"]["is_bug"] is True
    assert "ZeroDivisionError" in last_message(tmp_path)
    assert "Traceback" in (tmp_path / contract.LOG_FILE).read_text()


def test_warnings_and_logging_go_to_the_log_file(tmp_path: Path) -> None:
    import logging
    import warnings

    with open_session(tmp_path):
        logging.getLogger("training").info("a line of ours")
        with warnings.catch_warnings():
            warnings.simplefilter("always")
            warnings.warn("a library speaks", stacklevel=1)
    text = (tmp_path / contract.LOG_FILE).read_text()
    assert "a line of ours" in text
    assert "a library speaks" in text


def test_a_missing_directory_is_an_expected_failure(tmp_path: Path) -> None:
    assert execute("sft", tmp_path / "nowhere") == contract.EXIT_FAILED
