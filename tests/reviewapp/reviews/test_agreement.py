"""Golden values: Krippendorff (2011), Wikipedia's worked examples, irrCAC's raw_4raters, Shrout and Fleiss (1979)."""

from __future__ import annotations

import math
from collections.abc import Callable

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from statsmodels.stats import inter_rater

from reviewapp.reviews import agreement
from reviewapp.reviews.agreement import Ratings, Table
from reviewapp.reviews.agreement_icc import Form, crossed


def table(*rows: str) -> list[list[float | None]]:
    """Rows of ratings; a dot is a missing one."""
    return [[None if cell == "." else float(cell) for cell in row.split()] for row in rows]


def letters(*rows: str) -> list[list[float | None]]:
    return [[float("abcdefgh".index(cell)) for cell in row] for row in rows]


def expanded(counts: list[list[int]]) -> Table:
    """A cross table of two raters -> 2 x n ratings."""
    pairs = [(i, j) for i, row in enumerate(counts) for j, n in enumerate(row) for _ in range(n)]
    return np.array(pairs, dtype=float).T


def ratings_with(counts: list[list[int]]) -> Table:
    """How often each unit (row) got each category (column) -> raters x units."""
    return np.array([[float(c) for c, n in enumerate(row) for _ in range(n)] for row in counts]).T


FOUR_BY_TWELVE = table(
    "1 2 3 3 2 1 4 1 2 . . .",
    "1 2 3 3 2 2 4 1 2 5 . 3",
    ". 3 3 3 2 3 4 2 2 5 1 .",
    "1 2 3 3 2 4 4 1 2 5 1 .",
)
THREE_BY_FIFTEEN = table(
    ". . . . . 3 4 1 2 1 1 3 3 . 3",
    "1 . 2 1 3 3 4 3 . . . . . . .",
    ". . 2 1 3 4 4 . 2 1 1 3 3 . 4",
)
SHROUT_FLEISS = table("9 6 8 7 10 6", "2 1 4 1 5 2", "5 3 6 2 6 4", "8 2 8 6 9 7")
FLEISS_TEN_BY_FIVE = [
    [0, 0, 0, 0, 14],
    [0, 2, 6, 4, 2],
    [0, 0, 3, 5, 6],
    [0, 3, 9, 2, 0],
    [2, 2, 8, 1, 1],
    [7, 7, 0, 0, 0],
    [3, 2, 6, 3, 0],
    [2, 5, 3, 2, 2],
    [6, 5, 2, 1, 0],
    [0, 2, 2, 3, 7],
]
RARE_FLAG = expanded([[118, 5], [2, 0]])


@pytest.mark.parametrize(
    ("ratings", "scale", "value"),
    [
        (FOUR_BY_TWELVE, "nominal", 0.743421),
        (FOUR_BY_TWELVE, "ordinal", 0.815388),
        (FOUR_BY_TWELVE, "interval", 0.849107),
        (FOUR_BY_TWELVE, "ratio", 0.797403),
        (table("0 1 0 0 0 0 0 0 1 0", "1 1 1 0 0 1 0 0 0 0"), "nominal", 0.095238),
        (letters("aabbdcccedda", "babbbccceddd"), "nominal", 0.691964),
        (THREE_BY_FIFTEEN, "nominal", 0.691358),
        (THREE_BY_FIFTEEN, "interval", 0.810845),
        (THREE_BY_FIFTEEN, "ordinal", 0.806721),
        (RARE_FLAG, "nominal", -0.024691),
    ],
)
def test_krippendorff_alpha_has_the_published_value(ratings: Ratings, scale: agreement.Scale, value: float) -> None:
    assert agreement.krippendorff_alpha(ratings, scale).value == pytest.approx(value, abs=1e-6)


def test_alpha_carries_what_it_stands_on() -> None:
    result = agreement.krippendorff_alpha(FOUR_BY_TWELVE)
    assert (result.n_units, result.n_ratings, result.n_raters, result.missing) == (11, 40, 4, 7)
    assert (result.method, result.reason, result.confidence) == ("Krippendorff's alpha, ordinal", None, 0.95)
    assert not result.is_enough


