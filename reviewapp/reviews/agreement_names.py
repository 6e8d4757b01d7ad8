"""Agreement on answers that are names out of very many: classes of a large tree, rankings, sets of classes.

Krippendorff's nominal alpha as in ``agreement_alpha``, computed from how often names agree instead of from a matrix of
names by names, so that ten thousand classes cost no more than two.
"""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Hashable, Iterable
from dataclasses import dataclass, replace

import numpy as np

from reviewapp.reviews.agreement_tables import Agreement, jackknife_interval, undefined


@dataclass(frozen=True)
class _Sums:
    """n ratings of units that have two; agreeing: diagonal of the coincidences; squares: of the names' totals."""

    n: int
    agreeing: float
    squares: float

    def alpha(self) -> float | None:
        expected = self.n**2 - self.squares
        return 1 - (self.n - 1) * (self.n - self.agreeing) / expected if expected > 0 else None


def names_agreement(
    ratings: Iterable[tuple[Hashable, Hashable, Hashable]], confidence: float = 0.95
) -> tuple[Agreement, Agreement]:
    """(alpha with its jackknife interval, percent agreement) of (rater, unit, name); the last of a pair holds."""
    cells = {(rater, unit): name for rater, unit, name in ratings}
    by_unit: dict[Hashable, Counter[Hashable]] = defaultdict(Counter)
    for (_, unit), name in cells.items():
        by_unit[unit][name] += 1
    units = [names for names in by_unit.values() if names.total() >= 2]
    raters = {rater for rater, _ in cells}
    base = Agreement(
        method="Krippendorff's alpha, nominal",
        value=None,
        n_units=len(units),
        n_ratings=sum(names.total() for names in units),
        n_raters=len(raters),
        missing=len(raters) * len(by_unit) - len(cells),
    )
    percent = replace(base, method="Percent agreement, mean over units")
    if not units:
        return undefined(base), undefined(percent)
    percent = replace(percent, value=float(np.mean([_share(names) for names in units])))
    totals = sum(units, Counter[Hashable]())
    whole = _Sums(totals.total(), sum(_agreeing(names) for names in units), float(sum(n**2 for n in totals.values())))
    value = whole.alpha()
    if value is None:
        return undefined(base, "no_variation"), percent
    without = [_without(whole, totals, names).alpha() for names in units]
    return jackknife_interval(base, value, without, np.ones(len(units)), confidence), percent


def _share(names: Counter[Hashable]) -> float:
    rated = names.total()
    return sum(n * (n - 1) for n in names.values()) / (rated * (rated - 1))


def _agreeing(names: Counter[Hashable]) -> float:
    return names.total() * _share(names)


def _without(whole: _Sums, totals: Counter[Hashable], names: Counter[Hashable]) -> _Sums:
    """The sums without one unit: only its own names change."""
    less = sum(2 * totals[name] * n - n**2 for name, n in names.items())
    return _Sums(whole.n - names.total(), whole.agreeing - _agreeing(names), whole.squares - less)
