"""Words of any script: letters, marks and digits; a Chinese or Japanese character is a word of its own."""

from __future__ import annotations

import unicodedata

import regex  # type: ignore[import-untyped]

TOKENIZER = "unicode-words-1"  # part of every name that depends on it: change the code, change the number
_CJK = r"[\p{Han}\p{Hiragana}\p{Katakana}]"
_WORD = regex.compile(rf"(?V1){_CJK}|[[\p{{L}}\p{{M}}\p{{N}}]--{_CJK}]+")


def words(text: str) -> list[str]:
    """Case-folded words of the NFKC form."""
    found: list[str] = _WORD.findall(unicodedata.normalize("NFKC", text).casefold())
    return found
