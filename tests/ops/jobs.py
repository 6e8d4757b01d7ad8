"""Work for the workers of the test's own stack."""

from __future__ import annotations

import os
import time
from pathlib import Path

from reviewapp.core.exceptions import JobFailed
from reviewapp.core.jobs import JobHandle


def work_a_moment(handle: JobHandle, *, seconds: float, diary: str = "") -> None:
    """Takes ``seconds``; notes its beginning, with its process id, and its end in the file ``diary``."""
    note(diary, f"begin {os.getpid()}")
    started = time.monotonic()
    while time.monotonic() - started < seconds:
        handle.check_cancelled()
        time.sleep(0.2)
    note(diary, "end")


def note(diary: str, line: str) -> None:
    if diary:
        with Path(diary).open("a", encoding="utf-8") as file:
            file.write(line + "\n")


def note_environment(handle: JobHandle, *, file: str) -> None:
    Path(file).write_text("\n".join(f"{name}={value}" for name, value in os.environ.items()), encoding="utf-8")


def fail_as_expected(handle: JobHandle) -> None:
    raise JobFailed("The file is empty.")


def stumble(handle: JobHandle) -> None:
    handle.progress(1 // 0)
