"""Safe normalisations: what no reader can see or anybody would undo. Everything else is a finding.

Mojibake is repaired word by word and only where ftfy is sure (its heuristic calls the word broken before and
whole after); doubtful words are left to the unicode check, where a person decides.
"""

from __future__ import annotations

import re
import unicodedata
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass

from ftfy import fix_encoding
from ftfy.badness import is_bad

ACTIONS = {
    "mojibake": "characters read in the wrong encoding, repaired",
    "line_endings": "line endings made one kind",
    "control_characters": "control characters removed",
    "zero_width": "invisible characters removed",
    "composed": "accents joined with their letters (Unicode NFC)",
    "trailing_space": "space at line ends removed",
    "outer_blank": "blank lines at the start and end removed",
    "citation_style": "legal citations written in the project's style",
}

_WORD = re.compile(r"[^ \t\n]+")
_BREAKS = re.compile("\r\n|[\r\v\f\u0085\u2028\u2029]")
_CONTROL = re.compile("[\x00-\x08\x0e-\x1f\x7f-\x84\x86-\x9f]")
# Zero-width joiners are left in: they shape letters in Persian, Hindi and emoji.
_ZERO_WIDTH = re.compile("[\u200b\u2060\ufeff\u00ad]")
_TRAILING = re.compile(r"[ \t]+(?=\n|$)")
_OUTER = re.compile(r"\A\n+|\n+\Z")
_MAX_PASSES = 8


@dataclass(frozen=True)
class CleanResult:
    """The text after cleaning and how often each action (a key of ACTIONS) was needed; none: it was clean."""

    text: str
    actions: dict[str, int]


def clean(text: str) -> CleanResult:
    """Cleans a text. Cleaning a cleaned text changes nothing."""
    counts: Counter[str] = Counter()
    for _ in range(_MAX_PASSES):
        before = text
        for name, step in _STEPS:
            text, count = step(text)
            counts[name] += count
        if text == before:
            break
    return CleanResult(text, {name: counts[name] for name in ACTIONS if counts[name]})


def repair_word(word: str) -> str | None:
    """The word in its right encoding, or None where it is not broken or the repair is not sure."""
    if word.isascii() or not is_bad(word):
        return None
    repaired = fix_encoding(word)
    return repaired if repaired != word and not is_bad(repaired) and "\ufffd" not in repaired else None


def _repair_words(text: str) -> tuple[str, int]:
    count = 0

    def repair(match: re.Match[str]) -> str:
        nonlocal count
        repaired = repair_word(match[0])
        count += repaired is not None
        return match[0] if repaired is None else repaired

    return (text, 0) if text.isascii() else (_WORD.sub(repair, text), count)


def _compose(text: str) -> tuple[str, int]:
    composed = unicodedata.normalize("NFC", text)
    return composed, int(composed != text)


def _substitution(pattern: re.Pattern[str], new: str) -> Callable[[str], tuple[str, int]]:
    return lambda text: pattern.subn(new, text)


_STEPS: tuple[tuple[str, Callable[[str], tuple[str, int]]], ...] = (
    ("mojibake", _repair_words),
    ("line_endings", _substitution(_BREAKS, "\n")),
    ("control_characters", _substitution(_CONTROL, "")),
    ("zero_width", _substitution(_ZERO_WIDTH, "")),
    ("composed", _compose),
    ("trailing_space", _substitution(_TRAILING, "")),
    ("outer_blank", _substitution(_OUTER, "")),
)
