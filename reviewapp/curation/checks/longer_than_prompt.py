"""Completions longer than the prompt they are made from, in a project where completions are shorter as a rule.

A summary that is longer than its source says more than was there. Where more than LIMIT of the samples have a longer
completion (answers to questions, letters from key words), that is the task, and nothing is noticed.
"""

from __future__ import annotations

from collections.abc import Iterator

from reviewapp.curation.checks.finding import Corpus, FindingDraft, Scope
from reviewapp.curation.tokens import plain_words

NAME, TITLE = "longer_than_prompt", "Completions longer than the prompt"
SCOPE: Scope = "corpus"
VERSION = 1
LIMIT, LEAST_SAMPLES = 0.1, 20
LEAST_WORDS = 20  # of the completion: a short one has no room for much that was not there
TIMES = 1.2  # as many words as the prompt


def check(corpus: Corpus) -> Iterator[FindingDraft]:
    """At most LIMIT of the samples; none in a corpus of fewer than LEAST_SAMPLES."""
    counted, longer = 0, list[tuple[int, int, int]]()
    for item in corpus.items:
        n, of = _n(item.completion), _n(item.prompt)
        counted += bool(n and of)
        if of and n >= LEAST_WORDS and n > TIMES * of:
            longer.append((item.key, n, of))
    if counted >= LEAST_SAMPLES and len(longer) <= LIMIT * counted:
        yield from (_finding(*row) for row in longer)


def _n(text: str) -> int:
    return len(plain_words(text))


def _finding(key: int, n: int, of: int) -> FindingDraft:
    message = f"The completion has {n:,} words, the prompt {of:,}. Check that all of it comes from the prompt."
    return FindingDraft(
        key=key, check=NAME, kind=NAME, severity="low", field="completion", message=message, score=round(n / of, 2)
    )
