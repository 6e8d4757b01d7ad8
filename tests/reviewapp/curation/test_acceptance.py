"""Sizes, bounds and the draw: golden values of scipy, statsmodels and published tables; properties held exactly."""

from __future__ import annotations

import math
from fractions import Fraction
from itertools import product

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import stats
from statsmodels.stats.proportion import proportion_confint

from reviewapp.curation.acceptance import bounds as a
from reviewapp.curation.acceptance import draw as d
from reviewapp.curation.acceptance.bounds import ImpossiblePlanError, Look, Terms
from reviewapp.curation.wording import words_found

F = Fraction
SURE = F(95, 100)


def terms(rate: str = "0.01", confidence: str = "0.95", allowed: int = 0) -> Terms:
    return Terms(rate=F(rate), confidence=F(confidence), allowed=allowed)


# ---- golden values


@pytest.mark.parametrize(
    ("rate", "confidence", "sizes"),
    [
        # allowed 0, 1, 2, 3: binomial plans as in the tables of attribute sampling (Schilling & Neubauer; AICPA)
        ("0.01", "0.95", [299, 473, 628, 773]),
        ("0.05", "0.95", [59, 93, 124, 153]),
        ("0.1", "0.95", [29, 46, 61, 76]),
        ("0.01", "0.99", [459, 662, 838, 1001]),
        ("0.1", "0.9", [22, 38, 52, 65]),
    ],
)
def test_sizes_of_an_endless_supply_are_those_of_the_tables(rate: str, confidence: str, sizes: list[int]) -> None:
    assert [a.size_endless(terms(rate, confidence, c)) for c in range(4)] == sizes


@pytest.mark.parametrize(
    ("population", "rate", "n"),
    [
        # Cannon & Roe 1982, sample sizes to show freedom from disease, 95 %
        (100, "0.01", 95), (500, "0.01", 225), (1_000, "0.01", 258), (10_000, "0.01", 294),
        (100, "0.05", 45), (500, "0.05", 56),
        (100, "0.1", 25), (500, "0.1", 28), (50, "0.1", 22),
    ],
)  # fmt: skip
def test_sizes_of_a_finite_population_are_those_of_the_tables(population: int, rate: str, n: int) -> None:
    assert a.size_finite(terms(rate), population) == n


def test_a_large_population_needs_what_an_endless_one_needs() -> None:
    assert a.size_finite(terms(), 12_430) == 293
    assert a.size_finite(terms(), 1_000_000) == 299
    assert a.size_finite(terms(), 1) == 1


@pytest.mark.parametrize(
    ("population", "bad", "n", "c"), [(12_430, 125, 293, 0), (900, 9, 400, 2), (10**6, 10**4, 773, 3)]
)
def test_hypergeometric_chances_are_those_of_scipy(population: int, bad: int, n: int, c: int) -> None:
    ours = a.chance_at_most(c, population=population, defects=bad, n=n)
    assert ours == pytest.approx(exactly(c, population, bad, n), rel=1e-8)
    assert ours == pytest.approx(stats.hypergeom.cdf(c, population, bad, n), rel=1e-8)


@pytest.mark.parametrize(("n", "c", "rate"), [(299, 0, 0.01), (473, 1, 0.01), (50, 7, 0.2), (5, 5, 0.5)])
def test_binomial_chances_are_those_of_scipy(n: int, c: int, rate: float) -> None:
    assert a.chance_endless(c, n=n, rate=rate) == pytest.approx(stats.binom.cdf(c, n, rate), rel=1e-10)


@pytest.mark.parametrize(("defects", "n"), [(0, 299), (1, 299), (4, 294), (37, 120), (9, 10)])
def test_the_clopper_pearson_bound_is_that_of_statsmodels(defects: int, n: int) -> None:
    two_sided = proportion_confint(defects, n, alpha=0.1, method="beta")[1]  # its upper end is one-sided 95 %
    assert a.bound_endless(defects, n, SURE) == pytest.approx(two_sided, rel=1e-10)


def test_bounds_at_the_ends() -> None:
    assert a.bound_endless(3, 3, SURE) == 1.0
    assert a.bound_endless(0, 299, SURE) == pytest.approx(0.00997, abs=5e-6)  # fewer than 1 %
    assert a.bound_finite(0, 10, 10, SURE) == 0  # all were looked at
    assert a.bound_finite(2, 10, 10, SURE) == 2
    assert a.bound_finite(0, 293, 12_430, SURE) == 124
    assert a.bound_finite(0, 292, 12_430, SURE) == 125  # one text fewer, and 1 % cannot be claimed


