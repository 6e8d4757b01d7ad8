"""The page of a report from its frozen data: nothing is computed from grades here, only laid out."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from django.utils.safestring import SafeString

from reviewapp.evaluations.figures import metric_of, shown
from reviewapp.reports import charts, localised, wording
from reviewapp.reports.behind import behind, gate_places, gate_suites
from reviewapp.reports.cost_table import cost_tables, saving_of
from reviewapp.reports.judge_table import judge_tables, pair_tables
from reviewapp.reports.models import Report
from reviewapp.reports.more_page import Table, tables_of
from reviewapp.words import say

VERDICT_ICONS = {"ship": "circle-check", "do-not-ship": "circle-x", "not-enough-evidence": "help-circle"}
RESULT_ORDER = {"fail": 0, "unknown": 1, "pass": 2}


@dataclass(frozen=True, kw_only=True)
class FaultView:
    """One fault on both models: who was wrong where, with the prompts behind each count."""

    name: str
    rule: str
    p: str
    claim: str
    base: str
    tuned: str
    cells: list[tuple[str, str, int, list[str]]]  # words, state, count, prompts
    opened: list[dict[str, Any]]  # the same with ``place``, as ``behind`` names it; '' where nothing can be opened


@dataclass(frozen=True, kw_only=True)
class MetricView:
    name: str
    base: str
    tuned: str
    change: str
    interval: str
    p: str
    n: int
    missing: int
    reason: str
    place: str  # the outputs behind it, as ``behind`` names it; '' where nothing can be opened


@dataclass(frozen=True, kw_only=True)
class CriterionView:
    name: str
    base: str
    base_interval: str
    tuned: str
    tuned_interval: str
    change: str
    change_interval: str
    test: str
    n: int
    missing: int
    clusters: str
    distribution: SafeString | None
    counts: list[dict[str, Any]]  # of each level: level, base, tuned, and where both can be opened


@dataclass(frozen=True, kw_only=True)
class AgreementView:
    name: str
    alpha: str
    interval: str
    ac1: str
    percent: str
    double: int
    words: str
    place: str


@dataclass(frozen=True, kw_only=True)
class ReportPage:
    icon: str
    lead: str
    sentences: list[str]
    verdict_chart: SafeString | None
    lead_place: str  # the outputs behind the gate that decides, as ``behind`` names it; '' for none
    lead_count: int
    gates: list[dict[str, Any]]
    criteria_chart: SafeString | None
    criteria: list[CriterionView]
    has_limits: bool
    faults: list[FaultView]
    metrics: list[MetricView]
    slots: list[tuple[str, str, str, int]]
    taxonomy_chart: SafeString | None
    agreement: list[AgreementView]
    double: int
    limits: list[str]
    more: list[Table]
    saving: str  # usable as they are, minutes of a grade, words to change; '' in a report from before


def page_of(report: Report) -> ReportPage:
    data = report.data
    sentences = data["verdict"]["sentences"]
    margins = {gate["criterion"]: gate["margin"] for gate in data["gates"] if gate["kind"] == "non_inferiority"}
    alphas = {row["key"]: _alpha(row) for row in data["agreement"]}
    opened = zip(data["gates"], gate_places(data), gate_suites(data), strict=True)
    gates = [{**gate, "place": place, "suite": suite} for gate, place, suite in opened]
    leading: dict[str, Any] = leading_gate(gates) if gates else {"place": "", "statistic": None}
    criteria = [{**row, "alpha": alphas.get(row["key"], "")} for row in data["criteria"]]
    return ReportPage(
        icon=VERDICT_ICONS[report.verdict],
        lead=sentences[0] if sentences else "",
        sentences=sentences[1:],
        verdict_chart=charts.verdict_chart(leading) if gates else None,
        lead_place=leading["place"],
        lead_count=len(_ids_behind(data, leading["place"])),
        gates=sorted(gates, key=lambda gate: RESULT_ORDER[gate["result"]]),
        criteria_chart=charts.criteria_chart(criteria, margins),
        criteria=[_criterion_view(row) for row in data["criteria"]],
        has_limits=bool(margins),
        faults=[_fault_view(number, row) for number, row in enumerate(data["faults"])],
        metrics=[view for row in data["metrics"] if (view := _metric_view(row, data))] + _slot_accuracy(data),
        slots=[_slot_row(row) for row in data["slots"]["by_slot"]],
        taxonomy_chart=charts.taxonomy_chart(data["taxonomy"]["candidate"]),
        agreement=[_agreement_view(row, data) for row in data["agreement"]],
        double=data["process"]["double"],
        limits=limits_of(report),
        more=[
            *tables_of(data),
            *judge_tables(data.get("judge")),
            *pair_tables(data.get("judge_pairs")),
            *cost_tables(data),
        ],
        saving=saving_of(data),
    )


def _ids_behind(data: dict[str, Any], place: str) -> Sequence[int]:
    found = behind(data, place) if place else None
    return found.output_ids if found else ()


def _opens(data: dict[str, Any], place: str) -> str:
    """The place, where outputs stand behind it."""
    return place if _ids_behind(data, place) else ""


def leading_gate(gates: list[dict[str, Any]]) -> dict[str, Any]:
    """The gate that the verdict's first sentence is about: the first failed, else open, else the first of all."""
    return min(gates, key=lambda gate: RESULT_ORDER[gate["result"]])


