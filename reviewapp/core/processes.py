"""Ties a process to its parent and finds what a dead process left behind. Standard library only."""

from __future__ import annotations

import contextlib
import ctypes
import os
import signal
import sys
from collections.abc import Callable
from pathlib import Path

_PR_SET_PDEATHSIG = 1
_STAT_SESSION = 3  # in /proc/<pid>/stat, counted after the program's name


def die_with_parent(number: signal.Signals) -> None:
    """Asks the kernel to send ``number`` to this process when its parent ends. Does nothing outside Linux."""
    guard(number, os.getppid())()


def guard(number: signal.Signals, parent: int) -> Callable[[], None]:
    """The same for a child to be: a function to run between fork and exec, with everything loaded before the fork."""
    if not sys.platform.startswith("linux"):
        return lambda: None
    prctl = ctypes.CDLL(None, use_errno=True).prctl

    def tie() -> None:
        prctl(_PR_SET_PDEATHSIG, int(number))
        if os.getppid() != parent:  # it ended before the kernel was told
            os.kill(os.getpid(), number)

    return tie


def end_session(leader: int) -> int:
    """Kills what is left of the session that ``leader`` led; returns how many processes that were.

    A killed worker leaves its work horse and the trainer behind, which would go on writing beside their successors.
    """
    with contextlib.suppress(ProcessLookupError):
        os.killpg(leader, signal.SIGKILL)
    ended = 0
    for pid in _session_members(leader):
        with contextlib.suppress(ProcessLookupError):
            os.kill(pid, signal.SIGKILL)
            ended += 1
    return ended


def _session_members(leader: int) -> list[int]:
    """Process ids in the session, leader excluded; none where there is no /proc."""
    members = []
    for folder in Path("/proc").glob("[0-9]*"):
        try:
            stat = (folder / "stat").read_text(encoding="utf-8", errors="replace")
        except OSError:
            continue  # it ended while we looked
        fields = stat.rpartition(")")[2].split()
        if len(fields) > _STAT_SESSION and int(fields[_STAT_SESSION]) == leader and int(folder.name) != leader:
            members.append(int(folder.name))
    return members


def ending(code: int | None) -> str:
    """How a process ended, for a person."""
    if code is None:
        return "still runs"
    return f"was ended by signal {-code}" if code < 0 else f"stopped with status {code}"
