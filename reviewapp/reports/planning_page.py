"""The planner's answers in plain words: the prompts a claim needs, what they cost, what n can and cannot say. Pure.

Everything is said before an expert has spent an hour. Errors of base and tuned are taken to be independent, which asks
for more prompts than are usually needed; what it takes where most errors are shared stands beside it.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, fields

from reviewapp.reports import planning
from reviewapp.words import grouped, say

NEW_ERRORS = 0.25  # of the tuned model's errors, those that the base does not make
USUAL_MINUTES = 5.0  # an output takes, where a project has no pace of its own yet
LIMITS = (0.10, 0.05, 0.02, 0.01)
SPREADS = (0.10, 0.15, 0.20)  # of differences of ROUGE-L, as shares of 1
GAINS = ((0.40, 0.05), (0.20, 0.10), (0.15, 0.05), (0.10, 0.05))


@dataclass(frozen=True, kw_only=True)
class Asked:
    """What is to be shown. Rates and points are in percent, as they are typed."""

    prompts: int = 200
    base: float = 70.0
    tuned: float = 5.0
    limit: float = 5.0
    hoped: float = 1.0
    points: float = 5.0
    minutes: float = USUAL_MINUTES
    overlap: float = 25.0


RANGES = {
    "prompts": (3, 5_000),
    "base": (1, 99),
    "tuned": (0.1, 98),
    "limit": (0.5, 50),
    "hoped": (0, 49),
    "points": (0.5, 50),
    "minutes": (0.1, 240),
    "overlap": (0, 100),
}


@dataclass(frozen=True, kw_only=True)
class Answer:
    """One question with its answer; ``more`` are further lines."""

    question: str
    answer: str
    more: tuple[str, ...] = ()


@dataclass(frozen=True, kw_only=True)
class Effort:
    """What grading costs, for one way to spread it."""

    name: str
    grades: str
    hours: str


@dataclass(frozen=True, kw_only=True)
class Plan:
    answers: tuple[Answer, ...]
    efforts: tuple[Effort, ...]
    can: tuple[str, ...]
    cannot: tuple[str, ...]


def asked_from(sent: Mapping[str, str], usual: Asked) -> tuple[Asked, list[str]]:
    """What was typed, and a sentence for each number that cannot be used; the usual one stands in for it."""
    values: dict[str, float] = {}
    problems = []
    for part in fields(Asked):
        text = sent.get(part.name, "").strip().replace(",", ".")
        low, high = RANGES[part.name]
        values[part.name] = getattr(usual, part.name)
        if not text:
            continue
        try:
            number = float(text)
        except ValueError:
            number = float("nan")
        if low <= number <= high:
            values[part.name] = number
        else:
            problems.append(
                say(
                    "%(name)s: give a number from %(low)s to %(high)s.",
                    name=label_of(part.name),
                    low=f"{low:g}",
                    high=grouped(int(high)),
                )
            )
    prompts = int(values.pop("prompts"))
    return Asked(prompts=prompts, **values), problems


def label_of(name: str) -> str:
    return {
        "prompts": say("Held-out prompts"),
        "base": say("Errors of the base model, in percent"),
        "tuned": say("Errors of the tuned model, in percent"),
        "limit": say("Errors must be below, in percent"),
        "hoped": say("Errors that you expect, in percent"),
        "points": say("Gain in ROUGE-L, in points"),
        "minutes": say("Minutes to grade one output"),
        "overlap": say("Graded by two people, in percent"),
    }[name]


def plan_of(asked: Asked) -> Plan:
    can, cannot = _claims(asked.prompts)
    return Plan(
        answers=(_fewer_errors(asked), _below(asked), _gain(asked)),
        efforts=_efforts(asked),
        can=can,
        cannot=cannot,
    )


def _needed(n: int | None) -> str:
    return say("more than 3,000 prompts") if n is None else say("%(n)s prompts", n=grouped(n))


def _percent(share: float) -> str:
    return f"{100 * share:g}%"


def _fewer_errors(asked: Asked) -> Answer:
    base, tuned = asked.base / 100, asked.tuned / 100
    question = say("Errors fall from %(base)s to %(tuned)s", base=_percent(base), tuned=_percent(tuned))
    if tuned >= base:
        return Answer(question=question, answer=say("That is no fall: the tuned model must make fewer errors."))
    eight, nine = (planning.items_for_mcnemar(base, tuned, power) for power in (0.8, 0.9))
    related = planning.items_for_mcnemar(base, tuned, new=NEW_ERRORS)
    return Answer(
        question=question,
        answer=say("%(n)s show it 8 times in 10; %(more)s, 9 times in 10.", n=_needed(eight), more=_needed(nine)),
        more=(
            say(
                "Where three of four errors of the tuned model are errors of the base too, %(n)s. Base and tuned "
                "answer the same prompts.",
                n=_needed(related),
            ),
        ),
    )


def _below(asked: Asked) -> Answer:
    limit, hoped = asked.limit / 100, asked.hoped / 100
    question = say("Errors are below %(limit)s, with 95%% confidence", limit=_percent(limit))
    fewest = planning.zero_failures_needed(limit)
    more = [say("Without a single error, %(n)s are enough.", n=_needed(fewest)), _tolerated(asked.prompts, limit)]
    if hoped >= limit:
        return Answer(
            question=question,
            answer=say("A model whose true rate is %(rate)s never shows it.", rate=_percent(hoped)),
            more=tuple(more),
        )
    eight, nine = (planning.items_to_certify(limit, hoped, power) for power in (0.8, 0.9))
    return Answer(
        question=question,
        answer=say(
            "If the true rate is %(rate)s: %(n)s show it 8 times in 10; %(more)s, 9 times in 10.",
            rate=_percent(hoped),
            n=_needed(eight),
            more=_needed(nine),
        ),
        more=tuple(more),
    )


def _tolerated(n: int, limit: float) -> str:
    allowed = planning.failures_allowed(n, limit)
    if allowed is None:
        return say("%(n)s prompts are too few to show it, even with none at fault.", n=grouped(n))
    if not allowed:
        return say("Of %(n)s prompts, none may be at fault.", n=grouped(n))
    return say(
        "Of %(n)s prompts, at most %(allowed)s may be at fault (%(rate)s).",
        n=grouped(n),
        allowed=allowed,
        rate=f"{100 * allowed / n:.1f}%",
    )


def _gain(asked: Asked) -> Answer:
    gain = asked.points / 100
    lines = tuple(
        say(
            "Where differences spread by %(sd)s points: %(n)s, or %(more)s for 9 times in 10.",
            sd=f"{100 * sd:g}",
            n=_needed(planning.items_for_mean(gain, sd)),
            more=_needed(planning.items_for_mean(gain, sd, 0.9)),
        )
        for sd in SPREADS
    )
    return Answer(
        question=say("ROUGE-L rises by %(points)s points", points=f"{asked.points:g}"),
        answer=say(
            "%(n)s show it 8 times in 10, where differences spread by 15 points.",
            n=_needed(planning.items_for_mean(gain, 0.15)),
        ),
        more=(*lines, say("More shared words are no evidence that the facts are right: no gate stands on this alone.")),
    )


def _efforts(asked: Asked) -> tuple[Effort, ...]:
    ways = (
        (say("Tuned model only, one grader"), 1, 0.0),
        (say("Base and tuned, one grader"), 2, 0.0),
        (say("Base and tuned, %(share)s graded twice", share=_percent(asked.overlap / 100)), 2, asked.overlap / 100),
        (say("Base and tuned, all graded twice"), 2, 1.0),
    )
    return tuple(
        Effort(
            name=name,
            grades=grouped(round(asked.prompts * systems * (1 + overlap))),
            hours=say("%(n)s hours", n=_hours(planning.grading_hours(asked.prompts, systems, asked.minutes, overlap))),
        )
        for name, systems, overlap in ways
    )


def _hours(hours: float) -> str:
    return f"{hours:.1f}" if hours < 10 else grouped(round(hours))


def _below_words(limit: str, allowed: int) -> str:
    if allowed == 0:
        return say("that errors are below %(limit)s, with none at fault", limit=limit)
    return say("that errors are below %(limit)s, with at most %(n)s at fault", limit=limit, n=allowed)


def _claims(n: int) -> tuple[tuple[str, ...], tuple[str, ...]]:
    """What ``n`` prompts can show 8 times in 10, and what they cannot."""
    can, cannot = [], []
    for limit in LIMITS:
        allowed = planning.failures_allowed(n, limit)
        if allowed is None:
            needed = planning.zero_failures_needed(limit)
            cannot.append(
                say(
                    "that errors are below %(limit)s: that takes %(n)s without one error",
                    limit=_percent(limit),
                    n=_needed(needed),
                )
            )
        else:
            can.append(_below_words(_percent(limit), allowed))
    for base, tuned in GAINS:
        power = planning.mcnemar_power(n, *planning.changes(base, tuned))
        words = say(
            "that errors fell from %(base)s to %(tuned)s (shown %(times)s times in 100)",
            base=_percent(base),
            tuned=_percent(tuned),
            times=min(99, round(100 * power)),
        )
        (can if power >= 0.8 else cannot).append(words)
    can.append(
        say(
            "a change of %(points)s points of ROUGE-L (spread 15), or of %(levels)s levels (spread 1)",
            points=f"{100 * planning.smallest_difference(n, 0.15):.1f}",
            levels=f"{planning.smallest_difference(n, 1.0):.2f}",
        )
    )
    return tuple(can), tuple(cannot)
