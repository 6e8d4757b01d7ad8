"""Runs ``python -m training <command> RUN_DIR`` as a child process and watches it until it ends.

The child stays in the worker's process group: RQ stops a job with ``killpg``, and a trainer outside the group
would live on and hold the accelerator. A trainer that outlives its worker all the same saves a checkpoint and stops;
until then it keeps the lock of its run directory, the next one ends with ``EXIT_LOCKED`` and the caller waits.
"""

from __future__ import annotations

import os
import re
import subprocess
import sys
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from reviewapp.runs import rundir
from training import contract

Command = Literal[
    "sft", "preview", "range", "generate", "suites", "merge", "explain", "judge", "embed", "export", "fetch"
]  # fmt: skip
POLL_SECONDS = 0.5
PATIENT_SECONDS = 1.0  # where nobody looks at a curve
GRACE_SECONDS = 30.0  # for a checkpoint of a model that fits a single machine
TERM_SECONDS = 5.0
ROOT = Path(contract.__file__).resolve().parents[1]

# What a trainer does not need to know. Hub tokens stay: a person may have asked for a gated base model.
_PRIVATE = re.compile(r"^(DATABASE_URL|REDIS_URL|SECRET_KEY|DJANGO_.*|COUNTERSIGN_JUDGE_KEY|.*PASSWORD.*|.*SECRET.*)$")
_ALWAYS = {
    "HF_HUB_DISABLE_TELEMETRY": "1",
    "DO_NOT_TRACK": "1",
    "TOKENIZERS_PARALLELISM": "false",
    "OMP_WAIT_POLICY": "PASSIVE",
    "PYTHONUNBUFFERED": "1",
    "PYTHONIOENCODING": "utf-8",
}
_OFFLINE = {"HF_HUB_OFFLINE": "1", "TRANSFORMERS_OFFLINE": "1", "HF_DATASETS_OFFLINE": "1"}


@dataclass(frozen=True, kw_only=True)
class Outcome:
    """How the child ended; ``code`` is below 0 where a signal ended it (as in ``subprocess``)."""

    code: int
    seconds: float

    @property
    def was_killed(self) -> bool:
        return self.code < 0


def run(
    command: Command,
    run_dir: Path,
    *,
    on_poll: Callable[[], None],
    allow_hub: bool = False,
    poll_seconds: float = POLL_SECONDS,
    grace_seconds: float = GRACE_SECONDS,
    program: Sequence[str] = (sys.executable, "-m", "training"),
) -> Outcome:
    """Starts the command, calls ``on_poll`` about every ``poll_seconds``, returns when the child has ended.

    When ``on_poll`` raises (a person cancelled, another worker took over), the child is stopped first, see
    ``stop``, and the error goes on to the caller. Standard output and errors are appended to ``log.txt``.
    """
    started = time.monotonic()
    rundir.withdraw_stop(run_dir)
    with (run_dir / contract.LOG_FILE).open("ab") as log:
        arguments = [command, str(run_dir.resolve()), "--parent", str(os.getpid())]
        child = subprocess.Popen(  # noqa: S603 - a fixed program; the run directory is ours
            [*program, *arguments, *(["--allow-hub"] if allow_hub else [])],
            cwd=ROOT,
            env=environment(os.environ, allow_hub=allow_hub),
            stdin=subprocess.DEVNULL,
            stdout=log,
            stderr=subprocess.STDOUT,
        )
        try:
            _watch(child, on_poll, poll_seconds)
        finally:
            stop(child, run_dir, grace_seconds=grace_seconds)
    return Outcome(code=child.returncode, seconds=time.monotonic() - started)


def run_when_free(command: Command, run_dir: Path, *, on_poll: Callable[[], None], allow_hub: bool = False) -> Outcome:
    """The same, and again as long as a trainer that outlived its worker holds the lock of the directory."""
    while True:
        outcome = run(command, run_dir, on_poll=on_poll, allow_hub=allow_hub, poll_seconds=PATIENT_SECONDS)
        if outcome.code != contract.EXIT_LOCKED:
            return outcome
        on_poll()
        time.sleep(PATIENT_SECONDS)


def _watch(child: subprocess.Popen[bytes], on_poll: Callable[[], None], poll_seconds: float) -> None:
    while child.poll() is None:
        on_poll()
        _ended_within(child, poll_seconds)


def stop(child: subprocess.Popen[bytes], run_dir: Path, *, grace_seconds: float = GRACE_SECONDS) -> None:
    """Ends a child that still runs: asks it to save a checkpoint, after ``grace_seconds`` SIGTERM, then SIGKILL."""
    if child.poll() is not None:
        return
    rundir.ask_to_stop(run_dir)
    if _ended_within(child, grace_seconds):
        return
    child.terminate()
    if not _ended_within(child, min(grace_seconds, TERM_SECONDS)):
        child.kill()
        child.wait()


def _ended_within(child: subprocess.Popen[bytes], seconds: float) -> bool:
    try:
        child.wait(timeout=seconds)
    except subprocess.TimeoutExpired:
        return False
    return True


def environment(base: Mapping[str, str], *, allow_hub: bool = False) -> dict[str, str]:
    """The child's environment: quiet and offline (unless a person asked for a hub model), without our secrets."""
    kept = {name: value for name, value in base.items() if not _PRIVATE.match(name)}
    kept.update(_ALWAYS)
    for name, value in _OFFLINE.items():
        if allow_hub:
            kept.pop(name, None)
        else:
            kept[name] = value
    return kept
