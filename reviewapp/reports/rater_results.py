"""What the report says of graders, of errors that nobody saw, of claims and slices, and of preferences. Plain JSON.

Graders are shown by their pseudonyms. Everything here is beside the verdict: gates stand on the grades themselves.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence
from typing import Any

from reviewapp.evaluations.models import GradingRound
from reviewapp.evaluations.selectors import effective_preferences
from reviewapp.reports import statistics
from reviewapp.reports.evidence import RoundFacts
from reviewapp.reports.gates import CriterionInfo
from reviewapp.reports.statistics import Scored, Shown
from reviewapp.reports.verdicts import ARMS, BASELINE, CANDIDATE, Evidence
from reviewapp.reviews.raters import severities

SMALL_SLICE = 20  # prompts; fewer are shown in grey
Rule = tuple[str, CriterionInfo, int | None]


def raters_json(facts: RoundFacts, evidence: Evidence) -> list[dict[str, Any]]:
    """Per criterion of levels: severity of each grader, the comparison with severity taken out and without each."""
    levels = [info for info in evidence.criteria.values() if info.kind == "levels"]
    return [_criterion_raters(info, _scored(facts, info.key, evidence)) for info in levels]


def _scored(facts: RoundFacts, criterion: str, evidence: Evidence) -> list[Scored]:
    return [
        Scored(rater=evidence.names[one.grader_id], prompt=one.prompt, system=one.arm, value=float(one.value))
        for one in facts.scores
        if one.criterion == criterion and one.value is not None
    ]


def _criterion_raters(info: CriterionInfo, scores: list[Scored]) -> dict[str, Any]:
    fit = severities(one.rating for one in scores)
    without_alpha = {one.without: one.statistic for one in statistics.leave_one_out(scores, statistics.alpha_of)}
    without_difference = {one.without: one.statistic for one in statistics.leave_one_out(scores, _adjusted)}
    readings = {one.rater: one for one in statistics.readings(scores)}
    return {
        "key": info.key,
        "name": info.name,
        "adjusted_difference": _adjusted(scores).as_json(),
        "reason": fit.reason,
        "graders": [
            {
                "grader": rater,
                "outputs": sum(one.rater == rater for one in scores),
                "severity": None if (one := fit.by_rater.get(rater)) is None else _severity(one),
                "correlation": readings[rater].correlation,
                "usual_correlation": readings[rater].usual,
                "same_answer": readings[rater].straight,
                "is_careless": readings[rater].is_careless,
                "alpha_without": without_alpha[rater].as_json(),
                "difference_without": without_difference[rater].as_json(),
            }
            for rater in sorted(readings, key=str)
        ],
    }


def _adjusted(scores: Sequence[Scored]) -> statistics.Statistic:
    return statistics.adjusted_difference(scores, BASELINE, CANDIDATE)


def _severity(one: Any) -> dict[str, Any]:
    shown = ("effect", "low", "high", "n_items", "n_shared", "is_judged", "is_notable")
    return {name: getattr(one, name) for name in shown}


def missed_json(facts: RoundFacts, rules: Sequence[Rule]) -> list[dict[str, Any]]:
    """Per fault of the tuned model: how many exist beside those seen, and the bound if graders miss that many."""
    return [_missed(facts, rule) for rule in rules]


def _missed(facts: RoundFacts, rule: Rule) -> dict[str, Any]:
    name, info, at_or_below = rule
    flags = _flags(facts, info.key, at_or_below)
    read_twice = [output for output, found in flags.items() if len(found) > 1]
    pairs = [tuple(flags[output][:2]) for output in read_twice]
    found = statistics.missed_errors((a, b) for a, b in pairs)
    count, n, one = sum(any(given) for given in flags.values()), len(flags), found.one_catches
    double = len(pairs) / n if n else 0.0
    caught = None if one is None else (1 - double) * one + double * (1 - (1 - one) ** 2)
    bound = None if caught is None else statistics.corrected_bound(count, n, caught).as_json()
    return {
        "name": name,
        "criterion": info.key,
        "double": len(pairs),
        "output_ids": sorted(read_twice, key=lambda output: (len(set(flags[output])) == 1, output)),
        "estimate": found.as_json(),
        "one_catches": one,
        "caught": caught,
        "bound": bound,
    }


def _flags(facts: RoundFacts, criterion: str, at_or_below: int | None) -> dict[int, list[bool]]:
    """Candidate output -> what each grader found, in the order of the graders."""
    found: dict[int, list[tuple[int, bool]]] = defaultdict(list)
    for one in facts.scores:
        if one.arm == CANDIDATE and one.criterion == criterion and one.value is not None:
            is_fault = one.value > 0 if at_or_below is None else one.value <= at_or_below
            found[one.output_id].append((one.grader_id, is_fault))
    return {output: [flag for _, flag in sorted(given)] for output, given in found.items()}


def claims_json(evidence: Evidence, rules: Sequence[Rule]) -> dict[str, Any]:
    """ "Better on k of m": one test a criterion or fault, corrected by Holm for their number."""
    rows: list[tuple[str, statistics.Comparison]] = []
    for info in evidence.criteria.values():
        if info.kind == "levels":
            found = statistics.permutation(evidence.differences(info.key), seed=evidence.seed)
            rows.append((info.name, found))
    for name, info, at_or_below in rules:
        flags = (evidence.flags(arm, info.key, at_or_below) for arm in ARMS)
        rows.append((name, statistics.mcnemar(zip(*flags, strict=True))))
    family = statistics.holm([found.p for _, found in rows])
    return {
        "method": family.method,
        "claims": [
            {
                "name": name,
                "value": found.value,
                "n": found.n,
                "p": found.p,
                "adjusted": adjusted,
                "is_better": rejected and (found.value or 0) > 0,
                "is_worse": rejected and (found.value or 0) < 0,
            }
            for (name, found), adjusted, rejected in zip(rows, family.adjusted, family.rejected, strict=True)
        ],
    }


def slices_json(evidence: Evidence, rules: Sequence[Rule]) -> dict[str, Any]:
    """The first fault by declared slice, with paired tests corrected by Benjamini and Hochberg: exploratory."""
    if not rules or not evidence.slices:
        return {"fault": "", "method": "", "slices": []}
    name, info, at_or_below = rules[0]
    rows = []
    for kind, of in evidence.slices.items():
        for slice_name in sorted(set(of.values())):
            only = evidence.only_prompts(key for key in evidence.prompts if of.get(key) == slice_name)
            flags = {arm: only.flags(arm, info.key, at_or_below) for arm in ARMS}
            pairs = list(zip(flags[BASELINE], flags[CANDIDATE], strict=True))
            rows.append((kind, slice_name, _prompts(only.prompts, pairs), flags[CANDIDATE], statistics.mcnemar(pairs)))
    family = statistics.benjamini_hochberg([test.p for *_, test in rows])
    return {
        "fault": name,
        "method": family.method,
        "slices": [
            {
                "kind": kind,
                "name": slice_name,
                "prompts": prompts,
                "rate": _wilson(flags),
                "change": test.as_json(),
                "adjusted": adjusted,
                "is_small": test.n < SMALL_SLICE,
            }
            for (kind, slice_name, prompts, flags, test), adjusted in zip(rows, family.adjusted, strict=True)
        ],
    }


def _prompts(prompts: Sequence[str], pairs: Sequence[tuple[bool | None, bool | None]]) -> dict[str, list[str]]:
    """The prompts behind each number of a slice: judged, at fault in the tuned model, fixed and broken by it."""
    found = list(zip(prompts, pairs, strict=True))
    return {
        "judged": [prompt for prompt, (_, tuned) in found if tuned is not None],
        "fault": [prompt for prompt, (_, tuned) in found if tuned],
        "fixed": [prompt for prompt, pair in found if pair == (True, False)],
        "broken": [prompt for prompt, pair in found if pair == (False, True)],
    }


def _wilson(flags: list[bool | None]) -> dict[str, Any]:
    known = [flag for flag in flags if flag is not None]
    return statistics.wilson(sum(known), len(known), missing=len(flags) - len(known)).as_json()


def preferences_json(facts: RoundFacts) -> dict[str, Any] | None:
    """What an unsealed pairwise round on the same outputs found; None without one.

    Win rate over prompts (a prompt of several graders counts once, by majority), what standing left is worth, and the
    win rate that is left at equal length.
    """
    rounds = GradingRound.objects.filter(generation_run=facts.round.generation_run, kind=GradingRound.Kind.PAIRWISE)
    round = rounds.filter(unsealed_at__isnull=False).order_by("number").last()
    if round is None:
        return None
    rows = effective_preferences(round).values_list(
        "left__arm", "right__arm", "choice", "left__heldout_prompt_id", "left__text", "right__text"
    )
    shown, lengths = [], []
    by_prompt: dict[int, float] = defaultdict(float)
    for left, right, choice, prompt, left_text, right_text in rows:
        if {left, right} != set(ARMS) or not choice:
            continue
        won = {"left": 1.0, "tie": 0.5, "right": 0.0}[choice]
        shown.append(Shown(left, right, won, prompt))
        is_left = left == CANDIDATE
        by_prompt[prompt] += (won - 0.5) * (1 if is_left else -1)
        longer = len(left_text.split()) - len(right_text.split())
        lengths.append((won if is_left else 1 - won, float(longer if is_left else -longer)))
    found = _preferences(shown, lengths, list(by_prompt.values()))
    if round.imported:  # nobody knows which output stood left
        found |= {"left_side": None, "reason": "sides_unknown"}
    return {"round": round.number, **found}


def _preferences(shown: list[Shown], lengths: list[tuple[float, float]], outcomes: list[float]) -> dict[str, Any]:
    wins, losses = sum(value > 0 for value in outcomes), sum(value < 0 for value in outcomes)
    strengths = statistics.bradley_terry(shown, reference=BASELINE)
    return {
        "win_rate": statistics.win_rate(wins, losses, ties=len(outcomes) - wins - losses).as_json(),
        "left_side": None if strengths.position is None else strengths.position.as_json(),
        "reason": strengths.reason,
        "at_equal_length": statistics.length_adjusted(lengths).as_json(),
    }
