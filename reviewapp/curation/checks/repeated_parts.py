"""Samples of which one half is another's: nearly the same prompt with another answer, or one answer to many prompts.

The first kind teaches a model two answers to one question; the second is boilerplate that it will say whatever it is
asked. Prompts that are the same word for word belong to the check of contradictions, samples that are alike as a whole
to that of near-duplicates.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from heapq import merge

import numpy as np

from reviewapp.curation.checks.finding import Corpus, FindingDraft, Item, Scope
from reviewapp.curation.checks.lazy import (
    AT_ONCE,
    ahead,
    chosen,
    column,
    firsts_of,
    groups_of,
    keys_of,
    numbers_at,
    read_ahead,
)
from reviewapp.curation.checks.near_duplicates import text_of
from reviewapp.curation.minhash import SLACK, Sets, layout_for, pairs_within, sketches_of, verified
from reviewapp.curation.tokens import char_shingles, form_hash, jaccard, normal_form, plain_words

NAME, TITLE = "repeated_parts", "Same prompt or same completion"
SCOPE: Scope = "corpus"
VERSION = 1
PROMPT_LIMIT = 0.85
OTHER = 0.5  # completions that share less than this say something else
MIN_WORDS = 8  # a shorter prompt or completion is shared by chance
MANY, MANY_SHARE = 5, 0.005  # prompts with one completion: more than both are boilerplate


def check(corpus: Corpus) -> Iterator[FindingDraft]:
    """At most one finding of each kind on a sample, pointing to the first or the most similar one."""
    return merge(_near_prompts(corpus), _boilerplate(corpus.items), key=lambda draft: draft.key)


def _near_prompts(corpus: Corpus) -> Iterator[FindingDraft]:
    has_both = (len(plain_words(item.prompt)) >= MIN_WORDS and bool(item.completion) for item in corpus.items)
    items = chosen(corpus.items, np.flatnonzero(np.fromiter(has_both, dtype=np.bool_, count=len(corpus.items))))
    limit = max(PROMPT_LIMIT, corpus.near_limit)
    prompts = Sets(lambda place: char_shingles(items[place].prompt), lambda places: ahead(items, places))
    pairs = pairs_within(sketches_of((item.prompt for item in items), layout_for(limit)), limit - SLACK)
    # most near prompts are of copies that say the same: those are not compared pair by pair
    for number in (lambda item: form_hash(item.prompt), lambda item: form_hash(item.completion)):
        found = numbers_at(items, np.append(pairs.a, pairs.b), number)
        pairs = pairs.where(found[pairs.a] != found[pairs.b])
    pairs = verified(pairs, prompts, prompts, limit)
    seen: set[int] = set()
    order = np.lexsort((pairs.a, -pairs.similarity, pairs.b))
    for start in range(0, len(order), AT_ONCE):
        some = order[start : start + AT_ONCE]
        ahead(items, np.append(pairs.a[some], pairs.b[some]))
        for at in some.tolist():
            a, b = int(pairs.a[at]), int(pairs.b[at])
            if b not in seen and _says_other(items[a], items[b], corpus.near_limit):
                seen.add(b)
                yield _near_prompt(items[b], items[a], jaccard(prompts[a], prompts[b]))


def _says_other(a: Item, b: Item, near_limit: float) -> bool:
    if normal_form(a.prompt) == normal_form(b.prompt):
        return False
    if jaccard(char_shingles(a.completion), char_shingles(b.completion)) >= OTHER:
        return False
    return jaccard(char_shingles(text_of(a)), char_shingles(text_of(b))) < near_limit


def _near_prompt(item: Item, other: Item, similarity: float) -> FindingDraft:
    return FindingDraft(
        key=item.key,
        check=NAME,
        kind="near_prompt",
        severity="medium",
        field="completion",
        message=f"The prompt is {similarity:.0%} the same as another sample's, and the completion says something else. "
        "Check that both are right.",
        related=other.key,
        score=round(similarity, 4),
    )


def _boilerplate(items: Sequence[Item]) -> Iterator[FindingDraft]:
    completions = column(items, lambda item: form_hash(item.completion))
    many = max(MANY, MANY_SHARE * len(items))
    common = [places for places in groups_of(completions) if len(places) > many]
    keys, found = keys_of(items), list[tuple[int, int, int]]()
    for places in read_ahead(items, common):
        if len(plain_words(items[int(places[0])].completion)) < MIN_WORDS:
            continue
        prompts = column(chosen(items, places), lambda item: form_hash(item.prompt))
        others = places[firsts_of(prompts) == np.arange(len(places))]
        if len(others) > many:
            found += [(int(keys[place]), int(keys[others[0]]), len(others)) for place in others[1:]]
    return (_repeated(*row) for row in sorted(found))


def _repeated(key: int, first: int, n: int) -> FindingDraft:
    return FindingDraft(
        key=key,
        check=NAME,
        kind="repeated_completion",
        severity="low",
        field="completion",
        message=f"{n} samples with different prompts have this completion. Keep it only where it is the right answer.",
        related=first,
        score=1.0,
    )
