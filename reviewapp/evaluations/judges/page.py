"""The page of a judge run: what it said of each criterion, what hangs on the order, agreement with the experts."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from statistics import fmean
from typing import Any

from django.conf import settings

from reviewapp.core import queues
from reviewapp.evaluations.judges import selectors, services
from reviewapp.evaluations.judges.figures import ENOUGH, Match, Outcome, expert_value, match, outcomes
from reviewapp.evaluations.judges.models import JudgeRun
from reviewapp.evaluations.judges.questions import BASELINE, CANDIDATE, Criterion
from reviewapp.evaluations.models import Output
from reviewapp.evaluations.preferring import WinRate, wilson, win_rate
from reviewapp.evaluations.selectors import is_hidden
from reviewapp.reviews.agreement import Agreement
from reviewapp.words import say

Z = 1.959963984540054


@dataclass(frozen=True, kw_only=True)
class JudgeRow:
    """One criterion as it is shown; ``base`` and ``tuned`` are means or shares, ``won`` is of pairs."""

    name: str
    asked: int
    answered: int
    n: int
    missing: int
    reasons: list[tuple[str, int]]
    changed: str
    base: str
    tuned: str
    won: WinRate | None
    match: Match | None
    agreement: list[tuple[str, str]]


def page_of(run: JudgeRun) -> dict[str, Any]:
    """What the page needs; the verdicts themselves stay closed while experts still grade these outputs."""
    hidden = is_hidden(run.generation_run)
    rows = [] if hidden or run.result is None else judge_rows(run)
    return {
        "run": run,
        "rows": rows,
        "is_hidden": hidden,
        "is_own": run.judge_id in (run.generation_run.baseline_id, run.generation_run.candidate_id),
        "is_pairs": run.kind == JudgeRun.Kind.PAIRS,
        "wait": queues.job_wait(run.job) if run.job else None,
        "missing": missing_of(rows),
        "enough": ENOUGH,
        "has_remarks": any(row.match and not row.match.is_enough for row in rows),
        **cost_of(run.result or {}),
    }


def judge_rows(run: JudgeRun) -> list[JudgeRow]:
    criteria = {one.key: one for one in map(services.told, services.judged_criteria(run.rubric_version))}
    kinds = dict(run.rubric_version.criteria.values_list("key", "kind"))
    is_pairs = run.kind == JudgeRun.Kind.PAIRS
    found = outcomes(selectors.verdicts_of(run), is_pairs=is_pairs)
    if is_pairs:
        choices = selectors.expert_choices(run.generation_run)
        return [_pair_row(outcome, criteria.get(key), choices) for key, outcome in found.items()]
    arms = dict(Output.objects.filter(generation_run=run.generation_run).values_list("pk", "arm"))
    experts = selectors.expert_levels(run.generation_run, run.rubric_version)
    return [
        _level_row(outcome, criteria[key], kinds[key], arms, experts.get(key, {})) for key, outcome in found.items()
    ]


def _pair_row(outcome: Outcome, criterion: Criterion | None, choices: Mapping[int, int]) -> JudgeRow:
    """Experts choose all in all, so only that question is set against them."""
    found = None if criterion else match(choices, outcome.values, (-1, 0, 1), is_ordered=False)
    return _row(
        outcome, criterion.name if criterion else say("All in all"), found, won=win_rate(outcome.values.values())
    )


def _level_row(
    outcome: Outcome, criterion: Criterion, kind: str, arms: Mapping[int, str], given: Mapping[int, Sequence[int]]
) -> JudgeRow:
    is_ordered = kind == "levels"
    experts = {output: expert_value(values, is_violation=not is_ordered) for output, values in given.items()}
    points = [int(option.value) for option in criterion.options]
    found = match(experts, outcome.values, points, is_ordered=is_ordered)

    def of(arm: str) -> str:
        values = [value for output, value in outcome.values.items() if arms.get(output) == arm]
        if not values:
            return say("missing")
        return f"{fmean(values):.2f}" if is_ordered else f"{sum(values)} / {len(values)}"

    return _row(outcome, criterion.name, found, base=of(BASELINE), tuned=of(CANDIDATE))


def _row(
    outcome: Outcome, name: str, found: Match | None, *, base: str = "", tuned: str = "", won: WinRate | None = None
) -> JudgeRow:
    return JudgeRow(
        name=name,
        asked=outcome.asked,
        answered=outcome.answered,
        n=len(outcome.values),
        missing=outcome.missing,
        reasons=sorted(outcome.reasons.items()),
        changed=_changed(outcome),
        base=base,
        tuned=tuned,
        won=won,
        match=found,
        agreement=_agreement(found) if found else [],
    )


def _changed(outcome: Outcome) -> str:
    if outcome.share_changed is None:
        return say("nothing was answered in both orders")
    low, high = wilson(outcome.changed, outcome.answered, Z)
    return f"{outcome.share_changed:.0%} ({_bounds(f'{low:.0%}', f'{high:.0%}')})"


def _agreement(found: Match) -> list[tuple[str, str]]:
    parts = ((say("Kappa"), found.kappa), ("AC1", found.ac1), (say("Equal"), found.percent))
    return [(name, _value(one)) for name, one in parts]


def _value(one: Agreement) -> str:
    if one.value is None:
        return say("not defined")
    text = f"{one.value:.2f}".replace("-", "−")
    if one.low is None or one.high is None:
        return text
    return f"{text} ({_bounds(f'{one.low:.2f}', f'{one.high:.2f}')})".replace("-", "−")


def _bounds(low: str, high: str) -> str:
    """A dash between two numbers reads as a minus where one is negative."""
    return say("%(low)s to %(high)s", low=low, high=high)


def missing_of(rows: Sequence[JudgeRow]) -> list[tuple[str, int]]:
    """Reasons over all criteria."""
    total: Counter[str] = Counter()
    for row in rows:
        total.update(dict(row.reasons))
    return total.most_common()


def cost_of(result: Mapping[str, Any]) -> dict[str, Any]:
    """Seconds a question, tokens, and what they cost where the operator named a price."""
    asked, seconds, tokens = result.get("questions") or 0, result.get("seconds") or 0.0, result.get("tokens")
    price = settings.JUDGE_TOKEN_PRICE
    return {
        "seconds": seconds,
        "seconds_each": seconds / asked if asked else None,
        "tokens": tokens,
        "cost": f"{tokens * price / 1e6:.2f} {settings.PRICE_CURRENCY}" if tokens and price else "",
    }
