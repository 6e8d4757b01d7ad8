"""How raters compare: severity, time and drift. Plain arithmetic; nobody is judged on few items.

Severity is the fixed effect of a rater in score = mean + rater + item + error, with a random effect for each item,
fitted by restricted maximum likelihood (Laird and Ware 1982; profiled over the ratio of the two variances as in Bates
et al. 2015). Effects are coded to sum to 0, so each is read against the mean of all raters.
"""

from __future__ import annotations

import math
from collections import defaultdict
from collections.abc import Hashable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from itertools import pairwise
from typing import NamedTuple

import numpy as np
import numpy.typing as npt
from scipy import special

Vector = npt.NDArray[np.float64]

# The standard error of a severity is about .13 at 20 items: below that nobody is judged.
ENOUGH_ITEMS = 20
NOTABLE = 0.5  # points of the scale
SITTING_GAP = timedelta(minutes=30)
Z = 1.959964

REASONS = {
    "one_rater": "One rater alone cannot be compared with anybody.",
    "no_shared_items": "No item was rated by two, so a severe rater cannot be told from one with harder items.",
    "no_variation": "All scores are the same.",
    "too_few_scores": "There are too few scores for the number of raters.",
}


class Rating(NamedTuple):
    """One score; ``side`` names what else shifts scores and is taken out (the system that wrote an output)."""

    rater: Hashable
    item: Hashable
    value: float
    side: Hashable = ""


@dataclass(frozen=True, kw_only=True)
class Severity:
    """One rater against the mean of all raters, in points of the scale; below 0: lower scores than others give."""

    rater: Hashable
    n_items: int
    n_shared: int  # items that somebody else rated too
    effect: float
    standard_error: float

    @property
    def low(self) -> float:
        return self.effect - Z * self.standard_error

    @property
    def high(self) -> float:
        return self.effect + Z * self.standard_error

    @property
    def is_low(self) -> bool:
        return self.effect < 0

    @property
    def is_judged(self) -> bool:
        return self.n_items >= ENOUGH_ITEMS and self.n_shared > 0

    @property
    def is_notable(self) -> bool:
        """Far enough from the others to talk about, and not by chance."""
        return self.is_judged and abs(self.effect) > NOTABLE and (self.low > 0 or self.high < 0)


@dataclass(frozen=True, kw_only=True)
class SeverityFit:
    """Severities by rater, or the reason why there are none; variances are of items and of what is left."""

    by_rater: Mapping[Hashable, Severity]
    n_scores: int
    n_items: int
    item_variance: float | None = None
    rest_variance: float | None = None
    reason: str = ""

    @property
    def sentence(self) -> str:
        return REASONS.get(self.reason, "")


def severities(ratings: Iterable[Rating]) -> SeverityFit:
    """Severity of every rater with its standard error; the last rating of a rater and item holds."""
    kept = list({(one.rater, one.item): one for one in ratings}.values())
    raters = list(dict.fromkeys(one.rater for one in kept))
    items = list(dict.fromkeys(one.item for one in kept))
    fit = SeverityFit(by_rater={}, n_scores=len(kept), n_items=len(items))
    if reason := _why_not(kept, raters, items):
        return SeverityFit(by_rater={}, n_scores=fit.n_scores, n_items=fit.n_items, reason=reason)
    place = {item: number for number, item in enumerate(items)}
    y = np.array([one.value for one in kept], dtype=np.float64)
    groups = np.array([place[one.item] for one in kept])
    model = _Model(y, _design(kept, raters), groups)
    ratio = model.best_ratio()
    beta, covariance, rest = model.solve(ratio)
    effects, errors = _effects(beta, covariance, len(raters))
    shared = _shared(kept)
    by_rater = {
        rater: Severity(
            rater=rater,
            n_items=sum(one.rater == rater for one in kept),
            n_shared=shared[rater],
            effect=float(effects[number]),
            standard_error=float(errors[number]),
        )
        for number, rater in enumerate(raters)
    }
    return SeverityFit(
        by_rater=by_rater,
        n_scores=len(kept),
        n_items=len(items),
        item_variance=ratio * rest,
        rest_variance=rest,
    )


