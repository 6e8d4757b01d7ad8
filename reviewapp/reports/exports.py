"""A report as files: CSV for spreadsheets (no formulas, no names), JSON for programs. Passages are withheld. Pure."""

from __future__ import annotations

import copy
import csv
import io
from collections.abc import Iterable, Sequence
from typing import Any

from reviewapp.reports.evidence import RoundFacts
from training.contract import canonical_json

DANGEROUS = ("=", "+", "-", "@", "\t", "\r")
SUMMARY = (
    "section", "name", "model", "n", "missing", "value", "low", "high", "confidence", "method", "seed", "reason",
    "alpha", "alpha_low", "alpha_high",
)  # fmt: skip
RATINGS = ("prompt", "group", "model", "output_number", "grader", "criterion", "value", "not_applicable")


def safe_cell(value: Any) -> Any:
    """Text that a spreadsheet would run as a formula gets a leading apostrophe; numbers stay numbers."""
    if isinstance(value, str) and value.lstrip(" ").startswith(DANGEROUS):
        return f"'{value}"
    return "" if value is None else value


def csv_text(header: Sequence[str], rows: Iterable[Sequence[Any]]) -> str:
    buffer = io.StringIO(newline="")
    writer = csv.writer(buffer, lineterminator="\r\n")
    writer.writerow(header)
    writer.writerows([safe_cell(value) for value in row] for row in rows)
    return buffer.getvalue()


def summary_csv(data: dict[str, Any]) -> str:
    """One row a number: gates, criteria, faults, figures, agreement; each with n, missing, interval, method, seed."""
    rows = [_row("gate", gate["name"], "candidate", gate["statistic"]) for gate in data["gates"]]
    alphas = {row["key"]: row["alpha"] for row in data["agreement"]}
    for criterion in data["criteria"]:
        for arm in ("baseline", "candidate"):
            rows.append(_row("criterion", criterion["name"], arm, criterion["means"][arm], alphas[criterion["key"]]))
        rows.append(_row("criterion", criterion["name"], "difference", criterion["difference"]))
    for fault in data["faults"]:
        rows += [_row("fault", fault["name"], arm, fault["rates"][arm]) for arm in ("baseline", "candidate")]
        rows.append(_row("fault", fault["name"], "difference", fault["mcnemar"]))
    for metric in data["metrics"]:
        rows += [_row("figure", metric["name"], arm, metric["means"][arm]) for arm in ("baseline", "candidate")]
        rows.append(_row("figure", metric["name"], "difference", metric["difference"]))
    rows += [_row("facts", "Facts right", arm, data["slots"]["accuracy"][arm]) for arm in ("baseline", "candidate")]
    for row in data["agreement"]:
        rows += [_row("agreement", row["name"], name, row[name]) for name in ("alpha", "ac1", "percent")]
    return csv_text(SUMMARY, rows)


def _row(
    section: str, name: str, model: str, found: dict[str, Any] | None, alpha: dict[str, Any] | None = None
) -> list[Any]:
    found, alpha = found or {}, alpha or {}
    keys = ("n", "missing", "value", "low", "high", "confidence", "method", "seed", "reason")
    return [
        section,
        name,
        model,
        *(found.get(key) for key in keys),
        *(alpha.get(key) for key in ("value", "low", "high")),
    ]


def ratings_csv(facts: RoundFacts, graders: dict[int, str], numbers: dict[int, int]) -> str:
    """One row an answer to a criterion, with pseudonyms instead of names and without any text."""
    rows = [
        (
            score.prompt,
            facts.groups[score.prompt],
            score.arm,
            numbers.get(score.output_id),
            graders.get(score.grader_id, "Grader"),
            score.criterion,
            score.value,
            "yes" if score.value is None else "no",
        )
        for score in facts.scores
    ]
    return csv_text(RATINGS, rows)


def report_json(data: dict[str, Any], content_hash: str) -> str:
    """The data with every passage of prompts and outputs taken out; the hash is that of the whole."""
    shown = copy.deepcopy(data)
    for row in shown["worst"]:
        row["passages"], row["quotes"] = [], []
    return canonical_json(
        {"content_hash": content_hash, "withheld": ["worst.passages", "worst.quotes"], "report": shown}
    )
