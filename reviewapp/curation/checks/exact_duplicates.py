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
    first: dict[bytes, Item] = {}
    findings = []
    for item in corpus.items:
        keeper = first.setdefault(digest_of(item), item)
        if keeper.key != item.key:
            findings.append(_finding(item, keeper))
    return findings


def _finding(item: Item, keeper: Item) -> FindingDraft:
    is_same = (item.prompt, item.completion) == (keeper.prompt, keeper.completion)
    how = "to the letter" if is_same else "apart from case and white space"
    return FindingDraft(
        key=item.key,
        check=NAME,
        kind="exact_duplicate" if is_same else "exact_case_space",
        severity="high",
        field="prompt",
        message=f"Prompt and completion are the same as in another sample, {how}. Keep one of the two.",
        related=keeper.key,
        score=1.0,
    )
