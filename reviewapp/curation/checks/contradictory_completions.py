"""The same prompt with different completions: a model cannot learn both."""

from __future__ import annotations

import re
from collections.abc import Iterator

import numpy as np

from reviewapp.curation.checks.finding import Corpus, FindingDraft, Item, Scope
from reviewapp.curation.checks.lazy import chosen, column, groups_of, read_ahead
from reviewapp.curation.tokens import Counts, Hashes, form_hash, normal_form, text_hash, words_of

NAME, TITLE = "contradictory_completions", "Contradictory completions"
SCOPE: Scope = "corpus"
VERSION = 1
_PUNCTUATION = re.compile(r"[^\w\s]")


def check(corpus: Corpus) -> Iterator[FindingDraft]:
    """A finding on every item that shares its prompt with one whose completion differs in words or figures."""
    prompts = column(corpus.items, lambda item: form_hash(item.prompt))
    shared = np.sort(np.concatenate([np.empty(0, dtype=np.int64), *groups_of(prompts)]))
    items = chosen(corpus.items, shared)
    others = _others(prompts[shared], column(items, lambda item: text_hash(_says(item))))
    places = np.flatnonzero(others >= 0)
    for block in read_ahead(items, np.stack([places, others[places]], axis=1)):
        place, other = block.tolist()
        yield _finding(items[place], items[other])


def _others(prompts: Hashes, said: Hashes) -> Counts:
    """For each item the first with its prompt that says something else than it; -1 where none does."""
    others = np.full(len(prompts), -1, dtype=np.int64)
    for places in groups_of(prompts):
        is_other = said[places] != said[places[0]]
        if is_other.any():
            others[places] = np.where(is_other, places[0], places[is_other.argmax()])
    return others


def contradict(a: Item, b: Item) -> bool:
    """True for two items with the same prompt whose completions differ in words or figures."""
    return normal_form(a.prompt) == normal_form(b.prompt) and _says(a) != _says(b)


def _says(item: Item) -> str:
    """The completion without what carries no meaning; full stops inside figures stay (1.5 is not 15)."""
    text = re.sub(r"(?<=\d)[.,](?=\d)", "point", normal_form(item.completion))
    return " ".join(_PUNCTUATION.sub(" ", text).split())


def _finding(item: Item, other: Item) -> FindingDraft:
    start, end = _difference(item.completion, other.completion)
    return FindingDraft(
        key=item.key,
        check=NAME,
        kind="contradictory_completion",
        severity="high",
        field="completion",
        start=start,
        end=end,
        excerpt="" if start is None else item.completion[start:end],
        message="Another sample has the same prompt and says something else here. Decide which is right.",
        related=other.key,
    )


def _difference(text: str, other: str) -> tuple[int | None, int | None]:
    """Where ``text`` departs from ``other``, from the first differing word to the last; None where it only lacks."""
    own, theirs = words_of(text), [word for word, _, _ in words_of(other)]
    words = [word for word, _, _ in own]
    head = 0
    while head < min(len(words), len(theirs)) and words[head] == theirs[head]:
        head += 1
    tail = 0
    while tail < min(len(words), len(theirs)) - head and words[-1 - tail] == theirs[-1 - tail]:
        tail += 1
    if head >= len(words) - tail:
        return None, None
    return own[head][1], own[len(words) - tail - 1][2]