def test_alpha_has_the_jackknife_interval() -> None:
    result = agreement.krippendorff_alpha(FOUR_BY_TWELVE)
    assert (result.low, result.high) == (pytest.approx(0.486, abs=5e-4), 1.0)


def test_the_jackknife_by_patterns_is_the_plain_jackknife() -> None:
    rng = np.random.default_rng(4)
    ratings = np.round(rng.normal(3, 1, (3, 40)) + rng.normal(0, 0.4, (3, 40))).clip(1, 5)
    ratings[rng.random(ratings.shape) < 0.2] = np.nan
    ratings = ratings[:, (~np.isnan(ratings)).sum(0) >= 2]
    n = ratings.shape[1]
    whole = agreement.krippendorff_alpha(ratings).value
    rest = [agreement.krippendorff_alpha(np.delete(ratings, unit, 1)).value for unit in range(n)]
    assert whole is not None
    pseudo = [n * whole - (n - 1) * value for value in rest if value is not None]
    expected = float(np.std(pseudo, ddof=1)) / n**0.5
    assert agreement.krippendorff_alpha(ratings).standard_error == pytest.approx(expected, rel=1e-9)


def test_gwet_has_the_published_values() -> None:
    first = agreement.gwet(FOUR_BY_TWELVE)
    assert first.value == pytest.approx(0.77544, abs=1e-5)
    assert first.standard_error == pytest.approx(0.143, abs=5e-4)
    assert (first.low, first.high) == (pytest.approx(0.461, abs=5e-4), 1.0)
    assert agreement.gwet(FOUR_BY_TWELVE, weights="quadratic").value == pytest.approx(0.914, abs=1e-4)
    assert agreement.gwet(RARE_FLAG).value == pytest.approx(0.94078, abs=1e-5)


def test_other_coefficients_have_the_published_values() -> None:
    assert agreement.percent_agreement(FOUR_BY_TWELVE).value == pytest.approx(0.81818, abs=1e-5)
    assert agreement.percent_agreement(RARE_FLAG).value == pytest.approx(0.944, abs=1e-9)
    assert agreement.fleiss_kappa(FOUR_BY_TWELVE).value == pytest.approx(0.76117, abs=1e-5)
    assert agreement.fleiss_kappa(ratings_with(FLEISS_TEN_BY_FIVE)).value == pytest.approx(0.2099, abs=1e-4)
    assert agreement.fleiss_kappa(RARE_FLAG).value == pytest.approx(-0.029, abs=5e-4)
    assert agreement.brennan_prediger(FOUR_BY_TWELVE).value == pytest.approx(0.77273, abs=1e-5)


@pytest.mark.parametrize(
    ("counts", "value"),
    [([[20, 5], [10, 15]], 0.4), ([[45, 15], [25, 15]], 0.1304), ([[25, 35], [5, 35]], 0.2593)],
)
def test_cohen_kappa_has_the_published_values(counts: list[list[int]], value: float) -> None:
    assert agreement.cohen_kappa(expanded(counts)).value == pytest.approx(value, abs=5e-5)


def test_cohen_kappa_has_its_interval() -> None:
    result = agreement.cohen_kappa(expanded([[20, 5], [10, 15]]))
    assert (result.low, result.high) == (pytest.approx(0.1511, abs=5e-5), pytest.approx(0.6489, abs=5e-5))


# value and interval: Shrout and Fleiss (1979); McGraw and Wong (1996), as printed by R's psych::ICC for the same data
@pytest.mark.parametrize(("form", "value", "low", "high"), [("single", 0.29, 0.019, 0.76), ("mean", 0.62, 0.071, 0.93)])
def test_intraclass_has_the_published_values(form: Form, value: float, low: float, high: float) -> None:
    result = agreement.intraclass(SHROUT_FLEISS, form)
    assert (result.value, result.low, result.high) == (
        pytest.approx(value, abs=0.005),
        pytest.approx(low, abs=0.0005),
        pytest.approx(high, abs=0.005),
    )


