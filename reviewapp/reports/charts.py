"""Charts of a report as SVG: classes only, no style attributes, colours from the one stylesheet. Pure.

Every text is escaped. Each chart has a sentence for screen readers; the page puts a table behind it.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from django.utils.html import format_html
from django.utils.safestring import SafeString

from reviewapp.core.svg import Scale
from reviewapp.core.svg import circle as _circle
from reviewapp.core.svg import line as _line
from reviewapp.core.svg import rect as _rect
from reviewapp.core.svg import svg as _svg
from reviewapp.core.svg import text as _text
from reviewapp.reports.localised import number, percent, signed
from reviewapp.words import say

Part = SafeString
LABEL_CHARS = 26
SHORT_SCALE = 11  # levels


# --- the verdict: one interval against its limit ---

RESULT_CSS = {"pass": ("pass-line", "pass-dot", "t-pass"), "fail": ("fail-line", "fail-dot", "t-fail")}
OPEN_CSS = ("open-line", "open-dot", "t-unknown")
AXIS_END = 318  # right of it there is room for the words of a bound


def verdict_chart(gate: dict[str, Any]) -> SafeString | None:
    """Estimate and bound of the deciding gate against its declared limit; None where it has no interval."""
    statistic, limit = gate["statistic"] or {}, gate_limit(gate)
    value, bound = statistic.get("value"), _shown_bound(gate)
    if value is None or bound is None or limit is None:
        return None
    shares = gate["kind"] in ("safety_bound", "slot_floor")
    floor = [0.0] if gate["kind"] == "safety_bound" else []
    scale = Scale([value, bound, limit, *floor], 14, AXIS_END, 7)
    line, dot, css = RESULT_CSS.get(gate["result"], OPEN_CSS)
    words = percent if shares else number
    parts = [_line("axis", 14, AXIS_END, 58, 58)]
    for tick in scale.ticks:
        parts += [_line("tick", scale(tick), scale(tick), 58, 63), _text("t-mid", scale(tick), 78, words(tick))]
    parts += [_line("limit", scale(limit), scale(limit), 18, 58)]
    parts += [_text("t-fail t-mid", _inside(scale(limit), 60), 12, say("limit %(limit)s", limit=words(limit)))]
    parts += [_line(line, scale(value), scale(bound), 40, 40), _line(line, scale(bound), scale(bound), 33, 47)]
    parts += [_circle(dot, scale(value), 40, 6), _text("t-strong t-mid", _inside(scale(value), 20), 29, words(value))]
    parts += [_bound_label(scale, value, bound, say("bound %(bound)s", bound=words(bound)), css)]
    label = say(
        "%(gate)s: estimate %(value)s, 95%% bound %(bound)s, declared limit %(limit)s.",
        gate=gate["name"], value=words(value), bound=words(bound), limit=words(limit),
    )  # fmt: skip
    return _svg("cs-chart cs-verdict-chart", 400, 84, label, parts)


def _shown_bound(gate: dict[str, Any]) -> float | None:
    """The bound that decided: for a failed gate the opposite one."""
    statistic = gate["statistic"] or {}
    if gate["result"] == "fail":
        opposite: float | None = statistic.get("low" if gate["bound_is_upper"] else "high")
        return opposite
    bound: float | None = gate["bound"]
    return bound


def gate_limit(gate: dict[str, Any]) -> float | None:
    """The declared threshold on the scale of the estimate."""
    match gate["kind"]:
        case "safety_bound":
            return float(gate["limit"])
        case "non_inferiority":
            return -float(gate["margin"])
        case "mean_floor" | "slot_floor" | "agreement_floor":
            return float(gate["floor"])
    return None


def _inside(x: float, half: float) -> float:
    return min(max(x, half), 400 - half)


def _bound_label(scale: Scale, value: float, bound: float, words: str, css: str) -> Part:
    """Beside the bound, away from the estimate; right of the estimate where there is no room at the left."""
    if bound >= value:
        return _text(f"{css} t-halo", scale(bound) + 8, 44, words)
    if scale(bound) > 84:
        return _text(f"{css} t-halo t-end", scale(bound) - 8, 44, words)
    return _text(f"{css} t-halo", scale(value) + 12, 44, words)


# --- criteria: dots and intervals ---

LEFT, RIGHT, ROW = 190, 770, 40


def criteria_chart(criteria: Sequence[dict[str, Any]], limits: dict[str, float]) -> SafeString | None:
    """Mean level of base (hollow) and tuned (filled) with 95% intervals; ``limits``: declared margin by criterion."""
    rows = [row for row in criteria if row["means"]["candidate"]["value"] is not None]
    if not rows:
        return None
    values = [edge for row in rows for arm in ("baseline", "candidate") for edge in _edges(row["means"][arm])]
    values += [_limit_at(row, limits) for row in rows if _limit_at(row, limits) is not None]  # type: ignore[misc]
    low, high = min(row["low"] for row in rows), max(row["high"] for row in rows)
    scale = Scale([min(max(value, low), high) for value in values], LEFT, RIGHT, 8)
    height = 22 + ROW * len(rows) + 26
    parts: list[Part] = []
    for tick in scale.ticks:
        x = scale(tick)
        parts += [_line("grid", x, x, 22, height - 26), _text("t-mid", x, height - 8, f"{tick:g}")]
    parts += [_text("t-end", 842, 13, say("alpha")), _text("t-end", 898, 13, say("change"))]
    for index, row in enumerate(rows):
        parts += _criterion_parts(row, scale, 42 + ROW * index, _limit_at(row, limits))
    return _svg("cs-chart cs-chart-wide", 900, height, criteria_words(rows), parts)


def _edges(mean: dict[str, Any]) -> list[float]:
    return [edge for edge in (mean["value"], mean["low"], mean["high"]) if edge is not None]


def _limit_at(row: dict[str, Any], limits: dict[str, float]) -> float | None:
    """Where the candidate's mean must stay above, when the criterion may not get worse by a margin."""
    base, margin = row["means"]["baseline"]["value"], limits.get(row["key"])
    return None if base is None or margin is None or base - margin < row["low"] else base - margin


