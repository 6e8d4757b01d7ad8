"""Time and cost in words: what the tuned model saves its experts, and what an answer costs. Frozen data only."""

from __future__ import annotations

from typing import Any

from reviewapp.reports import localised
from reviewapp.reports.more_page import Table
from reviewapp.words import figure_said, say

Json = dict[str, Any]
ARMS = ("baseline", "candidate")
EACH = 1000  # outputs that a price is named of


def saving_of(data: Json) -> str:
    """The saving in one sentence a measure, tuned with base in brackets; '' for a report from before."""
    if "costs" not in data:
        return ""
    said = [
        _beside(say("Usable as they are"), *(_percent(data["usable"][arm]) for arm in ARMS)),
        _beside(say("a grade takes"), *(_minutes(data["seconds"][arm]) for arm in ARMS)),
        _beside(
            say("words to change where one was corrected"), *(_percent(data["costs"]["edits"][arm]) for arm in ARMS)
        ),
    ]
    known = [one for one in said if one]
    return "; ".join(known) + "." if known else ""


def _beside(name: str, base: str, tuned: str) -> str:
    if not tuned:
        return ""
    values = {"name": name, "tuned": tuned, "base": base or say("not measured")}
    return say("%(name)s: %(tuned)s (base %(base)s)", **values)


def _percent(found: Json) -> str:
    return "" if found["value"] is None else localised.percent(found["value"], 0)


def _minutes(found: Json) -> str:
    return "" if found["value"] is None else say("%(minutes)s min", minutes=f"{found['value'] / 60:.1f}")


def cost_tables(data: Json) -> list[Table]:
    """One table; none for a report from before."""
    costs = data.get("costs")
    if costs is None:
        return []
    seconds, tokens, edits = costs["seconds"], costs["tokens"], costs["edits"]
    rows = [
        _row(say("Words to change, where a grader corrected"), edits, as_percent=True),
        _row(say("Minutes of a grade, median"), data["seconds"], scale=1 / 60),
        _row(say("Seconds to write an output"), seconds),
        _row(say("Tokens of an output"), tokens),
    ]
    if price := costs["hour_price"]:
        name = say("%(currency)s for %(n)s outputs", currency=costs["currency"], n=f"{EACH:,}")
        rows.append(_row(name, seconds, scale=EACH * price / 3600))
    return [
        Table(
            title=say("Time and cost"),
            note=_note(costs),
            header=[say("Measure"), say("Base"), say("Tuned"), "n", say("Missing")],
            rows=rows,
            numbers=frozenset({1, 2, 3, 4}),
        )
    ]


def _note(costs: Json) -> str:
    experts = costs["experts"]
    if experts["seconds"] is None:
        spent = say("How long the experts took is not known.")
    else:
        spent = say(
            "The experts spent %(hours)s hours on %(n)s grades; %(missing)s have no time.",
            hours=f"{experts['seconds'] / 3600:.1f}",
            n=f"{experts['n']:,}",
            missing=experts["missing"],
        )
    price = say("No price of a machine's hour is set, so an output has none.")
    if costs["hour_price"]:
        price = say(
            "%(price)s %(currency)s an hour of the machine, as set when the report was frozen.",
            price=f"{costs['hour_price']:g}",
            currency=costs["currency"],
        )
    return f"{spent} {price} " + say("Means with 95% intervals over prompts, unless said otherwise.")


def _row(name: str, by_arm: Json, *, scale: float = 1.0, as_percent: bool = False) -> list[str]:
    tuned = by_arm["candidate"]
    cells = [_cell(by_arm[arm], scale, as_percent=as_percent) for arm in ARMS]
    return [name, *cells, str(tuned["n"]), str(tuned["missing"])]


def _cell(found: Json, scale: float, *, as_percent: bool) -> str:
    if found["value"] is None:
        return say("not measured")
    low, high = found.get("low"), found.get("high")
    if as_percent:
        spread = "" if low is None or high is None else localised.interval(low, high, as_percent=True)
        value = localised.percent(found["value"])
    else:
        value = _figure(found["value"] * scale)
        spread = ""
        if low is not None and high is not None:
            spread = say("%(low)s to %(high)s", low=_figure(max(low, 0.0) * scale), high=_figure(high * scale))
    return f"{value} ({spread})" if spread else value


def _figure(value: float) -> str:
    """Three significant digits, and every digit before the point."""
    return figure_said(f"{value:,.0f}" if value >= 100 else f"{value:.3g}")