def test_a_plan_that_allows_what_is_too_many_is_refused() -> None:
    with pytest.raises(ImpossiblePlanError, match="allowed"):
        a.size_finite(terms(allowed=1), 50)
    with pytest.raises(ImpossiblePlanError, match="empty"):
        a.size_finite(terms(), 0)
    with pytest.raises(ImpossiblePlanError, match="allowed"):
        a.sizes_stratified(terms(allowed=2), [60, 60])


# ---- properties, in whole numbers


def exactly(c: int, population: int, bad: int, n: int) -> Fraction:
    """P(X <= c) as a fraction."""
    ways = sum(math.comb(bad, k) * math.comb(population - bad, n - k) for k in range(min(c, n) + 1))
    return F(ways, math.comb(population, n))


RATES = st.sampled_from(["0.005", "0.01", "0.02", "0.05", "0.1", "0.25", "0.5"])
SURENESS = st.sampled_from(["0.8", "0.9", "0.95", "0.99", "0.9999"])


@given(st.integers(1, 400), RATES, SURENESS, st.integers(0, 4))
def test_the_size_is_enough_and_the_smallest(population: int, rate: str, confidence: str, allowed: int) -> None:
    plan = terms(rate, confidence, allowed)
    bad = plan.intolerable(population)
    if bad <= allowed:
        with pytest.raises(ImpossiblePlanError):
            a.size_finite(plan, population)
        return
    n = a.size_finite(plan, population)
    assert exactly(allowed, population, bad, n) <= plan.risk
    assert n == 1 or exactly(allowed, population, bad, n - 1) > plan.risk
    assert F(bad, population) >= plan.rate > F(bad - 1, population)


@given(st.integers(30, 5_000), RATES, st.integers(0, 3))
def test_a_finite_population_never_takes_more_than_an_endless_one(population: int, rate: str, allowed: int) -> None:
    plan = terms(rate, "0.95", allowed)
    if plan.intolerable(population) > allowed:
        assert a.size_finite(plan, population) <= a.size_endless(plan)


@given(st.integers(1, 300), RATES, SURENESS, st.integers(0, 4), st.integers(0, 6))
def test_a_plan_that_passes_bounds_below_the_rate(
    population: int, rate: str, confidence: str, allowed: int, worst: int
) -> None:
    plan = terms(rate, confidence, allowed)
    if plan.intolerable(population) <= allowed:
        return
    n = a.size_finite(plan, population)
    found = min(worst, n)
    result = a.conclude(plan, Look(drawn=[n], strata=[population], defects=found, missing=0))
    assert result.has_passed == (found <= allowed)
    assert result.has_passed <= (result.upper_count < plan.rate * population)
    assert result.upper_count >= found


