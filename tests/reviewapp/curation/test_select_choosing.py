"""Choosing a set: what is taken, what is left and why, whatever the texts."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from reviewapp.curation.learning.classifier import k_center
from reviewapp.curation.meaning.vectors import unit
from reviewapp.curation.selections import choosing
from reviewapp.curation.selections.choosing import (
    DUPLICATE,
    FULL,
    QUOTA,
    Choice,
    Pool,
    Quota,
    apart_of,
    choose,
    cover_of,
    pool_of,
)


def points(*angles: float) -> Any:
    """Unit vectors on a circle, by degrees."""
    turned = np.radians(angles)
    return np.column_stack([np.cos(turned), np.sin(turned)]).astype(np.float32)


def rows(choice: Choice) -> list[int]:
    return [one.row for one in choice.chosen]


def test_without_spread_the_best_come_first() -> None:
    pool = Pool(vectors=points(0, 1, 2), values=np.array([0.2, 0.9, 0.5]))
    choice = choose(pool, 2, 0.0)
    assert rows(choice) == [1, 2] and choice.left[0].reason == FULL
    assert choice.chosen[0].distance == 1.0 and choice.chosen[1].score == 0.5


def test_with_spread_alone_it_is_the_greedy_k_center() -> None:
    vectors = unit(np.abs(np.random.default_rng(3).normal(size=(60, 5))).astype(np.float32))
    chosen = rows(choose(Pool(vectors=vectors, values=np.zeros(60)), 10, 1.0))
    assert chosen[1:] == k_center(vectors, vectors[chosen[:1]], 60)[:9]


def test_a_near_copy_of_what_was_chosen_waits_for_others() -> None:
    pool = Pool(vectors=points(0, 1, 60), values=np.array([0.9, 0.9, 0.6]))
    assert rows(choose(pool, 2, 0.5)) == [0, 2]


def test_a_duplicate_of_what_was_chosen_is_out_and_names_it() -> None:
    pool = Pool(vectors=points(0, 40, 80), values=np.array([0.9, 0.8, 0.1]), duplicates={0: [1], 1: [0]})
    choice = choose(pool, 3, 0.0)
    assert rows(choice) == [0, 2]
    assert (choice.left[1].reason, choice.left[1].other) == (DUPLICATE, 0)


def test_a_full_quota_takes_the_others_of_its_value_out() -> None:
    quota = Quota("group", [("a",), ("a",), ("b",), ()], 1)
    choice = choose(Pool(vectors=points(0, 30, 60, 90), values=np.array([4, 3, 2, 1]) / 4, quotas=[quota]), 4, 0.0)
    assert rows(choice) == [0, 2, 3]
    assert (choice.left[1].reason, choice.left[1].quota, choice.left[1].value) == (QUOTA, "group", "a")


def test_a_sample_with_two_tags_counts_for_both() -> None:
    quota = Quota("tag", [("x", "y"), ("y",), ("x",), ("z",)], 1)
    choice = choose(Pool(vectors=points(0, 30, 60, 90), values=np.array([4, 3, 2, 1]) / 4, quotas=[quota]), 4, 0.0)
    assert rows(choice) == [0, 3]


def test_a_persons_word_stands_above_duplicates_quotas_and_worth() -> None:
    quota = Quota("group", [("a",), ("a",), ("a",)], 1)
    pool = Pool(
        vectors=points(0, 1, 60), values=np.array([0.9, 0.1, 0.2]), duplicates={0: [1], 1: [0]}, quotas=[quota],
        pinned=[0, 1],
    )  # fmt: skip
    choice = choose(pool, 3, 0.0)
    assert rows(choice) == [0, 1] and set(choice.left) == {2}


def test_no_more_are_pinned_than_the_set_holds() -> None:
    assert rows(choose(Pool(vectors=points(0, 9, 99), values=np.zeros(3), pinned=[2, 1]), 1, 0.5)) == [2]


def test_only_the_best_are_compared_when_there_are_very_many(monkeypatch: pytest.MonkeyPatch) -> None:
    values = np.array([1, 5, 3, 2, 4, 3]) / 5
    assert pool_of(values, [0]).tolist() == [0, 1, 2, 3, 4, 5]
    monkeypatch.setattr(choosing, "POOL_MOST", 3)
    assert pool_of(values, [0]).tolist() == [0, 1, 2, 4]


def test_a_small_cover_is_better_than_a_large_one() -> None:
    vectors = points(0, 10, 80, 90)
    spread, bunched = cover_of(vectors, [0, 3], range(4)), cover_of(vectors, [0, 1], range(4))
    assert spread[0] < bunched[0] and spread[1] < bunched[1]
    assert cover_of(vectors, [], range(4)) == (1.0, 1.0) and cover_of(vectors, range(4), range(4)) == (0.0, 0.0)


def test_how_far_the_chosen_lie_apart() -> None:
    vectors = points(0, 10, 80, 90)
    assert apart_of(vectors, [0, 3], 10) == 1.0 and apart_of(vectors, [2], 10) is None
    spread, bunched = apart_of(vectors, [0, 2], 10), apart_of(vectors, [0, 1], 10)
    assert spread is not None and bunched is not None and spread > bunched


@st.composite
def pools(draw: Any) -> Pool:
    n = draw(st.integers(1, 24))
    vectors = unit(np.array(draw(st.lists(_POINT, min_size=n, max_size=n)), dtype=np.float32))
    values = np.array(draw(st.lists(st.floats(0, 1), min_size=n, max_size=n)))
    pairs = draw(st.lists(st.tuples(st.integers(0, n - 1), st.integers(0, n - 1)), max_size=8))
    alike: dict[int, list[int]] = {}
    for one, other in pairs:
        if one != other:
            alike.setdefault(one, []).append(other)
            alike.setdefault(other, []).append(one)
    groups = draw(st.lists(st.sampled_from([(), ("a",), ("b",), ("a", "b")]), min_size=n, max_size=n))
    return Pool(
        vectors=vectors, values=values, duplicates=alike, quotas=[Quota("tag", groups, draw(st.integers(1, 4)))]
    )


_POINT = st.lists(st.floats(-1, 1, width=32), min_size=3, max_size=3)


@given(pools(), st.integers(1, 30), st.sampled_from([0.0, 0.3, 1.0]))
@settings(max_examples=60)
def test_each_row_is_kept_or_left_for_a_reason_that_holds(pool: Pool, size: int, spread: float) -> None:
    choice = choose(pool, size, spread)
    chosen = rows(choice)
    assert sorted([*chosen, *choice.left]) == list(range(len(pool.values)))
    assert len(chosen) == len(set(chosen)) <= size
    assert not any(set(pool.duplicates.get(row, ())) & set(chosen) for row in chosen)
    quota = pool.quotas[0]
    held = [value for row in chosen for value in quota.values_of[row]]
    assert all(held.count(value) <= quota.most for value in held)
    for row, left in choice.left.items():
        if left.reason == DUPLICATE:
            assert left.other in chosen and left.other in pool.duplicates[row]
        elif left.reason == QUOTA:
            assert held.count(left.value) == quota.most and left.value in quota.values_of[row]
        else:
            assert len(chosen) == size
    assert choose(pool, size, spread) == choice
