"""The geometry of the loss picture."""

from __future__ import annotations

import math
import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from reviewapp.runs.curves import (
    BOTTOM,
    LEFT,
    RIGHT,
    TOP,
    Point,
    Series,
    build_chart,
    downsample,
    nice_ticks,
    smooth,
)

VALUES = st.floats(0.001, 50, allow_nan=False)
POINTS = st.lists(st.tuples(st.integers(1, 5000), VALUES), min_size=1, max_size=60, unique_by=lambda pair: pair[0]).map(
    lambda pairs: [Point(*pair) for pair in sorted(pairs)]
)


def coordinates(path: str) -> list[tuple[float, float]]:
    return [(float(x), float(y)) for x, y in re.findall(r"(-?[\d.]+) (-?[\d.]+)", path)]


def test_smoothing_is_a_trailing_mean() -> None:
    points = [Point(step, value) for step, value in enumerate([4.0, 2.0, 0.0, 6.0])]
    assert smooth(points, 2) == [Point(0, 4.0), Point(1, 3.0), Point(2, 1.0), Point(3, 3.0)]


@given(POINTS, st.integers(1, 12))
def test_smoothing_stays_within_the_values(points: list[Point], window: int) -> None:
    low, high = min(point.value for point in points), max(point.value for point in points)
    smoothed = smooth(points, window)
    assert [point.step for point in smoothed] == [point.step for point in points]
    assert all(low - 1e-9 <= point.value <= high + 1e-9 for point in smoothed)


@given(POINTS, st.integers(4, 40))
def test_downsampling_keeps_ends_and_extremes(points: list[Point], limit: int) -> None:
    kept = downsample(points, limit)
    assert len(kept) <= limit + 2
    assert set(kept) <= set(points) and kept == sorted(kept)
    assert kept[0] == points[0] and kept[-1] == points[-1]
    assert min(p.value for p in kept) == min(p.value for p in points)
    assert max(p.value for p in kept) == max(p.value for p in points)


@pytest.mark.parametrize(
    ("low", "high", "expected"),
    [
        (0.85, 1.72, [0.8, 1.0, 1.2, 1.4, 1.6, 1.8]),
        (0, 10, [0, 2, 4, 6, 8, 10]),
        (0.0123, 0.0191, [0.012, 0.014, 0.016, 0.018, 0.02]),
        (3, 3, [1, 2, 3, 4, 5]),
        (0, 0, [-0.6, -0.4, -0.2, 0, 0.2, 0.4, 0.6]),
    ],
)
def test_ticks_are_round(low: float, high: float, expected: list[float]) -> None:
    assert nice_ticks(low, high) == pytest.approx(expected)


@given(VALUES, VALUES)
def test_ticks_enclose_the_values(one: float, two: float) -> None:
    ticks = nice_ticks(min(one, two), max(one, two))
    assert ticks[0] <= min(one, two) + 1e-9 and ticks[-1] >= max(one, two) - 1e-9
    assert 2 <= len(ticks) <= 9
    steps = [after - before for before, after in zip(ticks, ticks[1:], strict=False)]
    assert max(steps) == pytest.approx(min(steps))


def test_no_points_no_chart() -> None:
    assert build_chart(Series(train=[], validation=[])) is None
    assert build_chart(Series(train=[Point(1, math.nan)], validation=[])) is None


def test_a_known_chart() -> None:
    train = [Point(0, 2.0), Point(50, 1.5), Point(100, 1.0)]
    validation = [Point(50, 1.8), Point(100, 1.2)]
    chart = build_chart(
        Series(train=train, validation=validation, total_steps=200, steps_per_epoch=100, is_running=True)
    )
    assert chart is not None
    assert [tick.text for tick in chart.y_ticks] == ["1.0", "1.2", "1.4", "1.6", "1.8", "2.0"]
    assert (chart.y_ticks[0].y, chart.y_ticks[-1].y) == (f"{BOTTOM}.0", f"{TOP}.0")
    assert [tick.text for tick in chart.x_ticks] == ["step 0", "100, epoch 1", "200"]
    assert coordinates(chart.raw_path)[0] == (LEFT, TOP)
    assert coordinates(chart.raw_path)[-1] == ((LEFT + RIGHT) / 2, BOTTOM)
    assert chart.best is not None and chart.best.text == "step 100: 1.200"
    assert [dot.text for dot in chart.validation_dots] == ["step 50: 1.800"]
    assert chart.now is not None and chart.now.text == "now, step 100"
    assert {label.text for label in chart.labels} == {"Validation 1.200, lowest so far", "Training 1.500, smoothed"}
    assert "lowest is 1.2 at step 100" in chart.summary


def test_labels_of_close_curves_do_not_touch() -> None:
    chart = build_chart(Series(train=[Point(1, 2), Point(9, 1.0)], validation=[Point(5, 1.6), Point(9, 1.5)]))
    assert chart is not None
    places = sorted(float(label.y) for label in chart.labels)
    assert places[1] - places[0] >= 16


def test_labels_of_a_finished_run_stand_above_and_below_the_curves() -> None:
    train = [Point(1, 2.0), Point(100, 1.01)]
    chart = build_chart(Series(train=train, validation=[Point(50, 1.6), Point(100, 1.5)], total_steps=100))
    assert chart is not None
    assert {label.css for label in chart.labels} == {"t-strong t-end", "t-end"}
    assert all(float(label.x) == RIGHT for label in chart.labels)
    upper, lower = (float(label.y) for label in chart.labels)
    assert lower - upper >= 30


@pytest.mark.parametrize(("step", "css"), [(10, ""), (99, "t-end")])
def test_the_word_now_is_on_the_side_with_room(step: int, css: str) -> None:
    chart = build_chart(
        Series(train=[Point(1, 2.0), Point(step, 1.0)], validation=[], total_steps=100, is_running=True)
    )
    assert chart is not None and chart.now is not None
    assert chart.now.css == css


@given(POINTS, POINTS)
def test_curves_stay_inside_the_picture(train: list[Point], validation: list[Point]) -> None:
    chart = build_chart(Series(train=train, validation=validation, total_steps=100))
    assert chart is not None
    for path in (chart.raw_path, chart.train_path, chart.validation_path):
        for x, y in coordinates(path):
            assert LEFT <= x <= RIGHT and TOP <= y <= BOTTOM
    assert all(TOP <= float(label.y) <= BOTTOM for label in chart.labels)


def test_a_value_that_is_no_number_is_left_out_of_the_picture() -> None:
    chart = build_chart(Series(train=[Point(1, 2.0), Point(2, math.inf), Point(3, 1.0)], validation=[]))
    assert chart is not None
    assert len(coordinates(chart.raw_path)) == 2
    assert "inf" not in chart.raw_path + chart.summary
