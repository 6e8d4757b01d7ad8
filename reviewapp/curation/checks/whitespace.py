"""Space that tells of a bad export: long runs, rows of blank lines, spaces of odd kinds."""

from __future__ import annotations

import re

from reviewapp.curation.checks.finding import Corpus, Field, FindingDraft, Item, Scope, on_span

NAME, TITLE = "whitespace", "Odd white space"
SCOPE: Scope = "text"
VERSION = 1
MAX_OF_A_KIND = 20

# (kind, pattern, suggestion, message). Two spaces after a full stop are a habit, not an error.
_RULES: tuple[tuple[str, re.Pattern[str], str, str], ...] = (
    ("space_run", re.compile(r"(?<=\S) {3,}(?=\S)"), " ", "A long run of spaces inside a line."),
    ("blank_lines", re.compile(r"\n(?:[ \t]*\n){2,}"), "\n\n", "Several blank lines in a row."),
    ("tab", re.compile(r"(?<=\S)\t+(?=\S)"), " ", "A tab inside a line, often the rest of a table."),
    (
        *("odd_space", re.compile("[\u00a0\u1680\u2000-\u200a\u202f\u205f\u3000]+"), " "),
        "A space of another kind than the usual one; a model reads it as a different character.",
    ),
)


def check(corpus: Corpus) -> list[FindingDraft]:
    return [finding for item in corpus.items for field, text in item.fields() for finding in _look(item, field, text)]


def _look(item: Item, field: Field, text: str) -> list[FindingDraft]:
    findings = []
    for kind, pattern, suggestion, message in _RULES:
        for match in list(pattern.finditer(text))[:MAX_OF_A_KIND]:
            values = {"check": NAME, "kind": kind, "severity": "low", "message": message, "suggestion": suggestion}
            findings.append(on_span(item, field, match.start(), match.end(), **values))
    return findings
