from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from reviewapp.reviews import agreement
from reviewapp.reviews.agreement_names import names_agreement

ratings = st.lists(st.tuples(st.integers(0, 3), st.integers(0, 7), st.integers(1, 4)), max_size=30)


@given(ratings)
def test_it_is_nominal_alpha_by_another_way(given: list[tuple[int, int, int]]) -> None:
    alpha, percent = names_agreement((rater, unit, f"class {name}") for rater, unit, name in given)
    table = agreement.ratings_table((rater, unit, float(name)) for rater, unit, name in given)
    plain, plain_percent = agreement.krippendorff_alpha(table, "nominal"), agreement.percent_agreement(table)
    assert (alpha.reason, alpha.interval_reason) == (plain.reason, plain.interval_reason)
    assert (alpha.n_units, alpha.n_ratings, alpha.missing) == (plain.n_units, plain.n_ratings, plain.missing)
    for one, other in ((alpha.value, plain.value), (alpha.low, plain.low), (percent.value, plain_percent.value)):
        assert one == (other if other is None else pytest.approx(other, abs=1e-9))


@pytest.mark.slow
def test_ten_thousand_classes_cost_no_matrix() -> None:
    given = [(rater, unit, unit if rater or unit % 10 else "other") for unit in range(10_000) for rater in (0, 1)]
    alpha, percent = names_agreement(given)
    assert percent.value == pytest.approx(0.9)
    assert alpha.value == pytest.approx(0.9, abs=1e-3) and alpha.n_units == 10_000
