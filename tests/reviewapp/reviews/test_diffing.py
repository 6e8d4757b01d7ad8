from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from reviewapp.reviews import diffing
from reviewapp.reviews.diffing import Diff, Piece, diff_words


def shown(diff: Diff) -> str:
    signs = {"same": "{}", "out": "[-{}-]", "in": "[+{}+]"}
    return "".join(signs[piece.kind].format(piece.text) for piece in diff.pieces)


def test_a_changed_word_goes_out_and_comes_in() -> None:
    diff = diff_words("Start eplerenone 50 mg once.", "Start eplerenone 25 mg once.")
    assert shown(diff) == "Start eplerenone [-50-][+25+] mg once."
    assert (diff.words_out, diff.words_in, diff.is_same) == (1, 1, False)


def test_changes_with_only_a_blank_between_them_read_as_one() -> None:
    diff = diff_words("Bloods in due course.", "Bloods at one week.")
    assert shown(diff) == "Bloods [-in due course-][+at one week+]."
    assert (diff.words_out, diff.words_in) == (3, 3)


def test_equal_texts_have_no_change() -> None:
    assert diff_words("", "").pieces == ()
    assert diff_words("a\r\nb", "a\nb") == Diff((Piece("same", "a\nb"),))


def test_long_texts_are_compared_by_lines() -> None:
    old = "".join(f"line {n} of many\n" for n in range(diffing.MAX_WORDS))
    diff = diff_words(old, old.replace("line 7 of", "row 7 of", 1))
    assert [piece.text for piece in diff.pieces if piece.kind != "same"] == ["line 7 of many\n", "row 7 of many\n"]


words = st.lists(st.sampled_from(["a", "b", " ", "\n", ".", "mg"]), max_size=14).map("".join)


@given(words, words)
def test_both_texts_can_be_read_from_the_pieces(old: str, new: str) -> None:
    pieces = diff_words(old, new).pieces
    assert "".join(piece.text for piece in pieces if piece.kind != "in") == old
    assert "".join(piece.text for piece in pieces if piece.kind != "out") == new
    assert all(left.kind != right.kind for left, right in zip(pieces, pieces[1:], strict=False))
