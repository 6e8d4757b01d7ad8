"""Completions in another language than their prompt, and texts in another one than the sample says.

Short texts and notes full of names and figures are often unsure; they are left in peace.
"""

from __future__ import annotations

from collections.abc import Iterator

from reviewapp.curation.checks.finding import Corpus, Field, FindingDraft, Item, Scope
from reviewapp.curation.language import language_of, name_of

NAME, TITLE = "language_mismatch", "Language"
SCOPE: Scope = "text"
VERSION = 1


def check(corpus: Corpus) -> list[FindingDraft]:
    """At most one finding a sample."""
    return [finding for item in corpus.items for finding in _look(item)]


def _look(item: Item) -> Iterator[FindingDraft]:
    prompt, completion = language_of(item.prompt), language_of(item.completion)
    declared = item.language.casefold()[:2]
    if prompt and completion and prompt != completion:
        message = f"The completion looks {name_of(completion)}, the prompt {name_of(prompt)}. Check that this is meant."
        yield _finding(item, "completion_language", "completion", message)
    elif declared and prompt and prompt != declared:
        message = f"The sample says {name_of(declared)}; the prompt looks {name_of(prompt)}. Correct one of the two."
        yield _finding(item, "declared_language", "prompt", message)


def _finding(item: Item, kind: str, field: Field, message: str) -> FindingDraft:
    return FindingDraft(key=item.key, check=NAME, kind=kind, severity="medium", field=field, message=message)
