"""The same prompt and completion twice, apart from case, white space and Unicode form."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator, Sequence

import numpy as np
import numpy.typing as npt

from reviewapp.curation.checks.finding import Corpus, FindingDraft, Item, Scope
from reviewapp.curation.checks.lazy import firsts_of, keys_of
from reviewapp.curation.tokens import normal_form

NAME, TITLE = "exact_duplicates", "Exact duplicates"
SCOPE: Scope = "corpus"
VERSION = 1


def digest_of(item: Item) -> bytes:
    """blake2b over the normal forms, the same for items that a reader would call the same."""
    return _digest(normal_form(item.prompt), normal_form(item.completion))


def digests_of(items: Sequence[Item]) -> npt.NDArray[np.bytes_]:
    """``digest_of`` each, 16 bytes an item."""
    return np.fromiter((digest_of(item) for item in items), dtype="S16", count=len(items))


def check(corpus: Corpus) -> Iterator[FindingDraft]:
    """One finding on each later copy, pointing to the first."""
    digests = np.fromiter(
        ((digest_of(item), _digest(item.prompt, item.completion)) for item in corpus.items),
        dtype=[("form", "S16"), ("letters", "S16")],
        count=len(corpus.items),
    )
    first, keys = firsts_of(digests["form"]), keys_of(corpus.items)
    is_same = digests["letters"] == digests["letters"][first]
    for place in np.flatnonzero(first != np.arange(len(first))).tolist():
        yield _finding(int(keys[place]), int(keys[first[place]]), is_same=bool(is_same[place]))


def _digest(prompt: str, completion: str) -> bytes:
    data = f"{prompt}\0{completion}".encode("utf-8", errors="surrogatepass")
    return hashlib.blake2b(data, digest_size=16).digest()


def _finding(key: int, keeper: int, *, is_same: bool) -> FindingDraft:
    how = "to the letter" if is_same else "apart from case and white space"
    return FindingDraft(
        key=key,
        check=NAME,
        kind="exact_duplicate" if is_same else "exact_case_space",
        severity="high",
        field="prompt",
        message=f"Prompt and completion are the same as in another sample, {how}. Keep one of the two.",
        related=keeper,
        score=1.0,
    )