def test_raters_who_differ_by_a_constant_leave_no_error_to_measure() -> None:
    shifted = agreement.intraclass(table("1 2 3 4", "2 3 4 5"))
    assert shifted.value is not None and 0 < shifted.value < 1
    assert (shifted.low, shifted.interval_reason) == (None, "no_error")
    assert agreement.intraclass(table("1 2 3", "1 2 3")).value == pytest.approx(1.0)
    assert agreement.intraclass(table("2 2 2", "2 2 2")).reason == "no_variation"


def test_the_crossed_part_of_a_table() -> None:
    part = crossed(np.asarray(table("1 2 . 4", ". . . .", "1 3 2 .", "4 4 4 4"), dtype=float))
    assert part.tolist() == [[1, 2], [1, 3], [4, 4]]


@pytest.mark.parametrize("weights", ["identity", "linear", "quadratic"])
def test_weighted_kappa_is_that_of_statsmodels(weights: agreement.Weights) -> None:
    counts = np.array([[20, 5, 1, 0], [4, 18, 6, 2], [1, 7, 15, 5], [0, 1, 3, 12]])
    words = None if weights == "identity" else weights
    expected = inter_rater.cohens_kappa(counts, wt=words)
    result = agreement.cohen_kappa(expanded(counts.tolist()), weights=weights)
    assert result.value == pytest.approx(expected.kappa, abs=1e-12)
    assert result.standard_error == pytest.approx(expected.var_kappa**0.5, rel=1e-9)


def test_fleiss_kappa_is_that_of_statsmodels_and_refuses_unequal_units_where_asked() -> None:
    counts = FLEISS_TEN_BY_FIVE
    expected = inter_rater.fleiss_kappa(np.array(counts))
    assert agreement.fleiss_kappa(ratings_with(counts), strict=True).value == pytest.approx(expected, abs=1e-12)
    assert agreement.fleiss_kappa(FOUR_BY_TWELVE, strict=True).reason == "unequal"


def test_the_jackknife_of_fleiss_by_patterns_is_the_plain_one() -> None:
    ratings = ratings_with(FLEISS_TEN_BY_FIVE)
    whole = agreement.fleiss_kappa(ratings).value
    rest = [agreement.fleiss_kappa(np.delete(ratings, unit, 1)).value for unit in range(10)]
    assert whole is not None
    pseudo = [10 * whole - 9 * value for value in rest if value is not None]
    expected = float(np.std(pseudo, ddof=1)) / 10**0.5
    assert agreement.fleiss_kappa(ratings).standard_error == pytest.approx(expected, rel=1e-9)


def test_two_categories_leave_nothing_to_weigh() -> None:
    plain = agreement.gwet(RARE_FLAG).value
    assert agreement.gwet(RARE_FLAG, weights="linear").value == pytest.approx(plain)
    assert agreement.gwet(RARE_FLAG, weights="quadratic").value == pytest.approx(plain)


def test_positive_agreement_reads_rare_flags() -> None:
    assert agreement.positive_agreement(expanded([[118, 5], [2, 0]])).value == 0.0
    assert agreement.positive_agreement(expanded([[80, 3], [5, 6]])).value == pytest.approx(2 * 6 / (2 * 6 + 3 + 5))
    assert agreement.positive_agreement(expanded([[9, 0], [0, 0]])).reason == "no_positives"


Statistic = Callable[[Ratings], agreement.Agreement]
ALL: list[Statistic] = [
    agreement.krippendorff_alpha,
    agreement.percent_agreement,
    agreement.gwet,
    agreement.fleiss_kappa,
    agreement.brennan_prediger,
    agreement.positive_agreement,
]


@pytest.mark.parametrize("statistic", ALL)
def test_without_two_ratings_of_a_unit_there_is_no_value(statistic: Statistic) -> None:
    result = statistic(table("1 .", ". 2"))
    assert (result.value, result.reason, result.n_units, result.n_raters) == (None, "no_pairs", 0, 2)
    assert result.sentence == "No unit has two ratings yet."


