"""The supervisor on real processes: output, restart, give up, stop in order, nothing left behind."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import textwrap
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from reviewapp.core import processes, supervisor
from reviewapp.core.supervisor import Child, Program, StopRequested, Supervisor, SupervisorError
from tests.ops.processes import is_alive, wait_dead


@pytest.fixture
def lines() -> list[str]:
    return []


@pytest.fixture
def sup(lines: list[str], monkeypatch: pytest.MonkeyPatch) -> Iterator[Supervisor]:
    monkeypatch.setattr(supervisor, "PAUSE_FIRST", 0.05)
    monkeypatch.setattr(supervisor, "TICK", 0.02)
    one = Supervisor(lines.append)
    yield one
    one.stop()


def python(name: str, code: str, **options: object) -> Program:
    return Program(name=name, argv=[sys.executable, "-c", textwrap.dedent(code)], **options)  # type: ignore[arg-type]


def run_until(sup: Supervisor, is_true: Callable[[], bool], seconds: float = 20) -> None:
    deadline = time.monotonic() + seconds
    while not is_true():
        assert time.monotonic() < deadline, "did not happen in time"
        sup.tick()


def pid_of(child: Child) -> int:
    assert child.process is not None
    return child.process.pid


SLEEPER = "import time; print('up', flush=True); time.sleep(600)"


class TestOutput:
    def test_every_line_carries_its_program(self, sup: Supervisor, lines: list[str]) -> None:
        child = sup.add(python("talker", "print('one'); print('two', end='')", is_once=True))
        run_until(sup, lambda: not child.is_running)
        assert lines == ["    talker | one", "    talker | two"]
        assert child.exit_code == 0

    def test_a_flood_arrives_whole(self, sup: Supervisor, lines: list[str]) -> None:
        child = sup.add(python("flood", "[print(n) for n in range(20_000)]", is_once=True))
        run_until(sup, lambda: not child.is_running)
        assert lines == [f"     flood | {n}" for n in range(20_000)]

    def test_bytes_that_are_no_text_do_no_harm(self, sup: Supervisor, lines: list[str]) -> None:
        code = r"import sys; sys.stdout.buffer.write(b'caf\xe9\n')"
        child = sup.add(python("bytes", code, is_once=True))
        run_until(sup, lambda: not child.is_running)
        assert lines == ["     bytes | caf\ufffd"]

    def test_hushed_lines_are_left_out(self, sup: Supervisor, lines: list[str]) -> None:
        child = sup.add(python("noisy", "print('useless advice'); print('news')", is_once=True, hushed=("useless",)))
        run_until(sup, lambda: not child.is_running)
        assert lines == ["     noisy | news"]


class TestRestart:
    def test_what_is_killed_starts_again(self, sup: Supervisor, lines: list[str]) -> None:
        child = sup.add(python("web", SLEEPER))
        run_until(sup, lambda: any("up" in line for line in lines))
        first = pid_of(child)
        os.kill(first, signal.SIGKILL)
        run_until(sup, lambda: child.is_running and pid_of(child) != first)
        assert any("web was ended by signal 9; it starts again" in line for line in lines)

    def test_pauses_grow(self, sup: Supervisor) -> None:
        child = sup.add(python("bad", "raise SystemExit(3)"))
        run_until(sup, lambda: child.deaths == 3)
        assert child.pause == pytest.approx(0.2)
        assert child.exit_code == 3

    def test_a_program_that_runs_once_is_not_started_again(self, sup: Supervisor) -> None:
        child = sup.add(python("once", "raise SystemExit(4)", is_once=True))
        run_until(sup, lambda: not child.is_running)
        sup.tick()
        assert (child.is_running, child.exit_code, child.deaths) == (False, 4, 0)

    def test_what_a_killed_program_left_behind_is_ended(self, sup: Supervisor, lines: list[str]) -> None:
        """A work horse in a group of its own, as rq makes it, must not outlive its worker."""
        code = """
            import os, subprocess, sys, time
            kid = subprocess.Popen([sys.executable, "-c", "import time; time.sleep(600)"], process_group=0)
            print(kid.pid, flush=True)
            time.sleep(600)
        """
        child = sup.add(python("worker", code))
        run_until(sup, lambda: bool(lines))
        kid = int(lines[0].split("|")[1])
        assert is_alive(kid)
        os.kill(pid_of(child), signal.SIGKILL)
        run_until(sup, lambda: child.deaths == 1)
        wait_dead(kid)


class TestStart:
    def test_gives_up_on_what_cannot_start(self, sup: Supervisor) -> None:
        sup.add(python("broken", "raise SystemExit(1)"))
        with pytest.raises(SupervisorError, match="broken stopped 3 times while starting"):
            sup.wait_until(lambda: False, what="broken", seconds=60)

    def test_says_what_is_not_ready_in_time(self, sup: Supervisor) -> None:
        sup.add(python("slow", SLEEPER))
        with pytest.raises(SupervisorError, match="the web server is not ready after 0 s"):
            sup.wait_until(lambda: False, what="the web server", seconds=0.1)

    def test_waits_aloud_only_while_it_is_quiet(
        self, sup: Supervisor, lines: list[str], monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr(supervisor, "SAY_EVERY", 0.2)
        sup.add(python("slow", SLEEPER))
        sup.wait_until(lambda: any("Waiting for the rest" in line for line in lines), what="the rest", seconds=20)

    def test_second_start_names_the_first(self, tmp_path: Path) -> None:
        lock = tmp_path / "up.lock"
        with (
            supervisor.hold_lock(lock, says="port 8000"),
            pytest.raises(SupervisorError, match=f"process {os.getpid()}, port 8000"),
            supervisor.hold_lock(lock, says="port 8001"),
        ):
            pass
        with supervisor.hold_lock(lock, says="port 8002"):
            assert "8002" in lock.read_text()


class TestStop:
    def test_first_started_is_stopped_last(self, sup: Supervisor, lines: list[str]) -> None:
        code = """
            import signal, sys, time
            signal.signal(signal.SIGTERM, lambda *_: (print("bye", flush=True), sys.exit()))
            print("up", flush=True)
            time.sleep(600)
        """
        for name in ("queue", "web", "worker"):
            sup.add(python(name, code))
        run_until(sup, lambda: sum("up" in line for line in lines) == 3)
        sup.stop()
        goodbyes = [line.split("|")[0].strip() for line in lines if "bye" in line]
        assert goodbyes[-1] == "queue"
        assert sorted(goodbyes) == ["queue", "web", "worker"]

    def test_what_does_not_listen_is_killed(self, sup: Supervisor, lines: list[str]) -> None:
        code = "import signal, time; signal.signal(15, signal.SIG_IGN); print('up', flush=True); time.sleep(600)"
        stubborn = python("deaf", code, stop_signals=((0.0, signal.SIGTERM), (0.3, signal.SIGKILL)))
        child = sup.add(stubborn)
        run_until(sup, lambda: bool(lines))
        sup.stop()
        assert child.exit_code == -signal.SIGKILL

    def test_a_second_request_ends_at_once(self, sup: Supervisor, lines: list[str]) -> None:
        code = "import signal, time; signal.signal(15, signal.SIG_IGN); print('up', flush=True); time.sleep(600)"
        child = sup.add(python("deaf", code, stop_signals=((0.0, signal.SIGTERM), (500.0, signal.SIGKILL))))
        run_until(sup, lambda: bool(lines))
        sup.stop_requests = 2
        sup.stop()
        assert child.exit_code == -signal.SIGKILL

    def test_a_signal_becomes_a_stop_request(self, sup: Supervisor) -> None:
        before = signal.getsignal(signal.SIGTERM)
        with sup.signals():
            os.kill(os.getpid(), signal.SIGTERM)
            with pytest.raises(StopRequested):
                sup.run()
        assert signal.getsignal(signal.SIGTERM) == before


@pytest.mark.skipif(not sys.platform.startswith("linux"), reason="the kernel's tie exists on Linux only")
def test_children_end_when_the_supervisor_is_killed() -> None:
    code = """
        import sys
        from reviewapp.core.supervisor import Program, Supervisor
        one = Supervisor(lambda line: None)
        child = one.add(Program(name="child", argv=[sys.executable, "-c", "import time; time.sleep(600)"]))
        print(child.process.pid, flush=True)
        one.run()
    """
    parent = subprocess.Popen([sys.executable, "-c", textwrap.dedent(code)], stdout=subprocess.PIPE, text=True)
    assert parent.stdout is not None
    kid = int(parent.stdout.readline())
    assert is_alive(kid)
    parent.kill()
    parent.wait()
    parent.stdout.close()
    wait_dead(kid)


def test_ending_in_words() -> None:
    assert processes.ending(2) == "stopped with status 2"
    assert processes.ending(-9) == "was ended by signal 9"
    assert processes.ending(None) == "still runs"
