"""Word differences between two texts, for reading. Plain Python; static/js/diff.js does the same while typing."""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from difflib import SequenceMatcher
from typing import Literal

Kind = Literal["same", "out", "in"]
_WORDS = re.compile(r"\s+|\w+|[^\w\s]")
_LINES = re.compile(r"[^\n]*\n|[^\n]+")
# SequenceMatcher is quadratic: above this many words on a side it compares lines.
MAX_WORDS = 4_000


@dataclass(frozen=True)
class Piece:
    """A stretch that is in both texts, only in the old one (out), or only in the new one (in)."""

    kind: Kind
    text: str


@dataclass(frozen=True)
class Diff:
    """All pieces in reading order; ``words_in`` and ``words_out`` count words, not signs or blanks."""

    pieces: tuple[Piece, ...]

    @property
    def words_in(self) -> int:
        return _words(piece.text for piece in self.pieces if piece.kind == "in")

    @property
    def words_out(self) -> int:
        return _words(piece.text for piece in self.pieces if piece.kind == "out")

    @property
    def is_same(self) -> bool:
        return all(piece.kind == "same" for piece in self.pieces)


def diff_words(old: str, new: str) -> Diff:
    """What went out of ``old`` and what came in to make ``new``; line ends CRLF and LF count as the same."""
    old, new = old.replace("\r\n", "\n"), new.replace("\r\n", "\n")
    before, after = _WORDS.findall(old), _WORDS.findall(new)
    if max(len(before), len(after)) > MAX_WORDS:
        before, after = _LINES.findall(old), _LINES.findall(new)
    return Diff(tuple(_joined(_bridged(_raw(before, after)))))


def _raw(before: Sequence[str], after: Sequence[str]) -> list[Piece]:
    pieces = []
    for tag, i1, i2, j1, j2 in SequenceMatcher(None, before, after, autojunk=False).get_opcodes():
        if tag == "equal":
            pieces.append(Piece("same", "".join(before[i1:i2])))
            continue
        pieces.append(Piece("out", "".join(before[i1:i2])))
        pieces.append(Piece("in", "".join(after[j1:j2])))
    return [piece for piece in pieces if piece.text]


def _bridged(pieces: list[Piece]) -> list[Piece]:
    """A blank that stayed between two changes belongs to both: three short changes read as one."""
    result: list[Piece] = []
    for position, piece in enumerate(pieces):
        changed_around = 0 < position < len(pieces) - 1 and piece.kind == "same" and not piece.text.strip()
        result += [Piece("out", piece.text), Piece("in", piece.text)] if changed_around else [piece]
    return result


def _joined(pieces: list[Piece]) -> list[Piece]:
    """Neighbouring changes as one removal and one insertion."""
    result: list[Piece] = []
    out = new = ""
    for piece in [*pieces, Piece("same", "")]:
        if piece.kind == "out":
            out += piece.text
        elif piece.kind == "in":
            new += piece.text
        else:
            result += [Piece("out", out), Piece("in", new), piece]
            out = new = ""
    return [piece for piece in result if piece.text]


def _words(texts: Iterable[str]) -> int:
    return sum(len(re.findall(r"\w+", text)) for text in texts)
