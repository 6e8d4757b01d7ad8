"""How the completions of a project are laid out: their headings, list marks, blank lines, and what most of them do.

The house form is what at least 80% of the samples that have such a thing do, in at least 20 samples; where they do not
agree there is none, and nothing is said about anybody. Pure Python.
"""

from __future__ import annotations

import re
from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from itertools import islice

MIN_SAMPLES, SHARE = 20, 0.8
MOST_WORDS = 4  # of a heading
MOST_HEADINGS = 500  # of one text
MOST_NAMES, RARE = 100_000, 2  # headings counted at a time, some 50 MB; samples with one that is forgotten
WIDEST_GAP = 200  # characters between sections
_HEADING = re.compile(
    r"^(?P<written>(?P<marks>#{1,6}[ \t]?)?(?P<bold>\*\*|__)?(?P<name>[^\W\d_][\w /&'’-]{0,40}?)(?P<colon>[ \t]?:)?"
    r"(?P<close>\*\*|__)?(?P<after>:)?)(?:(?:(?<=:)|(?<=:\*\*)|(?<=:__))[ \t]*\S[^\n]*)?[ \t]*$",
    re.MULTILINE,
)
_MARK = re.compile(
    r"^[ \t]{0,8}(?P<mark>[-*+–—](?=[ \t])|[•·●▪◦‣]|\(?[0-9]{1,2}[.)](?=[ \t]))[ \t]{0,8}(?=\S)", re.MULTILINE
)
_BULLET, _NUMBER = "bullet", "number"


@dataclass(frozen=True, kw_only=True)
class Heading:
    """``text[start:end]`` is the heading as written, its marks and colon included; ``name`` folded."""

    start: int
    end: int
    name: str
    written: str
    is_marked: bool  # by #, ** or a colon: without them it is a heading only if others say so
    blank_lines: int | None  # before it; None for the first line
    gap_start: int  # where the line break before those blank lines begins


@dataclass(frozen=True, kw_only=True)
class Mark:
    """A list mark; ``number`` where it is one, ``form`` such as "-" or "1."."""

    start: int
    end: int
    form: str
    number: int | None = None

    @property
    def kind(self) -> str:
        return _BULLET if self.number is None else _NUMBER


@dataclass(frozen=True, kw_only=True)
class Usual:
    """What most do: ``form`` in ``n`` of ``total`` samples."""

    form: str
    n: int
    total: int

    @property
    def is_house(self) -> bool:
        return self.total >= MIN_SAMPLES and self.n >= SHARE * self.total


@dataclass(frozen=True, kw_only=True)
class HouseForm:
    """Of each thing what most do, agreed on or not; ``is_house`` says which. ``headings`` by folded name."""

    samples: int
    headings: dict[str, Usual] = field(default_factory=dict)
    marks: dict[str, Usual] = field(default_factory=dict)  # "bullet", "number"
    gap: Usual | None = None  # blank lines between sections


def house_form(completions: Iterable[str]) -> HouseForm:
    """What most of these completions do; each sample has one vote on each thing.

    Lines that look like headings may be new in every sample (names of speakers): those still rare when there are
    MOST_NAMES are forgotten.
    """
    names: defaultdict[str, Counter[str]] = defaultdict(Counter)
    marks: defaultdict[str, Counter[str]] = defaultdict(Counter)
    gaps: Counter[str] = Counter()
    n, most = 0, MOST_NAMES
    for text in completions:
        n += 1
        headings = headings_of(text)
        for name, written in {one.name: one.written for one in reversed(headings)}.items():
            names[name][written] += 1
        if len(names) > most:
            common = ((name, counted) for name, counted in names.items() if counted.total() > RARE)
            names = defaultdict(Counter, common)
            most = max(MOST_NAMES, 2 * len(names))
        for kind in (_BULLET, _NUMBER):
            forms = Counter(one.form for one in marks_of(text) if one.kind == kind)
            if forms:
                marks[kind][forms.most_common(1)[0][0]] += 1
        between = Counter(str(one.blank_lines) for one in headings if one.is_marked and one.blank_lines is not None)
        if between:
            gaps[between.most_common(1)[0][0]] += 1
    return HouseForm(
        samples=n,
        headings={name: _usual(counted) for name, counted in names.items() if counted.total() >= MIN_SAMPLES},
        marks={kind: _usual(counted) for kind, counted in marks.items()},
        gap=_usual(gaps) if gaps else None,
    )


def _usual(counted: Counter[str]) -> Usual:
    form, n = min(counted.items(), key=lambda row: (-row[1], row[0]))
    return Usual(form=form, n=n, total=counted.total())


def headings_of(text: str) -> list[Heading]:
    """Lines, or beginnings of lines, that name what follows: "Plan:", "PLAN", "## Plan", "**Plan:**"."""
    return list(islice(_headings(text), MOST_HEADINGS))


def _headings(text: str) -> Iterator[Heading]:
    for match in _HEADING.finditer(text):
        name, is_marked = match["name"].strip(), bool(match["marks"] or match["colon"] or match["after"])
        is_bold = bool(match["bold"]) and match["bold"] == match["close"]
        if bool(match["bold"]) != bool(match["close"]) or len(name.split()) > MOST_WORDS:
            continue
        written = match["written"].rstrip()
        blank_lines, gap_start = _gap_before(text, match.start())
        yield Heading(
            start=match.start(),
            end=match.start() + len(written),
            name=" ".join(name.casefold().split()),
            written=written,
            is_marked=is_marked or is_bold,
            blank_lines=blank_lines,
            gap_start=gap_start,
        )


def _gap_before(text: str, start: int) -> tuple[int | None, int]:
    before = text[max(0, start - WIDEST_GAP) : start]
    kept = len(before.rstrip(" \t\n"))
    if not kept:
        return None, start
    return before.count("\n", kept) - 1, start - len(before) + kept


def marks_of(text: str) -> list[Mark]:
    """The list marks of a text, each without the blanks before and after it."""
    return [
        Mark(
            start=match.start("mark"),
            end=match.end("mark"),
            form=re.sub("[0-9]+", "1", match["mark"]),
            number=int(digits[0]) if (digits := re.findall("[0-9]+", match["mark"])) else None,
        )
        for match in _MARK.finditer(text)
    ]


def lists_of(text: str) -> list[list[Mark]]:
    """Marks of one kind on neighbouring lines; a list of one is none."""
    lists: list[list[Mark]] = []
    for mark in marks_of(text):
        last = lists[-1][-1] if lists else None
        if last is not None and last.kind == mark.kind and text.count("\n", last.end, mark.start) <= 2:
            lists[-1].append(mark)
        else:
            lists.append([mark])
    return [marks for marks in lists if len(marks) > 1]


def numbers_wrong(marks: Sequence[Mark]) -> bool:
    """Whether a numbered list leaves a number out, has one twice, or counts backwards; all the same is a habit."""
    numbers = [mark.number for mark in marks if mark.number is not None]
    return len(set(numbers)) > 1 and numbers != list(range(numbers[0], numbers[0] + len(numbers)))
