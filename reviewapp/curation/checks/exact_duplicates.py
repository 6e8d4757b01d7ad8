"""The same prompt and completion twice, apart from case, white space and Unicode form."""

from __future__ import annotations

import hashlib

from reviewapp.curation.checks.finding import Corpus, FindingDraft, Item, Scope
from reviewapp.curation.tokens import normal_form

NAME, TITLE = "exact_duplicates", "Exact duplicates"
SCOPE: Scope = "corpus"
VERSION = 1


def digest_of(item: Item) -> bytes:
    """blake2b over the normal forms, the same for items that a reader would call the same."""
    text = f"{normal_form(item.prompt)}\0{normal_form(item.completion)}"
    return hashlib.blake2b(text.encode("utf-8", errors="surrogatepass"), digest_size=16).digest()


def check(corpus: Corpus) -> list[FindingDraft]:
    """One finding on each later copy, pointing to the first."""
    first: dict[bytes, int] = {}
    findings = []
    for item in corpus.items:
        keeper = first.setdefault(digest_of(item), item.key)
        if keeper != item.key:
            findings.append(_finding(item, keeper))
    return findings


def _finding(item: Item, keeper: int) -> FindingDraft:
    return FindingDraft(
        key=item.key,
        check=NAME,
        kind="exact_duplicate",
        severity="high",
        field="prompt",
        message="Prompt and completion are the same as in another sample. Keep one of the two.",
        related=keeper,
        score=1.0,
    )
