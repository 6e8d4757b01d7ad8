"""Where a span of one text lies in the next version of that text."""

from __future__ import annotations

import difflib
import re
from collections.abc import Sequence
from itertools import accumulate

Span = tuple[int, int]

_TOKEN = re.compile(r"\w+|\W")
_LINE = re.compile(r"[^\n]*\n|[^\n]+")
# The comparison is quadratic: above this many pairs of words (half a second) whole lines are compared.
_MAX_PAIRS = 25_000_000


def spans_moved(old: str, new: str, spans: Sequence[Span]) -> list[Span | None]:
    """Each span of ``old`` in ``new``; None where the edit touched it.

    A span survives only inside a stretch that is the same in both texts, so ``new[start:end]`` is the old words.
    """
    blocks = _same_blocks(old, new)
    return [_moved(blocks, start, end) for start, end in spans]


def text_replaced(text: str, start: int, end: int, replacement: str) -> str:
    """``text`` with its characters from ``start`` to ``end`` replaced."""
    return text[:start] + replacement + text[end:]


def _moved(blocks: list[tuple[int, int, int]], start: int, end: int) -> Span | None:
    for old_start, new_start, length in blocks:
        if old_start <= start and end <= old_start + length:
            return start - old_start + new_start, end - old_start + new_start
    return None


def _same_blocks(old: str, new: str) -> list[tuple[int, int, int]]:
    """(start in old, start in new, length) of the stretches that both share, in order.

    The common beginning and end are cut off first: what is left for the slow comparison is the edit itself.
    """
    head = _common(old, new)
    tail = _common(old[head:][::-1], new[head:][::-1])
    old_tokens, new_tokens = _cut(old[head : len(old) - tail], new[head : len(new) - tail])
    old_places, new_places = _places(old_tokens, head), _places(new_tokens, head)
    matcher = difflib.SequenceMatcher(None, old_tokens, new_tokens, autojunk=False)
    middle = [
        (old_places[a], new_places[b], old_places[a + size] - old_places[a])
        for a, b, size in matcher.get_matching_blocks()
    ]
    return _joined([(0, 0, head), *middle, (len(old) - tail, len(new) - tail, tail)])


def _cut(old: str, new: str) -> tuple[list[str], list[str]]:
    words = _TOKEN.findall(old), _TOKEN.findall(new)
    if len(words[0]) * len(words[1]) <= _MAX_PAIRS:
        return words
    return _LINE.findall(old), _LINE.findall(new)


def _joined(blocks: list[tuple[int, int, int]]) -> list[tuple[int, int, int]]:
    """Neighbouring blocks as one, so that a span across their border survives."""
    joined: list[tuple[int, int, int]] = []
    for old, new, length in blocks:
        if joined:
            before_old, before_new, before = joined[-1]
            if before_old + before == old and before_new + before == new:
                joined[-1] = (before_old, before_new, before + length)
                continue
        joined.append((old, new, length))
    return [block for block in joined if block[2]]


def _places(tokens: list[str], first: int) -> list[int]:
    return list(accumulate((len(token) for token in tokens), initial=first))


def _common(a: str, b: str) -> int:
    """Length of the common beginning."""
    shortest = min(len(a), len(b))
    return next((place for place in range(shortest) if a[place] != b[place]), shortest)
