"""Samples that hold a held-out prompt, whole or in part: training on them would spoil the evaluation.

Three looks, strictest first: the same prompt; a prompt at least 70% alike (runs of 5 characters); a passage in
common, found by runs of 8 words. Runs that several held-out prompts or many samples share are stock phrases and
count for nothing. The finding shows the sample's own words, never the sealed prompt.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from reviewapp.curation.checks.finding import Corpus, FindingDraft, Item, Scope, on_span
from reviewapp.curation.checks.lazy import AT_ONCE, ahead
from reviewapp.curation.contamination.overlapping import LIMIT, RUN, Overlap, fingerprints_of, overlaps
from reviewapp.curation.tokens import words_of

__all__ = ["LIMIT", "NAME", "RUN", "SCOPE", "TITLE", "check"]

NAME, TITLE = "heldout_overlap", "Overlap with held-out prompts"
SCOPE: Scope = "corpus"
VERSION = 1


def check(corpus: Corpus) -> Iterator[FindingDraft]:
    """At most one finding for each pair of a sample and a held-out prompt."""
    if not corpus.heldout:
        return
    texts = [text for _, text in corpus.heldout]
    (found,) = overlaps(corpus.items, [fingerprints_of(texts)], [texts])
    for overlap, item in with_items(corpus.items, sorted(found, key=lambda overlap: overlap.item)):
        yield _finding(item, overlap, corpus.heldout[overlap.owner][0])


def with_items(items: Sequence[Item], found: Sequence[Overlap]) -> Iterator[tuple[Overlap, Item]]:
    """Each overlap with the item that it is in, some hundred of them read together."""
    for start in range(0, len(found), AT_ONCE):
        some = found[start : start + AT_ONCE]
        ahead(items, (overlap.item for overlap in some))
        yield from ((overlap, items[overlap.item]) for overlap in some)


def _finding(item: Item, overlap: Overlap, key: int) -> FindingDraft:
    if overlap.words is None:
        words = "the same as a held-out prompt"
        how = words if overlap.kind == "exact" else f"{overlap.share:.0%} {words}"
        return FindingDraft(
            key=item.key,
            check=NAME,
            kind=f"heldout_{overlap.kind}",
            severity="high",
            field="prompt",
            message=f"The prompt is {how}. Reject the sample, or training on it spoils the evaluation.",
            related_heldout=key,
            score=round(overlap.share, 4),
        )
    start, end = span_of(item, overlap)
    return on_span(
        item,
        overlap.field,
        start,
        end,
        check=NAME,
        kind="heldout_passage",
        severity="high" if overlap.is_sure else "medium",
        message="These words also stand in a held-out prompt. Reject the sample, or cut the passage.",
        related_heldout=key,
        score=round(overlap.share, 4),
    )


def span_of(item: Item, overlap: Overlap) -> tuple[int, int]:
    """Characters from the first to the last word of a passage."""
    first, last = overlap.words or (0, 0)
    words = words_of(item.prompt if overlap.field == "prompt" else item.completion)
    return words[first][1], words[min(last, len(words) - 1)][2]
