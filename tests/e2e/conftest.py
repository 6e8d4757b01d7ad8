"""The running stack (queue server, web, workers, clock, demo project) and a browser that watches for faults."""

from __future__ import annotations

import os
import re
import signal
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path

import pytest
from playwright.sync_api import Browser, BrowserContext, Page

from tests.e2e.demo import STAMP, LoadedDemo, first_start
from tests.ops.test_up import free_port
from tests.reviewapp.looks import violations_in_view

ROOT = Path(__file__).resolve().parent.parent.parent
SHOTS = Path(os.environ.get("SCREENSHOTS", ROOT / "test-results" / "screens"))
START_SECONDS = 900  # beside the training of other tests


@dataclass
class Stack:
    """A started Countersign: its address, its state directory, its processes by name."""

    url: str
    state_dir: Path
    env: dict[str, str]
    process: subprocess.Popen[str] | None = None
    lines: list[str] = field(default_factory=list)
    reader: threading.Thread | None = None

    def manage(self, *arguments: str) -> str:
        """Runs a management command on the same database; returns what it printed."""
        done = subprocess.run(
            [sys.executable, "manage.py", *arguments], cwd=ROOT, env=self.env, capture_output=True, text=True,
            timeout=120,
        )  # fmt: skip
        assert done.returncode == 0, done.stderr
        return done.stdout


def start_stack(state_dir: Path) -> Stack:
    port = free_port()
    env = os.environ | {
        "COUNTERSIGN_STATE_DIR": str(state_dir), "COUNTERSIGN_DEMO": "True", "DEBUG": "True",
        "COUNTERSIGN_IMPORT_DIRS": "", "PYTHONUNBUFFERED": "1", "JOB_LOST_SECONDS": "12",
    }  # fmt: skip
    for name in ("DATABASE_URL", "REDIS_URL", "DJANGO_ALLOW_ASYNC_UNSAFE", "OMP_NUM_THREADS"):
        env.pop(name, None)
    process = subprocess.Popen(
        [sys.executable, "manage.py", "up", "--port", str(port)],
        cwd=ROOT, env=env, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True,
    )  # fmt: skip
    stack = Stack(url=f"http://127.0.0.1:{port}", state_dir=state_dir, env=env, process=process)
    is_ready = threading.Event()
    stack.reader = threading.Thread(target=_read, args=(stack, is_ready), daemon=True)
    stack.reader.start()
    if not is_ready.wait(START_SECONDS) or process.poll() is not None:
        stop_stack(stack)
        raise AssertionError("The stack did not start:\n" + "\n".join(stack.lines[-60:]))
    return stack


def _read(stack: Stack, is_ready: threading.Event) -> None:
    for line in (stack.process.stdout if stack.process else None) or ():
        stack.lines.append(line.rstrip())
        if "Countersign is ready" in line:
            is_ready.set()
    is_ready.set()


def stop_stack(stack: Stack) -> None:
    if stack.process is not None and stack.process.poll() is None:
        stack.process.send_signal(signal.SIGINT)
        try:
            stack.process.wait(60)
        except subprocess.TimeoutExpired:
            stack.process.kill()
            stack.process.wait()
    if stack.reader is not None and stack.process is not None and stack.process.stdout is not None:
        stack.reader.join(10)
        stack.process.stdout.close()


@pytest.fixture(scope="session")
def loaded_demo(tmp_path_factory: pytest.TempPathFactory) -> LoadedDemo:
    """`make demo` started in an empty place, and stopped when it was ready."""
    if not STAMP.exists():
        pytest.skip("would install into .venv: run `make setup-test` first, as `make test` does")
    return first_start(tmp_path_factory.mktemp("demo"))


@pytest.fixture(scope="session")
def stack(request: pytest.FixtureRequest) -> Iterator[Stack]:
    """The demo, loaded for this session of tests; E2E_URL names one that runs already, for writing tests."""
    running = os.environ.get("E2E_URL")
    if running:
        yield Stack(url=running, state_dir=Path(os.environ["COUNTERSIGN_STATE_DIR"]), env=dict(os.environ))
        return
    started = start_stack(request.getfixturevalue("loaded_demo").state)
    yield started
    stop_stack(started)


@dataclass
class Visitor:
    """One person at the browser. Every fault that the browser reports is kept, and ends the test."""

    page: Page
    url: str
    faults: list[str] = field(default_factory=list)

    def watch(self) -> None:
        self.page.on("console", lambda m: self.faults.append(f"{m.type}: {m.text}") if m.type == "error" else None)
        self.page.on("pageerror", lambda error: self.faults.append(f"script: {error}"))
        self.page.on(
            "response",
            lambda r: self.faults.append(f"{r.status} {r.url}") if r.status >= 500 else None,
        )

    def go(self, path: str) -> None:
        self.page.goto(self.url + path)

    def sign_in(self, username: str) -> None:
        """The demo's one click."""
        self.go("/demo/people/")
        self.page.locator(f"form[action$='/people/{username}/enter/'] button").click()
        self.page.wait_for_url(re.compile(r"/projects/|/$"))

    def axe(self, *, colours: bool | None = None) -> list[str]:
        """Rules that the page breaks (WCAG 2.2 AA), each with the first place; that of colours, or all but that."""
        return violations_in_view(self.page, colours=colours)

    def shot(self, name: str, *, full: bool = False) -> None:
        SHOTS.mkdir(parents=True, exist_ok=True)
        self.page.screenshot(path=SHOTS / f"{name}.png", full_page=full)


@pytest.fixture
def context(browser: Browser) -> Iterator[BrowserContext]:
    opened = browser.new_context(viewport={"width": 1440, "height": 900}, color_scheme="light")
    opened.set_default_timeout(15_000)
    yield opened
    opened.close()


@pytest.fixture
def visitor(stack: Stack, context: BrowserContext) -> Visitor:
    one = Visitor(page=context.new_page(), url=stack.url)
    one.watch()
    return one


Person = Callable[[str], Visitor]


@pytest.fixture
def person(stack: Stack, browser: Browser) -> Iterator[Person]:
    """A signed-in person in a browser of their own; no fault of any page is overlooked."""
    opened: list[tuple[BrowserContext, Visitor]] = []

    def make(username: str) -> Visitor:
        context = browser.new_context(viewport={"width": 1440, "height": 900}, color_scheme="light")
        context.set_default_timeout(30_000)
        visitor = Visitor(page=context.new_page(), url=stack.url)
        visitor.watch()
        visitor.sign_in(username)
        opened.append((context, visitor))
        return visitor

    yield make
    faults = [fault for _, visitor in opened for fault in visitor.faults]
    for context, _ in opened:
        context.close()
    assert faults == []


@pytest.fixture(scope="session")
def walk_files(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Path]:
    """A pool and held-out prompts for a walk."""
    from tests.e2e.walk import files_write

    return files_write(tmp_path_factory.mktemp("files"))
