"""Processes under test: the environment they are given, and looks at them from outside, through /proc."""

from __future__ import annotations

import os
import time
from collections.abc import Callable
from pathlib import Path


def stack_env(state_dir: Path, **env: str) -> dict[str, str]:
    """What a command of ours runs with: its own state, no database or queue server of this machine's."""
    clean = {name: value for name, value in os.environ.items() if name not in {"DATABASE_URL", "REDIS_URL"}}
    return clean | {"COUNTERSIGN_STATE_DIR": str(state_dir), "DEBUG": "True", "OMP_NUM_THREADS": "1"} | env


def wait_for(is_true: Callable[[], bool], seconds: float, says: Callable[[], str] = str) -> None:
    deadline = time.monotonic() + seconds
    while not is_true():
        assert time.monotonic() < deadline, f"did not happen in {seconds} s: {says()}"
        time.sleep(0.1)


def is_alive(pid: int) -> bool:
    """A zombie counts as dead: its parent only has not looked yet."""
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    except OSError:
        return False


def wait_dead(pid: int, seconds: float = 10) -> None:
    wait_for(lambda: not is_alive(pid), seconds, lambda: f"process {pid} lives on")


def tree(pid: int, depth: int = 9) -> dict[int, str]:
    """Descendants of a process with their command lines."""
    found: dict[int, str] = {}
    for child in children(pid):
        found[child] = command_line(child)
        if depth > 1:
            found |= tree(child, depth - 1)
    return found


def children(pid: int) -> list[int]:
    found = []
    for task in Path(f"/proc/{pid}/task").glob("*/children"):
        found += [int(word) for word in task.read_text().split()]
    return found


def command_line(pid: int) -> str:
    try:
        return Path(f"/proc/{pid}/cmdline").read_text().replace("\0", " ")
    except OSError:
        return ""
