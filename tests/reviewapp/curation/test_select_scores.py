"""Relevance, its limit and the quality score, without a database."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from reviewapp.curation.selections.quality import (
    FEATURES,
    KEYS,
    RULES,
    default_scores,
    features_of,
    figures_of,
    pulls_of,
    rules_broken,
    usual_of,
)
from reviewapp.curation.selections.quality_fit import quality_fit, reliability, wilson
from reviewapp.curation.selections.relevance import curve_of, handful_of, limit_suggested, relevance_of

PROMPT = "Doctor: what brings you in? Patient: my left knee has been swollen for three weeks."
GOOD = "The left knee has been swollen for three weeks. Plan: an X-ray and rest."


def scored(*texts: str) -> list[float]:
    figures = np.array([figures_of(PROMPT, text) for text in texts])
    return [float(one) for one in default_scores(features_of(figures, usual_of(figures[:1])))]


def test_relevance_is_the_largest_cosine_with_the_nearest_named() -> None:
    vectors = np.eye(3, dtype=np.float32)
    values, nearest = relevance_of(vectors, np.array([[1, 0, 0], [0, 0.6, 0.8]], dtype=np.float32))
    assert values.tolist() == [1.0, 0.6, 0.8] and nearest.tolist() == [0, 1, 1]
    assert relevance_of(vectors, vectors[:0])[1].tolist() == [-1, -1, -1]


def test_what_points_away_is_not_less_than_irrelevant() -> None:
    assert relevance_of(np.array([[-1, 0]], np.float32), np.array([[1, 0]], np.float32))[0].tolist() == [0.0]


@given(st.lists(st.floats(0, 1), max_size=60), st.integers(1, 15))
def test_the_handful_lies_over_the_whole_range_each_once(values: list[float], n: int) -> None:
    chosen = handful_of(np.array(values), n)
    assert len(chosen) == len(set(chosen)) == min(n, len(values))
    if len(chosen) > 1:
        assert values[chosen[0]] == max(values)
        assert min(values[row] for row in chosen) == min(values)


def test_the_curve_and_the_limit_between_what_belongs_and_what_does_not() -> None:
    judged = [(0.9, True), (0.7, True), (0.5, True), (0.3, False), (0.1, False)]
    points = curve_of(judged)
    assert [(p.limit, p.kept) for p in points] == [(0.1, 5), (0.3, 4), (0.5, 3), (0.7, 2), (0.9, 1)]
    assert (points[2].precision, points[2].recall, points[2].f1) == (1.0, 1.0, 1.0)
    assert points[3].recall == pytest.approx(2 / 3) and points[0].precision == pytest.approx(0.6)
    assert limit_suggested(judged) == 0.4


@pytest.mark.parametrize("belongs", [True, False])
def test_one_kind_alone_suggests_no_limit(belongs: bool) -> None:
    assert limit_suggested([(0.1, belongs), (0.9, belongs)]) is None and limit_suggested([]) is None


@given(st.lists(st.tuples(st.floats(0, 1), st.booleans()), min_size=2, max_size=20))
def test_a_suggested_limit_has_the_best_f1_that_there_is(judged: list[tuple[float, bool]]) -> None:
    limit = limit_suggested(judged)
    points = curve_of(judged)
    assert all(0 <= p.precision <= 1 and 0 <= p.recall <= 1 and 0 <= p.f1 <= 1 for p in points)
    if limit is not None:
        first = next(point for point in points if point.limit >= limit)
        assert 0 <= limit <= 1 and first.f1 == max(point.f1 for point in points)


# ---- quality


def test_a_good_note_keeps_every_rule() -> None:
    assert scored(GOOD) == [1.0]


@pytest.mark.parametrize(
    ("text", "broken"),
    [
        ("Yes.", "length"),
        ("knee pain knee pain " * 30 + ".", "repetition"),
        ("The knee ### ~~~ @@@ $$$ ||| is swollen for three weeks.", "symbols"),
        ("12 0 5 1 4 6 7 8 9 10 2 2 3 3 4 knee.", "digits"),
        ("The left knee has been swollen for three weeks and the", "finished"),
    ],
)
def test_a_poor_note_breaks_the_rule_that_says_so(text: str, broken: str) -> None:
    figures = np.array([figures_of(PROMPT, GOOD), figures_of(PROMPT, text)])
    found = rules_broken(features_of(figures, usual_of(figures[:1])))[1]
    assert broken in [key for (key, *_), is_broken in zip(RULES, found, strict=True) if is_broken]
    assert scored(GOOD, text)[1] < 1


def test_findings_lower_the_score() -> None:
    figures = np.array([figures_of(PROMPT, GOOD, 1, 0), figures_of(PROMPT, GOOD, 0, 2)])
    assert default_scores(features_of(figures, usual_of(figures))).tolist() == [0.9, 0.9]


def test_a_list_is_finished_and_structured() -> None:
    text = "Plan:\n- an X-ray of the left knee\n- rest for three weeks"
    row = dict(zip(KEYS, figures_of(PROMPT, text), strict=True))
    assert row["finished"] == 1 and row["structure"] == pytest.approx(np.log1p(3))


@settings(max_examples=50)
@given(st.text(max_size=200), st.text(max_size=200))
def test_any_text_has_finite_figures_and_a_score(prompt: str, completion: str) -> None:
    figures = np.array([figures_of(prompt, completion)])
    features = features_of(figures, usual_of(figures))
    assert features.shape == (1, len(FEATURES)) and np.isfinite(features).all()
    assert 0 <= default_scores(features)[0] <= 1


def test_no_texts_have_no_scores() -> None:
    assert default_scores(np.empty((0, len(FEATURES)))).tolist() == [] and usual_of(np.empty((0, 14))).length == 0


def learned(n: int = 120) -> tuple[np.ndarray, np.ndarray]:
    mind = np.random.default_rng(1)
    features = np.abs(mind.normal(size=(n, len(FEATURES))))
    is_good = features[:, KEYS.index("repetition")] + 0.3 * mind.normal(size=n) < 0.7
    return features, is_good


def test_it_learns_which_figure_experts_care_about_and_says_so() -> None:
    features, is_good = learned()
    model = quality_fit(features, is_good, np.arange(len(is_good)))
    assert min(model.facts["weights"], key=model.facts["weights"].get) == "repetition"
    assert model.facts["auc"] > 0.8 and model.facts["brier"] < model.facts["brier_of_rate"]
    said = model.scores(features)
    assert said[is_good].mean() > said[~is_good].mean() + 0.4 and ((said >= 0) & (said <= 1)).all()


def test_the_parts_of_a_score_add_up_to_it() -> None:
    features, is_good = learned()
    model = quality_fit(features, is_good, np.arange(len(is_good)))
    odds = np.log(model.scores(features) / (1 - model.scores(features)))
    parts = model.contributions(features).sum(axis=1)
    assert np.allclose(odds - parts, (odds - parts)[0], atol=1e-6)


def test_the_pulls_are_the_strongest_on_each_side() -> None:
    parts = [0.0] * len(KEYS)
    parts[0], parts[5], parts[7], parts[9] = 0.9, -1.2, -0.3, -0.05
    assert (pulls_of(parts).up, pulls_of(parts).down) == (("length",), ("repetition", "digits"))


def test_the_reliability_table_counts_everybody_once() -> None:
    said = np.linspace(0, 1, 95)
    bins = reliability(said, said > 0.5)
    assert sum(one["n"] for one in bins) == 95 and len(bins) == 9
    assert [one["said"] for one in bins] == sorted(one["said"] for one in bins)
    assert all(one["low"] <= one["seen"] <= one["high"] for one in bins)


def test_wilsons_interval_has_the_published_value() -> None:
    # 81 of 263, example of Newcombe 1998, table 1
    assert wilson(81, 263) == pytest.approx((0.2553, 0.3662), abs=1e-4)
