"""Items that are read when they are looked at, so that a check of a million texts holds some hundred of them.

A check iterates ``corpus.items``, keeps hashes by place, and looks again at the few places that matter; before it does
so for many, it names them with ``ahead``, and they are read together.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from typing import overload

import numpy as np
import numpy.typing as npt

from reviewapp.curation.checks.finding import Item
from reviewapp.curation.tokens import Counts, Number, distinct

AT_ONCE = 250  # items read together
MOST_CHARACTERS = 4_000_000  # of those
_MOST_AT_HAND = 4_000
Read = Callable[[Counts], list[Item]]


class LazyItems(Sequence[Item]):
    """Items in ascending order of ``keys``; ``read`` gives those at some rows of the keys, in the order asked for.

    ``sizes`` are the characters of each: so many are read together as hold some million characters.
    """

    def __init__(self, keys: Counts, sizes: Counts, read: Read, rows: Counts | None = None) -> None:
        self.rows = np.arange(len(keys)) if rows is None else rows
        self.keys: Counts = keys[self.rows]
        self._all_keys, self._sizes, self._read = keys, sizes, read
        self._at_hand, self._characters = dict[int, Item](), 0

    def __len__(self) -> int:
        return len(self.rows)

    def __iter__(self) -> Iterator[Item]:
        for block in self._blocks(self.rows):
            yield from self._read(block)

    @overload
    def __getitem__(self, place: int) -> Item: ...

    @overload
    def __getitem__(self, place: slice) -> Sequence[Item]: ...

    def __getitem__(self, place: int | slice) -> Item | Sequence[Item]:
        if isinstance(place, slice):
            return [item for block in self._blocks(self.rows[place]) for item in self._read(block)]
        row = int(self.rows[place])
        if row not in self._at_hand:
            self._take(np.array([row]))
        return self._at_hand[row]

    def chosen(self, places: Counts) -> LazyItems:
        """Those at these places, ascending."""
        return LazyItems(self._all_keys, self._sizes, self._read, self.rows[places])

    def ahead(self, places: Iterable[int]) -> None:
        """These are about to be looked at: as many as may be at hand are read."""
        rows = dict.fromkeys(int(self.rows[place]) for place in places)
        wanted = np.array([row for row in rows if row not in self._at_hand], dtype=np.int64)
        for block in self._blocks(wanted):
            self._take(block)

    def _take(self, rows: Counts) -> None:
        if self._characters > MOST_CHARACTERS or len(self._at_hand) > _MOST_AT_HAND:
            self._at_hand, self._characters = {}, 0
        for row, item in zip(rows.tolist(), self._read(rows), strict=True):
            self._at_hand[row] = item
            self._characters += len(item.prompt) + len(item.completion)

    def _blocks(self, rows: Counts) -> Iterator[Counts]:
        return (rows[block] for block in blocks_of(self._sizes[rows]))


def blocks_of(sizes: Counts) -> Iterator[slice]:
    """Slices of at most AT_ONCE texts of these sizes, fewer where they hold more than MOST_CHARACTERS; one at least."""
    start = 0
    while start < len(sizes):
        sums = np.cumsum(sizes[start : start + AT_ONCE])
        end = start + max(1, int(np.searchsorted(sums, MOST_CHARACTERS, side="right")))
        yield slice(start, end)
        start = end


def chosen(items: Sequence[Item], places: Counts) -> Sequence[Item]:
    """The items at these places, ascending; read when they are looked at, where the others are."""
    return items.chosen(places) if isinstance(items, LazyItems) else [items[place] for place in places.tolist()]


def ahead(items: Sequence[Item], places: Iterable[int]) -> None:
    """Reads together what is about to be looked at."""
    if isinstance(items, LazyItems):
        items.ahead(places)


def keys_of(items: Sequence[Item]) -> Counts:
    """The key at each place, without reading a text."""
    if isinstance(items, LazyItems):
        return items.keys
    return np.array([item.key for item in items], dtype=np.int64)


def batches(items: Sequence[Item]) -> Iterator[list[Item]]:
    """All items in their order, some hundred at a time, fewer of long ones."""
    batch, size = list[Item](), 0
    for item in items:
        batch.append(item)
        size += len(item.prompt) + len(item.completion)
        if len(batch) == AT_ONCE or size > MOST_CHARACTERS:
            yield batch
            batch, size = [], 0
    if batch:
        yield batch


def column(items: Sequence[Item], number: Callable[[Item], int]) -> npt.NDArray[np.uint64]:
    """A number of 64 bits of each item, from one pass over them."""
    return np.fromiter((number(item) for item in items), dtype=np.uint64, count=len(items))


def numbers_at(items: Sequence[Item], places: Counts, number: Callable[[Item], int]) -> npt.NDArray[np.uint64]:
    """The number of each item at these places (in any order, often the same), 0 at the others, which are not read."""
    found = np.zeros(len(items), dtype=np.uint64)
    wanted = distinct(places)
    found[wanted] = column(chosen(items, wanted), number)
    return found


def firsts_of(values: npt.NDArray[Number]) -> Counts:
    """For each place the first one that has the same value."""
    _, first, inverse = np.unique(values, return_index=True, return_inverse=True)
    return np.asarray(first[inverse], dtype=np.int64)


def groups_of(values: npt.NDArray[Number], least: int = 2) -> Iterator[Counts]:
    """The places with one value, ascending, of values that stand at ``least`` places or more."""
    order = np.argsort(values, kind="stable")
    is_new = np.concatenate([[True], values[order[1:]] != values[order[:-1]]])[: len(order)]
    edges = np.append(np.flatnonzero(is_new), len(order))
    for at in np.flatnonzero(np.diff(edges) >= least).tolist():
        yield order[edges[at] : edges[at + 1]]


def read_ahead(items: Sequence[Item], groups: Iterable[Counts]) -> Iterator[Counts]:
    """The same groups of places; the items of some hundred places are read together before."""
    waiting: list[Counts] = []
    size = 0
    for group in groups:
        waiting.append(group)
        size += len(group)
        if size >= AT_ONCE:
            yield from _read_now(items, waiting)
            waiting, size = [], 0
    yield from _read_now(items, waiting)


def _read_now(items: Sequence[Item], groups: list[Counts]) -> Iterator[Counts]:
    ahead(items, (int(place) for group in groups for place in group[:AT_ONCE]))
    yield from groups
