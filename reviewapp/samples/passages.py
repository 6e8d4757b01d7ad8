"""Texts for the page: cut where findings begin and end, and compared word by word with an earlier one."""

from __future__ import annotations

import difflib
import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal, Protocol

_TOKEN = re.compile(r"\s+|\w+|[^\w\s]")


class Spanned(Protocol):
    """A finding as far as the text is concerned."""

    @property
    def start(self) -> int | None: ...
    @property
    def end(self) -> int | None: ...
    @property
    def number(self) -> int: ...


@dataclass(frozen=True)
class Piece:
    """A stretch of text under one finding, or under none; ``ends`` are the findings whose number stands after it."""

    text: str
    finding: Spanned | None
    ends: tuple[Spanned, ...]


@dataclass(frozen=True)
class Change:
    kind: Literal["same", "new", "old"]
    text: str


def pieces_of(text: str, findings: Sequence[Spanned]) -> list[Piece]:
    """The whole text in pieces. Where findings overlap, the one with the lowest number is shown."""
    spans = [
        (row.start, row.end, row)
        for row in findings
        if row.start is not None and row.end is not None and 0 <= row.start < row.end <= len(text)
    ]
    cuts = sorted({0, len(text), *(start for start, _, _ in spans), *(end for _, end, _ in spans)})
    pieces = []
    for start, end in zip(cuts, cuts[1:], strict=False):
        over = [row for left, right, row in spans if left < end and start < right]
        ends = [row for _, right, row in spans if right == end]
        shown = min(over, key=lambda row: row.number) if over else None
        pieces.append(Piece(text[start:end], shown, tuple(sorted(ends, key=lambda row: row.number))))
    return pieces


def changes_of(old: str, new: str) -> list[Change]:
    """What became of ``old``, in reading order: "old" was taken out, "new" came in."""
    before, after = _TOKEN.findall(old), _TOKEN.findall(new)
    changes: list[Change] = []
    for _, a, b, c, d in difflib.SequenceMatcher(None, before, after, autojunk=False).get_opcodes():
        removed, added = "".join(before[a:b]), "".join(after[c:d])
        if removed == added:
            changes.append(Change("same", removed))
            continue
        changes += [Change("old", removed)] if removed else []
        changes += [Change("new", added)] if added else []
    return changes
