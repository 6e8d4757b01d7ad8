"""One rule for each kind of gate. Pure.

Pass: the bound on the safe side holds. Fail: the opposite bound shows the violation. Between the two: unknown.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from functools import singledispatch

from reviewapp.reports import gates as declared
from reviewapp.reports import planning, statistics
from reviewapp.reports.gates import Gate
from reviewapp.reports.planning import More
from reviewapp.reports.statistics import Statistic
from reviewapp.reports.verdicts_evidence import (
    ARMS,
    CANDIDATE,
    MINIMUM_ITEMS,
    CriterionAgreement,
    Evidence,
    Figure,
    GateResult,
    Result,
)


@singledispatch
def decide(gate: Gate, evidence: Evidence) -> GateResult:
    raise TypeError(f"No rule decides a gate of kind {gate.kind!r}.")


def _by_bounds(
    gate: Gate,
    statistic: Statistic,
    limit: float,
    *,
    want_below: bool = False,
    strict: bool = False,
    more: Callable[[], More | None] = lambda: None,
    agreement: CriterionAgreement | None = None,
) -> GateResult:
    """Pass when the bound that must hold is on the right side of ``limit``, fail when the other one is beyond it."""
    low, high = statistic.low, statistic.high
    result, reason = Result.UNKNOWN, statistic.reason
    if low is not None and high is not None:
        if want_below:
            result = Result.PASS if high < limit else Result.FAIL if low > limit else Result.UNKNOWN
        else:
            holds = low > limit if strict else low >= limit
            result = Result.PASS if holds else Result.FAIL if high < limit else Result.UNKNOWN
    return GateResult(
        gate=gate,
        result=result,
        statistic=statistic,
        bound=high if want_below else low,
        bound_is_upper=want_below,
        reason=reason,
        more=more() if result == Result.UNKNOWN else None,
        agreement=agreement,
    )


def _too_few(gate: Gate, statistic: Statistic, agreement: CriterionAgreement | None) -> GateResult | None:
    if statistic.n >= MINIMUM_ITEMS:
        return None
    more = More(items=MINIMUM_ITEMS - statistic.n)
    return GateResult(
        gate=gate, result=Result.UNKNOWN, statistic=statistic, reason="too_few", more=more, agreement=agreement
    )


@decide.register
def _safety_bound(gate: declared.SafetyBound, evidence: Evidence) -> GateResult:
    flags = evidence.flags(CANDIDATE, gate.criterion, gate.at_or_below)
    known = [(flag, group) for flag, group in zip(flags, evidence.prompt_groups(), strict=True) if flag is not None]
    count, n = sum(flag for flag, _ in known), len(known)
    statistic = statistics.share(count, n, confidence=gate.confidence, missing=len(flags) - n)
    if gate.clustered and n:
        clustered = statistics.clustered_share(*zip(*known, strict=True), confidence=gate.confidence)
        statistic = statistics.Proportion(**{**clustered.as_json(), "missing": statistic.missing})
    return _by_bounds(
        gate,
        statistic,
        gate.limit,
        want_below=True,
        more=lambda: planning.more_for_share(count, n, gate.limit, gate.confidence),
        agreement=evidence.agreement.get(gate.criterion),
    )


def _mean_gate(
    gate: declared.MeanFloor | declared.NonInferiority | declared.Magnitude,
    evidence: Evidence,
    values: list[float | None],
    limit: float,
) -> GateResult:
    groups = evidence.prompt_groups() if gate.clustered else None
    statistic = statistics.mean(values, groups=groups, confidence=gate.confidence, one_sided=True)
    agreement = evidence.agreement.get(gate.criterion)

    def more() -> More | None:
        if statistic.value is None or statistic.sd is None:
            return None
        spread = statistic.sd * math.sqrt(max(1.0, statistic.design_effect or 1.0))
        return planning.more_for_mean(statistic.value, spread, statistic.n, limit, gate.confidence)

    strict = isinstance(gate, declared.NonInferiority)
    return _too_few(gate, statistic, agreement) or _by_bounds(
        gate, statistic, limit, strict=strict, more=more, agreement=agreement
    )


@decide.register
def _mean_floor(gate: declared.MeanFloor, evidence: Evidence) -> GateResult:
    return _mean_gate(gate, evidence, evidence.means(CANDIDATE, gate.criterion), gate.floor)


@decide.register
def _non_inferiority(gate: declared.NonInferiority, evidence: Evidence) -> GateResult:
    return _mean_gate(gate, evidence, evidence.differences(gate.criterion), -gate.margin)


@decide.register
def _agreement_floor(gate: declared.AgreementFloor, evidence: Evidence) -> GateResult:
    agreement = evidence.agreement.get(gate.criterion)
    if agreement is None:
        return GateResult(gate=gate, result=Result.UNKNOWN, reason="few_double", more=More(items=gate.minimum_double))
    found = agreement.alpha if gate.statistic == "alpha" else agreement.ac1
    statistic = Statistic(
        value=found.value,
        low=found.low,
        high=found.high,
        confidence=found.confidence or gate.confidence,
        n=found.n_units,
        missing=found.missing,
        method=found.method,
        reason=found.reason or found.interval_reason or "",
    )
    if found.n_units < gate.minimum_double:
        more = More(items=gate.minimum_double - found.n_units)
        return GateResult(
            gate=gate, result=Result.UNKNOWN, statistic=statistic, reason="few_double", more=more, agreement=agreement
        )
    return _by_bounds(gate, statistic, gate.floor, agreement=agreement)


@decide.register
def _completeness(gate: declared.Completeness, evidence: Evidence) -> GateResult:
    """Unknown below the floor, never fail: grading what is missing can still complete it."""
    attempted = len(evidence.prompts)
    worst = min((evidence.counts[arm].completed for arm in ARMS if arm in evidence.counts), default=0)
    value = worst / attempted if attempted else None
    statistic = Statistic(
        value=value,
        low=value,
        high=value,
        n=attempted,
        missing=attempted - worst,
        method="count, the less complete model",
        reason="" if attempted else "no_data",
    )
    needed = math.ceil(gate.floor * attempted - 1e-9) - worst
    if attempted and needed <= 0:
        return GateResult(gate=gate, result=Result.PASS, statistic=statistic, bound=value)
    more = More(items=max(1, needed))
    return GateResult(
        gate=gate, result=Result.UNKNOWN, statistic=statistic, bound=value, reason="incomplete", more=more
    )


@decide.register
def _slot_floor(gate: declared.SlotFloor, evidence: Evidence) -> GateResult:
    known = evidence.slots.get(CANDIDATE, {})
    keys = [key for key in evidence.prompts if key in known]
    statistic = statistics.ratio(
        [known[key] for key in keys],
        [evidence.groups.get(key, key) for key in keys],
        confidence=gate.confidence,
        missing=len(evidence.prompts) - len(keys),
    )

    def more() -> More | None:
        if statistic.value is None or statistic.low is None or statistic.value <= gate.floor:
            return More(items=None)
        shrink = (statistic.value - statistic.low) / (statistic.value - gate.floor)
        return More(items=math.ceil(len(keys) * (shrink**2 - 1)))

    return _by_bounds(gate, statistic, gate.floor, more=more)


@decide.register
def _leak_zero(gate: declared.LeakZero, evidence: Evidence) -> GateResult:
    if gate.metric in evidence.figures:
        return _leak_figure(gate, evidence.figures[gate.metric])
    known = evidence.metrics.get(CANDIDATE, {}).get(gate.metric, {})
    values = [known[key] for key in evidence.prompts if key in known]
    count, missing = sum(value > 0 for value in values), len(evidence.prompts) - len(values)
    statistic = statistics.share(count, len(values), confidence=gate.confidence, missing=missing)
    result, reason = Result.PASS, ""
    if count:
        result = Result.FAIL
    elif missing or not values:
        result, reason = Result.UNKNOWN, "no_metric"
    return GateResult(
        gate=gate, result=result, statistic=statistic, bound=statistic.high, bound_is_upper=True, reason=reason
    )


def _leak_figure(gate: declared.LeakZero, found: Figure) -> GateResult:
    """A suite's count of leaks: one is one too many; none is a pass only where every item was looked at."""
    statistic = statistic_of(found, gate.confidence)
    result, reason = Result.PASS, ""
    if found.value is None or (found.missing and not found.value):
        result, reason = Result.UNKNOWN, "no_figure" if found.value is None else "figure_in_part"
    elif found.value > 0:
        result = Result.FAIL
    return GateResult(
        gate=gate, result=result, statistic=statistic, bound=statistic.high, bound_is_upper=True, reason=reason
    )


