"""Where repeats and reference items fall among a grader's outputs."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

from hypothesis import given
from hypothesis import strategies as st

from reviewapp.evaluations import mixing
from reviewapp.evaluations.mixing import Graded

START = datetime(2026, 11, 2, 9, tzinfo=UTC)


def sitting(work: int, percent: int, gold_percent: int, seed: int, pace: timedelta) -> list[tuple[str, int]]:
    """A grader who does everything: what came in which order, as (kind, item)."""
    seen: list[tuple[str, int]] = []
    graded: dict[int, Graded] = {}
    repeated: set[int] = set()
    left, gold = list(range(work)), 0
    while True:
        number, now = len(seen) + 1, START + pace * len(seen)
        total = len(graded) + len(left)
        due = mixing.target(gold_percent, total, gold)
        if mixing.is_due(due, len(left), mixing.draw(seed, 1, number, "gold")):
            gold += 1
            seen.append(("gold", 1000 + gold))
            continue
        again = mixing.repeat_due(
            [one for item, one in graded.items() if item not in repeated],
            now=now,
            number=number,
            target=mixing.target(percent, total, len(repeated)),
            open_left=len(left),
            recent_prompts=[item for _, item in seen[-3:]],
            drawn=mixing.draw(seed, 1, number, "repeat"),
        )
        if again is not None:
            repeated.add(again.item_id)
            seen.append(("repeat", again.item_id))
        elif left:
            item = left.pop(0)
            graded[item] = Graded(item, item, number, now)
            seen.append(("work", item))
        else:
            return seen


@given(st.integers(1, 120), st.sampled_from([0, 5, 10]), st.sampled_from([0, 5]), st.integers(0, 999))
def test_every_output_comes_once_and_the_shares_are_kept(work: int, percent: int, gold: int, seed: int) -> None:
    seen = sitting(work, percent, gold, seed, timedelta(minutes=3))
    kinds = [kind for kind, _ in seen]
    assert [item for kind, item in seen if kind == "work"] == list(range(work))
    assert kinds.count("gold") == mixing.target(gold, work, 0)
    wanted = mixing.target(percent, work, 0)
    # a grader of very few outputs has none that is far enough back
    assert kinds.count("repeat") == wanted or (work < 15 and kinds.count("repeat") <= wanted)


@given(st.integers(20, 120), st.integers(0, 999))
def test_in_one_sitting_repeats_are_far_from_their_first(work: int, seed: int) -> None:
    seen = sitting(work, 10, 5, seed, timedelta(minutes=3))
    places = {item: place for place, (kind, item) in enumerate(seen) if kind == "work"}
    far = [place - places[item] for place, (kind, item) in enumerate(seen) if kind == "repeat"]
    assert far and min(far) >= work // 2, "they wait for the tail, and the oldest come back first"


@given(st.integers(60, 120), st.integers(0, 999))
def test_over_days_repeats_are_a_day_apart_and_spread(work: int, seed: int) -> None:
    pace = timedelta(hours=2)
    seen = sitting(work, 10, 0, seed, pace)
    places = {item: place for place, (kind, item) in enumerate(seen) if kind == "work"}
    repeats = [(place, item) for place, (kind, item) in enumerate(seen) if kind == "repeat"]
    assert len(repeats) == mixing.target(10, work, 0)
    assert all((place - places[item]) * pace >= mixing.APART for place, item in repeats)


def test_places_differ_from_grader_to_grader() -> None:
    def places(seed: int) -> list[int]:
        return [n for n, (kind, _) in enumerate(sitting(100, 5, 5, seed, timedelta(minutes=3))) if kind == "gold"]

    assert len({tuple(places(seed)) for seed in range(20)}) > 15


def test_nothing_is_due_without_a_share() -> None:
    assert mixing.target(0, 100, 0) == 0 and mixing.target(5, 100, 5) == 0 and mixing.target(5, 100, 9) == 0
    assert not mixing.is_due(0, 0, 0.0) and mixing.is_due(1, 0, 0.999)
    assert [mixing.target(5, n, 0) for n in (9, 10, 30, 200)] == [0, 1, 2, 10]
