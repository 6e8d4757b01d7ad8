"""In what two texts differ that are almost the same: the first thing an expert wants to know of a near-duplicate.

The words that only one of them has are compared, not their order alone: seven kinds, the plainest that explains all of
the difference. Pure and without a model; it names what is there to see and leaves the judgement to the reader.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

from reviewapp.curation.tokens import plain_words

Kind = Literal["case_space", "numbers", "names", "misread", "contained", "reordered", "reworded"]
KINDS: dict[Kind, str] = {
    "case_space": "only case, white space or punctuation differ",
    "numbers": "only figures differ",
    "names": "only names, dates or identifiers differ",
    "misread": "letters were misread, as by a scan",
    "contained": "one is a part of the other",
    "reordered": "the same sentences in another order",
    "reworded": "reworded",
}
_MOSTLY = 0.8  # of the differing words
_LITTLE = 0.04  # of the words: so few foreign ones, and a text still counts as a part of the other
_LOOKED_AT = 60  # differing words on a side
_SENTENCE = re.compile(r"[.!?\n]+")
_MONTHS = "january february march april may june july august september october november december"
_DATE_WORDS = frozenset(f"{_MONTHS} monday tuesday wednesday thursday friday saturday sunday am pm".split())
_LOOKS_ALIKE = str.maketrans({"0": "o", "1": "l", "i": "l", "5": "s", "8": "b", "2": "z", "c": "e", "u": "n"})


@dataclass(frozen=True)
class Difference:
    """The kind, and the words (as written) that only the first or only the second text has, in their order."""

    kind: Kind
    only_a: tuple[str, ...] = ()
    only_b: tuple[str, ...] = ()


def difference_of(a: str, b: str) -> Difference:
    """What makes ``b`` another text than ``a``; the same kind the other way round."""
    words_a, words_b = plain_words(a), plain_words(b)
    folded_a, folded_b = [word.casefold() for word in words_a], [word.casefold() for word in words_b]
    if folded_a == folded_b:
        return Difference("case_space")
    sizes = len(words_a), len(words_b)
    head, tail = _same_ends(folded_a, folded_b)  # they say nothing of the difference, and most texts share much
    words_a, folded_a = words_a[head : sizes[0] - tail], folded_a[head : sizes[0] - tail]
    words_b, folded_b = words_b[head : sizes[1] - tail], folded_b[head : sizes[1] - tail]
    only_a, only_b = _only(words_a, folded_a, folded_b), _only(words_b, folded_b, folded_a)
    return Difference(_kind((a, b), (folded_a, folded_b), sizes, only_a, only_b), only_a, only_b)


def _same_ends(a: Sequence[str], b: Sequence[str]) -> tuple[int, int]:
    """How many words are the same at the beginning and, of the rest, at the end."""
    most, head, tail = min(len(a), len(b)), 0, 0
    while head < most and a[head] == b[head]:
        head += 1
    while tail < most - head and a[-1 - tail] == b[-1 - tail]:
        tail += 1
    return head, tail


def _only(words: Sequence[str], own: Sequence[str], other: Sequence[str]) -> tuple[str, ...]:
    """Words that the other text does not have, or has fewer times; the last ones of those that recur."""
    left, found = Counter(other), []
    for word, folded in zip(words, own, strict=True):
        if left[folded] > 0:
            left[folded] -= 1
        else:
            found.append(word)
    return tuple(found)


def _kind(
    texts: tuple[str, str],
    folded: tuple[Sequence[str], Sequence[str]],
    sizes: tuple[int, int],
    only_a: Sequence[str],
    only_b: Sequence[str],
) -> Kind:
    if not only_a and not only_b:
        return "reordered"
    short, shorter = (only_a, sizes[0]) if len(only_a) < len(only_b) else (only_b, sizes[1])
    if not short and _in_order(*folded):
        return "contained"
    if only_a and only_b:
        swapped = _swapped(only_a, only_b)
        if swapped is not None:
            return swapped
    if _is_reordered(*texts):
        return "reordered"
    longer = max(len(only_a), len(only_b))
    is_part = len(short) <= max(1, _LITTLE * shorter) and longer >= 4 * max(1, len(short))
    return "contained" if is_part and _in_order(*folded, give=len(short)) else "reworded"


def _in_order(a: Sequence[str], b: Sequence[str], give: int = 0) -> bool:
    """Whether the words of the shorter text follow one another in the longer; all but ``give`` of them."""
    short, long = sorted((a, b), key=len)
    place, missed = 0, 0
    for word in short:
        try:
            place = long.index(word, place) + 1
        except ValueError:
            missed += 1
            if missed > give:
                return False
    return True


def _swapped(only_a: Sequence[str], only_b: Sequence[str]) -> Kind | None:
    """Figures for figures, names for names, misread for read: what explains both sides."""
    both = [*only_a[:_LOOKED_AT], *only_b[:_LOOKED_AT]]
    if all(_is_figure(word) for word in both):
        return "numbers"
    if any(_is_lower(word) for word in both) and _is_misread(only_a[:_LOOKED_AT], only_b[:_LOOKED_AT]):
        return "misread"
    if all(_is_name(word) for word in both):
        return "names"
    return None


def _is_figure(word: str) -> bool:
    return word[0].isdigit() and sum(letter.isdigit() for letter in word) * 2 >= len(word)


def _is_lower(word: str) -> bool:
    return any(letter.isalpha() for letter in word) and word == word.lower() and word.casefold() not in _DATE_WORDS


def _is_name(word: str) -> bool:
    return word[0].isupper() or any(letter.isdigit() for letter in word) or word.casefold() in _DATE_WORDS


def _is_misread(only_a: Sequence[str], only_b: Sequence[str]) -> bool:
    """Whether most words of both sides have one on the other side that differs from it in a letter or two."""
    only_a, only_b = sorted((only_a, only_b), key=len)
    allowed = (1 - _MOSTLY) * (len(only_a) + len(only_b))  # words without such a one
    alone = float(abs(len(only_a) - len(only_b)))
    left = [_letters(word) for word in only_b]
    for word in only_a:
        own = _letters(word)
        other = next((place for place, one in enumerate(left) if _is_close(own, one)), None)
        if other is not None:
            left.pop(other)
            continue
        alone += 2
        if alone > allowed:
            return False
    return alone <= allowed


def _letters(word: str) -> str:
    """The word with the usual confusions undone (0 and o, rn and m); "" for a figure, which is like none."""
    return "" if _is_figure(word) else word.casefold().replace("rn", "m").translate(_LOOKS_ALIKE)


def _is_close(a: str, b: str) -> bool:
    """Differ by at most one letter in four."""
    if a == b:
        return bool(a)
    most = max(len(a), len(b)) // 4
    if not a or not b or not most or abs(len(a) - len(b)) > min(2, most):
        return False
    return (a[0] == b[0] or a[-1] == b[-1]) and _distance(a, b) <= most


def _distance(a: str, b: str) -> int:
    """Letters to replace, put in or take out (Levenshtein 1966)."""
    before = list(range(len(b) + 1))
    for i, one in enumerate(a, start=1):
        row = [i]
        for j, other in enumerate(b, start=1):
            row.append(min(row[-1] + 1, before[j] + 1, before[j - 1] + (one != other)))
        before = row
    return before[-1]


def _is_reordered(a: str, b: str) -> bool:
    """Whether most sentences are in both, in another order."""
    first, second = (
        [form for part in _SENTENCE.split(text) if (form := " ".join(plain_words(part)).casefold())] for text in (a, b)
    )
    shared = set(first) & set(second)
    if len(shared) < 3 or len(shared) < _MOSTLY * max(len(set(first)), len(set(second))):
        return False
    order = [part for part in first if part in shared]
    return order != [part for part in second if part in shared]
