"""How a text is laid out for reading: turns of a dialogue, blocks to edit, marks on passages. Plain Python.

Offsets are characters of the text as stored, so a finding's start and end fit whatever the layout.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

# "Doctor: ...", "Guest_family: ..." or aci-bench's "[doctor] ..."; at most three words before the colon.
_SPEAKER = re.compile(r"[ \t]*(?:\[([^\]\n]{1,30})\]:?|([A-Za-z][\w.'-]*(?: [\w.'-]+){0,2}):)[ \t]*", re.UNICODE)
_HEADING = re.compile(r"([A-Z][\w /&,'()-]{0,48}):(?=\s|$)")
_BLANK_LINES = re.compile(r"\n[ \t]*(?:\n[ \t]*)+")
_LINE_WITH_HEADING = re.compile(r"\n(?=[A-Z][\w /&,'()-]{0,48}:(?:\s|$))")
MAX_SPEAKERS = 8
ROLES = {
    "clinician": {"doctor", "clinician", "physician", "dr", "nurse", "consultant", "surgeon", "gp"},
    "patient": {"patient", "pt", "client", "caller", "customer"},
    "record": {"record", "chart", "results", "problem list", "system"},
}


@dataclass(frozen=True)
class Turn:
    """One turn, or one paragraph of a text that is no dialogue (then speaker is empty). text[start:end] is said."""

    number: int
    speaker: str
    role: str
    start: int
    end: int


@dataclass(frozen=True)
class Block:
    """A piece that is edited on its own; ``text + gap`` of all blocks make the whole text again."""

    number: int
    start: int
    text: str
    gap: str

    @property
    def end(self) -> int:
        return self.start + len(self.text)

    @property
    def heading(self) -> str:
        """The "Plan" of a block that begins with "Plan:", else empty."""
        match = _HEADING.match(self.text)
        return match.group(1) if match else ""

    @property
    def body_start(self) -> int:
        """Where the text after the heading begins, as an offset of the whole text."""
        match = _HEADING.match(self.text)
        rest = self.text[match.end() :] if match else self.text
        return self.end - len(rest.lstrip())


@dataclass(frozen=True)
class Mark:
    """A passage to point out: [start, end) of the text, with the number that links it to its card."""

    number: int
    start: int
    end: int
    kind: str = "finding"
    severity: str = "low"
    is_done: bool = False


@dataclass(frozen=True)
class Segment:
    """A stretch under the same mark (or none); ``ends`` are the marks whose number is shown after it."""

    text: str
    mark: Mark | None
    ends: tuple[Mark, ...]


class BlocksMismatch(ValueError):
    """The edited blocks do not belong to this text: it changed under the form."""


def turns_of(text: str) -> list[Turn]:
    """Turns where the lines name their speakers, else paragraphs, numbered from 1."""
    lines = _lines(text)
    named = [_speaker(text, start, end) for start, end in lines]
    counts = Counter(name.casefold() for name, _ in named if name)
    if not counts or max(counts.values()) < 2 or len(counts) > MAX_SPEAKERS:
        return _paragraphs(text)
    turns: list[Turn] = []
    for (_start, end), (name, said_from) in zip(lines, named, strict=True):
        if name or not turns:
            turns.append(Turn(len(turns) + 1, name, _role(name), said_from, end))
        else:
            last = turns[-1]
            turns[-1] = Turn(last.number, last.speaker, last.role, last.start, end)
    return turns


def is_dialogue(turns: Iterable[Turn]) -> bool:
    """Whether these turns name speakers."""
    return any(turn.speaker for turn in turns)


def blocks_of(text: str) -> list[Block]:
    """Splits at blank lines and before lines that begin with a heading such as "Plan:"."""
    cuts = sorted({(m.start(), m.end()) for p in (_BLANK_LINES, _LINE_WITH_HEADING) for m in p.finditer(text)})
    blocks: list[Block] = []
    start = 0
    for cut_start, cut_end in cuts:
        if cut_start < start:  # a heading right after a blank line: one cut
            continue
        blocks.append(Block(len(blocks) + 1, start, text[start:cut_start], text[cut_start:cut_end]))
        start = cut_end
    return [*blocks, Block(len(blocks) + 1, start, text[start:], "")]


def blocks_joined(text: str, edited: Sequence[str]) -> str:
    """Puts edited blocks back in the place of the blocks of ``text``.

    Browsers send line ends as CRLF; a block that differs in nothing else stays as it was, character by character.
    A block that was emptied goes with the gap after it. Raises BlocksMismatch when the number differs.
    """
    blocks = blocks_of(text)
    if len(blocks) != len(edited):
        raise BlocksMismatch(f"{len(edited)} blocks were sent, the text has {len(blocks)}.")
    pieces = []
    for block, new in zip(blocks, edited, strict=True):
        new = new.replace("\r\n", "\n")
        same = new == block.text.replace("\r\n", "\n")
        pieces += [block.text, block.gap] if same else [new, block.gap if new.strip() else ""]
    return "".join(pieces)


def segments_of(text: str, start: int, end: int, marks: Iterable[Mark]) -> list[Segment]:
    """text[start:end] cut where marks begin and end.

    Where marks overlap the more severe one is painted; the number of every mark that ends here is kept.
    """
    inside = [mark for mark in marks if mark.start < end and mark.end > start and mark.start < mark.end]
    cuts = sorted({start, end} | {min(max(c, start), end) for mark in inside for c in (mark.start, mark.end)})
    order = {"high": 0, "major": 0, "medium": 1, "low": 2, "minor": 2}
    segments = []
    for left, right in zip(cuts, cuts[1:], strict=False):
        over = [mark for mark in inside if mark.start < right and mark.end > left]
        over.sort(key=lambda mark: (mark.is_done, order.get(mark.severity, 3), mark.number))
        # A mark that goes on in the next turn shows its number where it really ends.
        ends = tuple(mark for mark in sorted(inside, key=lambda mark: mark.number) if left < mark.end <= right)
        segments.append(Segment(text[left:right], over[0] if over else None, ends))
    return segments


def _lines(text: str) -> list[tuple[int, int]]:
    """(start, end) of every line that holds more than blanks, without blanks around it."""
    return [(m.start(), m.end()) for m in re.finditer(r"[^\s][^\n]*(?<!\s)", text)]


def _speaker(text: str, start: int, end: int) -> tuple[str, int]:
    """Name of the speaker of a line and where the words begin; no name: the line goes on."""
    match = _SPEAKER.match(text, start, end)
    if match is None:
        return "", start
    name = (match.group(1) or match.group(2)).replace("_", " ").strip()
    return name[:1].upper() + name[1:], match.end()


def _role(speaker: str) -> str:
    words = speaker.casefold().rstrip(".")
    return next((role for role, names in ROLES.items() if words in names), "other")


def _paragraphs(text: str) -> list[Turn]:
    spans = [(m.start(), m.end()) for m in re.finditer(r"\S(?:.|\n(?![ \t\r]*\n))*", text)]
    return [
        Turn(number, "", "text", start, start + len(text[start:end].rstrip()))
        for number, (start, end) in enumerate(spans, 1)
    ]
