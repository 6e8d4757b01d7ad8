"""Completions longer than the prompt they are made from, in a project where completions are shorter as a rule.

A summary that is longer than its source says more than was there. Where more than LIMIT of the samples have a longer
completion (answers to questions, letters from key words), that is the task, and nothing is noticed.
"""

from __future__ import annotations

from reviewapp.curation.checks.finding import Corpus, FindingDraft, Item, Scope
from reviewapp.curation.tokens import plain_words

NAME, TITLE = "longer_than_prompt", "Completions longer than the prompt"
SCOPE: Scope = "corpus"
VERSION = 1
LIMIT, LEAST_SAMPLES = 0.1, 20
LEAST_WORDS = 20  # of the completion: a short one has no room for much that was not there
TIMES = 1.2  # as many words as the prompt


def check(corpus: Corpus) -> list[FindingDraft]:
    """At most LIMIT of the samples; none in a corpus of fewer than LEAST_SAMPLES."""
    counted = [(item, n, of) for item in corpus.items if (n := _n(item.completion)) and (of := _n(item.prompt))]
    longer = [(item, n, of) for item, n, of in counted if n >= LEAST_WORDS and n > TIMES * of]
    if len(counted) < LEAST_SAMPLES or len(longer) > LIMIT * len(counted):
        return []
    return [_finding(item, n, of) for item, n, of in longer]


def _n(text: str) -> int:
    return len(plain_words(text))


def _finding(item: Item, n: int, of: int) -> FindingDraft:
    message = f"The completion has {n:,} words, the prompt {of:,}. Check that all of it comes from the prompt."
    return FindingDraft(
        key=item.key, check=NAME, kind=NAME, severity="low", field="completion", message=message, score=round(n / of, 2)
    )
