"""Severity against statsmodels' MixedLM; time and drift by hand."""

from __future__ import annotations

import warnings
from datetime import UTC, datetime, timedelta

import numpy as np
import pandas as pd
import pytest
import statsmodels.formula.api as smf
from hypothesis import given, settings
from hypothesis import strategies as st
from statsmodels.tools.sm_exceptions import ConvergenceWarning

from reviewapp.reviews import raters
from reviewapp.reviews.raters import Rating, severities

START = datetime(2026, 11, 2, 9, tzinfo=UTC)
PLANTED = {"ann": -0.6, "bob": 0.0, "cleo": 0.2, "dan": 0.4}


def planted(items: int = 60, seed: int = 3, spread: float = 1.0, sides: bool = False) -> list[Rating]:
    """Each item is rated by two of four, whose severities are known; its system may shift it by a point."""
    rng = np.random.default_rng(seed)
    found = []
    for item in range(items):
        truth = rng.normal(3, spread)
        side = ("base", "tuned")[item % 2] if sides else ""
        for name in rng.permutation(list(PLANTED))[:2]:
            shift = 1.0 if side == "tuned" else 0.0
            value = truth + shift + PLANTED[str(name)] + rng.normal(0, 0.4)
            found.append(Rating(str(name), item, float(value), side))
    return found


def fitted(ratings: list[Rating], formula: str) -> tuple[dict[str, tuple[float, float]], float, float]:
    """MixedLM's (effect, standard error) of all raters but the last, and the variances of items and error."""
    frame = pd.DataFrame(ratings, columns=["rater", "item", "value", "side"])
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ConvergenceWarning)
        model = smf.mixedlm(formula, frame, groups="item").fit(reml=True)
    names = sorted(set(frame.rater))[:-1]
    terms = {name: next(term for term in model.params.index if f"S.{name}]" in term) for name in names}
    effects = {name: (float(model.params[term]), float(model.bse[term])) for name, term in terms.items()}
    return effects, float(model.cov_re.iloc[0, 0]), float(model.scale)


@pytest.mark.parametrize("seed", [1, 2, 3])
def test_severity_is_that_of_mixedlm(seed: int) -> None:
    ratings = planted(seed=seed)
    fit = severities(ratings)
    effects, items, rest = fitted(ratings, "value ~ C(rater, Sum)")
    assert fit.item_variance == pytest.approx(items, rel=2e-3)
    assert fit.rest_variance == pytest.approx(rest, rel=2e-3)
    for name, (effect, error) in effects.items():
        assert fit.by_rater[name].effect == pytest.approx(effect, abs=1e-4)
        assert fit.by_rater[name].standard_error == pytest.approx(error, rel=1e-2)


def test_standard_errors_are_those_of_generalised_least_squares() -> None:
    """MixedLM's errors carry those of the variances a little; these are the plain ones, by the whole matrix."""
    ratings = planted(items=40)
    fit = severities(ratings)
    names = list(fit.by_rater)
    items = np.array([one.item for one in ratings])
    design = np.array([[1.0] + [(one.rater == n) - (one.rater == names[-1]) for n in names[:-1]] for one in ratings])
    assert fit.item_variance is not None and fit.rest_variance is not None
    covariance = fit.rest_variance * np.eye(len(ratings)) + fit.item_variance * (items[:, None] == items[None])
    inverse = np.linalg.inv(design.T @ np.linalg.inv(covariance) @ design)
    for place, name in enumerate(names[:-1], 1):
        assert fit.by_rater[name].standard_error == pytest.approx(float(inverse[place, place]) ** 0.5, rel=1e-6)
    last = np.array([0.0] + [-1.0] * (len(names) - 1))
    assert fit.by_rater[names[-1]].standard_error == pytest.approx(float(last @ inverse @ last) ** 0.5, rel=1e-6)


def test_the_system_of_an_output_is_taken_out() -> None:
    ratings = planted(sides=True)
    fit = severities(ratings)
    effects, items, rest = fitted(ratings, "value ~ C(side) + C(rater, Sum)")
    assert (fit.item_variance, fit.rest_variance) == (pytest.approx(items, rel=2e-3), pytest.approx(rest, rel=2e-3))
    for name, (effect, error) in effects.items():
        assert fit.by_rater[name].effect == pytest.approx(effect, abs=1e-4)
        assert fit.by_rater[name].standard_error == pytest.approx(error, rel=1e-2)


def test_planted_severities_are_found() -> None:
    fit = severities(planted(items=200))
    for name, effect in PLANTED.items():
        found = fit.by_rater[name]
        assert found.low - 0.05 < effect < found.high + 0.05
        assert found.is_judged
    assert [name for name in PLANTED if fit.by_rater[name].is_notable] == ["ann"]


def test_planted_severities_are_recovered_to_a_tenth_from_800_scores() -> None:
    ratings = planted(items=400)
    fit = severities(ratings)
    assert len(ratings) == fit.n_scores == 800
    assert {name: fit.by_rater[name].effect for name in PLANTED} == pytest.approx(PLANTED, abs=0.1)


