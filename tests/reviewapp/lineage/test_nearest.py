from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from reviewapp.lineage.nearest import Resemblance, nearest, shingles

TEXT = "54-year-old man with knee pain for three weeks"


def test_the_same_text_is_nearest_and_whole() -> None:
    found = nearest(TEXT, [(1, "chest pain since Monday"), (2, f"HPI: {TEXT}."), (3, "man with knee pain today")])

    assert found[0] == Resemblance(key=2, share=1.0)
    assert [r.key for r in found] == [2, 3]


def test_texts_without_a_shared_triple_are_left_out() -> None:
    assert nearest(TEXT, [(1, "an unrelated line of words")]) == []


def test_an_empty_answer_resembles_nothing() -> None:
    assert nearest("  ...  ", [(1, TEXT)]) == []


def test_case_and_punctuation_do_not_matter() -> None:
    assert shingles("Knee pain, three WEEKS") == shingles("knee pain three weeks")


@given(st.text(max_size=80), st.lists(st.text(max_size=80), max_size=8))
def test_shares_lie_between_0_and_1_and_fall(text: str, others: list[str]) -> None:
    found = nearest(text, enumerate(others), limit=3)

    shares = [r.share for r in found]
    assert len(found) <= 3
    assert all(0 < share <= 1 for share in shares)
    assert shares == sorted(shares, reverse=True)
