"""Which outputs stand behind a number of a report, from its frozen content. Plain Python.

A place is named as the links of the page name it: ``fault-0-broken`` (rule, cell), ``type-candidate-omission``,
``level-accuracy-candidate-1`` (criterion, arm, level), ``agreement-accuracy``, ``metric-rougeL``, ``facts``,
``gate-0`` (what the gate stands on), ``slice-0-fault`` (row, cell), ``missed-0`` (row), ``worst``.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

from reviewapp.evaluations.figures import KNOWN, metric_of
from reviewapp.evaluations.suites.contents import gate_key
from reviewapp.words import say

ARMS = {"baseline": "base", "candidate": "tuned"}
OF_FAULTS = ("safety_bound", "magnitude", "improvement")  # gates that may be about faults
OF_LEVELS = ("mean_floor", "non_inferiority", "magnitude", "improvement")  # gates on how high levels are
CELLS = {"fixed": "fixed", "broken": "broken", "both": "wrong in both"}
OF_SLICES = {"judged": "judged", "fault": "at fault in the tuned model", "fixed": "fixed", "broken": "broken"}


@dataclass(frozen=True)
class Behind:
    """``title`` says what was counted. By ``prompts`` (ids of the held-out set, both models) or by ``output_ids``.

    ``order``: a sentence on what stands first, where ``output_ids`` have an order. ``column`` heads what is told of
    each output: ``told`` of the report, worded by ``tell``, or the values of ``metric``, which the outputs hold.
    """

    title: str
    prompts: Sequence[str] = ()
    output_ids: Sequence[int] = ()
    order: str = ""
    column: str = ""
    told: Mapping[int, Any] = field(default_factory=dict)
    tell: Callable[[Any], str] = str
    metric: str = ""

    def words(self, output_id: int) -> str:
        return self.tell(self.told[output_id]) if output_id in self.told else ""


def behind(data: dict[str, Any], place: str) -> Behind | None:
    """None for a place that this report has not, and for one of a report from before numbers could be opened."""
    kind, _, rest = place.partition("-")
    if place == "worst":
        ids = [row["output_id"] for row in data["worst"]]
        return Behind(say("Worst outputs of the tuned model"), output_ids=ids, order=_worst_first())
    found = _READERS.get(kind)
    return found(data, rest) if found else None


def _worst_first() -> str:
    return say("The worst stand first: by faults, then major errors, then levels.")


def _fault(data: dict[str, Any], rest: str) -> Behind | None:
    number, _, cell = rest.partition("-")
    if cell not in CELLS or not number.isdecimal() or int(number) >= len(data["faults"]):
        return None
    fault = data["faults"][int(number)]
    title = say("%(fault)s: prompts %(cell)s", fault=fault["name"], cell=say(CELLS[cell]))
    return Behind(title, prompts=fault["prompts"][cell])


def gate_places(data: dict[str, Any]) -> list[str]:
    """For each gate the place of the outputs that it stands on; '' where there are none."""
    found = (_gate(data, str(number)) for number in range(len(data["gates"])))
    return [f"gate-{number}" if one and one.output_ids else "" for number, one in enumerate(found)]


def gate_suites(data: dict[str, Any]) -> list[dict[str, Any] | None]:
    """For each gate on a figure of a suite where its items are: run, suite, figure and arm; None for other gates."""
    figures = {
        gate_key(figure["key"], figure["arm"]): {
            "run": suite["run"], "suite": suite["suite"], "figure": figure["key"], "arm": figure["arm"],
        }
        for suite in data.get("suites") or []
        for figure in suite["figures"]
        if figure["arm"] != "baseline" and figure["failing"]
    }  # fmt: skip
    named = (gate.get("figure") or (gate["metric"] if gate["kind"] == "leak_zero" else "") for gate in data["gates"])
    return [figures.get(name) for name in named]


def _fault_of(data: dict[str, Any], gate: dict[str, Any]) -> dict[str, Any] | None:
    if gate["kind"] not in OF_FAULTS or not gate["criterion"]:
        return None
    limit = gate.get("at_or_below")
    rule = "a violation" if limit is None else f"level {limit} or below"
    return next((row for row in data["faults"] if (row["criterion"], row["rule"]) == (gate["criterion"], rule)), None)


def _gate(data: dict[str, Any], rest: str) -> Behind | None:
    """What a gate stands on, under its name."""
    if not rest.isdecimal() or int(rest) >= len(data["gates"]):
        return None
    gate = data["gates"][int(rest)]
    if (fault := _fault_of(data, gate)) is not None:
        ids = fault.get("output_ids")
        title = say("%(gate)s: the tuned model's outputs at fault", gate=gate["name"])
        return None if ids is None else Behind(title, output_ids=ids, order=_worst_first())
    if (ids := _lowest_first(data, gate)) is not None:
        title = say("%(gate)s: the tuned model's outputs, the lowest level first", gate=gate["name"])
        return Behind(title, output_ids=ids, order=say("The lowest level stands first."))
    found = _measured(data, gate)
    return None if found is None else replace(found, title=f"{gate['name']}: {found.title}")


def _measured(data: dict[str, Any], gate: dict[str, Any]) -> Behind | None:
    """Of gates on agreement, on machine figures and facts, and on completeness."""
    match gate["kind"]:
        case "agreement_floor":
            return _agreement(data, gate["criterion"])
        case "improvement" | "magnitude":
            return _metric(data, gate["metric"])
        case "leak_zero":
            return _leak(data, gate["metric"])
        case "slot_floor":
            return _facts(data, "")
        case "cost_limit":
            return _slow(data)
        case "completeness":
            ids = _orders(data).get("ungraded")
            return None if ids is None else Behind(say("outputs that are not fully graded"), output_ids=ids)
    return None


def _orders(data: dict[str, Any]) -> dict[str, Any]:
    return dict(data.get("orders") or {})


def _agreement(data: dict[str, Any], criterion: str) -> Behind | None:
    rows = _orders(data).get("agreement", {}).get(criterion)
    if rows is None:
        return None
    name = next((row["name"] for row in data["agreement"] if row["key"] == criterion), criterion)
    return Behind(
        say("%(criterion)s, outputs that several graders judged", criterion=name),
        output_ids=[output for output, _ in rows],
        order=say("Those on which graders differ most stand first."),
        column=say("Given"),
        told=dict(rows),
        tell=lambda values: ", ".join(map(str, values)),
    )


def _metric(data: dict[str, Any], key: str) -> Behind | None:
    ids = _orders(data).get("metric", {}).get(key)
    if ids is None:
        return None
    name = metric_of(key).name if key not in KNOWN else say(metric_of(key).name)
    return Behind(
        say("%(metric)s of the tuned model's outputs", metric=name),
        output_ids=ids,
        order=say("The largest loss against the base stands first."),
        column=name,
        metric=key,
    )


def _leak(data: dict[str, Any], key: str) -> Behind | None:
    ids = _orders(data).get("leak", {}).get(key)
    if ids is None:
        return None
    order = say("The largest value stands first.")
    name, title = say(metric_of(key).name), say("marked outputs of the tuned model")
    return Behind(title, output_ids=ids, order=order, column=name, metric=key)


def _slow(data: dict[str, Any]) -> Behind | None:
    rows = _orders(data).get("slow")
    if rows is None:
        return None
    return Behind(
        say("the tuned model's outputs by the time that they took"),
        output_ids=[output for output, _, _ in rows],
        order=say("The longest stands first."),
        column=say("Seconds and tokens"),
        told={output: rest for output, *rest in rows},
        tell=lambda rest: f"{rest[0]:g} s, {'–' if rest[1] is None else rest[1]}",
    )


def _facts(data: dict[str, Any], rest: str) -> Behind | None:
    rows = _orders(data).get("facts")
    if rows is None or rest:
        return None
    return Behind(
        say("Facts in the tuned model's outputs"),
        output_ids=[output for output, _, _ in rows],
        order=say("The smallest share of right facts stands first."),
        column=say("Facts right"),
        told={output: rest for output, *rest in rows},
        tell=lambda rest: say("%(n)s of %(all)s", n=rest[0], all=rest[1]),
    )


def _lowest_first(data: dict[str, Any], gate: dict[str, Any]) -> list[int] | None:
    """An output that graders gave different levels stands at the lowest of them."""
    row = next((row for row in data["criteria"] if row["key"] == gate.get("criterion")), None)
    if row is None or gate["kind"] not in OF_LEVELS or "output_ids" not in row:
        return None
    levels = row["output_ids"].get("candidate", {})
    return list(dict.fromkeys(one for level in sorted(levels, key=int) for one in levels[level]))


def _type(data: dict[str, Any], rest: str) -> Behind | None:
    arm, _, kind = rest.partition("-")
    row = next((row for row in data["taxonomy"].get(arm, ()) if row["type"] == kind), None)
    if row is None or "output_ids" not in row:
        return None
    title = say("%(type)s, marked in outputs of the %(arm)s model", type=row["name"], arm=say(ARMS[arm]))
    return Behind(title, output_ids=row["output_ids"])


def _level(data: dict[str, Any], rest: str) -> Behind | None:
    parts = rest.rsplit("-", 2)
    if len(parts) != 3 or parts[1] not in ARMS:
        return None
    key, arm, level = parts
    row = next((row for row in data["criteria"] if row["key"] == key), None)
    ids = (row or {}).get("output_ids", {}).get(arm, {}).get(level)
    if row is None or ids is None:
        return None
    title = say(
        "%(criterion)s: level %(level)s given to the %(arm)s model", criterion=row["name"], level=level,
        arm=say(ARMS[arm]),
    )  # fmt: skip
    return Behind(title, output_ids=ids)


def _slice(data: dict[str, Any], rest: str) -> Behind | None:
    number, _, cell = rest.partition("-")
    rows = data["by_slice"]["slices"]
    if cell not in OF_SLICES or not number.isdecimal() or int(number) >= len(rows):
        return None
    row = rows[int(number)]
    title = say(
        "%(fault)s, %(slice)s: prompts %(cell)s", fault=data["by_slice"]["fault"],
        slice=f"{row['kind']}: {row['name']}", cell=say(OF_SLICES[cell]),
    )  # fmt: skip
    return Behind(title, prompts=row["prompts"][cell]) if "prompts" in row else None


def _missed(data: dict[str, Any], rest: str) -> Behind | None:
    if not rest.isdecimal() or int(rest) >= len(data["missed"]):
        return None
    row = data["missed"][int(rest)]
    if "output_ids" not in row:
        return None
    title = say("%(fault)s: outputs of the tuned model read twice", fault=row["name"])
    return Behind(title, output_ids=row["output_ids"], order=say("Those in which one grader alone saw it stand first."))


_READERS: dict[str, Callable[[dict[str, Any], str], Behind | None]] = {
    "fault": _fault, "gate": _gate, "type": _type, "level": _level, "agreement": _agreement, "metric": _metric,
    "facts": _facts, "slice": _slice, "missed": _missed,
}  # fmt: skip