def _why_not(kept: Sequence[Rating], raters: Sequence[Hashable], items: Sequence[Hashable]) -> str:
    if len(raters) < 2:
        return "one_rater"
    if len(items) == len(kept):
        return "no_shared_items"
    if len({one.value for one in kept}) < 2:
        return "no_variation"
    if len(kept) <= len(raters) + len({one.side for one in kept}):
        return "too_few_scores"
    return ""


def _shared(kept: Sequence[Rating]) -> dict[Hashable, int]:
    by_item: dict[Hashable, list[Hashable]] = defaultdict(list)
    for one in kept:
        by_item[one.item].append(one.rater)
    shared = dict.fromkeys((one.rater for one in kept), 0)
    for raters in by_item.values():
        for rater in raters:
            shared[rater] += len(raters) > 1
    return shared


def _design(kept: Sequence[Rating], raters: Sequence[Hashable]) -> Vector:
    """Columns: mean, raters coded to sum to 0 (the last is minus all others), sides against the first."""
    number = {rater: place for place, rater in enumerate(raters)}
    sides = list(dict.fromkeys(one.side for one in kept))
    design = np.zeros((len(kept), len(raters) + len(sides) - 1))
    design[:, 0] = 1
    last = len(raters) - 1
    for row, one in enumerate(kept):
        if number[one.rater] == last:
            design[row, 1 : last + 1] = -1
        else:
            design[row, 1 + number[one.rater]] = 1
        if (side := sides.index(one.side)) > 0:
            design[row, last + side] = 1
    return design


def _effects(beta: Vector, covariance: Vector, raters: int) -> tuple[Vector, Vector]:
    """The effect of each rater, the last one included, with standard errors."""
    contrast = np.vstack([np.eye(raters - 1), -np.ones(raters - 1)])
    part = covariance[1:raters, 1:raters]
    return contrast @ beta[1:raters], np.sqrt(np.einsum("ij,jk,ik->i", contrast, part, contrast))


class _Model:
    """y = X b + item + error; every quantity depends on one ratio: variance of items / variance of the error.

    For an item with m scores the inverse of its covariance is I - ratio / (1 + ratio m) x ones, so sums by item are
    all that is needed. Directions in which X has no information (a side that is a rater's alone) get a pseudo-inverse.
    """

    def __init__(self, y: Vector, design: Vector, groups: npt.NDArray[np.int64]) -> None:
        self.size = np.bincount(groups).astype(np.float64)
        self.both = np.column_stack([design, y])
        self.sums = np.zeros((len(self.size), self.both.shape[1]))
        np.add.at(self.sums, groups, self.both)
        self.square = self.both.T @ self.both
        self.free = len(y) - int(np.linalg.matrix_rank(design))

    def _weighted(self, ratio: float) -> Vector:
        share = ratio / (1 + ratio * self.size)
        return np.asarray(self.square - (self.sums * share[:, None]).T @ self.sums)

    def solve(self, ratio: float) -> tuple[Vector, Vector, float]:
        """Coefficients, their covariance, and the variance of the error."""
        cross = self._weighted(ratio)
        inverse = np.linalg.pinv(cross[:-1, :-1], hermitian=True)
        beta = inverse @ cross[:-1, -1]
        rest = max(float(cross[-1, -1] - cross[:-1, -1] @ beta), 1e-12) / self.free
        return beta, np.asarray(inverse * rest), rest

    def deviance(self, ratio: float) -> float:
        """-2 x restricted log likelihood, without its constant."""
        cross = self._weighted(ratio)
        _, _, rest = self.solve(ratio)
        values = np.linalg.eigvalsh(cross[:-1, :-1])
        volume = float(np.log(values[values > 1e-9 * values.max()]).sum())
        return self.free * math.log(rest) + float(np.log1p(ratio * self.size).sum()) + volume

    def best_ratio(self) -> float:
        """Golden-section search over ratio / (1 + ratio) in [0, 1), after a look at a coarse grid."""
        grid = np.linspace(0, 0.999, 41)
        best = int(np.argmin([self.deviance(_ratio(share)) for share in grid]))
        low, high = grid[max(best - 1, 0)], grid[min(best + 1, 40)]
        golden = (math.sqrt(5) - 1) / 2
        while high - low > 1e-7:
            left, right = high - golden * (high - low), low + golden * (high - low)
            if self.deviance(_ratio(left)) <= self.deviance(_ratio(right)):
                high = right
            else:
                low = left
        middle = (low + high) / 2
        return 0.0 if self.deviance(0.0) <= self.deviance(_ratio(middle)) else _ratio(middle)


