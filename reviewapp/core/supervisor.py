"""Keeps a set of programs running: prefixed output, restart with growing pauses, a clean stop of everything.

One thread only, so that a child may be tied to this process between fork and exec without risk.
"""

from __future__ import annotations

import contextlib
import fcntl
import os
import selectors
import signal
import subprocess
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from types import FrameType
from typing import IO

from reviewapp.core.exceptions import ApplicationError
from reviewapp.core.processes import end_session, ending, guard

PAUSE_FIRST = 1.0
PAUSE_LONGEST = 30.0
STEADY_AFTER = 60.0  # a program that ran this long has recovered; its next pause is the first again
STARTING_DEATHS = 3  # so many deaths of one program while starting: it cannot start
TICK = 0.25
SAY_EVERY = 3.0
LINE_MAX = 100_000

TERM_THEN_KILL = ((0.0, signal.SIGTERM), (10.0, signal.SIGKILL))
# rq: the first SIGTERM lets the job end, the second ends the job
TERM_TWICE_THEN_KILL = ((0.0, signal.SIGTERM), (6.0, signal.SIGTERM), (12.0, signal.SIGKILL))


class SupervisorError(ApplicationError):
    """The programs cannot be started or kept; the message says what to do."""


class StopRequested(Exception):
    """A person or the system asked the supervisor to stop (SIGINT, SIGTERM, SIGHUP)."""


@dataclass(frozen=True, kw_only=True)
class Program:
    """One program to keep running (or, with ``is_once``, to run to its end)."""

    name: str
    argv: Sequence[str]
    env: Mapping[str, str] = field(default_factory=dict)
    pass_fds: tuple[int, ...] = ()
    # (seconds after the stop was asked for, signal), in order
    stop_signals: Sequence[tuple[float, signal.Signals]] = TERM_THEN_KILL
    # what the kernel sends to it when the supervisor itself is killed (Linux)
    orphan_signal: signal.Signals = signal.SIGTERM
    is_once: bool = False
    hushed: tuple[str, ...] = ()  # lines with one of these say nothing that a person could act on


@dataclass
class Child:
    """A program's current process, if it has one, and its history."""

    program: Program
    process: subprocess.Popen[bytes] | None = None
    started_at: float = 0.0
    restart_at: float = 0.0
    pause: float = 0.0
    deaths: int = 0
    exit_code: int | None = None
    pending: bytes = b""

    @property
    def is_running(self) -> bool:
        return self.process is not None


@contextlib.contextmanager
def hold_lock(path: Path, *, says: str) -> Iterator[None]:
    """Holds ``path`` for one process at a time; raises SupervisorError that names the holder."""
    path.parent.mkdir(parents=True, exist_ok=True)
    with path.open("a+", encoding="utf-8") as lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError as error:
            lock.seek(0)
            holder = lock.read().strip() or "unknown"
            raise SupervisorError(
                f"Countersign already runs from {path.parent} ({holder}). Stop it with Ctrl-C in its terminal first."
            ) from error
        lock.truncate(0)
        lock.write(f"process {os.getpid()}, {says}")
        lock.flush()
        yield


