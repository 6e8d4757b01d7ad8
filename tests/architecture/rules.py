"""What the architecture tests share: where the code is, which app lies above which."""

from __future__ import annotations

import ast
import functools
import tomllib
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

ROOT = Path(__file__).resolve().parents[2]
PACKAGES = ("reviewapp", "training", "demo")


def layers() -> dict[str, int]:
    """App name -> height, from the first import contract of pyproject.toml; siblings share a height."""
    config = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))
    order = config["tool"]["importlinter"]["contracts"][0]["layers"]
    return {name.strip(" ()"): height for height, row in enumerate(reversed(order)) for name in row.split(":")}


def sources() -> list[Path]:
    """Every Python file of ours that is neither test nor migration."""
    found = [path for package in PACKAGES for path in (ROOT / package).rglob("*.py")]
    return sorted(path for path in found if "migrations" not in path.parts) + [ROOT / "manage.py"]


def templates() -> list[Path]:
    return sorted((ROOT / "templates").rglob("*.html"))


def shown(path: Path) -> str:
    return str(path.relative_to(ROOT))


@functools.cache
def tree_of(path: Path) -> ast.Module:
    return ast.parse(path.read_text(encoding="utf-8"))


class Function(NamedTuple):
    where: str
    name: str
    lines: int


def functions(path: Path) -> Iterator[Function]:
    """Every function of a file with its length in lines, decorators left out."""
    for node in ast.walk(tree_of(path)):
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
            length = (node.end_lineno or node.lineno) - node.lineno + 1
            yield Function(f"{shown(path)}:{node.lineno}", node.name, length)
