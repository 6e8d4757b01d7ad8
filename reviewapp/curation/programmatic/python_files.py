"""Labelling functions as Python files, of engineers: found in the operator's folder, run in processes of their own.

Only workers run them. A file is never uploaded: it lies in ``<folder>/<slug of the project>/`` on the worker's machine.
Its process gets no settings and no secrets from the worker, is ended when it answers too late, and cannot take the
worker with it. It is not locked in: it may do what the worker's user may, as any program that an operator installs.
"""

from __future__ import annotations

import hashlib
import json
import os
import select
import signal
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from reviewapp.core.processes import guard
from reviewapp.curation.programmatic.reasons import BROKEN, LATE, Stopped

HOST = Path(__file__).with_name("host.py")
MOST_FILES, MOST_BYTES = 50, 1_000_000
LOAD_SECONDS, TEXT_SECONDS = 30.0, 5.0
ENVIRONMENT = {"LANG": "C.UTF-8", "OMP_NUM_THREADS": "1", "HF_HUB_OFFLINE": "1", "HF_HUB_DISABLE_TELEMETRY": "1"}


def files_in(folder: Path | None, slug: str) -> list[Path]:
    """The Python files of a project, by name; at most MOST_FILES, none that is larger than MOST_BYTES."""
    if folder is None or not (folder / slug).is_dir():
        return []
    found = sorted(path for path in (folder / slug).glob("*.py") if path.is_file() and not path.name.startswith("_"))
    return [path for path in found if path.stat().st_size <= MOST_BYTES][:MOST_FILES]


def file_hash(path: Path) -> str:
    """sha256 (hex) of the file's bytes: the version of the function."""
    return hashlib.sha256(path.read_bytes()).hexdigest()


class PythonFunction:
    """One file in its process, to be closed afterwards. Every method but ``close`` may raise Stopped."""

    def __init__(self, path: Path, *, load_seconds: float = LOAD_SECONDS, text_seconds: float = TEXT_SECONDS) -> None:
        self.text_seconds = text_seconds
        self._held = b""
        self._process = subprocess.Popen(  # noqa: S603 - our own program, on a file of the operator's folder
            [sys.executable, "-I", str(HOST), str(path)],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            env=ENVIRONMENT | {"PATH": os.environ.get("PATH", "")},
            cwd=path.parent,
            start_new_session=True,
            preexec_fn=guard(signal.SIGKILL, os.getpid()),
        )
        try:
            self._answer(load_seconds)
        except Stopped:
            self.close()
            raise

    def label(self, prompt: str, metadata: Mapping[str, Any]) -> str | None:
        """The class key that it votes for, None where it abstains."""
        line = json.dumps({"prompt": prompt, "metadata": metadata}, default=str) + "\n"
        try:
            stream = self._process.stdin
            if stream is None:
                raise BrokenPipeError
            stream.write(line.encode())
            stream.flush()
        except (BrokenPipeError, OSError) as error:
            raise Stopped(BROKEN, "its process ended") from error
        found = self._answer(self.text_seconds).get("label")
        return str(found) if found else None

    def close(self) -> None:
        """Ends the process and whatever it started in its session."""
        try:
            os.killpg(self._process.pid, signal.SIGKILL)
        except (ProcessLookupError, PermissionError):
            self._process.kill()
        for stream in (self._process.stdin, self._process.stdout):
            if stream is not None:
                try:
                    stream.close()
                except OSError:
                    continue  # what was never flushed need not be
        self._process.wait()

    def _answer(self, seconds: float) -> dict[str, Any]:
        stream = self._process.stdout
        while b"\n" not in self._held:
            if stream is None or not select.select([stream], [], [], seconds)[0]:
                raise Stopped(LATE, f"{seconds:g}")
            read = os.read(stream.fileno(), 65_536)
            if not read or len(self._held) > MOST_BYTES:
                raise Stopped(BROKEN, "its process ended")
            self._held += read
        line, _, self._held = self._held.partition(b"\n")
        answer: dict[str, Any] = json.loads(line)
        if "error" in answer:
            raise Stopped(BROKEN, str(answer["error"]))
        return answer