class Supervisor:
    """Starts programs in order, keeps them running, stops them in the opposite order."""

    def __init__(self, write: Callable[[str], None]) -> None:
        self._write = write
        self._last_line_at = 0.0
        self.children: list[Child] = []
        self.stop_requests = 0
        self._selector = selectors.DefaultSelector()
        self._is_stopping = False

    def add(self, program: Program) -> Child:
        """Starts ``program`` now and keeps it running from here on."""
        child = Child(program)
        self.children.append(child)
        self._start(child)
        return child

    def wait_until(self, is_ready: Callable[[], bool], *, what: str, seconds: float) -> None:
        """Runs everything until ``is_ready``; says so where it is quiet. Raises SupervisorError after ``seconds``."""
        started = self._last_line_at = time.monotonic()
        while not is_ready():
            self.tick()
            self._refuse_hopeless()
            waited = time.monotonic() - started
            if waited > seconds:
                raise SupervisorError(f"{what} is not ready after {seconds:.0f} s. The lines above say why.")
            self._say_while_quiet(f"Waiting for {what}, {waited:.0f} s ...")
        self.tick()  # what was written meanwhile comes before what the caller says next

    def run(self) -> None:
        """Keeps everything running until a stop is asked for, then raises StopRequested."""
        while True:
            self.tick()

    def tick(self) -> None:
        """One round: pass on output, notice what died, start what is due. Raises StopRequested."""
        self._pump(TICK)
        self._reap()
        now = time.monotonic()
        for child in self.children:
            if not child.is_running and not child.program.is_once and now >= child.restart_at:
                self._start(child)
        if self.stop_requests and not self._is_stopping:
            raise StopRequested

    def stop(self) -> None:
        """Stops what was started first last, so that the queue server outlives what uses it."""
        self._is_stopping = True
        if not self.children:
            return
        first, rest = self.children[:1], self.children[1:]
        for group in (rest, first):
            self._stop_group(group)
        self._selector.close()

    @contextlib.contextmanager
    def signals(self) -> Iterator[None]:
        """Turns SIGINT, SIGTERM and SIGHUP into a stop request while the block runs."""

        def request(number: int, frame: FrameType | None) -> None:
            self.stop_requests += 1

        numbers = [signal.SIGINT, signal.SIGTERM]
        if signal.getsignal(signal.SIGHUP) is not signal.SIG_IGN:  # nohup asked to outlive the terminal
            numbers.append(signal.SIGHUP)
        before = {number: signal.signal(number, request) for number in numbers}
        try:
            yield
        finally:
            for number, handler in before.items():
                signal.signal(number, handler)

    def write(self, line: str) -> None:
        self._last_line_at = time.monotonic()
        self._write(line)

    def _say_while_quiet(self, line: str) -> None:
        """Nothing that takes long is silent, and nothing that speaks for itself is talked over."""
        if time.monotonic() - self._last_line_at >= SAY_EVERY:
            self.write(line)

    def _start(self, child: Child) -> None:
        program = child.program
        child.process = subprocess.Popen(  # noqa: S603 - programs are ours; nothing a user wrote gets here
            program.argv,
            env={**os.environ, "PYTHONUNBUFFERED": "1", **program.env},
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            pass_fds=program.pass_fds,
            start_new_session=True,  # Ctrl-C reaches the supervisor alone, which stops the others in order
            preexec_fn=guard(program.orphan_signal, os.getpid()),
        )
        child.started_at = time.monotonic()
        child.exit_code = None
        output = _output(child)
        os.set_blocking(output.fileno(), False)
        self._selector.register(output, selectors.EVENT_READ, child)

    def _pump(self, timeout: float) -> None:
        for key, _ in self._selector.select(timeout):
            self._read(key.data)

    def _read(self, child: Child) -> bool:
        """Passes on what the program wrote; returns whether there may be more. An unfinished line waits for its end."""
        try:
            data = os.read(_output(child).fileno(), 65536)
        except BlockingIOError:
            return False
        if not data:  # closed, so it is ending: do not look again, the next round reaps it
            self._forget_output(child)
            return False
        *lines, child.pending = (child.pending + data).split(b"\n")
        if len(child.pending) > LINE_MAX:
            lines, child.pending = [*lines, child.pending], b""
        for line in lines:
            self._say(child, line.decode("utf-8", errors="replace"))
        return True

    def _forget_output(self, child: Child) -> None:
        with contextlib.suppress(KeyError):
            self._selector.unregister(_output(child))

    def _say(self, child: Child, line: str) -> None:
        if not any(words in line for words in child.program.hushed):
            self.write(f"{child.program.name:>10} | {line.rstrip()}")

    def _reap(self) -> None:
        for child in self.children:
            if child.process is not None and child.process.poll() is not None:
                self._bury(child)

    def _bury(self, child: Child) -> None:
        """Notes how a process ended, passes on its last words, and plans the next start."""
        process = _live(child)
        while self._read(child):
            pass
        self._forget_output(child)
        _output(child).close()
        if child.pending:
            self._say(child, child.pending.decode("utf-8", errors="replace"))
        child.process, child.pending, child.exit_code = None, b"", process.returncode
        end_session(process.pid)
        if not self._is_stopping and not child.program.is_once:
            self._plan_restart(child)

    def _plan_restart(self, child: Child) -> None:
        now = time.monotonic()
        child.deaths += 1
        if now - child.started_at >= STEADY_AFTER:
            child.pause = 0.0
        child.pause = min(PAUSE_LONGEST, child.pause * 2) or PAUSE_FIRST
        child.restart_at = now + child.pause
        self.write(f"{child.program.name} {ending(child.exit_code)}; it starts again in {child.pause:.0f} s.")

    def _refuse_hopeless(self) -> None:
        for child in self.children:
            if child.deaths >= STARTING_DEATHS:
                raise SupervisorError(
                    f"{child.program.name} stopped {child.deaths} times while starting. The lines above say why."
                )

    def _stop_group(self, group: Sequence[Child]) -> None:
        asked = self._last_line_at = time.monotonic()
        sent = {child.program.name: 0 for child in group}
        while running := [child for child in group if child.is_running]:
            waited = time.monotonic() - asked
            is_hurried = self.stop_requests > 1
            for child in running:
                self._send_due(child, sent, waited, is_hurried)
            names = ", ".join(child.program.name for child in running)
            self._say_while_quiet(f"Waiting for {names} to end, {waited:.0f} s (Ctrl-C again ends it at once) ...")
            self._pump(TICK)
            self._reap()

    def _send_due(self, child: Child, sent: dict[str, int], waited: float, is_hurried: bool) -> None:
        """Sends the stop signals whose time has come; all at once, ending in SIGKILL, when a person is in a hurry."""
        name, process = child.program.name, _live(child)
        if is_hurried:
            end_session(process.pid)
            return
        for after, number in child.program.stop_signals[sent[name] :]:
            if waited < after:
                break
            sent[name] += 1
            if number is signal.SIGKILL:
                end_session(process.pid)
            else:
                process.send_signal(number)


def _live(child: Child) -> subprocess.Popen[bytes]:
    if child.process is None:
        raise RuntimeError(f"{child.program.name} is not running")
    return child.process


def _output(child: Child) -> IO[bytes]:
    stdout = _live(child).stdout
    if stdout is None:
        raise RuntimeError(f"{child.program.name} was started without a pipe")
    return stdout
