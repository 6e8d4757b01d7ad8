"""Loss curves as plain SVG geometry: the same picture with and without JavaScript, on paper and in tests.

Everything is computed on the server from whole series, so a page opened late shows the full range.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import NamedTuple

from reviewapp.words import grouped, say

WIDTH, HEIGHT = 900, 300
LEFT, RIGHT, TOP, BOTTOM = 48, 872, 14, 266
MAX_POINTS = 400
SMOOTHING_POINTS = 9
LABEL_GAP = 16  # pixels between two labels at the right of the curves
LABEL_ROOM = 210  # pixels that the longest label takes; with less to the right it stands over the curve's end


class Point(NamedTuple):
    step: int
    value: float


@dataclass(frozen=True, kw_only=True)
class Mark:
    """A place on the picture with its words and how they are set (names of CSS classes)."""

    x: str
    y: str
    text: str = ""
    css: str = ""


@dataclass(frozen=True, kw_only=True)
class Chart:
    """What the template draws; coordinates are pixels of a 900 by 300 picture, as text."""

    y_ticks: list[Mark]
    x_ticks: list[Mark]
    raw_path: str
    train_path: str
    validation_path: str
    validation_dots: list[Mark]
    best: Mark | None
    now: Mark | None
    labels: list[Mark]
    summary: str


@dataclass(frozen=True, kw_only=True)
class Series:
    """One run's losses by step, or another measure; ``total_steps`` is what the plan asks for (0: unknown)."""

    train: Sequence[Point]
    validation: Sequence[Point]
    total_steps: int = 0
    steps_per_epoch: float = 0.0
    is_running: bool = False
    is_rising: bool = False  # the highest is the best, and it is no loss


@dataclass(frozen=True)
class _Scale:
    last_step: int
    low: float
    high: float

    def x(self, step: float) -> str:
        return f"{LEFT + (RIGHT - LEFT) * step / max(1, self.last_step):.1f}"

    def y(self, value: float) -> str:
        return f"{self.y_number(value):.1f}"

    def y_number(self, value: float) -> float:
        return BOTTOM - (BOTTOM - TOP) * (value - self.low) / (self.high - self.low)


def finite(points: Sequence[Point]) -> list[Point]:
    return [point for point in points if math.isfinite(point.value)]


def smooth(points: Sequence[Point], window: int = SMOOTHING_POINTS) -> list[Point]:
    """Mean of each point and up to ``window - 1`` before it; never looks ahead."""
    result, total = [], 0.0
    for index, point in enumerate(points):
        total += point.value
        if index >= window:
            total -= points[index - window].value
        result.append(Point(point.step, total / min(index + 1, window)))
    return result


