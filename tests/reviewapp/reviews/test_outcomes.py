from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from reviewapp.reviews.agreement_spans import Span
from reviewapp.reviews.outcomes import Outcome, ReviewFacts, apart_at, differences_of, outcome_of

KINDS = {"unsafe": "gate", "tone": "levels", "met": "points", "said": "text", "missed": "count", "better": "preference"}


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
        ([review(met=1), review(met=0)], 2, Outcome(result="adjudicate", differences=("met",))),
        ([review(missed=3), review(missed=4)], 2, Outcome(result="accepted", revision=97)),
        ([review(missed=3), review(missed=5)], 2, Outcome(result="adjudicate", differences=("missed",))),
        ([review(better=1), review(better=0)], 2, Outcome(result="accepted", revision=97)),
        ([review(better=1), review(better=-1)], 2, Outcome(result="adjudicate", differences=("better",))),
        ([review(said=None), review(said=None)], 2, Outcome(result="accepted", revision=97)),
        ([review(tone=4), review(tone=None)], 2, Outcome(result="accepted", revision=97)),
        ([review(tone=4), review(accuracy=1)], 2, Outcome(result="accepted", revision=97)),
        ([review(tone=4), review(tone=3), review(tone=2)], 3, Outcome(result="adjudicate", differences=("tone",))),
        ([review(tone=1), review("reject", tone=4)], 2, Outcome(result="adjudicate", differences=("decision", "tone"))),
    ],
)
def test_reviews_add_up(reviews: list[ReviewFacts], overlap: int, expected: Outcome) -> None:
    assert outcome_of(reviews, overlap=overlap, kinds=KINDS) == expected


def marking(*spans: tuple[int, int, str]) -> ReviewFacts:
    marks = {"errors": [Span(*span) for span in spans]}
    return ReviewFacts(decision="accept", revision=97, text_hash="a", scores={}, spans=marks)


@pytest.mark.parametrize(
    ("one", "other", "differences"),
    [
        (marking((0, 5, "name")), marking((4, 9, "name")), ()),
        (marking((0, 5, "name")), marking((4, 9, "place")), ()),
        (marking((0, 5, "name")), marking((5, 9, "name")), ("label-errors",)),
        (marking((0, 5, "name")), marking(), ("label-errors",)),
        (marking(), marking(), ()),
        (marking((0, 5, "name"), (7, 9, "name")), marking((8, 9, "name")), ()),
        (marking((0, 5, "name")), review(), ()),
    ],
)
def test_passages_that_do_not_overlap_are_settled(
    one: ReviewFacts, other: ReviewFacts, differences: tuple[str, ...]
) -> None:
    assert differences_of([one, other], KINDS) == differences_of([other, one], KINDS) == differences


def labelling(decision: str = "accept", **answers: str) -> ReviewFacts:
    return ReviewFacts(decision=decision, revision=97, text_hash="a", scores={}, answers=answers)


@pytest.mark.parametrize(
    ("one", "other", "differences"),
    [
        (labelling(topic="heart"), labelling(topic="heart"), ()),
        (labelling(topic="heart"), labelling(topic="lung"), ("label-topic",)),
        (labelling(topic="heart"), labelling(), ("label-topic",)),
        (labelling("reject"), labelling("reject"), ()),
        (labelling(topic="heart"), labelling("reject"), ("decision",)),
    ],
)
def test_labels_by_name_are_settled_where_they_differ(
    one: ReviewFacts, other: ReviewFacts, differences: tuple[str, ...]
) -> None:
    assert differences_of([one, other], KINDS) == differences_of([other, one], KINDS) == differences


def test_words_are_never_compared() -> None:
    assert (apart_at("text"), apart_at("gate"), apart_at("levels"), apart_at("spans")) == (None, 1, 2, 2)


facts = st.builds(
    lambda decision, text, tone, unsafe: review(decision, text, tone=tone, unsafe=unsafe),
    st.sampled_from(["accept", "fix", "return", "reject"]),
    st.sampled_from("ab"),
    st.none() | st.integers(1, 4),
    st.integers(0, 1),
)


@given(st.lists(facts, max_size=4), st.integers(1, 3))
def test_an_outcome_is_open_only_while_reviews_are_missing(reviews: list[Any], overlap: int) -> None:
    outcome = outcome_of(reviews, overlap=overlap, kinds=KINDS)
    assert (outcome.result == "open") == (len(reviews) < overlap)
    assert (outcome.revision is not None) == (outcome.result == "accepted")
    assert bool(outcome.differences) == (outcome.result == "adjudicate")


@given(st.lists(facts, min_size=2, max_size=4))
def test_the_order_of_reviews_does_not_decide(reviews: list[Any]) -> None:
    one = outcome_of(reviews, overlap=2, kinds=KINDS)
    other = outcome_of(reviews[::-1], overlap=2, kinds=KINDS)
    assert (one.result, set(one.differences)) == (other.result, set(other.differences))
