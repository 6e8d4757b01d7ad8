"""How findings are shown: a passage with what is around it, two texts side by side. Plain Python."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Sequence
from dataclasses import dataclass
from difflib import SequenceMatcher

AROUND = 160  # characters before and after a passage, at most: of its own line, and of the line before it
WHOLE = 260  # characters of a field that a finding is about as a whole
LONGEST = 600  # characters of a passage in a list
PASSAGE_WORDS = 5
MAX_WORDS = 3_000  # comparing takes quadratic time: above this many words on a side, lines are compared
_TOKENS = re.compile(r"\s+|\w+|[^\w\s]")
_LINES = re.compile(r"[^\n]*\n|[^\n]+")
_SHOWN_AS_IS = frozenset("\n \t")


@dataclass(frozen=True)
class Passage:
    """Words with what stands around them, fit to be shown: nothing in it is invisible or turns the text around."""

    before: str
    words: str
    after: str


@dataclass(frozen=True)
class Piece:
    """A stretch of one side; ``is_same`` where the other side has it too, in the same order."""

    text: str
    is_same: bool

    @property
    def is_passage(self) -> bool:
        """Whether both sides share enough words in a row to be more than chance."""
        return self.is_same and len(self.text.split()) >= PASSAGE_WORDS


def visible(text: str) -> str:
    """The text with invisible, control and private characters named, such as ‹zero width space› or ‹U+0007›."""
    return "".join(_named(character) for character in text)


def _named(character: str) -> str:
    if character in _SHOWN_AS_IS or unicodedata.category(character) not in ("Cc", "Cf", "Co", "Zs", "Zl", "Zp", "Cs"):
        return character
    return f"‹{unicodedata.name(character, '').lower() or f'U+{ord(character):04X}'}›"


def passage(text: str, start: int | None, end: int | None) -> Passage:
    """``text[start:end]`` with its surroundings, cut at words; the beginning of the text when there is no span."""
    if start is None or end is None:
        return Passage("", "", visible(_shortened(text, WHOLE)))
    line = text[:start].rpartition("\n")
    return Passage(
        before=visible(_tail(line[0].rpartition("\n")[2] + line[1] + line[2])),
        words=visible(_shortened(text[start:end], LONGEST)),
        after=visible(_shortened(text[end:].partition("\n")[0], AROUND)),
    )


def whole(text: str, start: int | None, end: int | None) -> Passage:
    """The whole text around its span."""
    first, last = (0, 0) if start is None or end is None else (start, end)
    return Passage(visible(text[:first]), visible(text[first:last]), visible(text[last:]))


def _tail(text: str) -> str:
    cut = text[-AROUND:]
    return text if len(text) <= AROUND else f"… {cut.partition(' ')[2] or cut}"


def _shortened(text: str, most: int) -> str:
    cut = text[:most]
    return text if len(text) <= most else f"{cut.rpartition(' ')[0] or cut} …"


def side_by_side(left: str, right: str) -> tuple[list[Piece], list[Piece]]:
    """Both texts cut into stretches that they share and stretches that they do not, by words."""
    cut = _TOKENS if max(len(_TOKENS.findall(text)) for text in (left, right)) <= MAX_WORDS else _LINES
    ours, theirs = cut.findall(left), cut.findall(right)
    pieces: tuple[list[Piece], list[Piece]] = ([], [])
    for tag, i1, i2, j1, j2 in SequenceMatcher(None, ours, theirs, autojunk=False).get_opcodes():
        for side, tokens in zip(pieces, (ours[i1:i2], theirs[j1:j2]), strict=True):
            _add(side, tokens, tag == "equal")
    return pieces


def _add(side: list[Piece], tokens: Sequence[str], is_same: bool) -> None:
    """A blank between two differing stretches belongs to them: three short differences read as one."""
    text = visible("".join(tokens))
    if not text:
        return
    if not is_same and len(side) > 1 and not side[-1].text.strip() and not side[-2].is_same:
        text = side.pop(-2).text + side.pop().text + text
    side.append(Piece(text, is_same))