def _criterion_parts(row: dict[str, Any], scale: Scale, y: float, limit: float | None) -> list[Part]:
    parts = [format_html("<g><title>{}</title>{}</g>", row["name"], _text("t-strong", 0, y + 4, short(row["name"])))]
    if limit is not None:
        parts.append(_line("limit", scale(limit), scale(limit), y - 11, y + 11))
    for arm, css, dy, r in (("baseline", "base", -6, 4.5), ("candidate", "tuned", 6, 5)):
        mean = row["means"][arm]
        if mean["value"] is None:
            continue
        if mean["low"] is not None:
            low, high = max(mean["low"], row["low"]), min(mean["high"], row["high"])
            parts.append(_line(f"{css}-line", scale(low), scale(high), y + dy, y + dy))
        parts.append(_circle(css, scale(mean["value"]), y + dy, r))
    change = row["difference"]["value"]
    css = "t-unknown" if change is not None and change < 0 else "t-strong"
    parts += [_text("t-end", 842, y + 4, row["alpha"]), _text(f"{css} t-end", 898, y + 4, signed(change))]
    return parts


def short(name: str) -> str:
    """A label that fits into its column; the whole name is in the title."""
    return name if len(name) <= LABEL_CHARS else f"{name[: LABEL_CHARS - 1]}…"


def criteria_words(rows: Sequence[dict[str, Any]]) -> str:
    """The chart in a sentence."""
    changes = [row["difference"]["value"] for row in rows if row["difference"]["value"] is not None]
    up, down = sum(change > 0 for change in changes), sum(change < 0 for change in changes)
    said = say("Mean level per criterion, base and tuned, with 95%% intervals, %(n)s criteria.", n=len(rows))
    return f"{said} {say('Tuned is higher on %(up)s, lower on %(down)s.', up=up, down=down)}" if changes else said


# --- errors by type ---


