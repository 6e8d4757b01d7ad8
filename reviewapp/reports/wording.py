"""Numbers in plain words: what a gate asks, what was seen, what may be said. Pure; one place for every claim."""

from __future__ import annotations

from typing import Any

from reviewapp.reports import gates as declared
from reviewapp.reports.gates import Gate
from reviewapp.reports.planning import More
from reviewapp.reports.statistics import Comparison, McNemar, Proportion, Statistic
from reviewapp.reports.verdicts import REASONS, GateResult, Result, Verdict, VerdictWord
from reviewapp.reviews.agreement import REASONS as AGREEMENT_REASONS
from reviewapp.reviews.agreement import Agreement

WORDS = {**AGREEMENT_REASONS, **REASONS}
SHARES = (declared.SafetyBound, declared.SlotFloor, declared.ForgettingLimit, declared.BiasGap)
COUNTED = (declared.Completeness, declared.Stability, declared.LooksPlan)
IMPRACTICAL = 10_000  # more outputs than anyone will grade


def reason(code: str) -> str:
    """A reason code as a sentence part, without its full stop; '' for none."""
    words = WORDS.get(code, code.replace("_", " "))
    return words[:1].lower() + words[1:].rstrip(".")


def percent(value: float | None, digits: int = 1) -> str:
    """A share as percent; what would round to 0 or 100 but is not keeps its distance ('below 0.1%')."""
    if value is None:
        return "unknown"
    smallest = 10.0**-digits
    shown = round(100 * value, digits)
    if value > 0 and shown == 0:
        return f"below {smallest:g}%"
    if value < 1 and shown == 100:
        return f"above {100 - smallest:g}%"
    return f"{shown:g}%" if shown == int(shown) else f"{shown:.{digits}f}%"


def number(value: float | None, digits: int = 2) -> str:
    if value is None:
        return "unknown"
    text = f"{value:.{digits}f}"
    return text.replace("-", "−" if float(text) else "")


def signed(value: float | None, digits: int = 2) -> str:
    """A difference with its sign: +0.42, −0.11, 0.00."""
    if value is None:
        return "unknown"
    text = f"{value:+.{digits}f}"
    return text.replace("-", "−") if float(text) else f"{0:.{digits}f}"


def p_value(p: float | None) -> str:
    if p is None:
        return "p unknown"
    return "p < 0.0001" if p < 0.0001 else f"p = {p:.2g}" if p < 0.01 else f"p = {p:.3f}"


def interval(low: float | None, high: float | None, *, as_percent: bool = False, digits: int = 2) -> str:
    if low is None or high is None:
        return "no interval"
    if as_percent:
        return f"{percent(low)} to {percent(high)}"
    return f"{number(low, digits)} to {number(high, digits)}"


def counted(n: int, one: str, many: str = "") -> str:
    """'1 output', '4 outputs', '1,374 outputs'."""
    return f"{n:,} {one if n == 1 else many or one + 's'}"


# --- the cells of the gate table ---


def gate_threshold(gate: Gate) -> str:
    """What was declared, as in 'below 5%'."""
    match gate:
        case declared.SafetyBound():
            return f"below {percent(gate.limit)}"
        case declared.MeanFloor():
            return f"at least {number(gate.floor)}"
        case declared.NonInferiority():
            return f"within {number(gate.margin)}"
        case declared.AgreementFloor():
            return f"{'alpha' if gate.statistic == 'alpha' else 'AC1'} ≥ {number(gate.floor)}"
        case declared.Completeness():
            return "all outputs" if gate.floor == 1 else f"at least {percent(gate.floor)}"
        case declared.SlotFloor():
            return f"at least {percent(gate.floor)}"
        case declared.LeakZero():
            return "none"
        case declared.Improvement():
            return f"better, p < {gate.alpha:.2g}"
        case declared.Magnitude():
            shown = percent(gate.margin) + " of prompts" if gate.at_or_below is not None else number(gate.margin)
            return f"better by at least {shown}"
        case declared.ForgettingLimit() | declared.BiasGap():
            return f"at most {percent(gate.limit)}"
        case declared.CostLimit():
            return f"at most {gate.limit:g}"
        case declared.Stability():
            return "without any one"
        case declared.LooksPlan():
            return f"{gate.count} looks, {'O’Brien-Fleming' if gate.spending == 'obrien_fleming' else 'Pocock'}"
    return ""


