"""Automatic figures of a generation run as rows: base beside tuned, each with n, missing and method. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any, Literal

from reviewapp.words import figure_said, say

BASELINE, CANDIDATE = "baseline", "candidate"
Better = Literal["higher", "lower", ""]


@dataclass(frozen=True)
class Metric:
    """How a figure is shown; ``scale`` multiplies it (ROUGE is kept from 0 to 1 and read as points of 100)."""

    key: str
    name: str
    about: str
    better: Better
    scale: float = 1.0
    unit: str = ""
    digits: int = 1


METRICS = (
    Metric(
        "slot_accuracy", "Facts right", "Known facts of the prompt that the output states rightly.", "higher", 100, "%"
    ),
    Metric("class_accuracy", "Classes right", "Outputs with exactly the right classes.", "higher", 100, "%"),
    Metric("class_macro_f1", "Macro F1", "Each class counts the same, however rare it is.", "higher", 100),
    Metric(
        "class_macro_precision", "Macro precision", "Of what was given a class, the share that has it.", "higher", 100
    ),
    Metric("class_macro_recall", "Macro recall", "Of what has a class, the share that was given it.", "higher", 100),
    Metric("class_macro_auc", "Macro AUC", "Each class against the rest: 50 is chance.", "higher", 100),
    Metric("class_micro_f1", "Micro F1", "All classes counted together.", "higher", 100),
    Metric("class_micro_precision", "Micro precision", "All classes counted together.", "higher", 100),
    Metric("class_micro_recall", "Micro recall", "All classes counted together.", "higher", 100),
    Metric("class_micro_auc", "Micro AUC", "All classes of all outputs as one list: 50 is chance.", "higher", 100),
    Metric("rougeL", "ROUGE-L", "Longest common word sequence with the reference.", "higher", 100),
    Metric("rouge1", "ROUGE-1", "Words shared with the reference.", "higher", 100),
    Metric("rouge2", "ROUGE-2", "Word pairs shared with the reference.", "higher", 100),
    Metric("rougeLsum", "ROUGE-Lsum", "Longest common word sequences, sentence by sentence.", "higher", 100),
    Metric("bleu", "BLEU", "Runs of up to four words shared with the reference.", "higher"),
    Metric("chrf", "chrF", "Runs of up to six characters shared with the reference.", "higher"),
    Metric(
        "meteor_exact_stem",
        "METEOR (words and stems)",
        "Words and word stems shared with the reference, in its order; synonyms do not count.",
        "higher",
        100,
    ),
    Metric("bertscore_f1", "BERTScore F1", "Tokens matched in meaning, by the configured encoder.", "higher", 100),
    Metric("bertscore_precision", "BERTScore precision", "Tokens of the output found in the reference.", "higher", 100),
    Metric("bertscore_recall", "BERTScore recall", "Tokens of the reference found in the output.", "higher", 100),
    Metric("exact_match", "Exact match", "Outputs that are the reference word for word.", "higher", 100, "%"),
    Metric("perplexity", "Perplexity", "How unexpected the reference is to the model.", "lower", 1, "", 2),
    Metric(
        "perplexity_mean",
        "Perplexity, mean of outputs",
        "Each output counts the same: one odd short reference can decide it.",
        "lower",
        1,
        "",
        2,
    ),
    Metric("length_words", "Length", "Words of an output.", "", 1, "words"),
    Metric("length_ratio", "Length ratio", "Words of the outputs for each word of the references.", "", 1, "", 2),
    Metric("hit_limit", "Cut at the limit", "Outputs that ran into the length limit.", "lower", 100, "%"),
    Metric(
        "verbatim_overlap",
        "Copied text",
        "Outputs with a long run of words from a training completion.",
        "lower",
        100,
        "%",
    ),
    Metric("longest_copied_run", "Longest copied run", "Words in a row that stand in a training completion.", "lower"),
)
KNOWN = {metric.key: metric for metric in METRICS}


@dataclass(frozen=True)
class FigureRow:
    """One metric of both models; a value of None is missing, with ``why``."""

    metric: Metric
    base: str
    tuned: str
    n: int
    missing: int
    why: str
    method: str
    change: str
    noise: str = ""  # how far the figure of the base moved when the base was asked once more


def metric_of(key: str) -> Metric:
    """How a metric is shown; an unknown one by its key."""
    return KNOWN.get(key, Metric(key, key, "", "", 1, "", 3))


def shown(metric: Metric, value: float | None) -> str:
    """A value as people read it; 'missing' for none."""
    if value is None:
        return say("missing")
    number = figure_said(f"{value * metric.scale:.{metric.digits}f}")
    return say("%(n)s words", n=number) if metric.unit == "words" else number + metric.unit


def changed(metric: Metric, base: float | None, tuned: float | None) -> str:
    """Tuned minus base with its sign, '' where one is missing."""
    if base is None or tuned is None:
        return ""
    return figure_said(f"{(tuned - base) * metric.scale:+.{metric.digits}f}".replace("-", "−"))


@dataclass(frozen=True)
class ClassRow:
    """One class: outputs whose reference has it, and precision, recall, F1 and AUC, base beside tuned."""

    name: str
    support: int
    pairs: list[tuple[str, str, str]]  # of each measure: its name, base, tuned


CLASS_MEASURES = (("precision", "Precision"), ("recall", "Recall"), ("f1", "F1"), ("auc", "AUC"))


def class_rows(metrics: Mapping[str, Any]) -> list[ClassRow]:
    """Figures by class, of a run in which a model chose classes; empty for others."""
    arms = metrics.get("arms") or {}
    tables = {
        arm: {row["class"]: row for row in (found.get("class_macro_f1") or {}).get("detail", {}).get("classes", [])}
        for arm, found in arms.items()
    }
    base, tuned = tables.get(BASELINE, {}), tables.get(CANDIDATE, {})

    def said(row: Mapping[str, Any] | None, key: str) -> str:
        value = (row or {}).get(key)
        return say("missing") if value is None else figure_said(f"{100 * value:.1f}")

    measures = [(key, say(label)) for key, label in CLASS_MEASURES]
    return [
        ClassRow(name, row["support"], [(label, said(base.get(name), k), said(row, k)) for k, label in measures])
        for name, row in tuned.items()
    ]


def figure_rows(metrics: Mapping[str, Any]) -> list[FigureRow]:
    """Rows of metrics.json, the known metrics first and in a fixed order."""
    arms = metrics.get("arms") or {}
    base, tuned = arms.get(BASELINE) or {}, arms.get(CANDIDATE) or {}
    keys = [
        *(key for key in KNOWN if key in base or key in tuned),
        *sorted((base.keys() | tuned.keys()) - KNOWN.keys()),
    ]
    spread = (metrics.get("noise") or {}).get("difference") or {}
    return [_row(metric_of(key), base.get(key) or {}, tuned.get(key) or {}, spread.get(key)) for key in keys]


def _row(metric: Metric, base: Mapping[str, Any], tuned: Mapping[str, Any], noise: float | None) -> FigureRow:
    reasons = {**(base.get("reasons") or {}), **(tuned.get("reasons") or {})}
    if not tuned:
        reasons["not computed for outputs that were imported"] = 1
    detail = tuned.get("detail") or base.get("detail") or {}
    return FigureRow(
        metric=metric,
        base=shown(metric, base.get("value")),
        tuned=shown(metric, tuned.get("value")),
        n=int(tuned.get("n") or 0),
        missing=int(tuned.get("missing") or 0),
        why="; ".join(reasons),
        method=str(detail.get("signature") or detail.get("aggregate") or ""),
        change=changed(metric, base.get("value"), tuned.get("value")),
        noise="" if noise is None else f"±{shown(metric, noise)}",
    )


def slot_figures(lines: Iterable[Mapping[str, Any]]) -> dict[str, Any]:
    """Slot accuracy of imported outputs, in the form of the trainer's metrics.json."""
    lines = list(lines)
    slots = [slot for line in lines for slot in line["metrics"].get("slots", [])]
    if not slots:
        return {}
    right = sum(slot["right"] is True for slot in slots)
    with_facts = sum(1 for line in lines if line["metrics"].get("slots"))
    return {
        "slot_accuracy": {
            "value": right / len(slots),
            "n": with_facts,
            "missing": len(lines) - with_facts,
            "detail": {"aggregate": "right slots / slots", "right": right, "slots": len(slots)},
            "reasons": {},
        }
    }