def _ratio(share: float) -> float:
    return float(share / (1 - share))


# --- time and drift ---


@dataclass(frozen=True, kw_only=True)
class Quartiles:
    """Seconds an item took; None where nothing was timed."""

    n: int
    first: float | None = None
    median: float | None = None
    third: float | None = None


def quartiles(seconds: Iterable[float]) -> Quartiles:
    """Of the items that were timed; a time of 0 means that none was taken."""
    timed = [one for one in seconds if one > 0]
    if not timed:
        return Quartiles(n=0)
    first, median, third = np.quantile(timed, [0.25, 0.5, 0.75]).tolist()
    return Quartiles(n=len(timed), first=first, median=median, third=third)


def sitting_positions(times: Sequence[datetime], gap: timedelta = SITTING_GAP) -> list[int]:
    """For times in order: the how-manieth item of its sitting each is, from 0; a longer pause begins a new one."""
    positions = [0] if times else []
    for before, now in pairwise(times):
        positions.append(0 if now - before > gap else positions[-1] + 1)
    return positions


@dataclass(frozen=True, kw_only=True)
class Drift:
    """Change of a rater's deviation from the others over ten items of one sitting, with its 95% interval."""

    n: int
    per_ten: float | None = None
    low: float | None = None
    high: float | None = None

    @property
    def is_notable(self) -> bool:
        """Whether the interval leaves 0 out."""
        return self.low is not None and self.high is not None and (self.low > 0 or self.high < 0)


def drift(positions: Sequence[int], deviations: Sequence[float]) -> Drift:
    """Least-squares slope of deviation on position; no value under 20 items or where positions do not vary."""
    n = len(positions)
    x, y = np.array(positions, dtype=np.float64), np.array(deviations, dtype=np.float64)
    spread = float(((x - x.mean()) ** 2).sum()) if n else 0.0
    if n < ENOUGH_ITEMS or spread == 0:
        return Drift(n=n)
    slope = float(((x - x.mean()) * (y - y.mean())).sum()) / spread
    rest = y - y.mean() - slope * (x - x.mean())
    half = float(special.stdtrit(n - 2, 0.975)) * math.sqrt(float((rest**2).sum()) / (n - 2) / spread)
    return Drift(n=n, per_ten=10 * slope, low=10 * (slope - half), high=10 * (slope + half))


def deviations(ratings: Iterable[Rating]) -> dict[tuple[Hashable, Hashable], float]:
    """(rater, item) -> score less the mean score that the others gave the same item."""
    by_item: dict[Hashable, dict[Hashable, float]] = defaultdict(dict)
    for one in ratings:
        by_item[one.item][one.rater] = one.value
    found = {}
    for item, scores in by_item.items():
        total = sum(scores.values())
        if len(scores) > 1:
            for rater, value in scores.items():
                found[rater, item] = value - (total - value) / (len(scores) - 1)
    return found
