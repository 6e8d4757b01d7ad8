"""The classifier of decisions: against an oracle, calibrated, undefined where it is; and the orders made of it."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.stats import mannwhitneyu
from statsmodels.discrete.discrete_model import Logit

from reviewapp.curation.learning import classifier as learning
from reviewapp.curation.learning.classifier import auc, brier, folds_of, k_center, learn, reason_unknown, uncertainty

RNG = np.random.default_rng(5)


def world(n: int = 400, strength: float = 2.0) -> tuple[np.ndarray, np.ndarray]:
    rows = RNG.standard_normal((n, 6))
    chance = 1 / (1 + np.exp(-strength * (rows[:, 0] - rows[:, 1])))
    return rows, (RNG.random(n) < chance).astype(np.int64)


def test_the_weights_are_those_of_statsmodels(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(learning, "PENALTY", 1e-8)
    rows, outcomes = world()
    ours = learning._fitted(rows, outcomes, 2)
    golden = Logit(outcomes, np.hstack([rows, np.ones((len(rows), 1))])).fit(disp=0).params
    assert np.allclose(ours[:, 1] - ours[:, 0], golden, atol=1e-3)


def test_what_can_be_told_is_told_and_what_cannot_is_not() -> None:
    rows, outcomes = world()
    groups = np.arange(len(rows))
    known = learn(rows, outcomes, groups, 2)
    assert known.auc is not None and known.auc > 0.85 and known.brier < 0.17
    noise = learn(rows, RNG.permutation(outcomes), groups, 2)
    assert noise.auc is not None and 0.35 < noise.auc < 0.65
    assert noise.brier == pytest.approx(0.25, abs=0.02)


def test_probabilities_are_calibrated_where_the_weights_are_too_sure(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(learning, "PENALTY", 1e-6)
    rows = np.hstack([world(80)[0], RNG.standard_normal((80, 40))])
    outcomes = (rows[:, 0] + RNG.standard_normal(80) > 0).astype(np.int64)
    assert learn(rows, outcomes, np.arange(80), 2).classifier.temperature > 1.5


def test_three_classes_are_learned_one_against_the_rest() -> None:
    outcomes = RNG.integers(0, 3, 300)
    rows = np.eye(3)[outcomes] * 2 + RNG.standard_normal((300, 3))
    known = learn(np.hstack([rows, rows]), outcomes, np.arange(300), 3)
    assert known.auc is not None and known.auc > 0.8
    said = known.classifier.probabilities(np.hstack([rows, rows]))
    assert np.allclose(said.sum(axis=1), 1) and (said.argmax(axis=1) == outcomes).mean() > 0.6


def test_groups_are_never_on_both_sides_of_a_fold() -> None:
    groups = RNG.integers(0, 30, 200)
    folds = folds_of(groups)
    assert all(len(set(folds[groups == one])) == 1 for one in set(groups))
    assert np.bincount(folds).max() - np.bincount(folds).min() < 30


@given(st.lists(st.tuples(st.integers(0, 5), st.booleans()), min_size=1, max_size=40))
def test_the_area_is_mann_whitneys(pairs: list[tuple[int, bool]]) -> None:
    values = np.array([value / 5 for value, _ in pairs])
    hits = np.array([hit for _, hit in pairs])
    area = auc(np.stack([1 - values, values], axis=1), hits.astype(np.int64))
    if hits.all() or not hits.any():
        assert area is None
    else:
        golden = mannwhitneyu(values[hits], values[~hits]).statistic / (hits.sum() * (~hits).sum())
        assert area == pytest.approx(golden)


def test_brier_has_its_textbook_value() -> None:
    assert brier(np.array([[0.2, 0.8], [0.6, 0.4]]), np.array([1, 0])) == pytest.approx((0.04 + 0.16) / 2)
    assert brier(np.array([[0.5, 0.3, 0.2]]), np.array([0])) == pytest.approx(0.25 + 0.09 + 0.04)


def test_uncertainty_has_three_measures() -> None:
    least, margin, entropy = uncertainty(np.array([[0.5, 0.5], [1.0, 0.0], [0.9, 0.1]]))
    assert least == pytest.approx([0.5, 0, 0.1]) and margin == pytest.approx([0, 1, 0.8])
    assert entropy == pytest.approx([1, 0, 0.4690], abs=1e-4)


def test_the_farthest_comes_next_and_what_was_decided_is_covered() -> None:
    points = np.array([[1, 0], [0.99, 0.14], [0, 1], [-1, 0]], dtype=float)
    assert k_center(points, np.array([[1.0, 0.0]]), 4) == [3, 2, 1, 0]
    assert k_center(points, np.empty((0, 2)), 2) == [0, 3] and k_center(points[:0], points, 2) == []


@pytest.mark.parametrize(
    ("classes", "says"),
    [
        (["a"] * 20, "20 of at least 50"),
        (["a"] * 60, "Two outcomes"),
        (["a"] * 60 + ["b"] * 4, "Two outcomes"),
        (["a"] * 45 + ["b"] * 5, ""),
    ],
)
def test_too_few_decisions_are_unknown_with_the_reason(classes: list[str], says: str) -> None:
    assert (says in reason_unknown(classes)) if says else reason_unknown(classes) == ""
