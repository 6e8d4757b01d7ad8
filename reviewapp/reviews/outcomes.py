"""What the reviews of one sample add up to. Plain Python.

The rule that sends a sample to adjudication is the one that people are told: the decisions differ, the accepted texts
differ, a gate item is answered differently, or the levels of a criterion lie two or more apart.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import combinations
from typing import Literal

ACCEPTING = frozenset({"accept", "fix"})
LEVELS_APART = 2

Result = Literal["open", "adjudicate", "accepted", "returned", "rejected"]


@dataclass(frozen=True, kw_only=True)
class ReviewFacts:
    """One review that counts: ``text_hash`` of the text it leaves, scores by criterion key (None: not applicable)."""

    decision: str
    revision: int
    text_hash: str
    scores: Mapping[str, int | None]


@dataclass(frozen=True, kw_only=True)
class Outcome:
    """``revision`` is the accepted one (None unless accepted); ``differences`` name what the reviews differ in."""

    result: Result
    revision: int | None = None
    differences: tuple[str, ...] = ()


def outcome_of(reviews: Sequence[ReviewFacts], *, overlap: int, gates: frozenset[str]) -> Outcome:
    """The state of a sample with these reviews, when ``overlap`` are asked for; later reviews come later."""
    if len(reviews) < max(1, overlap):
        return Outcome(result="open")
    differences = differences_of(reviews, gates)
    if differences:
        return Outcome(result="adjudicate", differences=differences)
    last = reviews[-1]
    if last.decision in ACCEPTING:
        return Outcome(result="accepted", revision=last.revision)
    return Outcome(result="returned" if last.decision == "return" else "rejected")


def differences_of(reviews: Sequence[ReviewFacts], gates: frozenset[str]) -> tuple[str, ...]:
    """ "decision", "text", and the keys of criteria on which any two reviews differ too much."""
    found: dict[str, None] = {}
    for one, other in combinations(reviews, 2):
        if _kind(one) != _kind(other):
            found["decision"] = None
        elif _kind(one) == "accept" and one.text_hash != other.text_hash:
            found["text"] = None
        for key in one.scores:
            if _apart(one.scores.get(key), other.scores.get(key), 1 if key in gates else LEVELS_APART):
                found[key] = None
    return tuple(found)


def _kind(review: ReviewFacts) -> str:
    # To accept and to fix say the same where both leave the same text.
    return "accept" if review.decision in ACCEPTING else review.decision


def _apart(one: int | None, other: int | None, limit: int) -> bool:
    return one is not None and other is not None and abs(one - other) >= limit
