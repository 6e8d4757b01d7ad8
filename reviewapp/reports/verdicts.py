"""Decides declared gates on evidence and joins them to a verdict. Pure.

Pass: the bound on the safe side holds. Fail: the opposite bound shows the violation. Between the two: unknown.
All gates must pass (an intersection-union test, so no correction for their number is needed).
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from functools import singledispatch

from reviewapp.reports import gates as declared
from reviewapp.reports import planning, statistics
from reviewapp.reports.gates import CriterionInfo, Gate
from reviewapp.reports.planning import More
from reviewapp.reports.statistics import Statistic
from reviewapp.reviews.agreement import Agreement

BASELINE, CANDIDATE = "baseline", "candidate"
ARMS = (BASELINE, CANDIDATE)
MINIMUM_ITEMS = 20  # below it a t interval promises more than it keeps
REASONS = statistics.REASONS | {
    "too_few": f"fewer than {MINIMUM_ITEMS} items; a mean of so few says little",
    "few_double": "too few outputs were graded twice to know how far graders agree",
    "incomplete": "some outputs are missing",
    "no_metric": "this metric was not computed for every output",
}


class Result(StrEnum):
    PASS = "pass"  # noqa: S105 - a result, no password
    FAIL = "fail"
    UNKNOWN = "unknown"


class VerdictWord(StrEnum):
    SHIP = "SHIP"
    DO_NOT_SHIP = "DO NOT SHIP"
    NOT_ENOUGH_EVIDENCE = "NOT ENOUGH EVIDENCE"


@dataclass(frozen=True, kw_only=True)
class Counts:
    """What became of the outputs of one model: every attempted one is completed or missing."""

    attempted: int
    completed: int
    missing: int

    @property
    def is_reconciled(self) -> bool:
        return self.attempted == self.completed + self.missing


@dataclass(frozen=True, kw_only=True)
class CriterionAgreement:
    alpha: Agreement
    ac1: Agreement
    percent: Agreement


Ratings = Mapping[str, Mapping[str, tuple[int, ...]]]  # criterion -> prompt -> one value a grader


@dataclass(frozen=True, kw_only=True)
class Evidence:
    """All that gates are decided on. Prompts are keys; what is absent from a mapping is missing."""

    prompts: tuple[str, ...]
    groups: Mapping[str, str]
    criteria: Mapping[str, CriterionInfo]
    ratings: Mapping[str, Ratings]  # arm -> ...
    counts: Mapping[str, Counts]  # arm -> ...
    agreement: Mapping[str, CriterionAgreement] = field(default_factory=dict)
    metrics: Mapping[str, Mapping[str, Mapping[str, float]]] = field(default_factory=dict)  # arm -> metric -> prompt
    slots: Mapping[str, Mapping[str, tuple[int, int]]] = field(default_factory=dict)  # arm -> prompt -> right, total
    seed: int = statistics.DEFAULT_SEED

    def of(self, arm: str, criterion: str) -> Mapping[str, tuple[int, ...]]:
        return self.ratings.get(arm, {}).get(criterion, {})

    def means(self, arm: str, criterion: str) -> list[float | None]:
        """One mean over graders for each prompt, in order; None where nobody graded it."""
        known = self.of(arm, criterion)
        return [sum(known[key]) / len(known[key]) if known.get(key) else None for key in self.prompts]

    def flags(self, arm: str, criterion: str, at_or_below: int | None) -> list[bool | None]:
        """Whether any grader found fault: a violation, or a level at or below the limit."""
        known = self.of(arm, criterion)
        if at_or_below is None:
            return [max(known[key]) > 0 if known.get(key) else None for key in self.prompts]
        return [min(known[key]) <= at_or_below if known.get(key) else None for key in self.prompts]

    def differences(self, criterion: str) -> list[float | None]:
        pairs = zip(self.means(BASELINE, criterion), self.means(CANDIDATE, criterion), strict=True)
        return [None if a is None or b is None else b - a for a, b in pairs]

    def metric_differences(self, metric: str) -> list[float | None]:
        base, tuned = (self.metrics.get(arm, {}).get(metric, {}) for arm in ARMS)
        return [tuned[key] - base[key] if key in base and key in tuned else None for key in self.prompts]

    def prompt_groups(self) -> list[str]:
        return [self.groups.get(key, key) for key in self.prompts]


@dataclass(frozen=True, kw_only=True)
class GateResult:
    """One decided gate. ``bound`` is the side that had to hold; ``more`` says what would decide an open gate."""

    gate: Gate
    result: Result
    statistic: Statistic | None = None
    bound: float | None = None
    bound_is_upper: bool = False
    reason: str = ""
    more: More | None = None
    agreement: CriterionAgreement | None = None


@dataclass(frozen=True, kw_only=True)
class Verdict:
    word: VerdictWord
    results: tuple[GateResult, ...]
    is_reconciled: bool

    def having(self, result: Result) -> tuple[GateResult, ...]:
        return tuple(item for item in self.results if item.result == result)


def evaluate(gates: tuple[Gate, ...], evidence: Evidence) -> Verdict:
    """Decides every gate and the verdict: any fail DO NOT SHIP, all pass SHIP, else NOT ENOUGH EVIDENCE.

    Counts that do not reconcile, or arms of different size, never give SHIP.
    """
    results = tuple(_decide(gate, evidence) for gate in gates)
    reconciled = _is_reconciled(evidence)
    kinds = {item.result for item in results}
    word = VerdictWord.NOT_ENOUGH_EVIDENCE
    if Result.FAIL in kinds:
        word = VerdictWord.DO_NOT_SHIP
    elif kinds == {Result.PASS} and reconciled:
        word = VerdictWord.SHIP
    return Verdict(word=word, results=results, is_reconciled=reconciled)


def _is_reconciled(evidence: Evidence) -> bool:
    counts = list(evidence.counts.values())
    sizes = {item.attempted for item in counts}
    return (
        CANDIDATE in evidence.counts and all(item.is_reconciled for item in counts) and sizes == {len(evidence.prompts)}
    )


@singledispatch
def _decide(gate: Gate, evidence: Evidence) -> GateResult:
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


@_decide.register
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
    gate: declared.MeanFloor | declared.NonInferiority, evidence: Evidence, values: list[float | None], limit: float
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


@_decide.register
def _mean_floor(gate: declared.MeanFloor, evidence: Evidence) -> GateResult:
    return _mean_gate(gate, evidence, evidence.means(CANDIDATE, gate.criterion), gate.floor)


@_decide.register
def _non_inferiority(gate: declared.NonInferiority, evidence: Evidence) -> GateResult:
    return _mean_gate(gate, evidence, evidence.differences(gate.criterion), -gate.margin)


@_decide.register
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


@_decide.register
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


@_decide.register
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


@_decide.register
def _leak_zero(gate: declared.LeakZero, evidence: Evidence) -> GateResult:
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


@_decide.register
def _improvement(gate: declared.Improvement, evidence: Evidence) -> GateResult:
    statistic: statistics.Comparison
    if gate.criterion:
        flags = (evidence.flags(arm, gate.criterion, gate.at_or_below) for arm in ARMS)
        statistic = statistics.mcnemar(zip(*flags, strict=True), confidence=gate.confidence)
    else:
        differences = evidence.metric_differences(gate.metric)
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
