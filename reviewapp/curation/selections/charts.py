"""Charts of a selection as SVG; the page puts a table beside each."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from django.utils.safestring import SafeString
from django.utils.translation import gettext as _

from reviewapp.core.svg import Part, circle, line, rect, svg, text
from reviewapp.curation.selections.relevance import Point
from reviewapp.words import figure_said, grouped

WIDTH, ROW, LABEL = 720, 30, 250
_BOTTOM, _TOP, _LEFT, _RIGHT = 190, 14, 44, 700


def reasons_chart(rows: Sequence[tuple[str, int, bool]], label: str) -> SafeString | None:
    """Bars of (name, samples, whether they were kept), one below the other."""
    if not rows:
        return None
    most = max(n for _name, n, _kept in rows)
    parts: list[Part] = []
    for place, (name, n, is_kept) in enumerate(rows):
        y = 4 + ROW * place
        width = max(2.0, (WIDTH - LABEL - 80) * n / most)
        parts.append(text("t-strong", 0, y + 17, name))
        parts.append(rect("bar" if is_kept else "bar-soft", LABEL, y, width, 22))
        parts.append(text("t-strong", LABEL + width + 8, y + 17, grouped(n)))
    return svg("cs-chart cs-chart-reasons", WIDTH, 8 + ROW * len(rows), label, parts)


def compared_chart(names: Sequence[str], everyone: Sequence[int], kept: Sequence[int], label: str) -> SafeString | None:
    """The share of each bin among all (grey) and among the kept (blue), side by side."""
    if not sum(everyone) or not sum(kept):
        return None
    shares = [[n / sum(counts) for n in counts] for counts in (everyone, kept)]
    top = max(max(some) for some in shares)
    step = (_RIGHT - _LEFT) / len(names)
    parts: list[Part] = [line("axis", _LEFT, _RIGHT, _BOTTOM, _BOTTOM)]
    for place, name in enumerate(names):
        x = _LEFT + step * place
        for number, css in enumerate(("bar-soft", "bar")):
            height = (_BOTTOM - _TOP) * shares[number][place] / top
            parts.append(rect(css, x + step * (0.1 + 0.4 * number), _BOTTOM - height, step * 0.38, height))
        parts.append(text("t-mid", x + step / 2, _BOTTOM + 17, name))
    parts += [text("t-end", _LEFT - 6, _TOP + 8, _percent(top)), text("t-end", _LEFT - 6, _BOTTOM, "0%")]
    return svg("cs-chart cs-chart-compared", WIDTH, _BOTTOM + 26, label, parts)


def reliability_chart(bins: Sequence[dict[str, Any]], label: str) -> SafeString | None:
    """What was said against what was seen, with intervals; the diagonal is a score that keeps its word."""
    if not bins:
        return None
    low, high, bottom, top = 60, 420, 330, 14

    def x(value: float) -> float:
        return low + (high - low) * value

    def y(value: float) -> float:
        return bottom - (bottom - top) * value

    parts: list[Part] = [line("axis", x(0), x(1), y(0), y(1))]
    for tick in (0, 0.25, 0.5, 0.75, 1):
        parts += [line("grid", x(0), x(1), y(tick), y(tick)), line("grid", x(tick), x(tick), y(0), y(1))]
        parts += [text("t-mid", x(tick), bottom + 17, f"{tick:g}"), text("t-end", low - 6, y(tick) + 4, f"{tick:g}")]
    for one in bins:
        parts.append(line("tuned-line", x(one["said"]), x(one["said"]), y(one["low"]), y(one["high"])))
        parts.append(circle("tuned", x(one["said"]), y(one["seen"]), 5))
    parts.append(text("t-mid", (low + high) / 2, bottom + 36, _("what the score said")))
    return svg("cs-chart cs-chart-square", 440, bottom + 44, label, parts)


def curve_chart(points: Sequence[Point], limit: float | None, label: str) -> SafeString | None:
    """Precision (blue) and recall (grey) of the judged ones by the limit."""
    if len(points) < 2:
        return None
    first, last = points[0].limit, points[-1].limit

    def x(value: float) -> float:
        return _LEFT + (_RIGHT - _LEFT) * min(1.0, max(0.0, (value - first) / ((last - first) or 1)))

    def y(value: float) -> float:
        return _BOTTOM - (_BOTTOM - _TOP) * value

    parts: list[Part] = []
    for tick in (0, 0.5, 1):
        parts += [line("grid", _LEFT, _RIGHT, y(tick), y(tick)), text("t-end", _LEFT - 6, y(tick) + 4, f"{tick:g}")]
    for one, after in zip(points, points[1:], strict=False):
        parts.append(line("base-line", x(one.limit), x(after.limit), y(one.recall), y(after.recall)))
        parts.append(line("tuned-line", x(one.limit), x(after.limit), y(one.precision), y(after.precision)))
    for one in points:
        parts += [circle("base", x(one.limit), y(one.recall), 4), circle("tuned", x(one.limit), y(one.precision), 4)]
    if limit is not None:
        parts.append(line("limit", x(limit), x(limit), _TOP, _BOTTOM))
    for value in (first, last):
        parts.append(text("t-mid", x(value), _BOTTOM + 17, figure_said(f"{value:.2f}")))
    return svg("cs-chart cs-chart-compared", WIDTH, _BOTTOM + 26, label, parts)


def _percent(share: float) -> str:
    return figure_said(f"{100 * share:.0f}%")
