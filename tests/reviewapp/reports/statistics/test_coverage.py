"""How often 95% intervals of a mean hold the truth on a skewed scale of five.

The reference gives shares that it simulated, but not its scale; this one (most answers perfect, a tail of bad ones) is
ours, so the shares agree to two points, not to the digit. Its other shares do not come out here and are not asserted:
at 200 outputs .949 (reference: .965), and the plain percentile form at 20 .911 (reference: .886).
"""

from __future__ import annotations

import numpy as np
import numpy.typing as npt
import pytest

from reviewapp.reports import statistics

CHANCES = [0.03, 0.05, 0.10, 0.22, 0.60]  # of levels 1 to 5
MEAN = float(np.dot(CHANCES, range(1, 6)))
ROOM = 0.02


def drawn(n: int, samples: int) -> npt.NDArray[np.float64]:
    return np.random.default_rng(7).choice([1.0, 2.0, 3.0, 4.0, 5.0], p=CHANCES, size=(samples, n))


def holds(found: statistics.Mean | statistics.Comparison) -> bool:
    return found.low is not None and found.high is not None and found.low <= MEAN <= found.high


@pytest.mark.parametrize(("n", "coverage"), [(20, 0.916), (50, 0.944)])
def test_the_t_interval(n: int, coverage: float) -> None:
    found = np.mean([holds(statistics.mean(sample)) for sample in drawn(n, 4000)])
    assert found == pytest.approx(coverage, abs=ROOM)


@pytest.mark.parametrize(("n", "coverage", "form"), [(20, 0.922, "BCa"), (50, 0.935, "percentile")])
def test_the_bootstrap_in_the_form_used_at_each_size(n: int, coverage: float, form: str) -> None:
    samples = enumerate(drawn(n, 1500))
    found = [statistics.bootstrap_difference(sample, resamples=1000, seed=seed) for seed, sample in samples]
    assert all(form in one.method for one in found if one.low != one.high)
    assert np.mean([holds(one) for one in found]) == pytest.approx(coverage, abs=ROOM)