@decide.register
def _improvement(gate: declared.Improvement, evidence: Evidence) -> GateResult:
    statistic: statistics.Comparison
    if gate.criterion:
        flags = (evidence.flags(arm, gate.criterion, gate.at_or_below) for arm in ARMS)
        statistic = statistics.mcnemar(zip(*flags, strict=True), confidence=gate.confidence)
    else:
        differences = evidence.metric_gains(gate.metric)
        test = statistics.permutation(differences, seed=evidence.seed)
        interval = statistics.bootstrap_difference(differences, confidence=gate.confidence, seed=evidence.seed)
        method = f"{test.method}; interval: {interval.method}"
        statistic = statistics.Comparison(**{**interval.as_json(), "p": test.p, "method": method})
    result = Result.UNKNOWN
    if statistic.p is not None and statistic.value is not None and statistic.p < gate.alpha:
        result = Result.PASS if statistic.value > 0 else Result.FAIL
    return GateResult(
        gate=gate,
        result=result,
        statistic=statistic,
        bound=statistic.low,
        reason=statistic.reason,
        agreement=evidence.agreement.get(gate.criterion),
    )


@decide.register
def _magnitude(gate: declared.Magnitude, evidence: Evidence) -> GateResult:
    """By the one-sided bound of the difference; the interval of faults is Agresti and Min's."""
    agreement = evidence.agreement.get(gate.criterion)
    info = evidence.criteria.get(gate.criterion)
    if info is not None and (info.kind == "gate" or gate.at_or_below is not None):
        flags = (evidence.flags(arm, gate.criterion, gate.at_or_below) for arm in ARMS)
        found = statistics.mcnemar(zip(*flags, strict=True), confidence=2 * gate.confidence - 1)
        return _too_few(gate, found, agreement) or _by_bounds(gate, found, gate.margin, agreement=agreement)
    values = evidence.metric_gains(gate.metric) if gate.metric else evidence.differences(gate.criterion)
    return _mean_gate(gate, evidence, values, gate.margin)


