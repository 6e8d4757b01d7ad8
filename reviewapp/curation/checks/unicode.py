"""Characters that nobody can see or read: controls, hidden directions, mojibake, marks of lost text."""

from __future__ import annotations

import re
from collections.abc import Iterator

from ftfy import fix_encoding
from ftfy.badness import is_bad

from reviewapp.curation.checks.finding import Corpus, Field, FindingDraft, Item, Scope, Severity, on_span

NAME, TITLE = "unicode", "Damaged or hidden characters"
SCOPE: Scope = "text"
VERSION = 1
MAX_OF_A_KIND = 20  # in one field: a text that is damaged throughout is one problem, not a thousand

_RULES: tuple[tuple[str, Severity, re.Pattern[str], str, str | None], ...] = (
    (
        *("control_character", "low", re.compile("[\x00-\x08\x0b-\x1f\x7f-\x9f]+")),
        *("Control characters that no reader sees. Remove them.", ""),
    ),
    (
        *("hidden_text", "high", re.compile("[\u202a-\u202e\u2066-\u2069\U000e0000-\U000e007f]+")),
        *("Characters that hide or reverse text. Look at what they hide, then remove them.", ""),
    ),
    (
        *("zero_width", "low", re.compile("[\u200b\u2060\ufeff\u00ad]+")),
        *("Invisible characters inside the text. Remove them.", ""),
    ),
    (
        *("lost_character", "medium", re.compile("\ufffd+")),
        *("Characters were lost before the import. Find them in the file it came from.", None),
    ),
    (
        *("private_character", "low", re.compile("[\ue000-\uf8ff]+")),
        *("Characters that only one font knows, such as symbols from an old Word file.", None),
    ),
)
_WORD = re.compile(r"[^ \t\r\n]+")


def check(corpus: Corpus) -> list[FindingDraft]:
    return [
        finding
        for item in corpus.items
        for field, text in item.fields()
        if not text.isascii() or not text.isprintable()
        for finding in (*_rules(item, field, text), *_mojibake(item, field, text))
    ]


def _rules(item: Item, field: Field, text: str) -> Iterator[FindingDraft]:
    for kind, severity, pattern, message, suggestion in _RULES:
        values = {"check": NAME, "kind": kind, "severity": severity, "message": message, "suggestion": suggestion}
        for count, match in enumerate(pattern.finditer(text), start=1):
            if count > MAX_OF_A_KIND:
                break
            yield on_span(item, field, match.start(), match.end(), **values)


def _mojibake(item: Item, field: Field, text: str) -> Iterator[FindingDraft]:
    count = 0
    for match in _WORD.finditer(text):
        word = match[0]
        if word.isascii() or not is_bad(word):
            continue
        count += 1
        if count > MAX_OF_A_KIND:
            return
        repaired = fix_encoding(word)
        yield on_span(
            item,
            field,
            match.start(),
            match.end(),
            check=NAME,
            kind="mojibake",
            severity="medium",
            message="The word looks as if it was read in the wrong encoding.",
            suggestion=repaired if repaired != word else None,
        )