def _alpha(row: dict[str, Any]) -> str:
    return localised.number(row["alpha"]["value"]) if row["alpha"]["value"] is not None else say("unknown")


def _agreement_view(row: dict[str, Any], data: dict[str, Any]) -> AgreementView:
    alpha, words = row["alpha"], row["alpha"]["words"]
    if not words and not alpha["is_enough"]:
        words = say("fewer than 50 graded twice: too few to rely on")
    return AgreementView(
        name=row["name"],
        alpha=_alpha(row),
        interval=localised.interval(alpha["low"], alpha["high"]) if alpha["value"] is not None else "",
        ac1=localised.number(row["ac1"]["value"]),
        percent=localised.percent(row["percent"]["value"], 0),
        double=alpha["n"],
        words=words,
        place=_opens(data, f"agreement-{row['key']}"),
    )


def _criterion_view(row: dict[str, Any]) -> CriterionView:
    base, tuned, change = row["means"]["baseline"], row["means"]["candidate"], row["difference"]
    counts = row["distribution"]
    return CriterionView(
        name=row["name"],
        base=localised.number(base["value"]),
        base_interval=localised.interval(base["low"], base["high"]),
        tuned=localised.number(tuned["value"]),
        tuned_interval=localised.interval(tuned["low"], tuned["high"]),
        change=localised.signed(change["value"]),
        change_interval=localised.interval(change["low"], change["high"]),
        test=localised.p_value(row["permutation"]["p"]),
        n=change["n"],
        missing=change["missing"],
        clusters=_design(tuned),
        distribution=charts.distribution_chart(row),
        counts=[
            {
                "level": level,
                "base": counts["baseline"][level],
                "tuned": counts["candidate"][level],
                "base_place": f"level-{row['key']}-baseline-{level}",
                "tuned_place": f"level-{row['key']}-candidate-{level}",
            }
            for level in charts.levels_shown(counts)
        ],
    )


def _design(mean: dict[str, Any]) -> str:
    if mean["design_effect"] is None:
        return "unknown"
    return f"{mean['design_effect']:.2f}"


def _fault_view(number: int, row: dict[str, Any]) -> FaultView:
    test, prompts = row["mcnemar"], row["prompts"]
    cells = [
        (say("Fixed"), "pass", test["fixed"], prompts["fixed"]),
        (say("Broken"), "fail", test["broken"], prompts["broken"]),
        (say("Wrong in both"), "", test["both"], prompts["both"]),
        (say("Right in both"), "", test["neither"], []),
    ]
    return FaultView(
        name=row["name"],
        rule=row["rule"],
        p=row["p"],
        claim=row["claim"],
        base=_rate(row["rates"]["baseline"]),
        tuned=_rate(row["rates"]["candidate"]),
        cells=cells,
        opened=[
            {"name": name, "kind": kind, "count": count, "place": f"fault-{number}-{cell}" if behind else ""}
            for (name, kind, count, behind), cell in zip(cells, ("fixed", "broken", "both", ""), strict=True)
        ],
    )