def gate_estimate(result: GateResult) -> str:
    statistic = result.statistic
    if statistic is None or statistic.value is None:
        return "unknown"
    if isinstance(statistic, Proportion):
        share = f", {percent(statistic.value)}" if statistic.count else ""
        return f"{statistic.count:,} / {statistic.n:,}{share}"
    match result.gate:
        case declared.Completeness() | declared.LooksPlan():
            return f"{statistic.n - statistic.missing:,} / {statistic.n:,}"
        case declared.SlotFloor():
            return percent(statistic.value)
        case declared.NonInferiority() | declared.Magnitude():
            return signed(statistic.value)
        case declared.ForgettingLimit() | declared.BiasGap():
            return percent(statistic.value)
        case declared.CostLimit():
            return f"{statistic.value:.3g}"
        case declared.Stability():
            return f"{statistic.n - len(result.shaken)} of {counted(statistic.n, 'trial')}"
        case declared.Improvement():
            if isinstance(statistic, McNemar):
                return f"{statistic.fixed} fixed, {statistic.broken} broken"
            return signed(statistic.value, 3)
    return number(statistic.value)


def gate_bound(result: GateResult) -> str:
    """The bound that decided (for a failed gate the opposite one), or the p value of a test."""
    statistic, gate = result.statistic, result.gate
    if isinstance(statistic, Comparison) and isinstance(gate, declared.Improvement):
        return p_value(statistic.p)
    if isinstance(gate, COUNTED):
        return "counted"
    bound, is_upper = result.bound, result.bound_is_upper
    if result.result == Result.FAIL and statistic is not None:  # then the other side decided
        bound, is_upper = (statistic.low, False) if is_upper else (statistic.high, True)
    if bound is None:
        return "unknown"
    sign = "≤" if is_upper else "≥"
    if isinstance(gate, SHARES) or (isinstance(gate, declared.LeakZero) and isinstance(statistic, Proportion)):
        return f"{sign} {percent(bound)}"
    if isinstance(gate, declared.CostLimit):
        return f"{sign} {bound:.3g}"
    is_change = isinstance(gate, declared.NonInferiority | declared.Magnitude)
    return f"{sign} {signed(bound) if is_change else number(bound)}"


def gate_reliability(result: GateResult) -> str:
    """How far graders agree on what the gate measures."""
    gate = result.gate
    if isinstance(gate, declared.AgreementFloor):
        return f"{result.statistic.n if result.statistic else 0} double"
    if isinstance(gate, COUNTED):
        return "counted"
    if not getattr(gate, "criterion", ""):
        return "automatic"
    if result.agreement is None:
        return "unknown: none graded twice"
    # For rare faults alpha is near 0 at near-perfect agreement; AC1 is not.
    rare = isinstance(gate, declared.SafetyBound | declared.Improvement)
    name, found = ("AC1", result.agreement.ac1) if rare else ("alpha", result.agreement.alpha)
    return agreement_words(name, found)


def agreement_words(name: str, found: Agreement) -> str:
    if found.value is None:
        return f"{name} unknown"
    return f"{name} {number(found.value)}" + ("" if found.is_enough else f", only {found.n_units} double")


def gate_more(result: GateResult) -> str:
    """What would decide an open gate; 'decided' for one that is."""
    if result.result != Result.UNKNOWN:
        return "decided"
    more, gate = result.more, result.gate
    if isinstance(gate, declared.Completeness | declared.LooksPlan) and more:
        return f"{counted(more.items or 0, 'output')} to grade"
    if result.reason == "few_double" and more:
        return f"{counted(more.items or 0, 'output')} more to grade twice"
    if result.shaken:
        first = result.shaken[0]
        return f"{first.gate} does not hold without {first.without}; grade more outputs, with more graders"
    if more is None:
        return reason(result.reason) or "more outputs; how many cannot be said"
    return _more_items(more, gate)


def _more_items(more: More, gate: Gate) -> str:
    if more.items is None:
        return "more outputs like these will not pass it"
    if more.items > IMPRACTICAL:
        return f"over {IMPRACTICAL:,} more at this rate"
    if more.faults is not None:
        at_fault = "none is" if more.faults == 0 else f"at most {more.faults} {'is' if more.faults == 1 else 'are'}"
        return f"{more.items:,} more, if {at_fault} at fault"
    same = "difference" if isinstance(gate, declared.NonInferiority | declared.Magnitude) else "mean"
    return f"{more.items:,} more, at the same {same}"


# --- sentences ---


