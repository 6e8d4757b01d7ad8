"""Samples that hold a row of a declared benchmark, whole or in part: a score on it would then measure memory.

The same three looks as for held-out prompts. Of the benchmark only hashes are kept, so that a whole prompt is compared
by an estimate (128 hashes, standard error at most 4%), and the finding shows the sample's own words.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator

from reviewapp.curation.checks.finding import Corpus, FindingDraft, Item, Scope, on_span
from reviewapp.curation.checks.heldout_overlap import span_of, with_items
from reviewapp.curation.contamination.overlapping import Overlap, names_of, overlaps

NAME, TITLE = "benchmark_overlap", "Overlap with declared benchmarks"
SCOPE: Scope = "corpus"
VERSION = 1


def check(corpus: Corpus) -> Iterator[FindingDraft]:
    """One finding on each sample that overlaps, about the closest row; the message names the others."""
    compared = [prints for _, prints in corpus.benchmarks]
    found: defaultdict[int, list[tuple[str, Overlap]]] = defaultdict(list)
    each = overlaps(corpus.items, compared, [None] * len(compared)) if compared else []
    for (name, _), some in zip(corpus.benchmarks, each, strict=True):
        for overlap in some:
            found[overlap.item].append((f"{name}, row {overlap.owner + 1}", overlap))
    closest = {place: sorted(rows, key=_closest) for place, rows in found.items()}
    for overlap, item in with_items(corpus.items, [closest[place][0][1] for place in sorted(closest)]):
        yield _finding(item, closest[overlap.item])


def _closest(row: tuple[str, Overlap]) -> tuple[int, bool, float]:
    overlap = row[1]
    return ("exact", "near", "passage").index(overlap.kind), not overlap.is_sure, -overlap.share


def _finding(item: Item, rows: list[tuple[str, Overlap]]) -> FindingDraft:
    overlap = rows[0][1]
    names = names_of(name for name, _ in rows)
    if overlap.words is None:
        alike = "the same as" if overlap.kind == "exact" else f"about {overlap.share:.0%} the same as"
        return FindingDraft(
            key=item.key,
            check=NAME,
            kind=f"benchmark_{overlap.kind}",
            severity="high",
            field="prompt",
            message=f"The prompt is {alike} a row of a benchmark ({names}). Reject it, or the score measures memory.",
            score=round(overlap.share, 4),
        )
    return on_span(
        item,
        overlap.field,
        *span_of(item, overlap),
        check=NAME,
        kind="benchmark_passage",
        severity="high" if overlap.is_sure else "medium",
        message=f"These words also stand in a benchmark ({names}). Reject the sample, or cut the passage.",
        score=round(overlap.share, 4),
    )