@pytest.mark.parametrize("statistic", ALL)
@pytest.mark.parametrize("nothing", [[], [[]], [[None, None]], np.zeros((0, 0))])
def test_without_ratings_there_is_no_value(statistic: Statistic, nothing: Ratings) -> None:
    assert (statistic(nothing).value, statistic(nothing).reason) == (None, "no_ratings")


def test_unanimous_ratings_leave_chance_undefined() -> None:
    unanimous = np.ones((2, 5))
    assert agreement.krippendorff_alpha(unanimous).reason == "no_variation"
    assert agreement.fleiss_kappa(unanimous).reason == "no_variation"
    assert agreement.cohen_kappa(unanimous).reason == "no_variation"
    assert agreement.gwet(unanimous).reason == "one_category"
    assert agreement.percent_agreement(unanimous).value == 1.0
    assert agreement.gwet(unanimous, categories=[0, 1]).value == 1.0


def test_an_interval_that_cannot_be_given_says_why() -> None:
    assert agreement.krippendorff_alpha(table("1", "2")).interval_reason == "too_few_units"
    one_differs = agreement.krippendorff_alpha(table("1 1 1 2", "1 1 1 1"))
    assert (one_differs.value, one_differs.low) == (pytest.approx(0.0), None)
    assert one_differs.interval_reason == "hangs_on_one_unit"


def test_bad_input_is_refused() -> None:
    with pytest.raises(ValueError, match="Unknown scale"):
        agreement.krippendorff_alpha(FOUR_BY_TWELVE, "rank")  # type: ignore[arg-type]
    with pytest.raises(ValueError, match="no negative"):
        agreement.krippendorff_alpha(table("1 -1", "1 1"), "ratio")
    with pytest.raises(ValueError, match="outside the scale"):
        agreement.gwet(table("1 5", "1 2"), categories=[1, 2])
    assert agreement.cohen_kappa(FOUR_BY_TWELVE).reason == "not_two_raters"
    assert agreement.intraclass(FOUR_BY_TWELVE).reason == "incomplete"


def test_every_reason_has_a_sentence() -> None:
    assert all(sentence.endswith(".") for sentence in agreement.REASONS.values())


def test_a_table_is_built_from_triples() -> None:
    triples = [("ann", 7, 1.0), ("bob", 8, None), ("bob", 7, 3.0), ("ann", 8, 2.0), ("ann", 7, 4.0)]
    built = agreement.ratings_table(triples)
    assert built.tolist()[0] == [4.0, 2.0]
    assert built[1, 0] == 3.0 and math.isnan(built[1, 1])
    assert agreement.krippendorff_alpha(agreement.ratings_table([])).reason == "no_ratings"


cells = st.sampled_from([None, 1.0, 2.0, 3.0, 4.0])
tables = st.integers(1, 8).flatmap(
    lambda units: st.lists(st.lists(cells, min_size=units, max_size=units), min_size=2, max_size=4)
)
scales = st.sampled_from(["nominal", "ordinal", "interval", "ratio"])


@given(tables, scales)
def test_alpha_is_at_most_one_and_one_means_every_pair_agrees(ratings: Ratings, scale: agreement.Scale) -> None:
    result = agreement.krippendorff_alpha(ratings, scale)
    percent = agreement.percent_agreement(ratings).value
    if result.value is None:
        assert result.reason in agreement.REASONS
    else:
        assert -1 - 1e-9 <= result.value <= 1 + 1e-9
        assert math.isclose(result.value, 1.0) == (percent == 1.0)
    if result.value is not None and result.low is not None and result.high is not None:
        assert result.low <= result.value + 1e-9 and result.value <= result.high + 1e-9


@given(tables, scales)
def test_the_order_of_raters_and_units_does_not_matter(ratings: Ratings, scale: agreement.Scale) -> None:
    turned = np.asarray(ratings, dtype=float)[::-1, ::-1]
    for one, other in (
        (agreement.krippendorff_alpha(ratings, scale), agreement.krippendorff_alpha(turned, scale)),
        (agreement.gwet(ratings), agreement.gwet(turned)),
        (agreement.percent_agreement(ratings), agreement.percent_agreement(turned)),
    ):
        assert (one.value is None) == (other.value is None)
        assert one.value is None or one.value == pytest.approx(other.value)


