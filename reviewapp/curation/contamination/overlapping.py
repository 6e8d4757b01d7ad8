"""Which samples hold text that must stay out of training: whole prompts, almost whole ones, passages.

What is kept of a text that is compared with is a hash of its normal form, hashes of its runs of 8 words and a MinHash
sketch: enough to find it again in a sample, and nothing to read it from. The samples are read once, some hundred at a
time; only the runs that are found among those kept are remembered.
"""

from __future__ import annotations

import io
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np
import numpy.typing as npt

from reviewapp.curation.checks.finding import Field, Item
from reviewapp.curation.checks.lazy import ahead, batches, column
from reviewapp.curation.minhash import (
    SLACK,
    Layout,
    Pairs,
    Sets,
    Sketches,
    layout_for,
    pairs_between,
    sketches_of,
    verified,
)
from reviewapp.curation.tokens import (
    Counts,
    Hashes,
    Runs,
    char_shingles,
    distinct,
    form_hash,
    known_places,
    word_runs,
)

RUN = 8  # words
SURE_RUNS = 18  # of one text in one sample: 25 words in a row, or more in pieces
MIN_RUNS = 12  # worth a look: two people may have said the same by chance
FEW_RUNS = 8  # are enough where they are half of a short text
LIMIT = 0.7
_STOCK_TEXTS = 3  # a run in this many of the texts is a stock phrase
_STOCK_SAMPLES = 0.005  # so is one in more than this share of the samples, and in more than 5 of them
_CHUNK = 256
SCHEME = 1  # of the hashes; goes up when tokens.py or minhash.py make others
_BITS = np.uint64((1 << 22) - 1)  # of the table that sorts out most runs before the search
FIELDS: tuple[Field, Field] = ("prompt", "completion")


@dataclass(frozen=True)
class Fingerprints:
    """What is kept of texts: ``exact`` one hash each, ``runs`` sorted with the ``owners`` that hold them."""

    exact: Hashes
    runs: Hashes
    owners: npt.NDArray[np.int32]
    sketches: Sketches

    def __len__(self) -> int:
        return len(self.exact)


@dataclass(frozen=True)
class Overlap:
    """Item and text (their places) and what they share: ``words`` first and last, None for a whole prompt.

    ``share`` is the similarity of the whole prompts, or the share of the text's runs found in the sample.
    """

    item: int
    owner: int
    kind: Literal["exact", "near", "passage"]
    share: float
    field: Field = "prompt"
    words: tuple[int, int] | None = None
    is_sure: bool = True


def layout() -> Layout:
    return layout_for(LIMIT)


def fingerprints_of(texts: Sequence[str], passages: Sequence[str] | None = None) -> Fingerprints:
    """Of texts that prompts are compared with as a whole; ``passages`` are what passages are looked for in instead."""
    runs = [np.empty(0, dtype=np.uint64)]
    owners = [np.empty(0, dtype=np.int32)]
    source = texts if passages is None else passages
    for start in range(0, len(source), _CHUNK):
        found = word_runs(source[start : start + _CHUNK], RUN)
        runs.append(found.values)
        owners.append((found.owners + start).astype(np.int32))
    values, whose = np.concatenate(runs), np.concatenate(owners)
    order = np.lexsort((whose, values))
    values, whose = values[order], whose[order]
    is_new = np.concatenate([[True], (values[1:] != values[:-1]) | (whose[1:] != whose[:-1])])[: len(values)]
    exact = np.array([form_hash(text) for text in texts], dtype=np.uint64)
    return Fingerprints(exact, values[is_new], whose[is_new], sketches_of(texts, layout()))


def packed(prints: Fingerprints) -> bytes:
    """As bytes to be kept; numbers only."""
    sketches, file = prints.sketches, io.BytesIO()
    np.savez(
        file,
        scheme=np.array(SCHEME),
        exact=prints.exact,
        runs=prints.runs,
        owners=prints.owners,
        places=sketches.places,
        bands=sketches.bands,
        has_runs=sketches.has_runs,
    )
    return file.getvalue()


