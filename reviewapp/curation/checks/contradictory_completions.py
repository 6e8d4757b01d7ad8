"""The same prompt with different completions: a model cannot learn both."""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Iterator, Sequence

from reviewapp.curation.checks.finding import Corpus, FindingDraft, Item, Scope
from reviewapp.curation.tokens import form_hash, normal_form, words_of

NAME, TITLE = "contradictory_completions", "Contradictory completions"
SCOPE: Scope = "corpus"
VERSION = 1
_PUNCTUATION = re.compile(r"[^\w\s]")


def check(corpus: Corpus) -> list[FindingDraft]:
    """A finding on every item that shares its prompt with one whose completion differs in words or figures."""
    by_prompt: dict[int, list[Item]] = defaultdict(list)
    for item in corpus.items:
        by_prompt[form_hash(item.prompt)].append(item)
    return [finding for items in by_prompt.values() if len(items) > 1 for finding in _look(items)]


def _look(items: Sequence[Item]) -> Iterator[FindingDraft]:
    """Each item with the first that says something else; what is said is worked out once for each."""
    said = [_says(item) for item in items]
    other = next((place for place, words in enumerate(said) if words != said[0]), None)
    if other is None:
        return
    for item, words in zip(items, said, strict=True):
        yield _finding(item, items[other if words == said[0] else 0])


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
