"""Choosing a small set that is good, to the point and unlike itself, one after the other, with a reason for each.

Maximal marginal relevance (Carbonell and Goldstein 1998): each step takes the row with the largest
``(1 - spread) * value + spread * distance``, the distance (1 less the cosine) being to the nearest one chosen before.
With ``spread`` 1 that is the greedy k-center of Gonzalez (1985) as Sener and Savarese (2018) use it. Quotas and
duplicates take rows out as the set grows. numpy alone; the same input gives the same choice.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import numpy.typing as npt

from reviewapp.curation.meaning.vectors import Floats

Reals = npt.NDArray[np.float64]
POOL_MOST = 100_000  # rows that are compared with each other: bounds memory and time
DIGITS = 5  # what is beyond is noise of the machine's arithmetic
_COMPACT = 0.7  # share of rows left at which the arrays are made smaller

DUPLICATE, QUOTA, FULL = "duplicate", "quota", "full"


@dataclass(frozen=True)
class Quota:
    """At most ``most`` rows of each value; ``values_of`` has the values of every row, which may be none or several.

    ``most_of`` has other limits for some values; 0 lets none in.
    """

    name: str
    values_of: Sequence[Sequence[Any]]
    most: int
    most_of: Mapping[Any, int] = field(default_factory=dict)

    def limit(self, value: Any) -> int:
        return self.most_of.get(value, self.most)


@dataclass(frozen=True, kw_only=True)
class Pool:
    """Rows in the order that settles ties. ``vectors``: unit rows; ``values``: 0..1; ``pinned``: chosen first."""

    vectors: Floats
    values: Reals
    pinned: Sequence[int] = ()
    duplicates: Mapping[int, Sequence[int]] = field(default_factory=dict)  # both ways
    quotas: Sequence[Quota] = ()


@dataclass(frozen=True)
class Chosen:
    """``distance`` from what was chosen before, 1 for the first; ``score`` by which it was taken."""

    row: int
    distance: float
    score: float


@dataclass(frozen=True)
class Left:
    """Why a row was not chosen: a reason of this module, with the row or the quota and value it is about."""

    reason: str
    other: int = -1
    quota: str = ""
    value: Any = None
    distance: float | None = None
    score: float | None = None


@dataclass(frozen=True)
class Choice:
    """Every row of the pool is in exactly one of the two."""

    chosen: list[Chosen]
    left: dict[int, Left]


def pool_of(values: Reals, pinned: Sequence[int]) -> npt.NDArray[np.int64]:
    """The POOL_MOST rows with the largest values, of equal ones the first, and the pinned ones; in their order."""
    if len(values) <= POOL_MOST:
        return np.arange(len(values))
    best = np.lexsort((np.arange(len(values)), -np.round(values, DIGITS)))[:POOL_MOST]
    return np.union1d(best, np.array(pinned, dtype=np.int64))


def choose(pool: Pool, size: int, spread: float, step: Callable[[int], None] = lambda done: None) -> Choice:
    """At most ``size`` rows; ``spread`` 0..1 is the weight of distance; ``step`` hears of every hundredth."""
    run = _Run(pool, size, spread)
    for row in pool.pinned[:size]:
        run.take(row)
    while len(run.chosen) < size and run.alive.any():
        run.take(run.best())
        if len(run.chosen) % 100 == 0:
            step(len(run.chosen))
    return run.finish()


class _Run:
    """One choice as it goes on. ``rows`` are the rows that the arrays still hold; ``alive`` those that may be taken."""

    def __init__(self, pool: Pool, size: int, spread: float) -> None:
        self.pool, self.size, self.spread = pool, size, spread
        self.rows = np.arange(len(pool.values))
        self.place = np.arange(len(pool.values))  # of each row in the arrays
        self.vectors = np.asarray(pool.vectors, dtype=np.float32)
        self.values = np.round(pool.values, DIGITS)
        self.nearest = np.full(len(self.rows), -1.0)
        self.alive = np.ones(len(self.rows), dtype=np.bool_)
        self.chosen: list[Chosen] = []
        self.left: dict[int, Left] = {}
        self.members = [_members(quota) for quota in pool.quotas]
        self.counts: list[defaultdict[Any, int]] = [defaultdict(int) for _ in pool.quotas]
        for quota, members in zip(pool.quotas, self.members, strict=True):
            for value in (value for value in members if quota.limit(value) == 0):
                self._close(quota, members, value)

    def distances(self) -> Reals:
        return np.asarray(1 - np.clip(self.nearest, 0, 1)) if self.chosen else np.ones(len(self.rows))

    def scores(self) -> Reals:
        mixed = (1 - self.spread) * self.values + self.spread * self.distances()
        return np.where(self.alive, mixed, -np.inf)

    def best(self) -> int:
        return int(self.rows[int(np.argmax(np.round(self.scores(), DIGITS)))])

    def take(self, row: int) -> None:
        """Chooses a row and takes out what may no longer be chosen beside it. A row that was taken out stays out."""
        at = int(self.place[row])
        if at < 0 or not self.alive[at]:
            if not (row in self.pool.pinned and row in self.left and len(self.chosen) < self.size):
                return
            del self.left[row]  # a person wants it all the same
        distance = float(self.distances()[at])
        score = (1 - self.spread) * float(self.values[at]) + self.spread * distance
        self.chosen.append(Chosen(row, round(distance, DIGITS), round(score, DIGITS)))
        self.alive[at] = False
        near = np.round(self.vectors @ self.vectors[at], DIGITS)
        self.nearest = np.maximum(self.nearest, near)
        for other in self.pool.duplicates.get(row, ()):
            self._drop(other, Left(DUPLICATE, other=row))
        self._count(row)
        self._compact()

    def _count(self, row: int) -> None:
        for quota, members, counts in zip(self.pool.quotas, self.members, self.counts, strict=True):
            for value in quota.values_of[row]:
                counts[value] += 1
                if counts[value] == quota.limit(value):
                    self._close(quota, members, value)

    def _close(self, quota: Quota, members: Mapping[Any, Sequence[int]], value: Any) -> None:
        for other in members[value]:
            self._drop(other, Left(QUOTA, quota=quota.name, value=value))

    def _drop(self, row: int, left: Left) -> None:
        at = int(self.place[row])
        if at >= 0 and self.alive[at]:
            self.alive[at] = False
            self.left[row] = left

    def _compact(self) -> None:
        """Rows that are out need no more arithmetic; pinned ones stay, for they may come in all the same."""
        if self.alive.sum() >= _COMPACT * len(self.rows) or len(self.chosen) < len(self.pool.pinned):
            return
        keep = np.flatnonzero(self.alive)
        self.place = np.full(len(self.place), -1)
        self.place[self.rows[keep]] = np.arange(len(keep))
        self.rows, self.vectors, self.values = self.rows[keep], self.vectors[keep], self.values[keep]
        self.nearest, self.alive = self.nearest[keep], self.alive[keep]

    def finish(self) -> Choice:
        distances, scores = np.round(self.distances(), DIGITS), np.round(self.scores(), DIGITS)
        for at in np.flatnonzero(self.alive).tolist():
            self.left[int(self.rows[at])] = Left(FULL, distance=float(distances[at]), score=float(scores[at]))
        return Choice(self.chosen, self.left)


def _members(quota: Quota) -> dict[Any, list[int]]:
    members: defaultdict[Any, list[int]] = defaultdict(list)
    for row, values in enumerate(quota.values_of):
        for value in values:
            members[value].append(row)
    return members


def cover_of(vectors: Floats, chosen: Sequence[int], looked_at: Sequence[int]) -> tuple[float, float]:
    """(mean, largest) distance of the rows ``looked_at`` to the nearest of ``chosen``: the smaller, the better."""
    if not len(chosen) or not len(looked_at):
        return 1.0, 1.0
    across = np.ascontiguousarray(np.asarray(vectors[list(chosen)], dtype=np.float32).T)
    near = []
    for start in range(0, len(looked_at), 1_024):
        near.append((np.asarray(vectors[list(looked_at[start : start + 1_024])]) @ across).max(axis=1))
    distances = 1 - np.clip(np.concatenate(near), 0, 1)
    return round(float(distances.mean()), 4), round(float(distances.max()), 4)


def apart_of(vectors: Floats, chosen: Sequence[int], looked_at: int) -> float | None:
    """Mean distance of chosen rows to the nearest other one (the larger, the more varied); None for fewer than two.

    ``looked_at`` of them at most, spread evenly.
    """
    if len(chosen) < 2:
        return None
    rows = np.array(chosen, dtype=np.int64)
    across = np.ascontiguousarray(np.asarray(vectors[rows], dtype=np.float32).T)
    picked = np.unique(np.linspace(0, len(rows) - 1, min(looked_at, len(rows))).astype(np.int64))
    near = []
    for start in range(0, len(picked), 1_024):
        some = picked[start : start + 1_024]
        cosines = np.asarray(vectors[rows[some]], dtype=np.float32) @ across
        cosines[np.arange(len(some)), some] = -1
        near.append(cosines.max(axis=1))
    return round(float((1 - np.clip(np.concatenate(near), 0, 1)).mean()), 4)
