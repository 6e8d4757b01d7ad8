from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from reviewapp.reviews import agreement
from reviewapp.reviews.agreement_measures import (
    measures_of,
    other_statistics,
    pairs_of,
    reading_of,
    scale_of,
    units_apart,
    weights_of,
)
from reviewapp.reviews.outcomes import ReviewFacts, differences_of

nan = float("nan")
LEVELS = np.array([[4, 3, 2, 1, 4, nan], [4, 4, 2, 2, 1, 3]])


@pytest.mark.parametrize(
    ("kind", "scale", "weights"),
    [
        ("levels", "ordinal", "quadratic"),
        ("preference", "ordinal", "quadratic"),
        ("count", "ratio", "quadratic"),
        ("spans", "ratio", "quadratic"),
        ("gate", "nominal", "identity"),
        ("points", "nominal", "identity"),
        ("decision", "nominal", "identity"),
    ],
)
def test_each_kind_has_its_scale(kind: str, scale: str, weights: str) -> None:
    assert (scale_of(kind), weights_of(kind)) == (scale, weights)


def test_the_headline_of_levels() -> None:
    found = measures_of(LEVELS, "levels", [1, 2, 3, 4])
    assert found.alpha == agreement.krippendorff_alpha(LEVELS, "ordinal")
    assert found.gwet == agreement.gwet(LEVELS, [1, 2, 3, 4], "quadratic")
    assert (found.positive, found.n_apart, found.share_apart) == (None, 1, 0.2)


def test_the_headline_of_a_gate() -> None:
    table = np.array([[0, 0, 1, 0], [0, 1, 1, 0]], dtype=float)
    found = measures_of(table, "gate", [0, 1])
    assert found.positive is not None and found.positive.value == pytest.approx(2 / 3)
    assert (found.alpha.method, found.n_apart) == ("Krippendorff's alpha, nominal", 1)


@pytest.mark.parametrize(
    ("value", "units", "reading"),
    [
        (0.85, 50, ("pass", "Firm")),
        (0.7, 50, ("unknown", "Tentative")),
        (0.5, 50, ("fail", "Conclude nothing")),
        (0.99, 49, ("unknown", "Unknown: 49 of 50 rated twice")),
        (None, 90, ("unknown", "Not defined")),
    ],
)
def test_what_may_be_concluded(value: float | None, units: int, reading: tuple[str, str]) -> None:
    alpha = agreement.Agreement("alpha", value, units, 2 * units, 2, 0, reason=None if value else "no_variation")
    assert reading_of(alpha) == reading


def test_without_ratings_everything_says_why() -> None:
    found = measures_of(np.zeros((0, 0)), "levels")
    assert (found.alpha.reason, found.percent.reason, found.gwet.reason) == ("no_ratings",) * 3
    assert (found.n_apart, found.share_apart) == (0, None)


def test_further_statistics_say_where_they_do_not_apply() -> None:
    fleiss, cohen, single, mean = other_statistics(LEVELS, "levels", [1, 2, 3, 4])
    assert fleiss.reason == "unequal" and cohen.value is not None
    crossed = LEVELS[:, :5]
    assert single.value == pytest.approx(agreement.intraclass(crossed).value)
    assert mean.n_units == 5 and mean.value == pytest.approx(agreement.intraclass(crossed, "mean").value)
    assert other_statistics(LEVELS, "points")[2].reason == "no_order"
    three = np.vstack([LEVELS, [nan, nan, nan, nan, nan, 2]])
    assert [one.reason for one in other_statistics(three, "levels")[1:]] == ["not_two_raters"] + ["incomplete"] * 2


def test_pairs_are_those_who_share_a_unit() -> None:
    table = np.array([[4, 3, nan], [4, 1, nan], [nan, nan, 2]])
    (pair,) = pairs_of(table, "levels", [1, 2, 3, 4])
    assert (pair.one, pair.other, pair.n_units, pair.mean_difference) == (0, 1, 2, 1.0)
    assert pair.percent.value == 0.5 and pair.kappa.method == "Cohen's kappa, quadratic weights"
    assert pairs_of(table, "gate")[0].mean_difference is None


cells = st.sampled_from([nan, 0.0, 1.0, 2.0, 3.0])
columns = st.lists(cells, min_size=2, max_size=4)


@given(columns, st.sampled_from(["gate", "levels", "count", "points", "preference", "text"]))
def test_what_is_counted_as_apart_is_what_is_settled(column: list[float], kind: str) -> None:
    reviews = [
        ReviewFacts(decision="accept", revision=1, text_hash="a", scores={"it": None if np.isnan(v) else int(v)})
        for v in column
    ]
    counted = bool(units_apart(np.array([[value] for value in column]), kind)[0])
    assert counted == ("it" in differences_of(reviews, {"it": kind}))
