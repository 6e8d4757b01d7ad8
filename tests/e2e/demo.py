"""`make demo` in a process group of its own, which Ctrl-C reaches as a whole, as in a terminal."""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
from dataclasses import dataclass
from pathlib import Path

from tests.architecture.rules import ROOT
from tests.ops.processes import wait_for
from tests.ops.test_make import make_env
from tests.ops.test_up import free_port

# The first start loads the demo project, which trains nothing but imports and checks its samples.
DEMO_SECONDS = 900
STAMP = ROOT / ".venv" / "countersign-setup"


class Demo:
    """Started on entering, stopped on leaving."""

    def __init__(self, state: Path, log: Path) -> None:
        self.port = free_port()
        self.log = log
        with log.open("wb") as file:
            self.make = subprocess.Popen(
                ["make", "demo", f"PORT={self.port}", f"DEMO_STATE={state}"],
                cwd=ROOT,
                env=make_env(),
                stdout=file,
                stderr=subprocess.STDOUT,
                process_group=0,
            )

    def __enter__(self) -> Demo:
        def is_ready() -> bool:
            assert self.make.poll() is None, self.log.read_text()
            return "Countersign is ready" in self.log.read_text()

        try:
            wait_for(is_ready, DEMO_SECONDS, self.log.read_text)
        except BaseException:
            os.killpg(self.make.pid, signal.SIGTERM)
            raise
        return self

    def __exit__(self, *ignored: object) -> None:
        os.killpg(self.make.pid, signal.SIGINT)
        self.make.wait(timeout=60)
        wait_for(lambda: "Stopped. Everything is saved." in self.log.read_text(), 30, self.log.read_text)


@dataclass(frozen=True)
class LoadedDemo:
    """What a first `make demo` left when it was stopped: what it said, its state, and a copy to start again."""

    port: int
    said: str
    state: Path
    saved: Path


def first_start(folder: Path) -> LoadedDemo:
    state, saved = folder / "demo", folder / "saved"
    with Demo(state, folder / "first.log") as demo:
        pass
    shutil.copytree(state, saved)
    return LoadedDemo(demo.port, demo.log.read_text(), state, saved)