def _rate(share: dict[str, Any]) -> str:
    if share["value"] is None:
        return say("not graded")
    spread = localised.interval(share["low"], share["high"], as_percent=True)
    return say(
        "%(count)s of %(n)s, %(share)s (%(spread)s)",
        count=share["count"], n=share["n"], share=localised.percent(share["value"]), spread=spread,
    )  # fmt: skip


def _metric_view(row: dict[str, Any], data: dict[str, Any]) -> MetricView | None:
    means, change = row["means"], row["difference"]
    if means["baseline"]["value"] is None and means["candidate"]["value"] is None:
        return None
    metric, scale = metric_of(row["key"]), row["scale"]
    low, high = (None if change[side] is None else change[side] * scale for side in ("low", "high"))
    return MetricView(
        name=row["name"],
        base=shown(metric, means["baseline"]["value"]),
        tuned=shown(metric, means["candidate"]["value"]),
        change=localised.signed(None if change["value"] is None else change["value"] * scale, 1),
        interval=localised.interval(low, high, digits=1),
        p=localised.p_value(row["permutation"]["p"]),
        n=change["n"],
        missing=change["missing"],
        reason=wording.reason(change["reason"]),
        place=_opens(data, f"metric-{row['key']}"),
    )


def _slot_accuracy(data: dict[str, Any]) -> list[MetricView]:
    slots = data["slots"]
    base, tuned = slots["accuracy"]["baseline"], slots["accuracy"]["candidate"]
    if tuned["value"] is None:
        return []
    change = None if base["value"] is None else 100 * (tuned["value"] - base["value"])
    return [
        MetricView(
            name=say("Facts right"),
            base=localised.percent(base["value"]),
            tuned=localised.percent(tuned["value"]),
            change=localised.signed(change, 1),
            interval=say(
                "tuned %(interval)s", interval=localised.interval(tuned["low"], tuned["high"], as_percent=True)
            ),
            p="",
            n=tuned["n"],
            missing=tuned["missing"],
            reason=say("facts looked up exactly; bounds one-sided, clustered by group"),
            place=_opens(data, "facts"),
        )
    ]


def _slot_row(row: dict[str, Any]) -> tuple[str, str, str, int]:
    def words(arm: str) -> str:
        right, total = row[arm]
        if not total:
            return say("none")
        return say("%(n)s of %(total)s, %(share)s", n=right, total=total, share=localised.percent(right / total, 0))

    return row["slot"].replace("_", " "), words("baseline"), words("candidate"), row["candidate"][1]


def limits_of(report: Report) -> list[str]:
    """What this report cannot say, in sentences."""
    data, header = report.data, report.data["header"]
    process = data["process"]
    said = []
    if (imported := header["round"].get("imported")) is not None:
        said.append(
            say(
                "Graded elsewhere and imported: %(left_out)s of the %(rows)s rows of %(file_name)s could not be used, "
                "and the gates were declared after the grades were in. How blind the grading was is not known here.",
                **imported,
            )
        )
    elif report.is_exploratory:
        said.append(
            say("Exploratory: the results were unsealed before grading was complete, so the verdict is unconfirmed.")
        )
    if looks := header["round"].get("looks"):
        said.append(
            say(
                "%(looks)s declared looks were taken while the round was sealed, by %(people)s; each said only "
                "whether to go on.",
                looks=len(looks),
                people=", ".join(dict.fromkeys(look["taken_by"] for look in looks)),
            )
        )
    if header["simulated_graders"]:
        said.append(say("Simulated graders took part: the report shows how grading works and releases no model."))
    if header["baseline"].get("training_run") or header["baseline"].get("merged_from"):
        said.append(
            say("What is called base here is %(label)s, which is tuned as well.", label=header["baseline"]["label"])
        )
    if header["candidate"]["is_simulated"]:
        said.append(say("The outputs of the tuned system are simulated."))
    if header["generation_run"]["is_imported"]:
        said.append(say("The outputs of the tuned system were imported; how they were made is not known here."))
    if process["groups"] < process["prompts"]:
        said.append(
            say(
                "The %(prompts)s prompts come from %(groups)s groups; standard errors of means are clustered by group.",
                prompts=process["prompts"],
                groups=process["groups"],
            )
        )
    said.append(say("It speaks of prompts like those of the held-out set, and of errors that graders can see."))
    said.append(say("Automatic figures compare wording; a high one is no evidence of right facts."))
    return said