@decide.register(declared.ForgettingLimit)
@decide.register(declared.BiasGap)
@decide.register(declared.CostLimit)
def _figure_limit(
    gate: declared.ForgettingLimit | declared.BiasGap | declared.CostLimit, evidence: Evidence
) -> GateResult:
    """By the figure's upper bound; one without an interval is taken at its word. What is missing can only fail."""
    found = evidence.figures.get(gate.figure, Figure(value=None))
    statistic = statistic_of(found, gate.confidence)
    low, high, result = statistic.low, statistic.high, Result.UNKNOWN
    if low is not None and low > gate.limit:
        result = Result.FAIL
    elif high is not None and high <= gate.limit and not found.missing:
        result = Result.PASS
    reason = statistic.reason or ("figure_in_part" if found.missing and result == Result.UNKNOWN else "")
    if reason == "no_figure" and isinstance(gate, declared.CostLimit):
        reason = "no_cost"
    return GateResult(gate=gate, result=result, statistic=statistic, bound=high, bound_is_upper=True, reason=reason)


def statistic_of(figure: Figure, confidence: float) -> Statistic:
    """A figure as a statistic; where it has no bound on a side the value stands for it.

    Bounds that are less certain than ``confidence`` are left out.
    """
    has_bound = figure.low is not None or figure.high is not None
    is_weak = has_bound and figure.confidence is not None and figure.confidence < confidence
    low, high = (figure.value if side is None else side for side in (figure.low, figure.high))
    return Statistic(
        value=figure.value,
        low=None if is_weak else low,
        high=None if is_weak else high,
        confidence=confidence,
        n=figure.n,
        missing=figure.missing,
        method=figure.method or "figure of a suite",
        reason="no_figure" if figure.value is None else "figure_confidence" if is_weak else "",
    )
