"""How many to look at, and what may be claimed afterwards: sizes and bounds of acceptance sampling. Plain Python.

A plan has a rate that would not be tolerable, a confidence and a number of allowed defects. It passes when no more
defects than allowed are found; where the rate or more is defective, it passes with a chance of 1 less the confidence,
at most. A passed plan therefore claims: fewer than the rate are defective.

- endless population (a process): binomial; upper bound of Clopper & Pearson (Biometrika 26, 1934), one-sided;
- finite population without replacement: hypergeometric; exact upper bound as in Buonaccorsi (The American
  Statistician 41, 1987); plans as in Schilling & Neubauer, Acceptance Sampling in Quality Control, chapter 5;
- in proportion by strata: the number of defects seen is a sum of independent trials (a hypergeometric count is one:
  Vatutin & Mikhailov 1982), so by Hoeffding (Annals of Mathematical Statistics 27, 1956) its lower tail is at most that
  of as many equal trials. Valid for every way in which the defects lie in the strata, a little wider than needed.

``scipy.special`` alone: ``scipy.stats`` takes two seconds to import.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from fractions import Fraction

import numpy as np
from scipy import special

RATES = Fraction(1, 10_000), Fraction(1, 2)  # smallest and largest rate that can be asked for
CONFIDENCES = Fraction(8, 10), Fraction(9999, 10_000)
MOST_ALLOWED = 50
_TIE = 1e-6  # a chance this near to its limit, relatively, is compared in whole numbers


class ImpossiblePlanError(Exception):
    """No number of texts can give this claim; the message is a key of ``acceptance_words.IMPOSSIBLE``."""


@dataclass(frozen=True, kw_only=True)
class Terms:
    """``rate`` would not be tolerable; ``confidence`` that a population that bad fails; defects ``allowed``."""

    rate: Fraction
    confidence: Fraction
    allowed: int = 0

    @property
    def risk(self) -> Fraction:
        """The chance, at most, that a population passes of which ``rate`` or more is defective."""
        return 1 - self.confidence

    def intolerable(self, population: int) -> int:
        """The smallest number of defects that is ``rate`` or more of the population."""
        return max(1, math.ceil(self.rate * population))


# ---- chances


def chance_at_most(c: int, *, population: int, defects: int, n: int) -> float:
    """P(X <= c), X the defects among ``n`` drawn without replacement: the hypergeometric distribution."""
    first, last = max(0, n + defects - population), min(c, n, defects)
    if last < first:
        return 0.0
    if last >= min(n, defects):
        return 1.0
    k = np.arange(first, last + 1, dtype=float)
    logs = _log_comb(defects, k) + _log_comb(population - defects, n - k) - _log_comb(population, n)
    return min(1.0, float(np.exp(special.logsumexp(logs))))


def _log_comb(n: float, k: np.ndarray | float) -> np.ndarray:
    k = np.asarray(k, dtype=float)
    return np.asarray(-np.log1p(n) - special.betaln(n - k + 1, k + 1))


def _is_at_most(limit: Fraction, c: int, *, population: int, defects: int, n: int) -> bool:
    """Whether ``chance_at_most`` is ``limit`` or less, decided in whole numbers where floating point might err."""
    chance = chance_at_most(c, population=population, defects=defects, n=n)
    if abs(chance - float(limit)) > _TIE * float(limit):
        return chance <= limit
    ways = sum(math.comb(defects, k) * math.comb(population - defects, n - k) for k in range(min(c, n) + 1) if n >= k)
    return ways <= limit * math.comb(population, n)


def chance_endless(c: int, *, n: int, rate: float) -> float:
    """P(X <= c), X the defects among ``n`` of an endless population: the binomial distribution."""
    return 1.0 if c >= n else float(special.betainc(n - c, c + 1, 1 - rate))


def chance_to_pass(terms: Terms, *, population: int, n: int, true_rate: Fraction) -> float:
    """The chance that a plan passes where ``true_rate`` of the population, or the next whole text, is defective.

    Over all rates it is the plan's operating curve; of a stratified one about so.
    """
    return chance_at_most(terms.allowed, population=population, defects=math.ceil(true_rate * population), n=n)


# ---- how many to look at


def size_endless(terms: Terms) -> int:
    """The smallest n for an endless population: 299 for 1 %, 95 % and no defect allowed."""
    rate, risk = float(terms.rate), float(terms.risk)
    low = terms.allowed
    high = low + 1
    while chance_endless(terms.allowed, n=high, rate=rate) > risk:
        low, high = high, 2 * high
    return _first(low + 1, high, lambda n: chance_endless(terms.allowed, n=n, rate=rate) <= risk)


def size_finite(terms: Terms, population: int) -> int:
    """The smallest n for ``population`` drawn without replacement. Raises ImpossiblePlanError.

    It is impossible where as many defects are allowed as would not be tolerable.
    """
    bad = _tolerable_or_raise(terms, population)
    return _first(
        1,
        population,
        lambda n: _is_at_most(terms.risk, terms.allowed, population=population, defects=bad, n=n),
    )


def sizes_stratified(terms: Terms, strata: Sequence[int]) -> list[int]:
    """How many of each stratum, in proportion and rounded up. Raises ImpossiblePlanError as ``size_finite``."""
    bad = _tolerable_or_raise(terms, sum(strata))
    c = terms.allowed
    share = float(special.betaincinv(c + 1, bad - c, float(terms.confidence)))
    if c:
        share = max(share, (c + 1) / bad)  # below it Hoeffding's inequality says nothing
    return [min(size, math.ceil(share * size + 1e-9)) for size in strata]


def _tolerable_or_raise(terms: Terms, population: int) -> int:
    if population < 1:
        raise ImpossiblePlanError("empty")
    bad = terms.intolerable(population)
    if bad <= terms.allowed:
        raise ImpossiblePlanError("allowed")
    return bad


def _first(low: int, high: int, is_enough: Callable[[int], bool]) -> int:
    """The first of low to high that is enough, where all above an enough one are; ``high`` is taken to be."""
    while low < high:
        middle = (low + high) // 2
        if is_enough(middle):
            high = middle
        else:
            low = middle + 1
    return low


# ---- what may be claimed


def bound_endless(defects: int, n: int, confidence: Fraction) -> float:
    """Upper bound of the defective share of the process that the texts came from (Clopper-Pearson, one-sided)."""
    return 1.0 if defects >= n else float(special.betaincinv(defects + 1, n - defects, float(confidence)))


def bound_finite(defects: int, n: int, population: int, confidence: Fraction) -> int:
    """The largest number of defects in the population that ``defects`` of ``n`` do not rule out, exactly."""
    risk = 1 - confidence
    most = population - (n - defects)  # those seen to be fine are fine

    def is_ruled_out(count: int) -> bool:
        return _is_at_most(risk, defects, population=population, defects=count, n=n)

    return _first(defects, most + 1, lambda count: count > most or is_ruled_out(count)) - 1


def bound_stratified(defects: int, drawn: Sequence[int], strata: Sequence[int], confidence: Fraction) -> int:
    """As ``bound_finite`` for a sample of ``drawn[i]`` from each of ``strata[i]``; never too small, a little wide."""
    share = min(n / size for n, size in zip(drawn, strata, strict=True) if size)
    risk = float(1 - confidence)
    most = sum(strata) - (sum(drawn) - defects)

    def is_ruled_out(count: int) -> bool:
        is_valid = defects == 0 or defects <= share * count - 1
        return is_valid and chance_endless(defects, n=count, rate=share) <= risk

    return _first(defects, most + 1, lambda count: count > most or is_ruled_out(count)) - 1


@dataclass(frozen=True, kw_only=True)
class Look:
    """What looking at a drawn sample came to. ``units`` is the population that was drawn from.

    ``drawn`` and ``strata`` have one entry where nothing was stratified.
    """

    drawn: Sequence[int]
    strata: Sequence[int]
    defects: int
    missing: int

    @property
    def n(self) -> int:
        return sum(self.drawn)

    @property
    def units(self) -> int:
        return sum(self.strata)


@dataclass(frozen=True, kw_only=True)
class Conclusion:
    """What may be claimed. A text that nobody judged counts as defective: ``worst`` = defects + missing."""

    has_passed: bool
    worst: int
    upper_count: int  # at most so many units of the population
    upper_rate: float
    upper_endless: float  # of the process, had these been its first units


def conclude(terms: Terms, look: Look) -> Conclusion:
    """Whether the plan passed, and the upper bounds, with everything that is missing counted as defective."""
    worst = look.defects + look.missing
    if len(look.strata) > 1:
        upper = bound_stratified(worst, look.drawn, look.strata, terms.confidence)
    else:
        upper = bound_finite(worst, look.n, look.units, terms.confidence)
    return Conclusion(
        has_passed=worst <= terms.allowed,
        worst=worst,
        upper_count=upper,
        upper_rate=upper / look.units,
        upper_endless=bound_endless(worst, look.n, terms.confidence),
    )