def taxonomy_chart(rows: Sequence[dict[str, Any]]) -> SafeString | None:
    """Outputs with an error of each type, major before minor."""
    if not rows:
        return None
    most = max(row["outputs"] for row in rows)
    parts: list[Part] = []
    for index, row in enumerate(rows):
        parts += _bar_parts(row, 8 + 30 * index, 280 / most)
    words = ", ".join(f"{row['name'].lower()} {row['outputs']}" for row in rows)
    label = say("Outputs with an error, by type: %(words)s.", words=words)
    return _svg("cs-chart", 654, 30 * len(rows) + 8, label, parts)


def _bar_parts(row: dict[str, Any], y: float, unit: float) -> list[Part]:
    major, minor = row["major"] * unit, row["minor"] * unit
    gap = 1 if major and minor else 0
    end = 250 + major + gap + minor
    parts = [
        format_html("<g><title>{}</title>{}</g>", row["name"], _text("t-strong", 0, y + 13, _bar_label(row["name"])))
    ]
    if major:
        parts.append(_rect("bar-major", 250, y, major, 18))
    if minor:
        parts.append(_rect("bar-minor", 250 + major + gap, y, minor, 18))
    per_100 = row["share"]["value"]
    parts += [_text("t-strong", end + 8, y + 13, str(row["outputs"]))]
    if per_100 is not None:
        parts += [_text("", end + 34, y + 13, say("%(n)s per 100", n=f"{100 * per_100:.1f}"))]
    return parts


def _bar_label(name: str) -> str:
    return name if len(name) <= 40 else f"{name[:39]}…"


# --- levels: how often each was given ---


def levels_shown(counts: dict[str, dict[str, int]]) -> list[str]:
    """All levels of a short scale; of a long one, such as 0 to 100, those that were given at all."""
    levels = list(counts["candidate"])
    given = [level for level in levels if counts["baseline"][level] or counts["candidate"][level]]
    return levels if len(levels) <= SHORT_SCALE else given


def distribution_chart(row: dict[str, Any]) -> SafeString | None:
    """Stacked shares of the levels of one criterion, base above tuned, lowest level at the left."""
    parts: list[Part] = []
    told = []
    for index, arm in enumerate(("baseline", "candidate")):
        counts = _bands(row["distribution"][arm])
        total = sum(counts.values())
        if not total:
            continue
        name = say("Base") if arm == "baseline" else say("Tuned")
        parts += [_text("", 0, 14 + 26 * index, name), *_stack(counts, total, row, 3 + 26 * index)]
        levels = [say("level %(level)s: %(n)s", level=level, n=n) for level, n in counts.items()]
        told.append(f"{name}: {', '.join(levels)}")
    if not parts:
        return None
    return _svg("cs-chart", 400, 54, f"{row['name']}. {'; '.join(told)}.", parts)


def _bands(counts: dict[str, int]) -> dict[str, int]:
    """Each level of a short scale; a long one in ten bands of equal width, named by their ends."""
    if len(counts) <= SHORT_SCALE:
        return counts
    levels = sorted(map(int, counts))
    width = -(-len(levels) // 10)
    found = {}
    for start in range(0, len(levels), width):
        band = levels[start : start + width]
        name = f"{band[0]} – {band[-1]}" if len(band) > 1 else str(band[0])
        found[name] = sum(counts[str(level)] for level in band)
    return found


def _stack(counts: dict[str, int], total: int, row: dict[str, Any], y: float) -> list[Part]:
    parts, x = [], 50.0
    for level, count in counts.items():
        width = 350 * count / total
        if count:
            parts.append(_rect(f"level-{_step(int(level.split(' ')[0]), row)}", x, y, max(0.0, width - 1), 16))
        if width > 9 * len(level) + 25:
            parts.append(_text("t-mid t-level", x + width / 2, y + 12, f"{level}: {percent(count / total, 0)}"))
        x += width
    return parts


def _step(level: int, row: dict[str, Any]) -> int:
    """Position of a level on a scale of five colours, worst 1, best 5."""
    span = row["high"] - row["low"] or 1
    return 1 + round(4 * (level - int(row["low"])) / int(span))
