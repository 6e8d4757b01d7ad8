"""Variants of a text as they come about in real collections, with known originals: what a limit is measured on.

Thirteen kinds, from an exact copy to a scan with one letter in 33 misread. Replacements are borrowed from the other
texts, so that a variant of a clinic letter still reads like one.
"""

from __future__ import annotations

import random
import re
from collections.abc import Sequence

WORDS = {"words_1": 0.01, "words_3": 0.03, "words_6": 0.06, "words_10": 0.10}
LETTERS = {"ocr_1": 0.01, "ocr_3": 0.03}
KINDS = (
    *("exact", "case_space", *WORDS, "names_dates", "sentences_cut", "sentences_added", "sentences_reordered"),
    *("end_cut", *LETTERS),
)
_PIECES = re.compile(r"\s+|[^\W\d_]+(?:['’][^\W\d_]+)*|\d+|.", re.DOTALL)
_SENTENCES = re.compile(r"[^.!?\n]*(?:[.!?]+|\n|$)\s*")
_MISREAD = dict(
    zip(
        "oOlIeasmnthcuBSgz",
        ["0", "0", "1", "l", "c", "o", "5", "rn", "u", "f", "b", "e", "n", "8", "5", "q", "2"],
        strict=True,
    )
)
_FROM = 500  # texts that words and sentences are borrowed from


class Planter:
    """Makes variants; the same texts and seed make the same variants."""

    def __init__(self, texts: Sequence[str], seed: int) -> None:
        self._random = random.Random(seed)  # noqa: S311 - no secret
        some = texts if len(texts) <= _FROM else self._random.sample(list(texts), _FROM)
        words = {word for text in some for word in _PIECES.findall(text) if word[:1].isalpha()}
        self._names = sorted(word for word in words if word[0].isupper() and len(word) > 2) or ["Name"]
        self._words = sorted(words) or ["word"]
        self._sentences = [part for text in some for part in sentences_of(text) if len(part) > 20] or ["As before. "]

    def variant(self, text: str, kind: str) -> str:
        """A variant of one of KINDS; the text itself where there is nothing that the kind could change."""
        if kind in WORDS:
            return self._other_words(text, WORDS[kind])
        if kind in LETTERS:
            return self._misread(text, LETTERS[kind])
        made: str = getattr(self, f"_{kind}")(text)
        return made

    def _exact(self, text: str) -> str:
        return text

    def _case_space(self, text: str) -> str:
        pieces = _PIECES.findall(text)
        for place in self._some(range(len(pieces)), 0.3):
            pieces[place] = "  " if pieces[place] == " " else pieces[place].swapcase()
        return "".join(pieces)

    def _other_words(self, text: str, share: float) -> str:
        pieces = _PIECES.findall(text)
        places = [place for place, piece in enumerate(pieces) if piece[0].isalpha()]
        for place in self._some(places, share):
            pieces[place] = self._random.choice(self._words)
        return "".join(pieces)

    def _names_dates(self, text: str) -> str:
        """Every figure, and names by their capital letter inside a sentence; where a name recurs, the same other."""
        pieces, others = _PIECES.findall(text), dict[str, str]()
        for place, piece in enumerate(pieces):
            is_name = piece[0].isupper() and len(piece) > 2 and place > 1 and pieces[place - 2][-1:].isalnum()
            if piece.isdigit():
                others.setdefault(piece, "".join(self._random.choices("123456789", k=len(piece))))
            elif is_name:
                others.setdefault(piece, self._random.choice(self._names))
        return "".join(others.get(piece, piece) for piece in pieces)

    def _sentences_cut(self, text: str) -> str:
        parts = sentences_of(text)
        for _ in range(min(self._random.randint(1, 2), len(parts) - 1)):
            parts.pop(self._random.randrange(len(parts)))
        return "".join(parts)

    def _sentences_added(self, text: str) -> str:
        parts = sentences_of(text)
        for _ in range(self._random.randint(1, 2)):
            parts.insert(self._random.randrange(len(parts) + 1), f"{self._random.choice(self._sentences).rstrip()} ")
        return "".join(parts)

    def _sentences_reordered(self, text: str) -> str:
        parts = [f"{part.rstrip()} " for part in sentences_of(text)]
        self._random.shuffle(parts)
        return "".join(parts).rstrip()

    def _end_cut(self, text: str) -> str:
        pieces = _PIECES.findall(text)
        return "".join(pieces[: max(1, round(0.75 * len(pieces)))])

    def _misread(self, text: str, share: float) -> str:
        letters = list(text)
        places = [place for place, letter in enumerate(letters) if letter in _MISREAD]
        wanted = share * sum(letter.isalpha() for letter in letters)
        for place in self._some(places, min(1.0, wanted / max(1, len(places)))):
            letters[place] = _MISREAD[letters[place]]
        return "".join(letters)

    def _some(self, places: Sequence[int], share: float) -> list[int]:
        return self._random.sample(places, min(len(places), max(1, round(share * len(places)))))


def sentences_of(text: str) -> list[str]:
    """The text cut behind full stops and line ends; joined they are the text again."""
    return [part for part in _SENTENCES.findall(text) if part]
