"""Small charts as SVG: classes only, no style attributes, colours from the one stylesheet. Every text is escaped."""

from __future__ import annotations

import math
from collections.abc import Iterable

from django.utils.html import format_html, format_html_join
from django.utils.safestring import SafeString

from reviewapp.words import figure_said

Part = SafeString


def line(css: str, x1: float, x2: float, y1: float, y2: float) -> Part:
    """A line from (x1, y1) to (x2, y2)."""
    return format_html('<line class="{}" x1="{}" x2="{}" y1="{}" y2="{}"/>', css, _n(x1), _n(x2), _n(y1), _n(y2))


def polyline(css: str, points: Iterable[tuple[float, float]]) -> Part:
    """One line through all points, in their order."""
    return format_html('<polyline class="{}" points="{}"/>', css, " ".join(f"{_n(x)},{_n(y)}" for x, y in points))


def circle(css: str, x: float, y: float, r: float) -> Part:
    """A dot."""
    return format_html('<circle class="{}" cx="{}" cy="{}" r="{}"/>', css, _n(x), _n(y), _n(r))


def rect(css: str, x: float, y: float, width: float, height: float) -> Part:
    """A box by its upper left corner."""
    return format_html(
        '<rect class="{}" x="{}" y="{}" width="{}" height="{}"/>', css, _n(x), _n(y), _n(width), _n(height)
    )


def text(css: str, x: float, y: float, words: str) -> Part:
    """Words that begin at x (or end, or have their middle there, by class) on the line y. A number alone is said as the
    reader's language writes it."""
    return format_html('<text class="{}" x="{}" y="{}">{}</text>', css, _n(x), _n(y), figure_said(words))


def _n(value: float) -> str:
    return f"{value:.1f}".rstrip("0").rstrip(".")


def svg(css: str, width: int, height: int, label: str, parts: Iterable[Part]) -> SafeString:
    """The whole drawing in its own units, with a sentence for screen readers."""
    body = format_html_join("", "{}", ((part,) for part in parts))
    return format_html(
        '<svg class="{}" viewBox="0 0 {} {}" role="img" aria-label="{}">{}</svg>', css, width, height, label, body
    )


def ticks(low: float, high: float, wanted: int = 6) -> list[float]:
    """Round numbers that cover [low, high]: steps of 1, 2, 2.5 or 5 times a power of ten."""
    span = max(high - low, 1e-9)
    power = 10.0 ** math.floor(math.log10(span / wanted))
    step = next(factor * power for factor in (1, 2, 2.5, 5, 10, 20) if span / (factor * power) <= wanted)
    first, last = math.floor(low / step + 1e-9), math.ceil(high / step - 1e-9)
    return [round(index * step, 10) for index in range(first, last + 1)]


class Scale:
    """Values to pixels, with the ticks that its ends were rounded to."""

    def __init__(self, values: Iterable[float], left: float, right: float, wanted: int = 6) -> None:
        known = list(values)
        self.ticks = ticks(min(known), max(known), wanted)
        self._low, self._high = self.ticks[0], self.ticks[-1]
        self._left, self._right = left, right

    def __call__(self, value: float) -> float:
        width = self._high - self._low or 1.0
        return self._left + (value - self._low) / width * (self._right - self._left)
