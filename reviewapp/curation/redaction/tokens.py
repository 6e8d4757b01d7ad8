"""Text cut into words with their places, and the features by which the tagger knows them.

Features are those that the literature on de-identification agrees on (Stubbs, Kotfila and Uzuner 2015, J Biomed Inform
58:S11; Marimon et al. 2019, MEDDOCAN): the word, its beginnings and ends, its shape, its neighbours, the label that
stands before it on the line. No gazetteer is among them: a name is known by what stands around it.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from functools import lru_cache

_TOKEN = re.compile(r"[^\W\d_]+|\d+|[^\w\s]|_")
_STOP = re.compile(r"[.!?]\s+(?=[^\W\d_a-z])")
_ABBREVIATED = re.compile(
    r"(?:^|[\s(/])(?:dr|mr|mrs|ms|st|prof|sr|sra|dra|d|dña|no|vs|v|apt|ste|ft|mt|jr|inc|co|av|avda|ctra|pso|pza|pa|c/|"
    r"cdad|col|urb|dpto|esq|tel|n\.?[ºo]|nr|str|[a-z])\.$",
    re.IGNORECASE,
)
_SHORT_LINE = 300  # characters: a line of a form or a letterhead is read whole, one of prose by its sentences
_LONGEST = 400  # words of one stretch: a text without stops is cut there
EDGE = ("<>",)


@dataclass(frozen=True, slots=True)
class Token:
    text: str
    start: int
    end: int


Features = list[str]


@dataclass(frozen=True, slots=True)
class Stretch:
    """The words of one sentence or line; ``cue`` is the label before it on the line ("Name:"), or at the end of the
    line before."""

    tokens: list[Token]
    cue: str


def stretches(text: str) -> Iterator[Stretch]:
    """The words of each line's sentences, with their places in ``text``."""
    place, pending = 0, ""
    for line in text.splitlines(keepends=True):
        cue = pending
        for start, end in _sentences(line):
            tokens = [Token(m[0], place + m.start(), place + m.end()) for m in _TOKEN.finditer(line, start, end)]
            for first in range(0, len(tokens), _LONGEST):
                yield Stretch(tokens[first : first + _LONGEST], cue)
            cue = _cue_after(tokens, cue)
        pending = cue if line.rstrip().endswith(":") else ""
        place += len(line)


def _cue_after(tokens: list[Token], cue: str) -> str:
    """The word before the last colon; the cue before where there is none."""
    colons = [n for n, token in enumerate(tokens) if n and token.text == ":"]
    return tokens[colons[-1] - 1].text.lower() if colons else cue


def _sentences(line: str) -> Iterator[tuple[int, int]]:
    start = 0
    for match in _STOP.finditer(line) if len(line) > _SHORT_LINE else ():
        if _ABBREVIATED.search(line, max(start, match.start() - 6), match.start() + 1):
            continue
        yield start, match.end()
        start = match.end()
    if line[start:].strip():
        yield start, len(line)


def features_of(stretch: Stretch, lower_seen: frozenset[str]) -> list[Features]:
    """Features of every word; ``lower_seen``: words that stand in small letters somewhere in the whole text."""
    tokens = stretch.tokens
    words = [token.text for token in tokens]
    own = [_own(word) for word in words]
    near = [_near(word) for word in words]
    far = [_far(word) for word in words]
    shapes = ["<", *(_shape(word) for word in words), ">"]
    last, cue, made = len(words) - 1, stretch.cue, []
    for place, word in enumerate(words):
        left = words[place - 1].lower() if place else "<"
        right = words[place + 1].lower() if place < last else ">"
        item = [*own[place], f"p={left}|{own[place][0]}", f"n={right}|{own[place][0]}", f"c={cue}"]
        item += near[place - 1][0] if place else ("-1<",)
        item += near[place + 1][1] if place < last else ("+1>",)
        item += far[place - 2][0] if place > 1 else ("-2<",)
        item += far[place + 2][1] if place < last - 1 else ("+2>",)
        item.append(f"s={shapes[place]}{shapes[place + 1]}{shapes[place + 2]}")
        item.append(f"lr={left}|{right}")
        item.append(f"ll={words[place - 2].lower()}|{left}" if place > 1 else "ll=<")
        item.append(f"cs={cue}|{shapes[place + 1]}")
        if place == 0:
            item.append("first")
        if word.lower() in lower_seen and not word.islower():
            item.append("lower_seen")
        made.append(item)
        if word == ":" and place:
            cue = words[place - 1].lower()
    return made