def unpacked(data: bytes) -> Fingerprints:
    """What ``packed`` made. Raises ValueError for bytes of another scheme."""
    with np.load(io.BytesIO(data), allow_pickle=False) as found:
        if int(found["scheme"]) != SCHEME:
            raise ValueError("made by another version of the hashes")
        sketches = Sketches(found["places"], found["bands"], found["has_runs"])
        return Fingerprints(found["exact"], found["runs"], found["owners"], sketches)


Small = npt.NDArray[np.int32]


@dataclass(frozen=True)
class _Hits:
    """Runs of samples that are among those kept: item, field (0, 1), place of its first word, which run."""

    items: Small
    fields: Small
    places: Small
    runs: Small


class _Search:
    """Collects what ``n_items`` samples share with one set of fingerprints.

    A run is let go when it is known to be a stock phrase: one sample a million times takes no room.
    """

    def __init__(self, prints: Fingerprints, n_items: int) -> None:
        self.prints = prints
        self.known = distinct(prints.runs)
        self.table = np.zeros(int(_BITS) + 1, dtype=bool)
        self.table[(self.known & _BITS).astype(np.intp)] = True
        nothing = np.empty(0, dtype=np.int32)
        self.parts = [_Hits(nothing, nothing, nothing, nothing)]
        self.samples_with = np.zeros(len(self.known), dtype=np.int64)
        self.most = max(5, int(_STOCK_SAMPLES * n_items))

    def take(self, start: int, runs: Runs) -> None:
        """Runs of prompts and completions in turn, of the samples from ``start`` on."""
        likely = np.flatnonzero(self.table[(runs.values & _BITS).astype(np.intp)])
        likely = likely[known_places(runs.values[likely], self.known)]
        ends = np.cumsum(runs.counts)
        text = np.searchsorted(ends, likely, side="right")
        places = likely - (ends - runs.counts)[text]
        found = np.searchsorted(self.known, runs.values[likely])
        items = start + text // 2
        in_items = distinct(items * max(1, len(self.known)) + found) % max(1, len(self.known))
        np.add.at(self.samples_with, in_items, 1)
        rare = self.samples_with[found] <= self.most
        kept = (items[rare], (text % 2)[rare], places[rare], found[rare])
        self.parts.append(_Hits(*(values.astype(np.int32) for values in kept)))

    def passages(self) -> list[Overlap]:
        hits = _Hits(
            *(
                np.concatenate([getattr(part, name) for part in self.parts])
                for name in ("items", "fields", "places", "runs")
            )
        )
        return _passages(self.prints, self.known, hits, self.samples_with > self.most)


def overlaps(
    items: Sequence[Item], compared: Sequence[Fingerprints], texts: Sequence[Sequence[str] | None]
) -> list[list[Overlap]]:
    """For each set of fingerprints what the samples share with it, at most one overlap for a sample and a text.

    ``texts`` are those behind the fingerprints where they are known: then similarities near the limit are exact.
    """
    searches = [_Search(prints, len(items)) for prints in compared]
    start = 0
    for some in batches(items):
        runs = word_runs([text for item in some for _, text in item.fields()], RUN)
        for search in searches:
            search.take(start, runs)
        start += len(some)
    prompts = _Prompts(items)
    found = []
    for search, known in zip(searches, texts, strict=True):
        whole = prompts.whole(search.prints, known)
        have = {overlap.item for overlap in whole}
        passages = search.passages()
        found.append(whole + [overlap for overlap in passages if overlap.item not in have])
    return found


