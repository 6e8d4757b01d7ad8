"""What the reviews of one sample add up to. Plain Python.

The rule that sends a sample to adjudication is the one that people are told and that agreement is reported by: the
decisions differ, the accepted texts differ, a gate item is answered differently, the answers to a criterion lie two or
more apart, or samples were labelled by different names or with passages that do not overlap at all.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from itertools import combinations
from typing import Literal

from reviewapp.reviews.agreement_spans import Span, spans_matched

ACCEPTING = frozenset({"accept", "fix"})
LEVELS_APART = 2
# How far apart two answers may not be, by kind of criterion. Words are never compared.
APART_AT: Mapping[str, int | None] = {"gate": 1, "points": 1, "decision": 1, "text": None}

Result = Literal["open", "adjudicate", "accepted", "returned", "rejected"]


@dataclass(frozen=True, kw_only=True)
class ReviewFacts:
    """One review that counts: ``text_hash`` of the text it leaves, scores by criterion key (None: not applicable).

    Where a sample is labelled, ``answers`` are names by field, and ``spans`` the passages that were marked; a reviewer
    who was asked and marked none has (). ``text_hash`` is then of prompt and written texts alone.
    """

    decision: str
    revision: int
    text_hash: str
    scores: Mapping[str, int | None]
    answers: Mapping[str, str] = field(default_factory=dict)
    spans: Mapping[str, Sequence[Span]] = field(default_factory=dict)


@dataclass(frozen=True, kw_only=True)
class Outcome:
    """``revision`` is the accepted one (None unless accepted); ``differences`` name what the reviews differ in."""

    result: Result
    revision: int | None = None
    differences: tuple[str, ...] = ()


def outcome_of(reviews: Sequence[ReviewFacts], *, overlap: int, kinds: Mapping[str, str]) -> Outcome:
    """The state of a sample with these reviews, when ``overlap`` are asked for; later reviews come later.

    ``kinds`` are those of the criteria, by key.
    """
    if len(reviews) < max(1, overlap):
        return Outcome(result="open")
    differences = differences_of(reviews, kinds)
    if differences:
        return Outcome(result="adjudicate", differences=differences)
    last = reviews[-1]
    if last.decision in ACCEPTING:
        return Outcome(result="accepted", revision=last.revision)
    return Outcome(result="returned" if last.decision == "return" else "rejected")


def apart_at(kind: str) -> int | None:
    """From which difference on two answers to a criterion of this kind are settled by a third; None: never."""
    return APART_AT.get(kind, LEVELS_APART)


def differences_of(reviews: Sequence[ReviewFacts], kinds: Mapping[str, str]) -> tuple[str, ...]:
    """ "decision", "text", and the keys of criteria on which any two reviews differ too much."""
    found: dict[str, None] = {}
    for one, other in combinations(reviews, 2):
        if _kind(one) != _kind(other):
            found["decision"] = None
        elif _kind(one) == "accept" and one.text_hash != other.text_hash:
            found["text"] = None
        for key in one.scores:
            if _apart(one.scores.get(key), other.scores.get(key), apart_at(kinds.get(key, ""))):
                found[key] = None
        found |= dict.fromkeys(_labels_apart(one, other))
    return tuple(found)


def _labels_apart(one: ReviewFacts, other: ReviewFacts) -> list[str]:
    """Fields of the labels that differ too much; nothing where one of them did not label."""
    if not (_kind(one) == _kind(other) == "accept"):
        return []
    named = [key for key in {**one.answers, **other.answers} if one.answers.get(key) != other.answers.get(key)]
    marked = [key for key in one.spans.keys() & other.spans.keys() if spans_apart(one.spans[key], other.spans[key])]
    return sorted(f"label-{key}" for key in {*named, *marked})


def _kind(review: ReviewFacts) -> str:
    # To accept and to fix say the same where both leave the same text.
    return "accept" if review.decision in ACCEPTING else review.decision


def _apart(one: int | None, other: int | None, limit: int | None) -> bool:
    return limit is not None and one is not None and other is not None and abs(one - other) >= limit


def spans_apart(ones: Sequence[Span], others: Sequence[Span]) -> bool:
    """Somebody marked a passage and no two passages share a character: matched F1 is 0."""
    places = [[Span(span.start, span.end) for span in spans] for spans in (ones, others)]
    return any(places) and spans_matched(*places) == 0
