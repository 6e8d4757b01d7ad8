"""Completions that are empty, say nothing, or are too short to teach anything."""

from __future__ import annotations

from reviewapp.curation.checks.finding import Corpus, FindingDraft, Item, Scope, Severity
from reviewapp.curation.tokens import words_of

NAME, TITLE = "completion_length", "Empty or short completions"
SCOPE: Scope = "text"
VERSION = 1
MIN_WORDS = 3
PLACEHOLDERS = frozenset(
    ("na", "n/a", "nan", "none", "null", "nil", "tbd", "todo", "xxx", "test", "-", "--", "---", ".", "..", "...", "?")
)


def check(corpus: Corpus) -> list[FindingDraft]:
    return [finding for item in corpus.items if (finding := _look(item))]


def _look(item: Item) -> FindingDraft | None:
    text = item.completion.strip()
    if not text:
        return _finding(item, "empty_completion", "high", "The completion is empty. Write it or reject the sample.")
    if text.casefold() in PLACEHOLDERS:
        message = "The completion is a placeholder. Write it or reject the sample."
        return _finding(item, "placeholder_completion", "high", message)
    if len(words_of(text)) < MIN_WORDS:
        message = f"The completion has fewer than {MIN_WORDS} words. Check that it says all it should."
        return _finding(item, "short_completion", "low", message)
    return None


def _finding(item: Item, kind: str, severity: Severity, message: str) -> FindingDraft:
    return FindingDraft(key=item.key, check=NAME, kind=kind, severity=severity, field="completion", message=message)
