"""Figures in the completion that the prompt does not hold: an age, a dose or a duration made up or mistyped.

Figures written as words in the prompt count ("seventy-six" is 76, "twice" is 2). Sums and conversions do not:
a finding is a question to the reviewer, not a verdict. A dose or a duration is looked for with its unit: "10 mg" is
not said by a prompt whose only 10 is "10 days". A figure of the prompt without a unit may mean any.
"""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Iterator, Mapping

from reviewapp.curation.checks.finding import Corpus, FindingDraft, Item, Scope, on_span

NAME, TITLE = "unsupported_numbers", "Figures not in the prompt"
SCOPE: Scope = "text"
VERSION = 2
ELSEWHERE = "number_of_something_else"  # the kind of a figure that the prompt has of another thing

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
# What a dose or a duration is counted in, as words begin that mean it.
_MEASURES = {
    "mg": "mg milligram milligramm milligrams", "g": "g gram grams gramm", "ml": "ml milliliter millilitre",
    "µg": "mcg µg μg ug microgram micrograms mikrogramm", "day": "day days tag tage tagen",
    "week": "week weeks woche wochen wk wks", "month": "month months monat monate monaten mo mos",
    "year": "year years jahr jahre jahren yr yrs", "hour": "hour hours stunde stunden hr hrs",
    "minute": "minute minutes minuten min mins",
}  # fmt: skip
_MEASURE_OF = {word: measure for measure, words in _MEASURES.items() for word in words.split()}
_AFTER = re.compile(r"[ \t]?-?([a-zA-Zµμ]+)")
_OLD = re.compile(r"[ -]*(?:old|of age)\b")  # an age is a number of its own: the prompt may say "I'm 62"


def check(corpus: Corpus) -> list[FindingDraft]:
    return [finding for item in corpus.items if item.completion for finding in _look(item)]


def _look(item: Item) -> Iterator[FindingDraft]:
    known, measured = numbers_of(item.prompt), _measured(item.prompt)
    numbering = {match.start(1) for match in _NUMBERED.finditer(item.completion)}
    for match in _FIGURE.finditer(item.completion):
        if match.start() in numbering:
            continue
        value, measure = _value(match[0]), _measure_after(item.completion, match.end())
        others = measured.get(value, {})
        if value in known and (not measure or not others or measure in others or "" in others):
            continue
        other = next(iter(others.values())) if value in known else None
        said = f"“{match[0]}” is not in the prompt. Check it against what was said."
        if other is not None:
            said = f"The prompt says “{item.prompt[slice(*other)]}”, the completion counts something else. Check it."
        yield on_span(
            item,
            "completion",
            match.start(),
            match.end(),
            check=NAME,
            kind="number_not_in_prompt" if other is None else ELSEWHERE,
            severity="medium",
            message=said,
        )


def places(prompt: str, completion: str, start: int, end: int) -> list[tuple[int, int]]:
    """Where the prompt names the same number, or else others that are counted in the same unit."""
    value, measure = _value(completion[start:end]), _measure_after(completion, end)
    measured = _measured(prompt)
    if value in measured:
        return sorted(measured[value].values())
    alike = [spans[measure] for spans in measured.values() if measure and measure in spans]
    return sorted(alike)[:5]


def _measured(text: str) -> Mapping[float, dict[str, tuple[int, int]]]:
    """Of every number that stands in the text, the units that follow it with one place each; "" is no unit.

    Words count with what follows the whole of them ("twenty five days": 20, 5 and 25 days).
    """
    found: dict[float, dict[str, tuple[int, int]]] = defaultdict(dict)
    for match in _ANY_FIGURE.finditer(text):
        measure = _measure_after(text, match.end())
        end = _measure_end(text, match.end()) if measure else match.end()
        found[_value(match[0])].setdefault(measure, (match.start(), end))
    for match in _IN_WORDS.finditer(text):
        measure = _measure_after(text, match.end())
        end = _measure_end(text, match.end()) if measure else match.end()
        for value in numbers_of(match[0]):
            found[value].setdefault(measure, (match.start(), end))
    return found


def _measure_after(text: str, end: int) -> str:
    """The unit after a figure; "" where there is none, or where the figure is an age."""
    match = _AFTER.match(text, end)
    measure = _MEASURE_OF.get(match[1].lower(), "") if match else ""
    return "" if not match or (measure == "year" and _OLD.match(text, match.end())) else measure


def _measure_end(text: str, end: int) -> int:
    match = _AFTER.match(text, end)
    return match.end() if match else end


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


_NUMBER_WORDS = "|".join(sorted({*_UNITS, *_TENS, *_DECADES, *_OTHERS, "hundred", "thousand"}, key=len, reverse=True))
_IN_WORDS = re.compile(rf"(?i)\b(?:{_NUMBER_WORDS})\b(?:(?:[ -]|,? and )(?:{_NUMBER_WORDS})\b)*")
