"""Figures in the completion that the prompt does not hold: an age, a dose or a duration made up or mistyped.

Figures written as words in the prompt count ("seventy-six" is 76, "twice" is 2). Sums and conversions do not:
a finding is a question to the reviewer, not a verdict.
"""

from __future__ import annotations

import re
from collections.abc import Iterator

from reviewapp.curation.checks.finding import Corpus, FindingDraft, Item, Scope, on_span

NAME, TITLE = "unsupported_numbers", "Figures not in the prompt"
SCOPE: Scope = "text"
VERSION = 1

# Dates, fractions, pressures and spine levels ("07/29", "1/2", "120/80", "L5-S1") are read in too many ways to judge.
_FIGURE = re.compile(r"(?<![\w.,/#])(?<![0-9]-)[0-9]+(?:,[0-9]{3})*(?:\.[0-9]+)?(?![0-9/#]|-[0-9]|\.[0-9])")
_ANY_FIGURE = re.compile(r"[0-9]+(?:,[0-9]{3})*(?:\.[0-9]+)?")
_NUMBERED = re.compile(r"(?:^|(?<=[.;:!?]))[ \t]*([0-9]{1,2})[.)](?=\s|[A-Z])", re.MULTILINE)
_WORD = re.compile(r"[a-z]+")

_UNIT_WORDS = """
zero one two three four five six seven eight nine ten
eleven twelve thirteen fourteen fifteen sixteen seventeen eighteen nineteen
"""
_UNITS = {word: value for value, word in enumerate(_WORD.findall(_UNIT_WORDS))}
_TEN_WORDS = "twenty thirty forty fifty sixty seventy eighty ninety"
_TENS = {word: 10 * value for value, word in enumerate(_WORD.findall(_TEN_WORDS), start=2)}
_DECADES = {word[:-1] + "ies": value for word, value in _TENS.items()}
_OTHERS = {
    **{"a": 1, "an": 1, "once": 1, "single": 1, "first": 1, "twice": 2, "couple": 2, "both": 2, "pair": 2, "second": 2},
    **{"third": 3, "thrice": 3, "fourth": 4, "fifth": 5, "sixth": 6, "dozen": 12, "fortnight": 14},
}


def check(corpus: Corpus) -> list[FindingDraft]:
    return [finding for item in corpus.items if item.completion for finding in _look(item)]


def _look(item: Item) -> Iterator[FindingDraft]:
    known = numbers_of(item.prompt)
    numbering = {match.start(1) for match in _NUMBERED.finditer(item.completion)}
    for match in _FIGURE.finditer(item.completion):
        if match.start() in numbering or _value(match[0]) in known:
            continue
        yield on_span(
            item,
            "completion",
            match.start(),
            match.end(),
            check=NAME,
            kind="number_not_in_prompt",
            severity="medium",
            message=f"“{match[0]}” is not in the prompt. Check it against what was said.",
        )


def numbers_of(text: str) -> set[float]:
    """Every number a text names, in figures or in words; compounds and their parts alike."""
    found = {_value(match[0]) for match in _ANY_FIGURE.finditer(text)}
    total = 0
    for word in _WORD.findall(text.casefold()):
        if word in _UNITS or word in _OTHERS:
            value = _UNITS.get(word, _OTHERS.get(word, 0))
            # "seventy six" is 76 and may also be meant as 70 and 6
            found |= {float(value), float(total + value), float(100 * total + value)}
            total = total + value if total % 10 == 0 and word in _UNITS else value
        elif word in _TENS or word in _DECADES:
            value = _TENS.get(word, _DECADES.get(word, 0))
            # "nineteen sixty" is the year 1960
            found |= {float(value), float(total + value), float(100 * total + value)}
            total = total + value if total % 100 == 0 else 100 * total + value if 10 < total < 100 else value
        elif word in ("hundred", "thousand"):
            total = max(1, total) * (100 if word == "hundred" else 1000)
            found.add(float(total))
        elif word != "and":
            total = 0
    return found


def _value(figure: str) -> float:
    return float(figure.replace(",", ""))
