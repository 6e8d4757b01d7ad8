"""Words that a scan misread, told by the project's own words alone.

A word that hardly any sample has, and that becomes one that many have when rn is read as m, cl as d, vv as w, 1 or I as
l, 0 as o, is a confusion (the classes of Nagy, Nartker, Rice 2000). A letter for a letter may also be a word of its own
("dear", "clear"), so there the words beside it must stand together elsewhere too. More than one reading: the finding
has no suggestion. Words cut in two, run together, or divided at a line's end are found in the same way.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from heapq import merge

import numpy as np

from reviewapp.curation.checks.finding import Corpus, Field, FindingDraft, Item, Scope, Severity, on_span
from reviewapp.curation.checks.lazy import chosen

NAME, TITLE = "ocr_confusions", "Words misread by a scan"
SCOPE: Scope = "corpus"
VERSION = 1
MIN_SAMPLES = 50  # fewer samples have no vocabulary to speak of
RARE, COMMON, TIMES = 2, 8, 20  # samples with a word: rare at most, common at least, and so many times as many
LONGEST = 200_000  # characters of a field that are read
TOGETHER = 3  # samples in which words stand side by side
MIN_LETTERS, MAX_LETTERS = 4, 30
MOST_READINGS = 64  # of one word
MAX_IN_FIELD = 20
MOST_WORDS = 1_000_000  # counted at a time: some 100 MB

_TOKEN = re.compile(r"[^\W_]+(?:['’|][^\W_]+)*")
_READ = {
    "rn": ("m",), "m": ("rn",), "cl": ("d",), "d": ("cl",), "vv": ("w",), "w": ("vv",), "1": ("l", "i"),
    "l": ("i",), "i": ("l",), "0": ("o",), "5": ("s",), "|": ("l", "i"), "8": ("b",),
}  # fmt: skip
_CONFUSED = re.compile("rn|cl|vv|[mdw1li05|8]")
_LINE_END = re.compile(r"(?P<a>[^\W\d_]{2,20})-[ \t]?\n[ \t]{0,8}(?P<b>[^\W\d_]{2,20})")
_DOSE = re.compile(
    r"(?<![\w.,/-])(?P<number>(?=[0-9lIO]*[0-9])(?![0-9]+l\b)(?=[0-9lIO]*[lIO])[0-9lIO]{2,6})"
    r"(?=\s?(?:mg|mcg|µg|ml|mL|kg|cm|mm|mmHg|bpm|units|tablets|years?|weeks?|days?|months?|hours?|minutes?)\b)"
)
_FIGURES = str.maketrans("lIO", "110")


@dataclass(frozen=True)
class _Suspect:
    item: Item
    field: Field
    start: int
    end: int
    kind: str
    readings: tuple[str, ...]  # folded words, joined by a blank where there are two
    beside: tuple[str, str]  # folded words before and after
    needs: tuple[tuple[str, str], ...]  # pairs of which one has to be seen elsewhere; empty: the word alone tells


def check(corpus: Corpus) -> Iterator[FindingDraft]:
    """At most 20 findings a field, in the order of the items; each with its reading where there is only one.

    Suspects are looked for twice and not kept in between: each of them holds its text.
    """
    numbers = (finding for item in corpus.items for finding in _numbers(item))
    told = _words_misread(corpus.items) if len(corpus.items) >= MIN_SAMPLES else iter(())
    return merge(numbers, told, key=lambda draft: draft.key)


def _words_misread(items: Sequence[Item]) -> Iterator[FindingDraft]:
    counts = _counts(items)
    places, needs = [], set[tuple[str, str]]()
    for place, item in enumerate(items):
        found = list(_Reader(item, counts).suspects())
        needs.update(pair for one in found for pair in one.needs)
        places += [place] if found else []
    seen = _together(items, needs)
    again = chosen(items, np.array(places, dtype=np.int64))
    suspects = (one for item in again for one in _Reader(item, counts).suspects())
    for one in suspects:
        if not one.needs or any(seen[pair] >= TOGETHER for pair in one.needs):
            yield _finding(one, counts)


def _counts(items: Sequence[Item]) -> Counter[str]:
    """Folded word -> samples that have it; of words that never became more than rare it may not say so.

    New words come without end (names, numbers, misspellings), so those that are still rare when there are MOST_WORDS
    are forgotten (lossy counting: Manku, Motwani 2002). A word that is common later lost at most its first few.
    """
    counts: Counter[str] = Counter()
    most = MOST_WORDS
    for item in items:
        counts.update(set(_tokens(item)))
        if len(counts) > most:
            counts = Counter({word: n for word, n in counts.items() if n > RARE})
            most = max(MOST_WORDS, 2 * len(counts))
    return counts


def _tokens(item: Item) -> list[str]:
    return _TOKEN.findall(f"{item.prompt[:LONGEST]}\n{item.completion[:LONGEST]}".casefold())


def _together(items: Sequence[Item], wanted: set[tuple[str, str]]) -> Counter[tuple[str, str]]:
    """In how many samples each wanted pair stands side by side, in this order."""
    counts: Counter[tuple[str, str]] = Counter()
    for item in items if wanted else ():
        words = _tokens(item)
        counts.update(wanted.intersection(zip(words, words[1:], strict=False)))
    return counts


def readings_of(word: str) -> set[str]:
    """Folded words that a scan may have turned into this one: one or two confusions taken back."""
    places = [(match.start(), match.end(), match[0]) for match in _CONFUSED.finditer(word)][:8]
    once = {word[:start] + meant + word[end:] for start, end, read in places for meant in _READ[read]}
    if len(once) > 8:
        return once
    twice = {
        each[: match.start()] + meant + each[match.end() :]
        for each in once
        for match in _CONFUSED.finditer(each)
        for meant in _READ[match[0]]
    }
    return set(sorted(once | twice)[:MOST_READINGS]) - {word}


class _Reader:
    """One sample read against the words of all."""

    def __init__(self, item: Item, counts: Counter[str]) -> None:
        self.item, self.counts = item, counts

    def suspects(self) -> Iterator[_Suspect]:
        for field, text in self.item.fields():
            found = [*self._words(field, text[:LONGEST]), *self._line_ends(field, text[:LONGEST])]
            yield from found[:MAX_IN_FIELD]

    def is_rare(self, word: str) -> bool:
        return self.counts[word] <= RARE

    def is_common(self, word: str, than: int = 0) -> bool:
        return self.counts[word] >= max(COMMON, TIMES * than)

    def _words(self, field: Field, text: str) -> Iterator[_Suspect]:
        tokens = list(_TOKEN.finditer(text))
        words = [token[0].casefold() for token in tokens]
        told = 0  # up to where the last one reaches
        for at, (token, word) in enumerate(zip(tokens, words, strict=True)):
            if token.start() < told or not self.is_rare(word):
                continue
            beside = (words[at - 1] if at else "", words[at + 1] if at + 1 < len(words) else "")
            one = self._misread(field, token, beside) or self._run_together(field, token, beside)
            one = one or self._cut(field, text, tokens, at)
            if one is not None:
                told = one.end
                yield one

    def _misread(self, field: Field, token: re.Match[str], beside: tuple[str, str]) -> _Suspect | None:
        word = token[0].casefold()
        if not MIN_LETTERS <= len(word) <= MAX_LETTERS or not re.search(r"[^\W\d]", word):
            return None
        folded = {_capital_i(token[0])} - {word}
        meant = tuple(sorted(one for one in readings_of(word) | folded if self.is_common(one, self.counts[word])))
        if not meant:
            return None
        is_plain = _has_figures(token[0]) or bool(folded & set(meant))
        pairs = () if is_plain else tuple(pair for one in meant for pair in ((beside[0], one), (one, beside[1])))
        return self._suspect(field, token.span(), "misread_word", meant, beside, pairs)

    def _run_together(self, field: Field, token: re.Match[str], beside: tuple[str, str]) -> _Suspect | None:
        word = token[0].casefold()
        if not 7 <= len(word) <= MAX_LETTERS or not word.isalpha():
            return None
        cuts = [(word[:at], word[at:]) for at in range(3, len(word) - 2)]
        pairs = tuple(pair for pair in cuts if all(self.is_common(one) for one in pair))
        readings = tuple(" ".join(pair) for pair in pairs)
        return self._suspect(field, token.span(), "words_run_together", readings, beside, pairs) if pairs else None

    def _cut(self, field: Field, text: str, tokens: list[re.Match[str]], at: int) -> _Suspect | None:
        """This rare piece with the piece after it, or before it, makes a common word."""
        for first in (at, at - 1):
            if first < 0 or first + 1 >= len(tokens):
                continue
            a, b = tokens[first], tokens[first + 1]
            joined = (a[0] + b[0]).casefold()
            if text[a.end() : b.start()] == " " and len(joined) >= 6 and joined.isalpha() and self.is_common(joined):
                return self._suspect(field, (a.start(), b.end()), "word_cut", (joined,), ("", ""), ())
        return None

    def _line_ends(self, field: Field, text: str) -> Iterator[_Suspect]:
        for match in _LINE_END.finditer(text) if "-" in text and "\n" in text else ():
            joined = (match["a"] + match["b"]).casefold()
            if self.is_common(joined):
                yield self._suspect(field, match.span(), "word_divided", (joined,), ("", ""), ())

    def _suspect(
        self,
        field: Field,
        span: tuple[int, int],
        kind: str,
        readings: tuple[str, ...],
        beside: tuple[str, str],
        needs: tuple[tuple[str, str], ...],
    ) -> _Suspect:
        return _Suspect(self.item, field, *span, kind, readings, beside, needs)


def _capital_i(written: str) -> str:
    """The word with a capital I inside it read as l: "heIp"."""
    return re.sub(r"(?<=[a-z])I(?=[a-z]|$)", "l", written).casefold()


def _has_figures(written: str) -> bool:
    return bool(re.search(r"[0-9|]", written))


def _numbers(item: Item) -> Iterator[FindingDraft]:
    for field, text in item.fields():
        for count, match in enumerate(_DOSE.finditer(text)):
            if count == MAX_IN_FIELD:
                break
            told = "Letters stand in a number, as after a scan. Compare it with the source."
            values = {"check": NAME, "kind": "misread_number", "severity": "medium", "message": told}
            yield on_span(
                item,
                field,
                match.start("number"),
                match.end("number"),
                suggestion=match["number"].translate(_FIGURES),
                **values,
            )


_TOLD = {
    "misread_word": "Almost no other sample has this word, and many have {}: a scan may have misread it.",
    "words_run_together": "Almost no other sample has this word, and many have {}: a blank seems to be lost.",
    "word_cut": "Many samples have {} as one word: a scan seems to have cut it.",
    "word_divided": "Many samples have {} as one word: it was divided at the end of a line.",
}


def _finding(one: _Suspect, counts: Counter[str]) -> FindingDraft:
    text = one.item.prompt if one.field == "prompt" else one.item.completion
    written = text[one.start : one.end]
    sure: Severity = "medium" if _has_figures(written) and len(one.readings) == 1 else "low"
    return on_span(
        one.item,
        one.field,
        one.start,
        one.end,
        check=NAME,
        kind=one.kind,
        severity=sure,
        message=_TOLD[one.kind].format(" or ".join(f"“{word}”" for word in one.readings[:3])),
        suggestion=_as_written(written, one.readings[0]) if len(one.readings) == 1 else None,
        score=float(max(counts[word] for word in one.readings)),
    )


def _as_written(written: str, word: str) -> str:
    """The reading in capitals where the word was."""
    letters = [letter for letter in written if letter.isalpha()]
    if len(letters) > 1 and all(letter.isupper() for letter in letters):
        return word.upper()
    return word[0].upper() + word[1:] if written[0].isupper() else word