def downsample(points: Sequence[Point], limit: int = MAX_POINTS) -> list[Point]:
    """At most about ``limit`` points over the full range; each bucket keeps its lowest and highest point."""
    if len(points) <= limit:
        return list(points)
    width = math.ceil(len(points) / (limit // 2))
    kept: set[Point] = {points[0], points[-1]}
    for start in range(0, len(points), width):
        bucket = points[start : start + width]
        kept.add(min(bucket, key=lambda point: point.value))
        kept.add(max(bucket, key=lambda point: point.value))
    return sorted(kept)


def nice_ticks(low: float, high: float, count: int = 5) -> list[float]:
    """Round values that enclose [low, high], about ``count`` of them, in steps of 1, 2 or 5 times a power of ten."""
    span = high - low
    if span <= 0:
        span = abs(high) or 1.0
        low, high = low - span / 2, high + span / 2
    raw = span / count
    power = 10.0 ** math.floor(math.log10(raw))
    step = next(power * factor for factor in (1, 2, 5, 10) if power * factor >= raw * 0.999)
    first, last = math.floor(low / step + 1e-9), math.ceil(high / step - 1e-9)
    return [round(step * number, 10) for number in range(first, max(last, first + 1) + 1)]


def build_chart(series: Series) -> Chart | None:
    """The picture of a run's losses, or None while there is no finite point. Values that are no number are left out."""
    train, validation = finite(series.train), finite(series.validation)
    if not train and not validation:
        return None
    smoothed = smooth(train)
    ticks = nice_ticks(*_range(train, smoothed, validation))
    current = max(point.step for point in [*train, *validation])
    scale = _Scale(max(series.total_steps, current), ticks[0], ticks[-1])
    sign = -1 if series.is_rising else 1
    best = min(validation, key=lambda point: (sign * point.value, point.step), default=None)
    return Chart(
        y_ticks=[Mark(x="0", y=scale.y(value), text=_tick_text(value, ticks)) for value in ticks],
        x_ticks=_x_ticks(scale, series),
        raw_path=_path(downsample(train), scale),
        train_path=_path(downsample(smoothed), scale),
        validation_path=_path(downsample(validation), scale),
        validation_dots=[_dot(point, scale) for point in downsample(validation, 60) if point != best],
        best=_dot(best, scale) if best else None,
        now=_now(current, scale) if series.is_running else None,
        labels=_labels(smoothed, validation, scale, is_rising=series.is_rising),
        summary=_rising(train, validation) if series.is_rising else _summary(train, validation, best),
    )


def _range(train: list[Point], smoothed: list[Point], validation: list[Point]) -> tuple[float, float]:
    """Lowest and highest value to show. Single spikes of the raw series may leave the picture, the curves never."""
    shown = [point.value for point in [*smoothed, *validation]]
    raw = sorted(point.value for point in train)
    if raw:
        shown.append(raw[int(0.02 * (len(raw) - 1))])
        shown.append(raw[math.ceil(0.98 * (len(raw) - 1))])
    return min(shown), max(shown)


def _tick_text(value: float, ticks: Sequence[float]) -> str:
    step = ticks[1] - ticks[0]
    decimals = max(0, -math.floor(math.log10(step) + 1e-9))
    return f"{value:,.{decimals}f}"


def _x_ticks(scale: _Scale, series: Series) -> list[Mark]:
    """Ends of epochs where they leave room, the start and the last step."""
    ticks = [Mark(x=scale.x(0), y="288", text=say("step %(step)s", step=0))]
    per_epoch, last = series.steps_per_epoch, scale.last_step
    epochs = math.floor(last / per_epoch + 1e-9) if per_epoch else 0
    stride = max(1, math.ceil(epochs / 5))
    for epoch in range(stride, epochs + 1, stride):
        step = per_epoch * epoch
        if 0.12 * last < step < 0.88 * last:
            ticks.append(
                Mark(
                    x=scale.x(step),
                    y="288",
                    text=say("%(step)s, epoch %(epoch)s", step=f"{round(step):,}", epoch=epoch),
                )
            )
    return [*ticks, Mark(x=scale.x(last), y="288", text=grouped(last))]


def _path(points: Sequence[Point], scale: _Scale) -> str:
    """An SVG path; a single point becomes a stroke of no length, which round caps would show and ours do not."""
    if len(points) < 2:
        return ""
    return "M" + " L".join(f"{scale.x(point.step)} {_clamped(point, scale)}" for point in points)


def _clamped(point: Point, scale: _Scale) -> str:
    return f"{min(max(scale.y_number(point.value), TOP), BOTTOM):.1f}"


def _dot(point: Point, scale: _Scale) -> Mark:
    return Mark(
        x=scale.x(point.step),
        y=_clamped(point, scale),
        text=say("step %(step)s: %(value)s", step=f"{point.step:,}", value=f"{point.value:.3f}"),
    )


def _now(current: int, scale: _Scale) -> Mark:
    """Where the run stands; its words are on the side that has room."""
    is_left = float(scale.x(current)) > WIDTH - LABEL_ROOM
    return Mark(
        x=scale.x(current),
        y=str(TOP + 12),
        text=say("now, step %(current)s", current=f"{current:,}"),
        css="t-end" if is_left else "",
    )


def _labels(smoothed: list[Point], validation: list[Point], scale: _Scale, *, is_rising: bool) -> list[Mark]:
    """Words at the end of each curve, the upper curve first, moved apart where they would touch."""
    ends: list[tuple[float, Point, str, str]] = []
    if validation:
        words = say("Validation %(value)s", value=f"{validation[-1].value:.3f}")
        is_best = validation[-1].value <= min(point.value for point in validation)
        if is_best and len(validation) > 1 and not is_rising:
            words += say(", lowest so far")
        ends.append((scale.y_number(validation[-1].value), validation[-1], words, "t-strong"))
    if smoothed:
        words = say("Training %(value)s, smoothed", value=f"{smoothed[-1].value:.3f}")
        ends.append((scale.y_number(smoothed[-1].value), smoothed[-1], words, ""))
    ends.sort(key=lambda end: end[0])
    right = max(float(scale.x(point.step)) for _, point, _, _ in ends)
    is_over = right > WIDTH - LABEL_ROOM
    x, side = (RIGHT, " t-end") if is_over else (right + 10, "")
    places = _around(ends) if is_over else _apart(ends)
    return [
        Mark(x=f"{x:.1f}", y=f"{y:.1f}", text=end[2], css=(end[3] + side).strip())
        for y, end in zip(places, ends, strict=True)
    ]


def _around(ends: Sequence[tuple[float, Point, str, str]]) -> list[float]:
    """Above the upper curve and below the lower one, so that no word lies on a line."""
    offsets = (-12, 24) if len(ends) == 2 else (-12,)
    return [min(max(end[0] + offset, TOP + 12), BOTTOM - 6) for end, offset in zip(ends, offsets, strict=True)]


def _apart(ends: Sequence[tuple[float, Point, str, str]]) -> list[float]:
    places = [min(max(end[0] - 4, TOP + 24), BOTTOM - 6) for end in ends]
    if len(places) == 2 and places[1] - places[0] < LABEL_GAP:
        places[1] = min(places[0] + LABEL_GAP, BOTTOM - 6)
        places[0] = places[1] - LABEL_GAP
    return places


def _rising(train: list[Point], validation: list[Point]) -> str:
    """A measure that should rise, in words."""
    parts = []
    for name, points in ((say("Training"), train), (say("Validation"), validation)):
        if points:
            values = {"first": f"{points[0].value:.3g}", "last": f"{points[-1].value:.3g}"}
            parts.append(say("%(name)s goes from %(first)s to %(last)s.", name=name, **values))
    return " ".join(parts)


def _summary(train: list[Point], validation: list[Point], best: Point | None) -> str:
    """The picture in one sentence, for people who do not see it."""
    parts = [say("Loss by step.")]
    if train:
        parts.append(
            say(
                "Training loss goes from %(first)s to %(last)s.",
                first=f"{train[0].value:.3g}",
                last=f"{train[-1].value:.3g}",
            )
        )
    if best is not None:
        parts.append(
            say(
                "Validation loss goes from %(first)s to %(last)s;",
                first=f"{validation[0].value:.3g}",
                last=f"{validation[-1].value:.3g}",
            )
        )
        parts.append(say("its lowest is %(value)s at step %(step)s.", value=f"{best.value:.3g}", step=f"{best.step:,}"))
    return " ".join(parts)
