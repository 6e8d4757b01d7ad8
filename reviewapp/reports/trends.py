"""From report to report of a project: errors, agreement, outputs usable as they are, minutes. Frozen data only."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any

from django.utils.safestring import SafeString

from reviewapp.core.svg import Part, Scale, circle, line, svg, text
from reviewapp.reports import localised
from reviewapp.reports.models import Report
from reviewapp.words import say

MOST = 50  # reports on one page: the newest


@dataclass(frozen=True)
class Point:
    """One report's figure with its 95% interval; None where it was not measured."""

    value: float | None = None
    low: float | None = None
    high: float | None = None
    said: str = ""


@dataclass(frozen=True)
class TrendRow:
    report: Report
    usable: Point
    fault: Point
    agreement: Point
    minutes: Point
    edits: Point


@dataclass(frozen=True)
class Trends:
    rows: list[TrendRow]  # the newest first
    usable_chart: SafeString | None
    fault_chart: SafeString | None
    fault_name: str
    apart: list[str]  # why figures of one report may not be set beside those of another, in sentences


def trends_of(reports: Iterable[Report]) -> Trends:
    """``reports``: the newest first. The fault is the one that most of them have, by its name."""
    known = list(reports)[:MOST]
    name = _fault_name(known)
    rows = [_row(report, name) for report in known]
    oldest_first = rows[::-1]
    return Trends(
        rows=rows,
        usable_chart=_chart([(row.report, row.usable) for row in oldest_first], say("Outputs usable as they are")),
        fault_chart=_chart([(row.report, row.fault) for row in oldest_first], name),
        fault_name=name,
        apart=_apart(known),
    )


def _apart(reports: Sequence[Report]) -> list[str]:
    """What was not the same for all: other prompts and another rubric make other figures, whatever the model does."""
    found = []
    prompts = {row.data["header"]["heldout"]["content_hash"]: row.data["header"]["heldout"]["name"] for row in reports}
    if len(prompts) > 1:
        found.append(
            say(
                "These reports stand on %(n)s different held-out sets (%(names)s). Compare only reports on the same "
                "set: prompts can be harder in one than in another.",
                n=len(prompts),
                names=", ".join(sorted(set(prompts.values()))),
            )
        )
    if len({row.data["header"]["rubric"]["content_hash"] for row in reports}) > 1:
        found.append(
            say("They were graded by different rubrics or versions; the same word can mean another level there.")
        )
    return found


def _fault_name(reports: Sequence[Report]) -> str:
    names = [fault["name"] for report in reports for fault in report.data["faults"][:1]]
    return max(names, key=names.count, default="")


def _row(report: Report, fault_name: str) -> TrendRow:
    data = report.data
    fault = next((fault for fault in data["faults"] if fault["name"] == fault_name), None)
    alphas = [row["alpha"]["value"] for row in data["agreement"] if row["alpha"]["value"] is not None]
    return TrendRow(
        report=report,
        usable=_share((data.get("usable") or {}).get("candidate")),
        fault=_share(fault["rates"]["candidate"] if fault else None),
        agreement=_number(min(alphas, default=None)),
        minutes=_minutes(data.get("seconds") or {}),
        edits=_share(((data.get("costs") or {}).get("edits") or {}).get("candidate")),
    )


def _share(found: dict[str, Any] | None) -> Point:
    if not found or found["value"] is None:
        return Point(said=say("not measured"))
    spread = localised.interval(found["low"], found["high"], as_percent=True)
    return Point(found["value"], found["low"], found["high"], f"{localised.percent(found['value'])} ({spread})")


def _number(value: float | None) -> Point:
    return Point(said=say("not measured")) if value is None else Point(value, said=localised.number(value))


def _minutes(by_arm: dict[str, Any]) -> Point:
    """Of a grade of the tuned model's outputs, beside that of the base's."""
    tuned, base = by_arm.get("candidate"), by_arm.get("baseline")
    if not tuned or tuned["value"] is None:
        return Point(said=say("not measured"))
    minutes = tuned["value"] / 60
    said = say("%(minutes)s min, %(n)s grades", minutes=f"{minutes:.1f}", n=tuned["n"])
    if base and base["value"] is not None:
        said += say("; base %(minutes)s min", minutes=f"{base['value'] / 60:.1f}")
    return Point(minutes, said=said)


LEFT, RIGHT, TOP, BOTTOM = 60, 860, 14, 150


def _chart(points: Sequence[tuple[Report, Point]], name: str) -> SafeString | None:
    """Shares from left (oldest) to right, with intervals; None with fewer than two of them."""
    known = [(report, point) for report, point in points if point.value is not None]
    if len(known) < 2:
        return None
    edges = [edge for _, point in known for edge in (point.value, point.low, point.high, 0.0) if edge is not None]
    scale = Scale(edges, BOTTOM, TOP, 4)
    step = (RIGHT - LEFT) / len(known)
    parts: list[Part] = []
    for tick in scale.ticks:
        parts += [line("grid", LEFT, RIGHT, scale(tick), scale(tick))]
        parts += [text("t-end", LEFT - 8, scale(tick) + 4, localised.percent(tick, 0))]
    for place, (report, point) in enumerate(known):
        x = LEFT + step * (place + 0.5)
        if point.low is not None and point.high is not None:
            parts.append(line("tuned-line", x, x, scale(point.low), scale(point.high)))
        parts.append(circle("tuned", x, scale(point.value or 0.0), 5))
        parts.append(text("t-mid", x, BOTTOM + 20, str(report.number)))
    told = ", ".join(f"{report.number}: {localised.percent(point.value)}" for report, point in known)
    return svg("cs-chart cs-chart-wide", 900, 180, say("%(name)s, by report: %(told)s.", name=name, told=told), parts)