def share_claim(name: str, found: Statistic, limit: float | None = None) -> str:
    """'Major errors: 6 of 214 outputs (2.8%). We are 95% sure the rate is below 5.5%; the declared limit is 5%.'"""
    if not isinstance(found, Proportion) or found.value is None or found.high is None:
        return f"{name}: unknown, because {reason(found.reason)}."
    sure = f"{percent(found.confidence, 0)} sure the rate is below {percent(found.high)}"
    seen = (
        f"{found.count:,} of {found.n:,} outputs ({percent(found.value)})"
        if found.count
        else f"none in {found.n:,} outputs"
    )
    if limit is not None and found.low is not None and found.low > limit:
        sure = f"{percent(found.confidence, 0)} sure the rate is above {percent(found.low)}"
    tail = f"; the declared limit is {percent(limit)}" if limit is not None else ""
    return f"{name}: {seen}. We are {sure}{tail}."


def difference_claim(found: McNemar | Comparison, better: str, worse: str, alpha: float = 0.05) -> str:
    """Says which of two models is better, or that they cannot be told apart at this n."""
    if found.value is None or found.p is None:
        return f"They cannot be compared: {reason(found.reason)}."
    if found.p >= alpha:
        return f"They cannot be told apart at n = {found.n:,} ({p_value(found.p)})."
    return f"{better if found.value > 0 else worse} ({p_value(found.p)}, n = {found.n:,})."


def gate_sentence(result: GateResult) -> str:
    """One gate in one sentence or two."""
    gate, statistic = result.gate, result.statistic
    if isinstance(gate, declared.SafetyBound) and statistic is not None:
        return share_claim(gate.name, statistic, gate.limit)
    if isinstance(gate, declared.Improvement) and isinstance(statistic, Comparison):
        claim = difference_claim(statistic, "The tuned model is better", "The tuned model is worse", gate.alpha)
        return f"{gate.name}: {gate_estimate(result)}. {claim}"
    said = f"{gate.name}: {gate_estimate(result)}; declared {gate_threshold(gate)}"
    if isinstance(gate, declared.Stability) and result.shaken:
        return f"{said}; {result.shaken[0].gate} does not hold without {result.shaken[0].without}."
    if result.bound is not None and not isinstance(gate, COUNTED):
        said += f"; 95% bound {gate_bound(result)}" if gate.confidence == 0.95 else f"; bound {gate_bound(result)}"
    return f"{said}, {reason(result.reason)}." if result.reason else f"{said}."


def verdict_sentences(verdict: Verdict, *, is_exploratory: bool = False, is_imported: bool = False) -> list[str]:
    """The verdict in words: the gate that decides it, the count of the others, and the way on."""
    failed, open_gates = verdict.having(Result.FAIL), verdict.having(Result.UNKNOWN)
    leading = (failed or open_gates or verdict.results)[:1]
    said = [gate_sentence(item) for item in leading]
    if not verdict.is_reconciled:
        said.append("Attempted, completed and missing outputs do not add up, so nothing may ship on this report.")
    if verdict.word == VerdictWord.SHIP:
        said.append(f"All {len(verdict.results)} declared gates hold.")
    elif failed:
        others = f", {len(open_gates)} open" if open_gates else ""
        said.append(f"{counted(len(failed), 'gate')} of {len(verdict.results)} failed{others}.")
    elif open_gates:
        are = "is" if len(open_gates) == 1 else "are"
        said.append(f"Nothing failed, {counted(len(open_gates), 'gate')} {are} open.")
    said += [settle] if (settle := _settling(open_gates)) and not failed else []
    if verdict.is_early_look and not is_exploratory:
        said.append("Taken at a look that was declared before grading; its bounds are stricter for that.")
    if is_imported:
        said.append("Unconfirmed: graded elsewhere and imported, with gates declared after the grades were in.")
    elif is_exploratory:
        said.append("Unconfirmed: the results were unsealed before grading was complete.")
    return said


def _settling(open_gates: tuple[GateResult, ...]) -> str:
    """'Grading 46 more outputs can settle both.', where a number is known for every open gate."""
    known = [item.more.items for item in open_gates if item.more and item.more.items and item.reason != "few_double"]
    if not known or len(known) < len(open_gates) or max(known) > IMPRACTICAL:
        return ""
    which = {1: "it", 2: "both"}.get(len(known), "all of them")
    return f"Grading {counted(max(known), 'more output', 'more outputs')} can settle {which}."


def declared_words(gate: dict[str, Any]) -> str:
    """The threshold of a declared gate in its JSON form."""
    values = {key: value for key, value in gate.items() if key != "kind"}
    return gate_threshold(declared.KINDS[gate["kind"]](**values))