@pytest.mark.parametrize("confidence", [F(8, 10), SURE, F(99, 100)])
@pytest.mark.parametrize("population", [1, 2, 7, 23, 40])
def test_the_finite_bound_covers_exactly(population: int, confidence: Fraction) -> None:
    """Whatever the number of defects, the bound is at or above it with at least the confidence."""
    for n in {1, population // 3 or 1, population // 2 or 1, population}:
        bounds = [a.bound_finite(x, n, population, confidence) for x in range(n + 1)]
        assert bounds == sorted(bounds)
        for bad in range(population + 1):
            ways = math.comb(population, n)
            covered = sum(
                math.comb(bad, x) * math.comb(population - bad, n - x) for x in range(n + 1) if bounds[x] >= bad
            )
            assert F(covered, ways) >= confidence, (population, n, bad)


def test_the_endless_bound_covers() -> None:
    for n, rate in product((5, 40, 299), (0.001, 0.01, 0.07, 0.3, 0.9)):
        bounds = [a.bound_endless(x, n, SURE) for x in range(n + 1)]
        covered = sum(stats.binom.pmf(x, n, rate) for x in range(n + 1) if bounds[x] >= rate)
        assert covered >= 0.95 - 1e-9


@pytest.mark.parametrize("strata", [[9, 4], [8, 1, 5], [12, 12], [3, 3, 3, 3]])
@pytest.mark.parametrize("confidence", [F(8, 10), F(9, 10), SURE])
def test_the_stratified_bound_covers_however_the_defects_lie(strata: list[int], confidence: Fraction) -> None:
    for share in (0.3, 0.6, 0.9):
        drawn = [min(size, math.ceil(share * size)) for size in strata]
        bounds = [a.bound_stratified(x, drawn, strata, confidence) for x in range(sum(drawn) + 1)]
        for spread in product(*(range(size + 1) for size in strata)):
            chances = np.ones(1)
            for size, n, bad in zip(strata, drawn, spread, strict=True):
                chances = np.convolve(chances, stats.hypergeom.pmf(range(n + 1), size, bad, n))
            covered = sum(chance for x, chance in enumerate(chances) if bounds[x] >= sum(spread))
            assert covered >= float(confidence) - 1e-9, (strata, drawn, spread)


@given(st.lists(st.integers(1, 400), min_size=2, max_size=6), RATES, SURENESS, st.integers(0, 3))
def test_a_stratified_plan_that_passes_bounds_below_the_rate(
    strata: list[int], rate: str, confidence: str, allowed: int
) -> None:
    plan = terms(rate, confidence, allowed)
    if plan.intolerable(sum(strata)) <= allowed:
        return
    drawn = a.sizes_stratified(plan, strata)
    assert all(1 <= n <= size for n, size in zip(drawn, strata, strict=True))
    result = a.conclude(plan, Look(drawn=drawn, strata=strata, defects=min(allowed, sum(drawn)), missing=0))
    assert result.has_passed
    assert result.upper_count < plan.rate * sum(strata)


def test_what_is_missing_counts_as_defective() -> None:
    seen = a.conclude(terms(), Look(drawn=[293], strata=[12_430], defects=0, missing=0))
    partly = a.conclude(terms(), Look(drawn=[293], strata=[12_430], defects=0, missing=3))
    assert seen.has_passed and not partly.has_passed
    assert partly == a.conclude(terms(), Look(drawn=[293], strata=[12_430], defects=3, missing=0))
    assert partly.worst == 3


def test_the_operating_curve_falls_from_one_to_the_risk() -> None:
    chances = [a.chance_to_pass(terms(), population=12_430, n=293, true_rate=F(rate, 1000)) for rate in range(31)]
    assert chances == sorted(chances, reverse=True)
    assert chances[0] == 1.0
    assert 0.048 < chances[10] <= 0.05


# ---- the draw


def units(n: int, strata: int = 1, groups: int = 0) -> list[d.Unit]:
    return [d.Unit(i, 1_000 + i, i % groups if groups else i, str(i % strata) if strata > 1 else "") for i in range(n)]


def test_a_draw_can_be_drawn_again_in_any_order_of_the_population() -> None:
    first = d.draw(units(200), {"": 30}, "seed")
    assert first == d.draw(units(200)[::-1], {"": 30}, "seed")
    assert len(set(first)) == 30
    assert first != d.draw(units(200), {"": 30}, "other seed")
    assert [unit.sample for unit in d.draw(units(10), {"": 3}, "a fixed seed")] == [2, 0, 3]


def test_every_text_is_as_likely_as_any_other_and_so_is_every_pair() -> None:
    drawn = [d.draw(units(6), {"": 2}, f"seed {i}") for i in range(3_000)]
    pairs: dict[frozenset[int], int] = {}
    for pair in drawn:
        key = frozenset(unit.sample for unit in pair)
        pairs[key] = pairs.get(key, 0) + 1
    assert len(pairs) == 15
    assert stats.chisquare(list(pairs.values())).pvalue > 0.001


def test_strata_get_what_they_are_due_and_groups_one_text() -> None:
    drawn = d.draw(units(90, strata=3), {"0": 5, "1": 2, "2": 30}, "seed")
    assert d.strata_of(drawn) == {"0": 5, "1": 2, "2": 30}
    one = d.one_of_each_group(units(60, groups=7), "seed")
    assert sorted(unit.group for unit in one) == list(range(7))


@settings(max_examples=40)
@given(st.sets(st.tuples(st.integers(1, 2**40), st.integers(1, 2**40)), min_size=1, max_size=30), st.integers(1, 3))
def test_a_frozen_population_is_what_was_frozen(pairs: set[tuple[int, int]], strata: int) -> None:
    there = {sample: d.Unit(sample, revision, sample % 5, str(sample % strata)) for sample, revision in pairs}
    population = sorted(there.values(), key=lambda unit: unit.sample)
    packed = d.population_pack(population[::-1])
    again = d.population_unpack(packed, list(d.strata_of(population)))
    assert again == population
    assert sorted(d.population_revisions(packed)) == sorted(unit.revision for unit in population)
    assert d.population_hash(again) == d.population_hash(population[::-1])


def test_a_million_texts_are_frozen_in_little_room() -> None:
    assert len(d.population_pack(units(20_000))) < 20_000


# ---- words found again


@pytest.mark.parametrize(
    ("words", "near", "span"),
    [("knee", 0, (4, 8)), ("knee", 14, (14, 18)), ("knee\n  the", 0, (4, 12)), ("elbow", 0, None), ("  ", 0, None)],
)
def test_words_are_found_nearest_to_where_they_were_marked(words: str, near: int, span: tuple[int, int] | None) -> None:
    assert words_found("the knee the  knee", words, near=near) == span
