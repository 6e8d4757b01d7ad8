"""Outputs of several outside systems in one file, reconciled with the held-out prompts. Pure.

A row names its prompt, holds one output and may name its system. Without a column for the system the rows of one
prompt are told apart by their order: the first is of System 1, the second of System 2.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Collection, Iterable
from dataclasses import dataclass

from reviewapp.evaluations.importing import LineProblem
from reviewapp.samples.parsing.rows import Row, RowError

MAX_SYSTEMS = 20
ARM_MAX = 40


@dataclass(frozen=True, kw_only=True)
class Columns:
    """Names of columns; ``system`` empty: told apart by the order of the rows."""

    prompt_id: str
    text: str
    system: str = ""


@dataclass(frozen=True)
class SystemOutputs:
    """texts: system to prompt id to output, systems as they first occur; every row is in texts or in problems."""

    texts: dict[str, dict[str, str]]
    problems: tuple[LineProblem, ...]
    missing: dict[str, tuple[str, ...]]


def systems_read(rows: Iterable[Row | RowError], columns: Columns, prompt_ids: Collection[str]) -> SystemOutputs:
    """Reads rows of a file; a prompt that is unknown, or twice in one system, is a problem of its row."""
    known = set(prompt_ids)
    seen: dict[str, int] = {}
    texts: dict[str, dict[str, str]] = {}
    problems: list[LineProblem] = []
    for row in rows:
        problem = row.reason if isinstance(row, RowError) else _take(row, columns, known, seen, texts)
        if problem:
            problems.append(LineProblem(row.line, problem))
    if len(texts) > MAX_SYSTEMS:
        problems.append(LineProblem(1, f"The file has {len(texts)} systems; at most {MAX_SYSTEMS} are compared."))
    missing = {system: tuple(name for name in prompt_ids if name not in found) for system, found in texts.items()}
    return SystemOutputs(texts, tuple(problems), missing)


def _take(row: Row, columns: Columns, known: set[str], seen: dict[str, int], texts: dict[str, dict[str, str]]) -> str:
    """Adds one output; returns what is wrong with its row, or an empty string."""
    name, text = row.values.get(columns.prompt_id), row.values.get(columns.text)
    if isinstance(name, bool) or not isinstance(name, str | int) or not str(name).strip():
        return f"There is nothing in the column “{columns.prompt_id}”, so nobody knows which prompt it answers."
    if not isinstance(text, str):
        return f"There is no text in the column “{columns.text}”."
    prompt = str(name).strip()
    if prompt not in known:
        return f"The held-out set has no prompt {prompt[:80]}."
    if columns.system:
        system = str(row.values.get(columns.system) or "").strip()
        if not system:
            return f"There is nothing in the column “{columns.system}”, so nobody knows whose output it is."
    else:
        seen[prompt] = seen.get(prompt, 0) + 1
        system = f"System {seen[prompt]}"
    if prompt in texts.setdefault(system, {}):
        return f"Prompt {prompt[:80]} stands twice for {system[:80]}."
    texts[system][prompt] = text
    return ""


def arm_keys(systems: Iterable[str]) -> dict[str, str]:
    """A short name of each system for the database: small letters, digits and hyphens, each its own."""
    found: dict[str, str] = {}
    for system in systems:
        plain = unicodedata.normalize("NFKD", system).encode("ascii", "ignore").decode().lower()
        key = re.sub(r"[^a-z0-9]+", "-", plain).strip("-")[: ARM_MAX - 4] or "system"
        number, own = 2, key
        while own in found.values() or own in ("baseline", "candidate"):
            own, number = f"{key}-{number}", number + 1
        found[system] = own
    return found
