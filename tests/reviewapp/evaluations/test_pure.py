from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from reviewapp.evaluations import facts, ordering
from reviewapp.evaluations.ordering import Candidate


@pytest.mark.parametrize(
    ("words", "text", "found"),
    [
        ("54-year-old", "A 54-Year-Old  man", True),
        ("5 mg", "15 mg daily", False),
        ("5 mg", "2.5 mg daily", False),
        ("5 mg", "takes 5\nmg daily", True),
        ("2", "2.5 mg", False),
        ("no allergies", "No allergies.", True),
        ("allergies", "allergieses", False),
        ("", "anything", False),
    ],
)
def test_a_slot_is_found_as_whole_words(words: str, text: str, found: bool) -> None:
    assert facts.occurs(words, text) is found


def test_a_forbidden_wording_makes_a_slot_wrong() -> None:
    fact = {"slot": "allergy", "value": "none", "accepted": ["no allergies"], "forbidden": ["penicillin"]}
    results = [facts.slot_results(text, [fact])[0].is_right for text in ("No allergies.", "No allergies, penicillin.")]
    assert results == [True, False]
    assert facts.slot_results("54", [{"slot": "age", "value": "54"}])[0].is_right


TEXTS = st.text(st.sampled_from("ab 125.,-\nÄé"), max_size=12)


@pytest.mark.slow
@settings(deadline=None)  # the first import is slow
@given(TEXTS, TEXTS)
def test_the_rule_is_the_trainers(words: str, text: str) -> None:
    from training.metrics import slots as trainer_slots  # heavy: only here

    assert facts.occurs(words, text) == trainer_slots.occurs(words, text)


def test_the_share_of_double_prompts_is_exact_and_repeatable() -> None:
    ids = list(range(1, 221))
    drawn = ordering.overlap_prompts(17, ids, 25)
    assert len(drawn) == 55 and drawn == ordering.overlap_prompts(17, ids[::-1], 25)
    assert drawn != ordering.overlap_prompts(18, ids, 25)
    assert ordering.overlap_prompts(17, ids, 0) == frozenset()


def test_recent_prompts_come_last_and_shared_prompts_later() -> None:
    candidates = [
        Candidate(item_id=n, prompt_id=n // 2, order_key=ordering.order_key(1, n), sibling_elsewhere=n in (4, 5))
        for n in range(8)
    ]
    order = ordering.claim_order(candidates, grader=7, seed=1, recent_prompts={0})
    assert {item.prompt_id for item in order[-2:]} == {0}
    assert {item.item_id for item in order[4:6]} == {4, 5}


@given(st.sets(st.integers(0, 500), min_size=2, max_size=40), st.integers(0, 9), st.integers(0, 9))
def test_an_order_is_a_permutation_that_depends_on_the_grader(ids: set[int], one: int, other: int) -> None:
    candidates = [Candidate(item_id=n, prompt_id=n, order_key=ordering.order_key(3, n)) for n in ids]
    orders = [
        [item.item_id for item in ordering.claim_order(candidates, grader=grader, seed=3, recent_prompts=())]
        for grader in (one, other)
    ]
    assert sorted(orders[0]) == sorted(ids) and (one != other or orders[0] == orders[1])