class _Prompts:
    """The prompts of the samples, compared as a whole."""

    def __init__(self, items: Sequence[Item]) -> None:
        self.items = items
        self.exact = column(items, lambda item: form_hash(item.prompt))
        self.sketches = sketches_of((item.prompt for item in items), layout())

    def whole(self, prints: Fingerprints, texts: Sequence[str] | None) -> list[Overlap]:
        """The same prompt, else the one that is most alike; empty prompts are like none."""
        order = np.argsort(prints.exact, kind="stable")
        known = prints.exact[order]
        same = known_places(self.exact, known)
        same = same[self.sketches.has_runs[same]]
        owners = order[np.searchsorted(known, self.exact[same])]
        found = {
            int(item): Overlap(int(item), int(owner), "exact", 1.0) for item, owner in zip(same, owners, strict=True)
        }
        near = self._near(prints, texts)
        for at in np.argsort(-near.similarity, kind="stable").tolist():
            item, owner = int(near.a[at]), int(near.b[at])
            found.setdefault(item, Overlap(item, owner, "near", float(near.similarity[at])))
        return list(found.values())

    def _near(self, prints: Fingerprints, texts: Sequence[str] | None) -> Pairs:
        if texts is None:
            return pairs_between(self.sketches, prints.sketches, LIMIT)
        likely = pairs_between(self.sketches, prints.sketches, LIMIT - SLACK)
        own = Sets(lambda place: char_shingles(self.items[place].prompt), lambda places: ahead(self.items, places))
        return verified(likely, own, Sets(lambda place: char_shingles(texts[place])), LIMIT)


def _passages(prints: Fingerprints, known: Hashes, hits: _Hits, is_common: npt.NDArray[np.bool_]) -> list[Overlap]:
    run_of = np.searchsorted(known, prints.runs)  # for each row of the fingerprints the place of its run in ``known``
    is_stock = np.bincount(run_of, minlength=len(known)) >= _STOCK_TEXTS
    is_stock |= is_common
    sizes = np.bincount(prints.owners[~is_stock[run_of]], minlength=len(prints))
    hit, owners = _owned(prints, run_of, hits, is_stock)
    keys = np.stack([hits.items[hit], owners, hits.fields[hit]])
    is_new = np.concatenate([[True], np.any(keys[:, 1:] != keys[:, :-1], axis=0)])[: len(hit)]
    edges = np.append(np.flatnonzero(is_new), len(hit))
    found: dict[tuple[int, int], Overlap] = {}
    for at in np.flatnonzero(np.diff(edges) >= FEW_RUNS).tolist():
        group = hit[edges[at] : edges[at + 1]]
        item, owner, field = (int(value) for value in keys[:, edges[at]])
        count, size = len(distinct(hits.runs[group])), int(sizes[owner])
        if (item, owner) not in found and (count >= MIN_RUNS or (count >= FEW_RUNS and 2 * count >= size)):
            words = _longest(hits.places[group].tolist())
            is_sure = count >= SURE_RUNS or 2 * count >= size
            found[item, owner] = Overlap(item, owner, "passage", count / size, FIELDS[field], words, is_sure)
    return list(found.values())


def _owned(prints: Fingerprints, run_of: Counts, hits: _Hits, is_stock: npt.NDArray[np.bool_]) -> tuple[Counts, Counts]:
    """Each hit with each text that holds its run, stock phrases left out; by item, text, field and place."""
    begin = np.searchsorted(run_of, hits.runs)
    counts = np.searchsorted(run_of, hits.runs, side="right") - begin
    counts[is_stock[hits.runs]] = 0
    hit = np.repeat(np.arange(len(counts)), counts)
    nth = np.arange(len(hit)) - np.repeat(np.cumsum(counts) - counts, counts)
    owners = prints.owners[begin[hit] + nth].astype(np.int64)
    order = np.lexsort((hits.places[hit], hits.fields[hit], owners, hits.items[hit]))
    return hit[order], owners[order]


def _longest(places: Sequence[int]) -> tuple[int, int]:
    """First and last word of the longest stretch, bridging gaps shorter than one run."""
    best = start = last = places[0]
    best_end = last
    for place in places[1:]:
        if place - last > RUN:
            start = place
        last = place
        if last - start > best_end - best:
            best, best_end = start, last
    return best, best_end + RUN - 1


def names_of(values: Iterable[str]) -> str:
    """Two names in words, and how many more."""
    known = list(dict.fromkeys(values))
    more = f" and {len(known) - 2} more" if len(known) > 2 else ""
    return ", ".join(known[:2]) + more