@pytest.mark.parametrize(("items", "error"), [(20, 0.13), (60, 0.08)])
def test_why_nobody_is_judged_on_few_items(items: int, error: float) -> None:
    """Four raters on every item; at an error of .68 points both values hold (the reference names no size)."""
    found = []
    for seed in range(30):
        rng = np.random.default_rng(seed)
        levels = rng.normal(3, 0.8, items)
        values = levels[:, None] + np.array(list(PLANTED.values())) + rng.normal(0, 0.68, (items, 4))
        ratings = [Rating(name, n, float(values[n, place])) for n in range(items) for place, name in enumerate(PLANTED)]
        found += [one.standard_error for one in severities(ratings).by_rater.values()]
    assert np.mean(found) == pytest.approx(error, abs=0.01)
    assert raters.ENOUGH_ITEMS == 20


def test_items_that_do_not_differ_have_no_variance() -> None:
    fit = severities(planted(spread=0.0, seed=5))
    assert fit.item_variance is not None and fit.item_variance < 0.05
    assert fit.rest_variance == pytest.approx(0.16, abs=0.06)


def test_few_items_are_never_judged() -> None:
    few = severities(planted(items=30, seed=2))
    assert all(one.n_items < raters.ENOUGH_ITEMS for one in few.by_rater.values())
    assert not any(one.is_judged or one.is_notable for one in few.by_rater.values())


def test_who_shares_no_item_is_never_judged() -> None:
    alone = [Rating("eve", f"e{number}", 1.0) for number in range(40)]
    fit = severities([*planted(), *alone])
    assert (fit.by_rater["eve"].n_items, fit.by_rater["eve"].n_shared) == (40, 0)
    assert not fit.by_rater["eve"].is_judged


@pytest.mark.parametrize(
    ("ratings", "reason"),
    [
        ([], "one_rater"),
        ([Rating("ann", 1, 2.0), Rating("ann", 2, 3.0)], "one_rater"),
        ([Rating("ann", 1, 2.0), Rating("bob", 2, 3.0)], "no_shared_items"),
        ([Rating("ann", 1, 2.0), Rating("bob", 1, 2.0)], "no_variation"),
        ([Rating("ann", 1, 2.0), Rating("bob", 1, 3.0)], "too_few_scores"),
    ],
)
def test_no_severity_without_a_reason(ratings: list[Rating], reason: str) -> None:
    fit = severities(ratings)
    assert (fit.reason, dict(fit.by_rater)) == (reason, {})
    assert fit.sentence.endswith(".")


ratings_drawn = st.lists(
    st.builds(Rating, st.sampled_from(["ann", "bob", "cleo"]), st.integers(0, 9), st.integers(1, 5).map(float)),
    max_size=30,
)


@settings(max_examples=60)
@given(ratings_drawn, st.floats(-3, 3))
def test_severities_sum_to_nothing_and_do_not_depend_on_where_the_scale_begins(
    ratings: list[Rating], shift: float
) -> None:
    fit = severities(ratings)
    moved = severities([one._replace(value=one.value + shift) for one in ratings])
    if fit.reason:
        assert moved.reason == fit.reason or moved.reason == "no_variation"
        return
    assert sum(one.effect for one in fit.by_rater.values()) == pytest.approx(0, abs=1e-6)
    for rater, one in fit.by_rater.items():
        assert one.standard_error >= 0
        assert moved.by_rater[rater].effect == pytest.approx(one.effect, abs=1e-3)


def test_quartiles_leave_out_what_was_not_timed() -> None:
    found = raters.quartiles([0, 10, 20, 30, 40, 50])
    assert (found.n, found.first, found.median, found.third) == (5, 20, 30, 40)
    assert raters.quartiles([0, 0]).median is None


def test_a_long_pause_begins_a_new_sitting() -> None:
    times = [START + timedelta(minutes=minutes) for minutes in (0, 5, 34, 65, 70)]
    assert raters.sitting_positions(times) == [0, 1, 2, 0, 1]
    assert raters.sitting_positions([]) == []


def test_deviation_is_from_the_others() -> None:
    scores = [Rating("ann", 1, 4.0), Rating("bob", 1, 2.0), Rating("cleo", 1, 3.0), Rating("ann", 2, 1.0)]
    assert raters.deviations(scores) == {("ann", 1): 1.5, ("bob", 1): -1.5, ("cleo", 1): 0.0}


def test_drift_is_a_slope_with_its_interval() -> None:
    positions = list(range(25))
    values = [0.02 * place + (0.1 if place % 2 else -0.1) for place in positions]
    found = raters.drift(positions, values)
    expected = smf.ols("y ~ x", pd.DataFrame({"x": positions, "y": values})).fit()
    low, high = (10 * float(end) for end in expected.conf_int().loc["x"])
    assert found.per_ten == pytest.approx(10 * float(expected.params["x"]))
    assert (found.low, found.high) == (pytest.approx(low), pytest.approx(high))
    assert found.is_notable


def test_drift_is_not_read_from_few_items_or_from_one_position() -> None:
    assert raters.drift(list(range(19)), [0.1] * 19).per_ten is None
    assert raters.drift([0] * 30, [0.1] * 30).per_ten is None
    assert not raters.drift([], []).is_notable