@dataclass(frozen=True, slots=True)
class _Word:
    """What a word says of itself and of its neighbours, as far as a model knows it."""

    small: str
    shape: str
    name: str
    is_marked: bool  # not in small letters
    own: list[str]
    left: list[str]  # as the neighbour on the left
    right: list[str]
    far_left: list[str]
    far_right: list[str]


class KnownFeatures:
    """Those of ``features_of`` that a model knows, in the same order: the others weigh nothing, and most are such."""

    def __init__(self, known: Iterable[str]) -> None:
        self._known = frozenset(known)
        self._words: dict[str, _Word] = {}

    def __call__(self, stretch: Stretch, lower_seen: frozenset[str]) -> list[Features]:
        known, cue, made = self._known, stretch.cue, list[Features]()
        of_cue = [f"c={cue}"] if f"c={cue}" in known else []
        far, left = _START, _START
        words = [self._word(token.text) for token in stretch.tokens]
        last = len(words) - 1
        for place, word in enumerate(words):
            right = words[place + 1] if place < last else _END
            name, before, after = word.name, left.small, right.small
            item = word.own.copy()
            if (one := f"p={before}|{name}") in known:
                item.append(one)
            if (one := f"n={after}|{name}") in known:
                item.append(one)
            item += of_cue
            item += left.left
            item += right.right
            item += far.far_left
            item += words[place + 2].far_right if place < last - 1 else _END.far_right
            if (one := f"s={left.shape}{word.shape}{right.shape}") in known:
                item.append(one)
            if (one := f"lr={before}|{after}") in known:
                item.append(one)
            if (one := f"ll={far.small}|{before}" if place > 1 else "ll=<") in known:
                item.append(one)
            if (one := f"cs={cue}|{word.shape}") in known:
                item.append(one)
            if place == 0:
                item.append("first")
            if word.is_marked and word.small in lower_seen:
                item.append("lower_seen")
            made.append(item)
            if name == "w=:" and place:
                cue = before
                of_cue = [f"c={cue}"] if f"c={cue}" in known else []
            far, left = left, word
        return made

    def _word(self, text: str) -> _Word:
        found = self._words.get(text)
        if found is None:
            if len(self._words) >= 50_000:
                self._words.clear()
            own, near, far = _own(text), _near(text), _far(text)
            kept = [[one for one in some if one in self._known] for some in (own, *near, *far)]
            found = self._words[text] = _Word(text.lower(), _shape(text), own[0], not text.islower(), *kept)
        return found


_START = _Word("<", "<", "", False, [], ["-1<"], [], ["-2<"], [])
_END = _Word(">", ">", "", False, [], [], ["+1>"], [], ["+2>"])


@lru_cache(maxsize=50_000)
def _own(word: str) -> tuple[str, ...]:
    small = word.lower()
    sizes = [n for n in (2, 3, 4) if n < len(small)]
    ends = [end for n in sizes for end in (f"<{n}={small[:n]}", f">{n}={small[-n:]}")]
    return (f"w={small}", f"S={_shape(word)}", f"L={min(len(word), 9)}{_shape(word)[0]}", *ends)


@lru_cache(maxsize=50_000)
def _near(word: str) -> tuple[tuple[str, ...], tuple[str, ...]]:
    """As the neighbour on the left and on the right."""
    small = word.lower()
    parts = (f"w={small}", f"S={_shape(word)}", f">{small[-3:]}")
    return tuple(f"-1{part}" for part in parts), tuple(f"+1{part}" for part in parts)


@lru_cache(maxsize=50_000)
def _far(word: str) -> tuple[tuple[str, ...], tuple[str, ...]]:
    parts = (f"w={word.lower()}", f"S={_shape(word)}")
    return tuple(f"-2{part}" for part in parts), tuple(f"+2{part}" for part in parts)


@lru_cache(maxsize=50_000)
def _shape(word: str) -> str:
    """ "Xx", "X" (one capital), "XX", "x", figures by their number, else the sign itself."""
    if word.isdecimal():
        return f"d{min(len(word), 5)}"
    if word.isalpha():
        if word.isupper():
            return "X" if len(word) == 1 else "XX"
        if word[0].isupper():
            return "Xx" if word[1:].islower() else "XxX"
        return "x"
    return word[:1]


def lower_words(text: str) -> frozenset[str]:
    """The words that the text has in small letters."""
    return frozenset(word for word in _TOKEN.findall(text) if word.islower())
