"""The judge in words: one row a rule of faults. Frozen data only; reports from before show none."""

from __future__ import annotations

from typing import Any

from reviewapp.reports import localised
from reviewapp.reports.more_page import Table
from reviewapp.words import say

Json = dict[str, Any]


def judge_tables(judge: Json | None) -> list[Table]:
    """Agreement of the judge, and what its rates come to once they are corrected."""
    if judge is None:
        return []
    return [_agreement(judge), _rates(judge)]


def pair_tables(found: Json | None) -> list[Table]:
    """Which of two outputs the judge prefers, and how far the experts agree; reports from before have none."""
    if not found or not found["compared"]:
        return []
    rows = [
        [
            row["name"] or say("All in all"), _share(row["won"]), str(row["won"]["ties"]),
            *(_with_experts(row) if "both" in row else ["", "", "", ""]),
            localised.percent(row["changed"]) if row["changed"] is not None else say("not defined"), _missing(row),
        ]
        for row in found["compared"]
    ]  # fmt: skip
    experts = found["experts"]
    if experts:
        rows.insert(0, [say("Experts, all in all"), _share(experts), str(experts["ties"]), "", "", "", "", "", ""])
    return [
        Table(
            title=say("Judge, side by side"),
            note=" ".join((*_introduced(found), say("Different answers in the two orders are a tie."))),
            header=[say("Question"), say("Tuned better"), say("Ties"), say("Judged by both"), say("Kappa"), "AC1",
                    say("Equal"), say("Changed with the order"), say("Missing")],
            rows=rows,
            numbers=frozenset({1, 2, 3, 4, 5, 6, 7}),
            grey=frozenset(
                n + bool(experts)
                for n, row in enumerate(found["compared"])
                if row.get("both", found["enough"]) < found["enough"]
            ),
        )
    ]  # fmt: skip


def _with_experts(row: Json) -> list[str]:
    return [str(row["both"]), _measure(row["kappa"]), _measure(row["ac1"]), _measure(row["equal"])]


def _introduced(judge: Json) -> list[str]:
    notes = [
        say(
            "%(judge)s was asked every question in two orders, judge run %(run)s. No gate stands on it.",
            judge=judge["judge"],
            run=judge["run"],
        ),
        say("This judge wrote one of the two sides.") if judge["is_own"] else "",
    ]
    return [note for note in notes if note]


def _agreement(judge: Json) -> Table:
    return Table(
        title=say("Judge"),
        note=" ".join(_introduced(judge)),
        header=[say("Fault"), say("Judged by both"), say("Kappa"), "AC1", say("Equal"), say("Changed with the order"),
                say("Missing")],
        rows=[
            [
                row["name"], str(row["both"]), _measure(row["kappa"]), _measure(row["ac1"]), _measure(row["equal"]),
                localised.percent(row["changed"]) if row["changed"] is not None else say("not defined"), _missing(row),
            ]
            for row in judge["rules"]
        ],
        numbers=frozenset({1, 2, 3, 4, 5}),
        grey=frozenset(n for n, row in enumerate(judge["rules"]) if row["both"] < judge["enough"]),
    )  # fmt: skip


def _rates(judge: Json) -> Table:
    return Table(
        title=say("Faults of the tuned model by the judge"),
        note=say(
            "Raw, and corrected for how often the judge is right: Rogan-Gladen of the outputs that no expert graded, "
            "PPI++ of all together. The experts’ own rates stand above and decide."
        ),
        header=[
            say("Fault"),
            say("Raw"),
            say("Finds a fault"),
            say("Leaves alone what is sound"),
            "Rogan-Gladen",
            "PPI++",
        ],
        rows=[
            [
                row["name"],
                _share(row["raw"]),
                _share(row["sensitivity"]),
                _share(row["specificity"]),
                *_corrections(row, judge),
            ]
            for row in judge["rules"]
        ],
        numbers=frozenset({1, 2, 3}),
    )


def _corrections(row: Json, judge: Json) -> list[str]:
    if row["reason"]:
        words = _reason(row["reason"], row["both"], judge["enough"])
        return [words, ""]
    if row["rogan_gladen"] is None:
        return [say("not needed: the experts graded every output that the judge read"), ""]
    return [_share(row["rogan_gladen"]), _share(row["ppi"])]


def _reason(reason: str, both: int, enough: int) -> str:
    words = {
        "few_both": say(
            "not corrected: experts and judge share %(both)s outputs, fewer than %(enough)s", both=both, enough=enough
        ),
        "no_fault_seen": say("not corrected: the experts saw no fault, so whether the judge finds one is unknown"),
        "all_at_fault": say("not corrected: the experts saw no sound output"),
        "useless_judge": say("not corrected: this judge is right no more often than chance"),
    }
    return words[reason]


def _share(found: Json | None) -> str:
    if found is None or found["value"] is None:
        return say("not defined")
    low, high = found.get("low"), found.get("high")
    value = localised.percent(found["value"])
    return value if low is None or high is None else f"{value} ({localised.interval(low, high, as_percent=True)})"


def _measure(found: Json) -> str:
    return say("not defined") if found["value"] is None else localised.number(found["value"])


def _missing(row: Json) -> str:
    if not row["missing"]:
        return "0"
    reasons = ", ".join(f"{count} {say(reason)}" for reason, count in row["reasons"].items())
    return f"{row['missing']} / {row['asked']}: {reasons}"