@given(tables)
def test_interval_alpha_does_not_depend_on_unit_or_origin_of_the_scale(ratings: Ratings) -> None:
    plain = agreement.krippendorff_alpha(ratings, "interval").value
    moved = agreement.krippendorff_alpha(np.asarray(ratings, dtype=float) * 3 - 7, "interval").value
    assert moved == (plain if plain is None else pytest.approx(plain, abs=1e-9))


@given(tables)
def test_nominal_alpha_only_sees_which_ratings_are_equal(ratings: Ratings) -> None:
    names = np.array([np.nan, 9.0, 4.0, 7.0, 1.0])
    renamed = names[np.nan_to_num(np.asarray(ratings, dtype=float)).astype(int)]
    plain = agreement.krippendorff_alpha(ratings, "nominal").value
    other = agreement.krippendorff_alpha(renamed, "nominal").value
    assert other == (plain if plain is None else pytest.approx(plain, abs=1e-9))


@given(tables)
def test_a_unit_with_one_rating_changes_nothing_in_alpha(ratings: Ratings) -> None:
    array = np.asarray(ratings, dtype=float)
    lone = np.full((len(array), 1), np.nan)
    lone[0, 0] = 2.0
    extended = np.hstack([array, lone])
    assert agreement.krippendorff_alpha(extended).value == agreement.krippendorff_alpha(array).value


@given(tables, st.permutations(range(4)))
def test_who_is_called_what_does_not_matter(ratings: Ratings, order: list[int]) -> None:
    whole = np.asarray(ratings, dtype=float)
    shuffled = whole[[row for row in order if row < len(whole)]]
    for statistic in (*ALL, agreement.intraclass):
        one, other = statistic(whole), statistic(shuffled)
        assert one.reason == other.reason
        assert one.value is None or one.value == pytest.approx(other.value, abs=1e-9)


@given(st.lists(st.integers(1, 4), min_size=2, max_size=12).filter(lambda row: len(set(row)) > 1), st.integers(2, 4))
def test_raters_who_all_say_the_same_agree_perfectly(row: list[int], raters: int) -> None:
    ratings = np.array([row] * raters, dtype=float)
    perfect = [statistic(ratings) for statistic in ALL[:5]]
    perfect += [agreement.krippendorff_alpha(ratings, scale) for scale in ("nominal", "interval", "ratio")]
    perfect += [agreement.intraclass(ratings), agreement.intraclass(ratings, "mean")]
    perfect += [agreement.gwet(ratings, weights=weights) for weights in ("linear", "quadratic")]
    perfect += [agreement.cohen_kappa(ratings[:2], weights=weights) for weights in ("identity", "linear", "quadratic")]
    assert [result.value for result in perfect] == [pytest.approx(1.0)] * len(perfect)


@given(tables)
def test_a_unit_that_only_one_rater_saw_changes_no_alpha(ratings: Ratings) -> None:
    whole = np.asarray(ratings, dtype=float)
    lonely = np.full((len(whole), 1), np.nan)
    lonely[0] = 2.0
    plain = agreement.krippendorff_alpha(whole).value
    more = agreement.krippendorff_alpha(np.hstack([whole, lonely])).value
    assert more == (plain if plain is None else pytest.approx(plain, abs=1e-12))


@given(st.lists(st.lists(st.integers(1, 3), min_size=12, max_size=12), min_size=2, max_size=2))
def test_weighted_kappas_follow_statsmodels(ratings: list[list[int]]) -> None:
    values = sorted({value for row in ratings for value in row})
    counts = np.zeros((3, 3))
    np.add.at(counts, (np.array(ratings[0]) - 1, np.array(ratings[1]) - 1), 1)
    result = agreement.cohen_kappa(ratings, [1, 2, 3], "quadratic")
    if len(values) == 1:
        assert result.reason == "no_variation"
    else:
        expected = inter_rater.cohens_kappa(counts, wt="quadratic", return_results=False)
        assert result.value == pytest.approx(expected, abs=1e-9)
