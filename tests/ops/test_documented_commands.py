"""Every command that the documents tell a person to type is known here, with the test that runs it."""

from __future__ import annotations

import re
import shlex
import subprocess
import sys
from pathlib import Path

import pytest

from tests.architecture.rules import ROOT, shown
from training import tracking

# Quick and harmless: they are run as they stand.
RUN = {
    "make help",
}

# Everything else, with what runs it: a test, or a target that continuous integration goes through.
COVERED = {
    "make demo": "tests/e2e/test_make_demo.py::test_demo_starts_stops_and_starts_again_with_its_data",
    "make up": "tests/ops/test_up.py::test_serves_and_stops_cleanly",
    "COUNTERSIGN_MODEL_DIRS=/srv/models make up": "tests/ops/test_up.py::test_serves_and_stops_cleanly",
    "make loop": "tests/ops/test_loop.py::test_the_demo_world_refuses_the_first_version_and_ships_the_second",
    "make worker QUEUES=training": "tests/ops/test_worker.py::test_burst_does_what_waits",
    "make check": "Makefile:test",
    "make test": ".ci/run",
    ".venv/bin/python manage.py createsuperuser": "tests/ops/test_make.py::test_first_account",
    ".venv/bin/python manage.py audit_verify": (
        "tests/reviewapp/audit/test_seals.py::test_the_commands_seal_verify_and_remove"
    ),
    '.venv/bin/python manage.py second_factor_reset ana --reason "Phone lost, seen in person"': (
        "tests/reviewapp/accounts/test_second_factor.py::test_the_operator_resets_a_factor_and_it_is_written_down"
    ),
    ".venv/bin/uv pip compile --universal --python-version 3.11 --all-extras --no-header --no-annotate pyproject.toml"
    " -o constraints.txt": "tests/architecture/test_version.py::test_every_direct_dependency_is_pinned",
    "sed -i '/^nvidia-/d;/^cuda-/d;/^triton/d' constraints.txt": (
        "tests/architecture/test_version.py::test_no_build_for_one_accelerator_is_pinned"
    ),
}

# Documents whose commands are run together, in their order, by one test.
RUN_WHOLE = {"docs/api.md": "tests/reviewapp/api/test_client.py::test_the_commands_of_the_docs_run"}


def documents() -> list[Path]:
    found = [*ROOT.glob("*.md"), *(ROOT / "docs").rglob("*.md")]
    return sorted(found + [p for name in ("training", "demo") for p in (ROOT / name).rglob("*.md")])


def commands(path: Path) -> list[str]:
    """Lines of ```sh blocks; continued lines joined, comments left out."""
    blocks = re.findall(r"^```sh\n(.*?)^```", path.read_text(encoding="utf-8"), flags=re.M | re.S)
    lines = "".join(blocks).replace("\\\n", " ").splitlines()
    return [re.sub(r"\s+", " ", line.partition(" #")[0]).strip() for line in lines if line.strip()[:1] not in {"", "#"}]


DOCUMENTED = sorted({(line, shown(path)) for path in documents() for line in commands(path)})


@pytest.mark.parametrize(("command", "document"), DOCUMENTED)
def test_a_documented_command_is_known(command: str, document: str) -> None:
    assert command in RUN or command in COVERED or document in RUN_WHOLE, (
        f"{document}: name the test that runs `{command}` in this file"
    )


@pytest.mark.parametrize("command", sorted(RUN))
def test_it_runs(command: str) -> None:
    words = [sys.executable if word == ".venv/bin/python" else word for word in shlex.split(command)]
    subprocess.run(words, cwd=ROOT, check=True, capture_output=True, timeout=120)


@pytest.mark.parametrize("covered_by", sorted({*COVERED.values(), *RUN_WHOLE.values()}))
def test_what_covers_it_exists(covered_by: str) -> None:
    file, _, name = covered_by.replace("::", ":").partition(":")
    text = (ROOT / file).read_text(encoding="utf-8")
    if file == "Makefile":
        assert re.search(rf"^{name}:", text, re.M)
    elif name:
        assert f"def {name}(" in text
    else:
        assert "make test" in text


def test_nothing_is_covered_that_nobody_documents() -> None:
    assert set(COVERED) <= {command for command, _ in DOCUMENTED}


def targets() -> set[str]:
    return set(re.findall(r"^([a-z][a-z0-9-]*):", (ROOT / "Makefile").read_text(encoding="utf-8"), flags=re.M))


def test_every_make_target_that_is_mentioned_exists() -> None:
    """In running text too: `make bench-review` must not be promised before it is there."""
    missing = {}
    for path in documents():
        named = set(re.findall(r"(?:`|^|\b[A-Z_]+=\S+ )make ([a-z][a-z0-9-]*)", path.read_text(encoding="utf-8"), re.M))
        if named - targets():
            missing[shown(path)] = named - targets()
    assert not missing


def test_help_lists_every_target() -> None:
    listed = subprocess.run(
        ["make", "--no-print-directory", "help"], cwd=ROOT, capture_output=True, text=True, check=True
    ).stdout
    assert {line.split()[1] for line in listed.splitlines()} == targets()


def test_continuous_integration_runs_what_the_readme_says() -> None:
    assert "exec make test" in (ROOT / ".ci" / "run").read_text(encoding="utf-8")


def test_every_setting_is_documented() -> None:
    """docs/operator.md lists each variable that the settings read, and no other."""
    names = set()
    for name in ("settings.py", "environment.py", "accounts/sso_settings.py"):
        path = ROOT / "reviewapp" / name
        names |= set(
            re.findall(r"\b(?:env\.)?(?:text|flag|number|amount|words|choice)\(\"([A-Z_]+)\"", path.read_text("utf-8"))
        )
    names.add(tracking.SETTING)  # read by the trainer, which knows no settings of the web application
    table = re.findall(r"^\| `([A-Z_]+)` \|", (ROOT / "docs" / "operator.md").read_text("utf-8"), flags=re.M)
    assert len(names) > 10
    assert sorted(table) == sorted(names)


def test_a_local_link_leads_somewhere() -> None:
    broken = []
    for path in documents():
        for target in re.findall(r"\]\(([^)#:]+)(?:#[^)]*)?\)", path.read_text(encoding="utf-8")):
            if not (path.parent / target).exists():
                broken.append(f"{shown(path)}: {target}")
    assert not broken
