"""What a report says beside its verdict: graders, errors nobody saw, claims, slices, preferences. Frozen data only.

Reports from before these were computed show none of them.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import urlencode

from django.utils.safestring import SafeString

from reviewapp.core.svg import Part, Scale, circle, line, svg, text
from reviewapp.evaluations.suite_page import rows_of
from reviewapp.evaluations.suites.table import SUITES
from reviewapp.reports import localised, wording
from reviewapp.reports.charts import short
from reviewapp.words import say

Json = dict[str, Any]


@dataclass(frozen=True, kw_only=True)
class Table:
    """A table of words; ``note`` says how to read it, ``chart`` shows the same. ``grey``: rows that are too small.

    ``places``: for a (row, column) the outputs behind the number, as ``behind`` names them. ``asks``: the same for
    figures of suites, what the address of the items of ``suite_run`` asks for.
    """

    title: str
    note: str
    header: Sequence[str]
    rows: Sequence[Sequence[str]]
    numbers: frozenset[int] = frozenset()
    chart: SafeString | None = None
    grey: frozenset[int] = frozenset()
    places: Mapping[tuple[int, int], str] = field(default_factory=dict)
    suite_run: int | None = None
    asks: Mapping[tuple[int, int], str] = field(default_factory=dict)

    @property
    def head(self) -> list[tuple[str, bool]]:
        """The names of the columns, and whether each holds numbers."""
        return [(name, n in self.numbers) for n, name in enumerate(self.header)]

    @property
    def cells(self) -> list[tuple[bool, list[tuple[str, str, bool, str, str]]]]:
        """For each row whether it is grey, and its cells: column, words, is a number, place, what it asks."""
        return [
            (
                row in self.grey,
                [
                    (name, cell, n in self.numbers, self.places.get((row, n), ""), self.asks.get((row, n), ""))
                    for n, (name, cell) in enumerate(zip(self.header, words, strict=True))
                ],
            )
            for row, words in enumerate(self.rows)
        ]


def tables_of(data: Json) -> list[Table]:
    """Those that have something to say, in the order of the page."""
    found = [_claims(data.get("claims") or {}), *_graders(data.get("raters") or [])]
    found += [_missed(data.get("missed") or []), _slices(data.get("by_slice") or {})]
    found += [_preferences(data.get("preferences")), *_suites(data.get("suites") or [])]
    return [table for table in found if table is not None and table.rows]


def _claims(claims: Json) -> Table | None:
    rows = [
        [
            row["name"], localised.signed(row["value"]), localised.p_value(row["p"]),
            localised.p_value(row["adjusted"]),
            say("better") if row["is_better"] else say("worse") if row["is_worse"] else say("cannot be told apart"),
        ]
        for row in claims.get("claims", [])
    ]  # fmt: skip
    better = sum(row["is_better"] for row in claims.get("claims", []))
    return Table(
        title=say("Better on %(k)s of %(m)s", k=better, m=len(rows)),
        note=say("Each claim corrected for the number of them (%(method)s).", method=claims.get("method", "")),
        header=[say("Claim"), say("Difference"), say("Alone"), say("Corrected"), say("May be said")],
        rows=rows,
        numbers=frozenset({1, 2, 3}),
    )


def _suites(suites: Sequence[Json]) -> list[Table]:
    """One table a suite: base beside tuned, and the change with its bounds."""
    return [_suite(row) for row in suites if row["figures"]]


def _suite(row: Json) -> Table:
    rows, asks = [], {}
    failing = {(one["key"], one["arm"]): one["failing"] for one in row["figures"]}
    for number, figure in enumerate(rows_of([{**one, "failing": ()} for one in row["figures"]])):
        for column, cell in enumerate(figure.cells, start=1):
            if failing.get((figure.key, cell.arm)):
                asks[number, column] = urlencode({"suite": row["suite"], "figure": figure.key, "arm": cell.arm})
        base, tuned, change = figure.cells
        bounded = change if change.value else tuned
        rows.append(
            [
                figure.name, base.value, tuned.value, change.value,
                f"{bounded.low} to {bounded.high}" if bounded.low and bounded.high else "",
                str(figure.n), str(figure.missing),
            ]
        )  # fmt: skip
    suite = SUITES.get(row["suite"])
    return Table(
        title=say("Suite: %(name)s", name=say(suite.name) if suite else row["suite"]),
        note=say(
            "Suite run %(number)s. Bounds are one-sided, each at 95%%, of the change where there is one.",
            number=row["run"],
        ),
        header=[say("Figure"), say("Base"), say("Tuned"), say("Difference"), say("Bounds"), say("n"), say("Missing")],
        rows=rows,
        numbers=frozenset({1, 2, 3, 4, 5, 6}),
        suite_run=row["run"],
        asks=asks,
    )


def _graders(criteria: Sequence[Json]) -> list[Table]:
    return [table for row in criteria if (table := _criterion_graders(row)).rows]


def _criterion_graders(row: Json) -> Table:
    adjusted = row["adjusted_difference"]
    spread = localised.interval(adjusted["low"], adjusted["high"])
    return Table(
        title=say("Graders on %(criterion)s", criterion=row["name"]),
        note=say(
            "Difference of the models with severity taken out: %(value)s (%(spread)s). Graders go by pseudonyms.",
            value=localised.signed(adjusted["value"]), spread=spread,
        ),  # fmt: skip
        header=[say("Grader"), say("Outputs"), say("Severity"), say("Difference without"), say("To be read with")],
        rows=[
            [
                str(one["grader"]), str(one["outputs"]), _severity(one["severity"]),
                localised.signed(one["difference_without"]["value"]), _remark(one),
            ]
            for one in row["graders"]
        ],
        numbers=frozenset({1, 2, 3}),
    )  # fmt: skip


def _severity(found: Json | None) -> str:
    if found is None or found["effect"] is None:
        return localised.number(None)
    return f"{localised.signed(found['effect'])} ({localised.interval(found['low'], found['high'])})"


def _remark(one: Json) -> str:
    if one["is_careless"]:
        return say("grades that do not follow the outputs")
    notable = one["severity"] and one["severity"]["is_notable"]
    return say("clearly stricter or milder than the others") if notable else ""


def _missed(rows: Sequence[Json]) -> Table | None:
    told = [
        [
            row["name"], str(row["double"]), localised.percent(row["one_catches"], 0),
            localised.percent((row["bound"] or {}).get("high"), 1), wording.reason(row["estimate"]["reason"] or ""),
        ]
        for row in rows
    ]  # fmt: skip
    return Table(
        title=say("Errors that nobody saw"),
        note=say(
            "From outputs that two graders read: if one misses what another finds, both miss some (Chapman 1951)."
        ),
        header=[say("Fault"), say("Read twice"), say("One grader finds"), say("Bound with those missed"), say("Note")],
        rows=told,
        numbers=frozenset({1, 2, 3}),
        places={(n, 1): f"missed-{n}" for n, row in enumerate(rows) if row.get("output_ids")},
    )


def _slices(found: Json) -> Table | None:
    slices = found.get("slices", [])
    return Table(
        title=say("%(fault)s by slice: exploratory", fault=found.get("fault", "")),
        note=say(
            "Share of the tuned outputs at fault, 95%% intervals; tests corrected for their number (%(method)s). "
            "Under 20 prompts a slice says little and is grey.",
            method=found.get("method", ""),
        ),
        header=[say("Slice"), say("Outputs"), say("At fault, tuned"), say("Fixed"), say("Broken"), say("Corrected")],
        rows=[
            [
                f"{row['kind']}: {row['name']}", str(row["rate"]["n"]), _rate(row["rate"]), str(row["change"]["fixed"]),
                str(row["change"]["broken"]), localised.p_value(row["adjusted"]),
            ]
            for row in slices
        ],
        numbers=frozenset({1, 2, 3, 4}),
        chart=forest(slices, found.get("fault", "")),
        grey=frozenset(place for place, row in enumerate(slices) if row["is_small"]),
        places={
            (n, column): f"slice-{n}-{cell}"
            for n, row in enumerate(slices)
            for column, cell in enumerate(("judged", "fault", "fixed", "broken"), 1)
            if row.get("prompts", {}).get(cell)
        },
    )  # fmt: skip


def _rate(share: Json) -> str:
    if share["value"] is None:
        return say("not graded")
    return f"{localised.percent(share['value'])} ({localised.interval(share['low'], share['high'], as_percent=True)})"


def _preferences(found: Json | None) -> Table | None:
    if not found:
        return None
    named = [
        (say("Prompts won by the tuned model"), found["win_rate"]),
        (say("The same at equal length"), found["at_equal_length"]),
    ]
    return Table(
        title=say("Side by side"),
        note=say(
            "Pairwise round %(number)s on the same outputs. The share is of prompts with a winner, %(ties)s were ties; "
            "at equal length a tie counts half.",
            number=found["round"],
            ties=found["win_rate"].get("ties", 0),
        ),
        header=[say("Measure"), say("Share"), "n"],
        rows=[[name, _rate(share), str(share["n"])] for name, share in named],
        numbers=frozenset({2}),
    )


LEFT, RIGHT, ROW = 230, 860, 26


def forest(slices: Sequence[Json], fault: str) -> SafeString | None:
    """One line a slice: dot and 95% interval of the share at fault; hollow under 20 prompts."""
    known = [row for row in slices if row["rate"]["value"] is not None]
    if not known:
        return None
    edges = [edge for row in known for edge in (row["rate"]["low"], row["rate"]["high"], 0.0)]
    scale, height = Scale(edges, LEFT, RIGHT, 6), 12 + ROW * len(known) + 26
    parts: list[Part] = []
    for tick in scale.ticks:
        parts += [line("grid", scale(tick), scale(tick), 6, height - 24)]
        parts += [text("t-mid", scale(tick), height - 6, localised.percent(tick, 0))]
    for place, row in enumerate(known):
        y, css = 20 + ROW * place, "base" if row["is_small"] else "tuned"
        parts.append(text("" if row["is_small"] else "t-strong", 0, y + 4, short(f"{row['kind']}: {row['name']}")))
        parts.append(line(f"{css}-line", scale(row["rate"]["low"]), scale(row["rate"]["high"]), y, y))
        parts.append(circle(css, scale(row["rate"]["value"]), y, 4.5))
    worst = max(known, key=lambda row: row["rate"]["value"])
    said = say(
        "%(fault)s by slice, %(n)s slices; most at %(kind)s %(name)s.",
        fault=fault, n=len(known), kind=worst["kind"], name=worst["name"],
    )  # fmt: skip
    return svg("cs-chart cs-chart-wide", 900, height, said, parts)
