"""How labelling functions do: coverage, overlap, conflict, accuracy against experts' labels. numpy, scipy.special.

``votes`` is an array of samples x functions: the place of the class that a function votes for, ABSTAIN where it does
not fire. Coverage, overlap and conflict are those of Ratner, Bach, Ehrenberg, Fries, Wu and Re (Snorkel, 2017).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np
import numpy.typing as npt
from scipy import special

Votes = npt.NDArray[np.int16]
Ints = npt.NDArray[np.int64]
Bools = npt.NDArray[np.bool_]
ABSTAIN = -1
LEVEL = 0.95


@dataclass(frozen=True, kw_only=True)
class Rate:
    """``right`` of ``n``, in ``groups`` groups, with the 95% interval from ``low`` to ``high``; None where n is 0."""

    n: int
    right: int
    groups: int
    rate: float | None
    low: float | None
    high: float | None


def rate_of(right: Bools, groups: Ints) -> Rate:
    """The share of ``right`` with an interval that knows that samples of one group resemble each other.

    Clopper & Pearson's exact interval at the effective number of samples (Korn & Graubard, Survey Methodology 24,
    1998): n divided by the design effect of whole groups, with their correction for few groups. Where all or none
    are right the groups are the effective number, for then nothing can be said about how alike they are.
    """
    n, hits = len(right), int(right.sum())
    g = len(np.unique(groups))
    if n == 0:
        return Rate(n=0, right=0, groups=0, rate=None, low=None, high=None)
    p = hits / n
    effective = _effective(right, groups, p, g)
    low, high = _exact(p * effective, effective)
    return Rate(n=n, right=hits, groups=g, rate=p, low=low, high=high)


def _effective(right: Bools, groups: Ints, p: float, g: int) -> float:
    n = len(right)
    if g < 2 or p in (0.0, 1.0):
        return float(g)
    _, place = np.unique(groups, return_inverse=True)
    sums = np.bincount(place, weights=right - p)
    variance = g / (g - 1) * float((sums**2).sum()) / n**2
    effect = max(1.0, variance / (p * (1 - p) / (n - 1)))
    correction = special.stdtrit(n - 1, (1 + LEVEL) / 2) / special.stdtrit(g - 1, (1 + LEVEL) / 2)
    return float(n / effect * correction**2)


def _exact(hits: float, n: float) -> tuple[float, float]:
    tail = (1 - LEVEL) / 2
    low = 0.0 if hits <= 0 else float(special.betaincinv(hits, n - hits + 1, tail))
    high = 1.0 if hits >= n else float(special.betaincinv(hits + 1, n - hits, 1 - tail))
    return low, high


@dataclass(frozen=True, kw_only=True)
class FunctionFigures:
    """Counts of samples: where it fires, where another fires too, where another votes differently."""

    fires: int
    overlaps: int
    conflicts: int
    accuracy: Rate


@dataclass(frozen=True, kw_only=True)
class Figures:
    """Of all functions together: samples where one fires, two or more fire, and votes differ. ``pairs[i][j]``:
    samples where both i and j fire, and those of them where they differ."""

    n: int
    covered: int
    overlaps: int
    conflicts: int
    functions: list[FunctionFigures]
    pairs: list[list[tuple[int, int]]]

    def as_json(self) -> dict[str, Any]:
        return asdict(self)


def figures_of(votes: Votes, experts: Ints, groups: Ints) -> Figures:
    """``experts``: the place of the class that experts chose, ABSTAIN where they have not labelled the sample.

    A class that no function votes for has a place of its own beyond theirs: whatever a function says there is wrong.
    """
    fired = votes != ABSTAIN
    counts = fired.sum(axis=1)
    differ = conflicts_of(votes)
    functions = [_of_function(place, votes, fired, counts, differ, experts, groups) for place in range(votes.shape[1])]
    return Figures(
        n=len(votes), covered=int((counts > 0).sum()), overlaps=int((counts > 1).sum()), conflicts=int(differ.sum()),
        functions=functions, pairs=_pairs(votes, fired),
    )  # fmt: skip


def conflicts_of(votes: Votes) -> Bools:
    """Whether two functions vote for different classes, for each sample."""
    if not votes.shape[1]:
        return np.zeros(len(votes), dtype=bool)
    least = np.where(votes == ABSTAIN, np.iinfo(np.int16).max, votes).min(axis=1)
    return np.asarray((votes.max(axis=1) != ABSTAIN) & (least != votes.max(axis=1)))


def _of_function(
    place: int, votes: Votes, fired: Bools, counts: Ints, differ: Bools, experts: Ints, groups: Ints
) -> FunctionFigures:
    mine = fired[:, place]
    # a sample with differing votes is this function's conflict where any other vote differs from its own
    others = differ & mine
    judged = mine & (experts != ABSTAIN)
    return FunctionFigures(
        fires=int(mine.sum()),
        overlaps=int((mine & (counts > 1)).sum()),
        conflicts=int(others.sum()),
        accuracy=rate_of(votes[judged, place] == experts[judged], groups[judged]),
    )


def _pairs(votes: Votes, fired: Bools) -> list[list[tuple[int, int]]]:
    as_floats = fired.astype(np.float32)
    both = as_floats.T @ as_floats
    same = np.zeros_like(both)
    for one in np.unique(votes[fired]):
        of_class = (votes == one).astype(np.float32)
        same += of_class.T @ of_class
    m = votes.shape[1]
    return [[(int(both[i, j]), int(both[i, j] - same[i, j])) for j in range(m)] for i in range(m)]


def votes_array(rows: Sequence[tuple[int, int, int]], n: int, m: int) -> Votes:
    """From (sample, function, class), each by its place, to samples x functions."""
    votes = np.full((n, m), ABSTAIN, dtype=np.int16)
    if rows:
        samples, functions, classes = np.array(rows, dtype=np.int64).T
        votes[samples, functions] = classes
    return votes
