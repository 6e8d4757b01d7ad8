from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from reviewapp.reviews.outcomes import Outcome, ReviewFacts, outcome_of

GATES = frozenset({"unsafe"})


def review(decision: str = "accept", text: str = "a", **scores: int | None) -> ReviewFacts:
    return ReviewFacts(decision=decision, revision=ord(text), text_hash=text, scores=scores)


@pytest.mark.parametrize(
    ("reviews", "overlap", "expected"),
    [
        ([], 1, Outcome(result="open")),
        ([review()], 2, Outcome(result="open")),
        ([review()], 1, Outcome(result="accepted", revision=97)),
        ([review("fix", "b")], 1, Outcome(result="accepted", revision=98)),
        ([review("return")], 1, Outcome(result="returned")),
        ([review("reject")], 1, Outcome(result="rejected")),
        ([review(), review()], 2, Outcome(result="accepted", revision=97)),
        ([review("accept", "b"), review("fix", "b")], 2, Outcome(result="accepted", revision=98)),
        ([review("reject", "a"), review("reject", "b")], 2, Outcome(result="rejected")),
        ([review(), review("reject")], 2, Outcome(result="adjudicate", differences=("decision",))),
        ([review("return"), review("reject")], 2, Outcome(result="adjudicate", differences=("decision",))),
        ([review("fix", "a"), review("fix", "b")], 2, Outcome(result="adjudicate", differences=("text",))),
        ([review(tone=4), review(tone=3)], 2, Outcome(result="accepted", revision=97)),
        ([review(tone=4), review(tone=2)], 2, Outcome(result="adjudicate", differences=("tone",))),
        ([review(unsafe=1), review(unsafe=0)], 2, Outcome(result="adjudicate", differences=("unsafe",))),
        ([review(tone=4), review(tone=None)], 2, Outcome(result="accepted", revision=97)),
        ([review(tone=4), review(accuracy=1)], 2, Outcome(result="accepted", revision=97)),
        ([review(tone=4), review(tone=3), review(tone=2)], 3, Outcome(result="adjudicate", differences=("tone",))),
        ([review(tone=1), review("reject", tone=4)], 2, Outcome(result="adjudicate", differences=("decision", "tone"))),
    ],
)
def test_reviews_add_up(reviews: list[ReviewFacts], overlap: int, expected: Outcome) -> None:
    assert outcome_of(reviews, overlap=overlap, gates=GATES) == expected


facts = st.builds(
    lambda decision, text, tone, unsafe: review(decision, text, tone=tone, unsafe=unsafe),
    st.sampled_from(["accept", "fix", "return", "reject"]),
    st.sampled_from("ab"),
    st.none() | st.integers(1, 4),
    st.integers(0, 1),
)


@given(st.lists(facts, max_size=4), st.integers(1, 3))
def test_an_outcome_is_open_only_while_reviews_are_missing(reviews: list[Any], overlap: int) -> None:
    outcome = outcome_of(reviews, overlap=overlap, gates=GATES)
    assert (outcome.result == "open") == (len(reviews) < overlap)
    assert (outcome.revision is not None) == (outcome.result == "accepted")
    assert bool(outcome.differences) == (outcome.result == "adjudicate")


@given(st.lists(facts, min_size=2, max_size=4))
def test_the_order_of_reviews_does_not_decide(reviews: list[Any]) -> None:
    one = outcome_of(reviews, overlap=2, gates=GATES)
    other = outcome_of(reviews[::-1], overlap=2, gates=GATES)
    assert (one.result, set(one.differences)) == (other.result, set(other.differences))
