"""Samples that hold a held-out prompt, whole or in part: training on them would spoil the evaluation.

Three looks, strictest first: the same prompt; a prompt at least 70% alike (runs of 5 characters); a passage in
common, found by runs of 8 words. Runs that several held-out prompts or many samples share are stock phrases and
count for nothing. The finding shows the sample's own words, never the sealed prompt.
"""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Sequence
from dataclasses import dataclass, field

import numpy as np

from reviewapp.curation.checks.finding import Corpus, Field, FindingDraft, Item, Scope, on_span
from reviewapp.curation.minhash import Index, signature
from reviewapp.curation.tokens import Hashes, char_shingles, jaccard, known_places, normal_form, word_grams, words_of

NAME, TITLE = "heldout_overlap", "Overlap with held-out prompts"
SCOPE: Scope = "corpus"
VERSION = 1
RUN = 8  # words
SURE_RUNS = 18  # of one held-out prompt in one sample: 25 words in a row, or more in pieces
MIN_RUNS = 12  # worth a look: two people may have said the same by chance
FEW_RUNS = 8  # are enough where they are half of a short held-out prompt
LIMIT = 0.7
_STOCK_PROMPTS = 3  # a run in this many held-out prompts is a stock phrase
_STOCK_SAMPLES = 0.005  # so is one in more than this share of the samples, and in more than 5 of them


@dataclass
class _Sealed:
    """The held-out prompts, ready to be compared with."""

    exact: dict[str, int] = field(default_factory=dict)
    near: Index = field(default_factory=Index)
    texts: dict[int, str] = field(default_factory=dict)
    runs: dict[int, list[int]] = field(default_factory=lambda: defaultdict(list))  # hash -> prompts that hold it
    sizes: dict[int, int] = field(default_factory=dict)  # prompt -> its runs that are no stock phrase
    known: Hashes = field(default_factory=lambda: np.empty(0, dtype=np.uint64))


def check(corpus: Corpus) -> list[FindingDraft]:
    """At most one finding for each pair of a sample and a held-out prompt."""
    if not corpus.heldout:
        return []
    sealed = _seal(corpus.heldout)
    _drop_stock(sealed, corpus.items)
    findings = []
    for item in corpus.items:
        whole = _whole(item, sealed)
        findings += whole or _passages(item, sealed)
    return findings


def _seal(heldout: Sequence[tuple[int, str]]) -> _Sealed:
    sealed = _Sealed()
    for key, text in heldout:
        sealed.texts[key] = text
        sealed.exact.setdefault(normal_form(text), key)
        sealed.near.add(key, signature(char_shingles(text)))
        for run in set(word_grams(text, RUN).tolist()):
            sealed.runs[run].append(key)
    return sealed


def _drop_stock(sealed: _Sealed, items: Sequence[Item]) -> None:
    sealed.known = np.array(sorted(sealed.runs), dtype=np.uint64)
    seen: Counter[int] = Counter()
    for item in items:
        runs = np.unique(np.concatenate([word_grams(text, RUN) for _, text in item.fields()]))
        seen.update(runs[known_places(runs, sealed.known)].tolist())
    many = max(5, int(_STOCK_SAMPLES * len(items)))
    stock = {run for run, keys in sealed.runs.items() if len(keys) >= _STOCK_PROMPTS or seen[run] > many}
    sealed.known = np.array(sorted(set(sealed.runs) - stock), dtype=np.uint64)
    sealed.sizes = dict(Counter(key for run in set(sealed.runs) - stock for key in sealed.runs[run]))


def _whole(item: Item, sealed: _Sealed) -> list[FindingDraft]:
    key = sealed.exact.get(normal_form(item.prompt))
    if key is not None:
        return [_finding(item, key, "heldout_exact", 1.0, "The prompt is the same as a held-out prompt.")]
    own = char_shingles(item.prompt)
    for candidate, _ in sealed.near.near(signature(own), LIMIT):
        similarity = jaccard(own, char_shingles(sealed.texts[candidate]))
        if similarity >= LIMIT:
            message = f"The prompt is {similarity:.0%} the same as a held-out prompt."
            return [_finding(item, candidate, "heldout_near", similarity, message)]
    return []


def _finding(item: Item, key: int, kind: str, score: float, message: str) -> FindingDraft:
    return FindingDraft(
        key=item.key,
        check=NAME,
        kind=kind,
        severity="high",
        field="prompt",
        message=f"{message} Reject the sample, or training on it spoils the evaluation.",
        related_heldout=key,
        score=round(score, 4),
    )


def _passages(item: Item, sealed: _Sealed) -> list[FindingDraft]:
    findings: dict[int, FindingDraft] = {}
    for name, text in item.fields():
        runs = word_grams(text, RUN)
        places: dict[int, list[int]] = defaultdict(list)
        for place in known_places(runs, sealed.known):
            for key in sealed.runs[int(runs[place])]:
                places[key].append(place)
        for key, found in places.items():
            count = len({int(runs[place]) for place in found})
            if key not in findings and _is_much(count, sealed.sizes[key]):
                findings[key] = _passage(item, name, text, found, key, count, sealed.sizes[key])
    return list(findings.values())


def _is_much(count: int, size: int) -> bool:
    return count >= MIN_RUNS or (count >= FEW_RUNS and 2 * count >= size)


def _passage(item: Item, name: Field, text: str, places: list[int], key: int, count: int, size: int) -> FindingDraft:
    words = words_of(text)
    first, last = _longest(places)
    return on_span(
        item,
        name,
        words[first][1],
        words[min(last + RUN, len(words)) - 1][2],
        check=NAME,
        kind="heldout_passage",
        severity="high" if count >= SURE_RUNS or 2 * count >= size else "medium",
        message="These words also stand in a held-out prompt. Reject the sample, or cut the passage.",
        related_heldout=key,
        score=round(count / size, 4),
    )


def _longest(places: list[int]) -> tuple[int, int]:
    """First and last place of the longest stretch, bridging gaps shorter than one run."""
    best = start = last = places[0]
    best_end = last
    for place in places[1:]:
        if place - last > RUN:
            start = place
        last = place
        if last - start > best_end - best:
            best, best_end = start, last
    return best, best_end
