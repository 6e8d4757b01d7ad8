"""Small curves beside the loss: learning rate, gradient norm, speed, memory; each with its newest and highest value."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

from reviewapp.runs.curves import Point, downsample, finite
from reviewapp.runs.planning.card import size_said
from reviewapp.words import figure_said, say

WIDTH, HEIGHT, EDGE = 240, 48, 4
MAX_POINTS = 120


@dataclass(frozen=True, kw_only=True)
class Gauge:
    """``path`` is in a picture of 240 by 48 pixels; ``summary`` says the same in words."""

    name: str
    now: str
    highest: str
    path: str
    summary: str


def gauges_of(series: Mapping[str, Sequence[Point]]) -> list[Gauge]:
    """Those that a run has reported; a value that is no number is left out."""
    names: dict[str, tuple[str, Callable[[float], str]]] = {
        "learning_rate": (say("Learning rate"), _rate),
        "grad_norm": (say("Gradient norm"), _figure),
        "tokens_per_second": (say("Tokens per second"), _whole),
        "memory": (say("Memory at most"), size_said),
    }
    found = [(name, said, finite(series.get(key, ()))) for key, (name, said) in names.items()]
    return [_gauge(name, said, points) for name, said, points in found if points]


def _gauge(name: str, said: Callable[[float], str], points: list[Point]) -> Gauge:
    first, now, highest = points[0], points[-1], max(point.value for point in points)
    summary = say(
        "%(name)s: %(first)s at step %(from)s, %(now)s at step %(to)s, highest %(highest)s.",
        **{"name": name, "first": said(first.value), "from": first.step, "now": said(now.value), "to": now.step},
        highest=said(highest),
    )
    return Gauge(name=name, now=said(now.value), highest=said(highest), path=_path(points, highest), summary=summary)


def _path(points: list[Point], highest: float) -> str:
    """From 0 up, so that a small change does not look like a large one."""
    kept, top = downsample(points, MAX_POINTS), highest or 1.0
    first, last = kept[0].step, kept[-1].step

    def place(point: Point) -> str:
        x = EDGE + (WIDTH - 2 * EDGE) * (point.step - first) / max(1, last - first)
        y = HEIGHT - EDGE - (HEIGHT - 2 * EDGE) * max(0.0, point.value) / top
        return f"{x:.1f} {y:.1f}"

    return "M" + " L".join(place(point) for point in kept)


def _rate(value: float) -> str:
    return figure_said(f"{value:.2e}")


def _figure(value: float) -> str:
    return figure_said(f"{value:,.3f}")


def _whole(value: float) -> str:
    return figure_said(f"{value:,.0f}")
