"""Outputs of a system that does not run here, read from JSON Lines and reconciled with the held-out prompts. Pure."""

from __future__ import annotations

import io
from collections.abc import Collection
from dataclasses import dataclass

from reviewapp.samples.parsing.json_rows import iter_jsonl
from reviewapp.samples.parsing.rows import FileError, Row, RowError

ID_KEYS = ("prompt_id", "id")
TEXT_KEYS = ("text", "output")
MAX_BYTES = 100 * 1024 * 1024


@dataclass(frozen=True)
class LineProblem:
    line: int
    reason: str


@dataclass(frozen=True)
class ImportedOutputs:
    """texts: prompt id to output; every line of the file is in texts or in problems; missing prompts have no line."""

    texts: dict[str, str]
    problems: tuple[LineProblem, ...]
    missing: tuple[str, ...]


def outputs_read(content: bytes, prompt_ids: Collection[str]) -> ImportedOutputs:
    """Reads {"prompt_id", "text"} lines. A prompt that is unknown or named twice is a problem of its line."""
    try:
        text = content.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        line = content[: error.start].count(b"\n") + 1
        return ImportedOutputs({}, (LineProblem(line, "The file is not UTF-8 text. Save it as UTF-8."),), ())
    known = set(prompt_ids)
    texts: dict[str, str] = {}
    problems: list[LineProblem] = []
    try:
        for row in iter_jsonl(io.StringIO(text, newline="")):
            problem = row.reason if isinstance(row, RowError) else _take(row, known, texts)
            if problem:
                problems.append(LineProblem(row.line, problem))
    except FileError as error:
        problems.append(LineProblem(1, str(error)))
    missing = tuple(name for name in prompt_ids if name not in texts)
    return ImportedOutputs(texts, tuple(problems), missing)


def _take(row: Row, known: set[str], texts: dict[str, str]) -> str:
    """Adds one output; returns what is wrong with its line, or an empty string."""
    name = next((row.values[key] for key in ID_KEYS if key in row.values), None)
    said = next((row.values[key] for key in TEXT_KEYS if key in row.values), None)
    if not isinstance(name, str | int) or isinstance(name, bool) or not str(name).strip():
        return "The line has no prompt_id."
    if not isinstance(said, str):
        return "The line has no text, or its text is no string."
    name = str(name).strip()
    if name not in known:
        return f"The held-out set has no prompt {name[:80]}."
    if name in texts:
        return f"Prompt {name[:80]} stands in the file twice."
    texts[name] = said
    return ""
