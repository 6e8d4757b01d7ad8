"""Charts of a balance report as SVG; the page puts a table beside each."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

from django.utils.html import format_html
from django.utils.safestring import SafeString

from reviewapp.core.svg import Part, line, rect, svg, text

LEFT, RIGHT, ROW, LABEL_CHARS = 190, 640, 34, 26
_ENDS = (1 / 8, 8.0)  # odds ratios beyond these are drawn at the edge
_TICKS = (1 / 8, 1 / 4, 1 / 2, 1.0, 2.0, 4.0, 8.0)


def _short(words: str) -> str:
    return words if len(words) <= LABEL_CHARS else f"{words[: LABEL_CHARS - 1]}…"


def _named(words: str, y: float) -> Part:
    return format_html("<g><title>{}</title>{}</g>", words, text("t-strong", 0, y + 4, _short(words)))


def shares_chart(rows: Sequence[tuple[str, float, float, float, float | None]], label: str) -> SafeString | None:
    """Bars of shares with their intervals; ``rows``: name, share, low, high, target or None. None without rows."""
    if not rows:
        return None
    bottom = 8 + ROW * len(rows)
    parts: list[Part] = []
    for tick in (0.0, 0.25, 0.5, 0.75, 1.0):
        parts.append(line("grid", _at(tick), _at(tick), 6, bottom))
        parts.append(text("t-mid", _at(tick), bottom + 17, f"{tick:.0%}"))
    for number, (name, share, low, high, target) in enumerate(rows):
        y = 6 + ROW // 2 + ROW * number
        parts += [_named(name, y), rect("bar", LEFT, y - 8, max(1.0, _at(share) - LEFT), 16)]
        parts.append(line("tuned-line", _at(low), _at(high), y, y))
        if target is not None:
            parts.append(line("limit", _at(target), _at(target), y - 12, y + 12))
        parts.append(text("t-strong t-end", 718, y + 4, f"{share:.1%}"))
    return svg("cs-chart cs-chart-estimates", 720, bottom + 24, label, parts)


def _at(share: float) -> float:
    return LEFT + share * (RIGHT - LEFT)


def odds_chart(rows: Sequence[dict[str, Any]], names: Sequence[str], label: str) -> SafeString | None:
    """Odds ratios with their intervals on a log axis; hollow where medicine expects them. None without rows."""
    if not rows:
        return None
    bottom = 24 + ROW * len(rows)
    parts: list[Part] = []
    for tick in _TICKS:
        parts.append(line("axis" if tick == 1 else "grid", _odds_at(tick), _odds_at(tick), 18, bottom))
        parts.append(text("t-mid", _odds_at(tick), bottom + 17, f"{tick:g}" if tick >= 1 else f"1/{1 / tick:g}"))
    for number, (row, name) in enumerate(zip(rows, names, strict=True)):
        y = 22 + ROW // 2 + ROW * number
        css = "base" if row["standing"] == "expected" else "tuned"
        parts += [_named(name, y), line(f"{css}-line", _odds_at(row["low"]), _odds_at(row["high"]), y, y)]
        parts.append(
            format_html('<circle class="{}" cx="{}" cy="{}" r="5"/>', css, f"{_odds_at(row['odds']):.1f}", f"{y:.1f}")
        )
        parts.append(text("t-strong t-end", 718, y + 4, odds_said(row["odds"])))
    return svg("cs-chart cs-chart-estimates", 720, bottom + 24, label, parts)


def _odds_at(odds: float) -> float:
    inside = min(max(odds, _ENDS[0]), _ENDS[1])
    return LEFT + (math.log(inside) - math.log(_ENDS[0])) / math.log(_ENDS[1] / _ENDS[0]) * (RIGHT - LEFT)


def odds_said(odds: float) -> str:
    """2.3 times; below one as its inverse: 1/2.3."""
    return f"{odds:.1f}" if odds >= 1 else f"1/{1 / odds:.1f}"
