"""The version, the changelog and the metadata agree."""

from __future__ import annotations

import re

import reviewapp
from tests.architecture.rules import ROOT


def test_the_changelog_starts_with_this_version() -> None:
    headings = re.findall(r"^## (\S+)", (ROOT / "CHANGELOG.md").read_text(encoding="utf-8"), flags=re.M)
    assert headings[0] == reviewapp.__version__


def test_every_direct_dependency_is_pinned() -> None:
    """constraints.txt is regenerated as CONTRIBUTING.md says whenever pyproject.toml changes."""
    text = (ROOT / "pyproject.toml").read_text(encoding="utf-8")
    project = text[text.index("dependencies = [") : text.index("[build-system]")]
    wanted = {normal(name) for name in re.findall(r'^    "([A-Za-z0-9._-]+)', project, flags=re.M)}
    pinned = {normal(name) for name in re.findall(r"^([A-Za-z0-9._-]+)==", constraints(), flags=re.M)}
    assert len(wanted) > 30
    assert wanted <= pinned


def test_no_build_for_one_accelerator_is_pinned() -> None:
    """What torch pulls for CUDA is chosen at installation, by machine."""
    assert not re.findall(r"^(?:nvidia-|cuda-|triton)", constraints(), flags=re.M)


def constraints() -> str:
    return (ROOT / "constraints.txt").read_text(encoding="utf-8")


def normal(name: str) -> str:
    return re.sub(r"[-_.]+", "-", name).lower()
