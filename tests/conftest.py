"""The cast of every test: a project, its people by role, and an outsider."""

from __future__ import annotations

import contextlib
import gc
import itertools
import os
import re
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import hypothesis
import pytest
from django.contrib.contenttypes.management import create_contenttypes
from django.db.models.signals import post_migrate
from django.test import Client
from xdist.scheduler.loadscope import LoadScopeScheduling  # type: ignore[import-untyped]

from reviewapp.accounts.models import User
from reviewapp.projects.models import Project
from reviewapp.runs import launcher, rundir
from tests import factories
from tests.chromium import CHROMIUM, FLAGS
from tests.reviewapp.runs import folders
from training import contract

# Reading 8,000 tests makes objects that all live on; looking for garbage among them takes a fifth of the time.
gc.disable()


def pytest_collection_finish() -> None:
    gc.freeze()
    gc.enable()


# a busy machine is not a fault of the code
hypothesis.settings.register_profile("busy", deadline=None)
hypothesis.settings.load_profile("busy")

# Rights are the project's own. Django's would be made again after each test that empties the database: 0.15 s.
post_migrate.disconnect(dispatch_uid="django.contrib.auth.management.create_permissions")
post_migrate.disconnect(create_contenttypes)

HERE = Path(__file__).resolve().parent
LONG = frozenset((HERE / "long_tests.txt").read_text(encoding="utf-8").splitlines())
SHARED_DATA = HERE.parent.parent / "shared" / "data"


# Libraries warn about their own future; a warning of ours stays an error.
THIRD_PARTY = (
    "transformers",
    "trl",
    "peft",
    "torch",
    "accelerate",
    "datasets",
    "evaluate",
    "bitsandbytes",
    "multiprocess",
)

# `make test` reads only the files in which these marks stand
BY_FILE = ("slow", "fault", "stack", "e2e")
NAMED = re.compile(rf"mark\.({'|'.join(BY_FILE)})|IN_BROWSER")


def _priority(item: pytest.Function) -> tuple[bool, float]:
    limit = item.get_closest_marker("timeout")
    is_heavy = any(map(item.get_closest_marker, ("loop", "fault", "stack")))
    return not is_heavy, -limit.args[0] if limit else 0


def pytest_collection_modifyitems(items: list[pytest.Function]) -> None:
    """The longest first, so that none of them is left alone at the end; marks where the database is used, and for what
    took long (tests/long_tests.txt)."""
    items.sort(key=_priority)
    unnamed = {item.path for item in items if any(map(item.get_closest_marker, BY_FILE))}
    if lost := [str(path) for path in unnamed if not NAMED.search(path.read_text(encoding="utf-8"))]:
        raise pytest.UsageError(f"make test would not find the marks of {lost}: name them in the file (Makefile).")
    for item in items:
        if item.nodeid.partition("[")[0] in LONG:
            item.add_marker("long")
        uses_it = item.get_closest_marker("django_db") or {"db", "transactional_db"} & set(item.fixturenames)
        if uses_it and not item.get_closest_marker("words"):
            item.add_marker("database")
        if HERE / "training" in item.path.parents or {"tiny_base", "trainer_here"} & set(item.fixturenames):
            for name in THIRD_PARTY:
                item.add_marker(pytest.mark.filterwarnings(f"ignore:::{name}"))


class OneStackEach(LoadScopeScheduling):  # type: ignore[misc]  # pytest-xdist has no types
    """Tests that look at one running stack go to one worker; every other test goes anywhere.

    pytest-xdist 3.8 marks groups in an attribute that pytest 9.2 no longer has, so that each worker started a stack.
    """

    def _split_scope(self, nodeid: str) -> str:
        if nodeid.startswith("tests/e2e/"):
            return "the running demo"
        return nodeid.rpartition("::")[0] if "test_up.py::TestRunning::" in nodeid else nodeid


def pytest_xdist_make_scheduler(config: pytest.Config, log: Any) -> OneStackEach | None:
    return OneStackEach(config, log) if config.getoption("dist") == "loadgroup" else None


@pytest.fixture(scope="session")
def _folders(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """Folders that no other test has, yet to be made: most tests write nothing, and ``tmp_path`` reads all names that
    are there and makes one more."""
    base = tmp_path_factory.mktemp("states")
    return (base / str(number) for number in itertools.count())


@pytest.fixture(autouse=True)
def _own_state(settings: Any, _folders: Iterator[Path]) -> None:
    """No test writes beside the repository."""
    for name, value in factories.settings_for(next(_folders)).items():
        setattr(settings, name, value)
    # the beat comes from a thread of its own, which must not wait for a test's open transaction
    settings.JOB_HEARTBEAT_SECONDS = 3600


@pytest.fixture
def project(db: None) -> Project:
    return factories.project("letters", name="Clinic letters")


@pytest.fixture
def people(project: Project) -> SimpleNamespace:
    return factories.members(project)


@pytest.fixture
def client_for(db: None) -> Callable[[User], Client]:
    """A browser session of this user."""

    def make(user: User) -> Client:
        client = Client()
        client.force_login(user, backend="django.contrib.auth.backends.ModelBackend")
        return client

    return make


@pytest.fixture(scope="session")
def libraries() -> None:
    """Those of training, read once: each training begins by looking for garbage, also among what they made."""
    import transformers.models.llama.modeling_llama
    import transformers.models.qwen2.modeling_qwen2  # noqa: F401

    import training.preference
    import training.row_trainer  # noqa: F401

    gc.freeze()


@pytest.fixture
def trainer_here(monkeypatch: pytest.MonkeyPatch, libraries: None) -> None:
    """The trainer's code in this process, where only what comes of it counts: a process imports for five seconds."""

    def run(
        command: launcher.Command, run_dir: Path, *, on_poll: Callable[[], None], **options: Any
    ) -> launcher.Outcome:
        from training import cli

        on_poll()
        rundir.withdraw_stop(run_dir)
        arguments = [command, str(run_dir.resolve()), *(["--allow-hub"] if options.get("allow_hub") else [])]
        started = time.monotonic()
        with (run_dir / contract.LOG_FILE).open("a", encoding="utf-8") as log, contextlib.redirect_stderr(log):
            code = cli.main(arguments)
        return launcher.Outcome(code=code, seconds=time.monotonic() - started)

    monkeypatch.setattr(launcher, "run", run)


@pytest.fixture(scope="session")
def tiny_base(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A real model folder, for the real trainer."""
    return folders.build(tmp_path_factory.mktemp("models") / "tiny")


@pytest.fixture
def shared_data() -> Path:
    """Openly licensed real data, read in place; absent on machines that do not have it."""
    if not SHARED_DATA.is_dir():
        pytest.skip(f"no real data at {SHARED_DATA}")
    return SHARED_DATA


@pytest.fixture(scope="session")
def browser() -> Iterator[Any]:
    """The one browser of this process: a second Playwright cannot start beside it."""
    playwright = pytest.importorskip("playwright.sync_api")
    if CHROMIUM is None:
        pytest.fail("No Chromium was found: run scripts/install-test-needs.sh, or set CHROMIUM to its path.")
    # Playwright runs an event loop in this thread; the ORM would refuse to be called beside it.
    os.environ["DJANGO_ALLOW_ASYNC_UNSAFE"] = "1"
    with playwright.sync_playwright() as running:
        launched = running.chromium.launch(executable_path=CHROMIUM, args=FLAGS)
        yield launched
        launched.close()
    del os.environ["DJANGO_ALLOW_ASYNC_UNSAFE"]
