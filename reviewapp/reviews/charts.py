"""Charts of agreement and of raters as SVG; the page puts a table beside each."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from django.utils.html import format_html
from django.utils.safestring import SafeString

from reviewapp.core.svg import Part, Scale, circle, line, svg, text

LEFT, RIGHT, ROW, LABEL_CHARS = 190, 640, 34, 26


@dataclass(frozen=True, kw_only=True)
class Estimate:
    """One row of a chart: a value with its interval; hollow where too little stands behind it."""

    name: str
    value: float
    low: float | None
    high: float | None
    is_firm: bool


def estimates_chart(
    rows: Sequence[Estimate],
    label: str,
    *,
    marks: Sequence[tuple[float, str]] = (),
    ends: tuple[float, float] | None = None,
    signed: bool = False,
) -> SafeString | None:
    """Dots with intervals, a row each; ``marks`` are values worth a line, ``ends`` of the axis are always shown."""
    if not rows:
        return None
    values = [edge for row in rows for edge in (row.value, row.low, row.high) if edge is not None]
    scale = Scale([*values, *(mark for mark, _ in marks), *(ends or ())], LEFT, RIGHT, 7)
    bottom = 24 + ROW * len(rows)
    parts: list[Part] = []
    for tick in scale.ticks:
        parts.append(line("grid", scale(tick), scale(tick), 22, bottom))
        parts.append(text("t-mid", scale(tick), bottom + 17, f"{tick:+g}" if signed and tick else f"{tick:g}"))
    for mark, words in marks:
        parts += [line("axis", scale(mark), scale(mark), 18, bottom), text("t-mid", scale(mark), 12, words)]
    for number, row in enumerate(rows):
        parts += _row(row, scale, 22 + ROW // 2 + ROW * number, signed)
    return svg("cs-chart cs-chart-estimates", 720, bottom + 24, label, parts)


def _row(row: Estimate, scale: Scale, y: float, signed: bool) -> list[Part]:
    name = row.name if len(row.name) <= LABEL_CHARS else f"{row.name[: LABEL_CHARS - 1]}…"
    parts = [format_html("<g><title>{}</title>{}</g>", row.name, text("t-strong", 0, y + 4, name))]
    css = "tuned" if row.is_firm else "base"
    if row.low is not None and row.high is not None:
        parts.append(line(f"{css}-line", scale(row.low), scale(row.high), y, y))
    parts.append(circle(css, scale(row.value), y, 5))
    parts.append(text("t-strong t-end", 718, y + 4, f"{row.value:+.2f}" if signed else f"{row.value:.2f}"))
    return parts
