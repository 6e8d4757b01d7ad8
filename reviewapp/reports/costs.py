"""What outputs cost: the machine's seconds, tokens and money, the experts' hours, the words that had to be changed."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

from django.conf import settings
from django.db.models import Count, Q, Sum

from reviewapp.evaluations.selectors import effective_grades
from reviewapp.reports import statistics
from reviewapp.reports.edits import words_changed
from reviewapp.reports.verdicts import ARMS, CANDIDATE, Figure

if TYPE_CHECKING:
    from reviewapp.reports.evidence import RoundFacts

CONFIDENCE = 0.95
PARTS = {"seconds": "seconds_per_output", "tokens": "tokens_per_output"}
HOUR = 3600.0


def hour_price(facts: RoundFacts) -> float:
    """What the operator says an hour costs of the kind of machine that answered; 0 where nothing was said."""
    made = facts.round.generation_run.result or {}
    device = str((made.get("hardware") or {}).get("device") or "cpu")
    return float(settings.CPU_HOUR_PRICE if device == "cpu" else settings.GPU_HOUR_PRICE)


def cost_figures(facts: RoundFacts) -> dict[str, Figure]:
    """Of the tuned model, for gates: ``seconds_per_output``, ``tokens_per_output`` and, with a price,
    ``cost_per_output``; means with one-sided t bounds."""
    found = {key: _figure(_values(facts, CANDIDATE, part)) for part, key in PARTS.items()}
    if price := hour_price(facts):
        seconds = _values(facts, CANDIDATE, "seconds")
        found["cost_per_output"] = _figure([None if one is None else one / HOUR * price for one in seconds])
    return found


def _figure(values: Sequence[float | None]) -> Figure:
    mean = statistics.mean(list(values), confidence=CONFIDENCE, one_sided=True)
    return Figure(
        value=mean.value, low=mean.low, high=mean.high, n=mean.n, missing=mean.missing, method=mean.method,
        reason=mean.reason or "", confidence=CONFIDENCE,
    )  # fmt: skip


def _values(facts: RoundFacts, arm: str, part: str) -> list[float | None]:
    """One of each prompt of the held-out set, in its order; None for what was not answered or not measured."""
    known = {row.heldout_prompt.external_id: getattr(row, part) for row in facts.outputs.values() if row.arm == arm}
    return [None if known.get(prompt) is None else float(known[prompt]) for prompt in facts.prompts]


def costs_json(facts: RoundFacts, usable: Mapping[str, Mapping[str, Any]]) -> dict[str, Any]:
    """By arm means of seconds and tokens with 95% intervals, the words to change, and what the experts spent.

    ``usable``: as ``effort.usable_json`` gives it; its outputs that nobody corrected are missing from the words.
    """
    return {
        **{part: {arm: statistics.mean(_values(facts, arm, part)).as_json() for arm in ARMS} for part in PARTS},
        "hour_price": hour_price(facts) or None,
        "currency": settings.PRICE_CURRENCY,
        "edits": _edits(facts, usable),
        "experts": _experts(facts),
    }


def _experts(facts: RoundFacts) -> dict[str, Any]:
    """Seconds of all grades that count; those without a time (imported) are missing."""
    grades = effective_grades().filter(round=facts.round, output__arm__in=ARMS)
    found = grades.order_by().aggregate(n=Count("pk", filter=Q(seconds__gt=0)), all=Count("pk"), sum=Sum("seconds"))
    return {"seconds": found["sum"] if found["n"] else None, "n": found["n"], "missing": found["all"] - found["n"]}


def _edits(facts: RoundFacts, usable: Mapping[str, Mapping[str, Any]]) -> dict[str, Any]:
    """Mean share of words changed where a grader wrote what the output should have said; graders of one averaged."""
    rows = effective_grades().filter(round=facts.round, output__arm__in=ARMS).exclude(correction="")
    changed: dict[int, list[float]] = defaultdict(list)
    for output, correction in rows.order_by("pk").values_list("output_id", "correction"):
        changed[output].append(words_changed(facts.outputs[output].text, correction))
    found = {}
    for arm in ARMS:
        mine = {one: values for one, values in changed.items() if facts.outputs[one].arm == arm}
        left = [one for one in usable[arm]["output_ids"] if one not in mine]
        means: list[float | None] = [sum(values) / len(values) for values in mine.values()]
        result = statistics.mean([*means, *[None] * len(left)]).as_json()
        if result["low"] is not None:  # a share, which the t interval does not know
            result |= {"low": max(0.0, result["low"]), "high": min(1.0, result["high"])}
        found[arm] = {**result, "output_ids": sorted(mine, key=lambda one: (-sum(mine[one]) / len(mine[one]), one))}
    return found
