"""Golden values that no single call returns: the other intraclass forms, and how precise alpha is at a given number.

Shrout and Fleiss (1979); the half-widths are those of a simulation of two raters on a scale of five.
"""

from __future__ import annotations

import numpy as np
import pytest

from reviewapp.reviews import agreement
from reviewapp.reviews.agreement_icc import _squares

SHROUT_FLEISS = np.array([[9, 6, 8, 7, 10, 6], [2, 1, 4, 1, 5, 2], [5, 3, 6, 2, 6, 4], [8, 2, 8, 6, 9, 7]], dtype=float)


def test_the_six_forms_of_shrout_and_fleiss_come_of_the_same_mean_squares() -> None:
    """Only ICC(2,1) and (2,k) are shown; the other four check the mean squares that these stand on."""
    squares = _squares(SHROUT_FLEISS)
    n, k = squares.units, squares.raters
    within = ((k - 1) * squares.severity + (n - 1) * (k - 1) * squares.rest) / (n * (k - 1))
    between, rest = squares.between, squares.rest
    found = {
        (1, 1): (between - within) / (between + (k - 1) * within),
        (2, 1): agreement.intraclass(SHROUT_FLEISS, "single").value,
        (3, 1): (between - rest) / (between + (k - 1) * rest),
        (1, 4): (between - within) / between,
        (2, 4): agreement.intraclass(SHROUT_FLEISS, "mean").value,
        (3, 4): (between - rest) / between,
    }
    published = {(1, 1): 0.17, (2, 1): 0.29, (3, 1): 0.71, (1, 4): 0.44, (2, 4): 0.62, (3, 4): 0.91}
    assert found == pytest.approx(published, abs=5e-3)


@pytest.mark.parametrize(("items", "half"), [(30, 0.18), (50, 0.14), (100, 0.10), (200, 0.07)])
def test_half_width_of_alpha_by_items_rated_twice(items: int, half: float) -> None:
    rng = np.random.default_rng(items)
    values, halves = [], []
    for _ in range(80):
        levels = rng.normal(3, 1.1, items)
        found = agreement.krippendorff_alpha(np.round(levels + rng.normal(0, 0.56, (2, items))).clip(1, 5))
        assert found.value is not None and found.standard_error is not None
        values.append(found.value)
        halves.append(1.96 * found.standard_error)
    assert np.mean(values) == pytest.approx(0.72, abs=0.02)
    assert np.mean(halves) == pytest.approx(half, abs=0.01)


def test_the_interval_scale_and_not_the_ordinal_is_what_quadratic_weights_give() -> None:
    """Another program's "ordinal" alpha of Krippendorff's table is .83364; Krippendorff's own is .81539."""
    nan = float("nan")
    rows = [
        [1, 2, 3, 3, 2, 1, 4, 1, 2, nan, nan, nan],
        [1, 2, 3, 3, 2, 2, 4, 1, 2, 5, nan, 3],
        [nan, 3, 3, 3, 2, 3, 4, 2, 2, 5, 1, nan],
        [1, 2, 3, 3, 2, 4, 4, 1, 2, 5, 1, nan],
    ]
    ordinal, interval = (agreement.krippendorff_alpha(rows, scale).value for scale in ("ordinal", "interval"))
    assert (ordinal, interval) == (pytest.approx(0.81539, abs=5e-6), pytest.approx(0.84911, abs=5e-6))
    assert ordinal != pytest.approx(0.83364, abs=1e-3)
