"""Sizes and names that keep the code readable."""

from __future__ import annotations

import re
import statistics
from pathlib import Path

from tests.architecture.rules import ROOT, functions, shown, sources

FUNCTION_MAX = 50
FUNCTION_MEDIAN = 12
FILE_MAX = 400
VIEW_MAX = 20
VIEWS = re.compile(r"/views\.py$|/views/\w+\.py$|curation/\w+_views\.py$|curation/\w+/\w+_views\.py$")
NO_DRAWERS = {"utils.py", "helpers.py", "misc.py", "common.py"}


def test_no_function_is_too_long() -> None:
    long = [f for path in sources() for f in functions(path) if f.lines > FUNCTION_MAX]
    assert not long, f"longer than {FUNCTION_MAX} lines: {long}"


def test_the_usual_function_is_short() -> None:
    lengths = [f.lines for path in sources() for f in functions(path)]
    assert len(lengths) > 50
    assert statistics.median(lengths) <= FUNCTION_MEDIAN


def test_no_file_is_too_long() -> None:
    long = {shown(path): count for path in sources() if (count := line_count(path)) > FILE_MAX}
    assert not long, f"longer than {FILE_MAX} lines: {long}"


def test_views_tell_a_short_story() -> None:
    views = [path for path in sources() if VIEWS.search(path.as_posix())]
    long = [f for path in views for f in functions(path) if f.lines > VIEW_MAX and not f.name.startswith("_")]
    assert not long, f"views longer than {VIEW_MAX} lines: {long}"


def test_no_drawers() -> None:
    assert not [shown(path) for path in sources() if path.name in NO_DRAWERS]


def test_nothing_is_left_for_later() -> None:
    """No notes to self: what is missing is an issue, not a comment."""
    note = re.compile(r"\b(TODO|FIXME|XXX|HACK)\b")
    here = Path(__file__)
    files = [*sources(), *(p for p in (ROOT / "tests").rglob("*.py") if p != here), *(ROOT / "static").rglob("*.js")]
    files += [*(ROOT / "templates").rglob("*.html"), *ROOT.glob("*.md"), *(ROOT / "docs").rglob("*.md")]
    files = [path for path in files if "vendor" not in path.parts]
    assert not [shown(path) for path in files if note.search(path.read_text(encoding="utf-8"))]


def line_count(path: Path) -> int:
    return len(path.read_text(encoding="utf-8").splitlines())
