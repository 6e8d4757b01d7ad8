"""What may identify a person: numbers with their check digits or cue words, addresses, phone numbers, dates.

Names and places need a trained tagger and are not looked for here. Years alone identify nobody (HIPAA's safe
harbour keeps them), so only dates with a day are noticed.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass

from reviewapp.curation.checks.finding import Corpus, Field, FindingDraft, Item, Scope, Severity, on_span

NAME, TITLE = "identifiers", "Identifiers of people"
SCOPE: Scope = "text"
VERSION = 1

_MONTH = (
    "January|February|March|April|May|June|July|August|September|October|November|December"
    "|Jan|Feb|Mar|Apr|Jun|Jul|Aug|Sept|Sep|Oct|Nov|Dec"
)
_DAY = "(?:0?[1-9]|[12][0-9]|3[01])"
_YEAR = "(?:19|20)[0-9]{2}"
_LEFT, _RIGHT = r"(?<![\w./-])", r"(?![\w/]|[.-][0-9])"


def _luhn(digits: str) -> bool:
    """The check digit of card numbers (ISO/IEC 7812-1)."""
    doubled = [int(d) * (1 + place % 2) for place, d in enumerate(reversed(digits))]
    return sum(value - 9 if value > 9 else value for value in doubled) % 10 == 0


def _nhs(digits: str) -> bool:
    """The check digit of NHS numbers: modulus 11 over weights 10 to 2."""
    remainder = 11 - sum(int(d) * weight for d, weight in zip(digits, range(10, 1, -1), strict=False)) % 11
    return len(digits) == 10 and remainder % 11 == int(digits[9])


def _phone(digits: str) -> bool:
    return 7 <= len(digits) <= 15 and len(set(digits)) > 1


def _month_and_day(text: str) -> bool:
    first, second, _ = (int(part) for part in re.split(r"[/.-]", text))
    return first <= 12 or second <= 12


def _any(_: str) -> bool:
    return True


@dataclass(frozen=True)
class _Pattern:
    """The span is the group "id" where there is one; ``test`` gets the span, digits alone if ``is_digits``."""

    kind: str
    words: str
    severity: Severity
    pattern: re.Pattern[str]
    test: Callable[[str], bool] = _any
    is_digits: bool = False


def _p(text: str, flags: int = 0) -> re.Pattern[str]:
    return re.compile(text, flags)


_I = re.IGNORECASE
# In order of precedence: a span belongs to the first pattern that claims it.
_PATTERNS: tuple[_Pattern, ...] = (
    _Pattern("email", "E-mail address", "high", _p(r"(?<![\w.+-])[\w.+-]+@[\w-]+(?:\.[\w-]+)*\.[A-Za-z]{2,}")),
    _Pattern(
        *("ssn", "Social security number", "high"),
        _p(_LEFT + r"(?!000|666|9)[0-9]{3}([- ])(?!00)[0-9]{2}\1(?!0000)[0-9]{4}" + _RIGHT),
    ),
    _Pattern(
        *("ssn", "Social security number", "high"),
        _p(r"\b(?:SSN|social security(?: number| no)?)\W{0,4}(?:is\W)?(?P<id>(?!000|666|9)[0-9]{9})\b", _I),
    ),
    _Pattern(
        *("nhs_number", "NHS number", "high"),
        _p(r"\bNHS\W{0,3}(?:number|no)?\W{0,4}(?:is\W)?(?P<id>[0-9]{3}[ -]?[0-9]{3}[ -]?[0-9]{4})" + _RIGHT, _I),
        *(_nhs, True),
    ),
    _Pattern(
        *("mrn", "Medical record number", "high"),
        _p(
            r"\b(?:MRN|(?:medical|hospital|patient|clinic|case)?[ -]?record (?:number|no|#)|(?:hospital|patient|chart|"
            r"unit) (?:number|no|id|#))(?:\W{0,4}|\W{1,2}is\W{1,2}|\W{1,2}was\W{1,2})"
            r"(?P<id>[A-Za-z]{0,3}-?[0-9][0-9-]{3,11}[0-9])" + _RIGHT,
            _I,
        ),
    ),
    _Pattern(
        *("card_number", "Card number", "high"),
        _p(_LEFT + r"[3-6][0-9]{3}(?:[ -]?[0-9]{4}){2}[ -]?[0-9]{1,7}" + _RIGHT),
        *(_luhn, True),
    ),
    _Pattern("date", "Date", "medium", _p(_LEFT + rf"{_YEAR}-(?:0[1-9]|1[0-2])-(?:0[1-9]|[12][0-9]|3[01])" + _RIGHT)),
    _Pattern(
        *("date", "Date", "medium"),
        _p(_LEFT + rf"{_DAY}(?:/{_DAY}/(?:{_YEAR}|[0-9]{{2}})|\.{_DAY}\.{_YEAR}|-{_DAY}-{_YEAR})" + _RIGHT),
        _month_and_day,
    ),
    _Pattern(
        *("date", "Date", "medium"),
        _p(_LEFT + rf"{_DAY}(?:st|nd|rd|th)?(?: of)? (?:{_MONTH})\b\.?(?:,? {_YEAR})?" + _RIGHT),
    ),
    # "May 10 mg" is no date: a day after the month needs its ending or a year.
    _Pattern(
        *("date", "Date", "medium"),
        _p(rf"\b(?:{_MONTH})\.? {_DAY}(?:(?:st|nd|rd|th)(?:,? {_YEAR})?|,? {_YEAR})" + _RIGHT),
    ),
    _Pattern(
        *("phone", "Telephone number", "high"),
        _p(_LEFT + r"\+[0-9]{1,3}(?:[ .-]?\(?[0-9]{1,5}\)?){2,5}"),
        *(_phone, True),
    ),
    _Pattern(
        *("phone", "Telephone number", "high"),
        _p(r"(?<![\w/-])(?:1[ .-])?(?:\([2-9][0-9]{2}\) ?|[2-9][0-9]{2}[ .-])[2-9][0-9]{2}[ .-][0-9]{4}" + _RIGHT),
        *(_phone, True),
    ),
    _Pattern(
        *("phone", "Telephone number", "high"),
        _p(_LEFT + r"0(?:7[0-9]{3} ?[0-9]{3} ?[0-9]{3}|[0-9]{2,4}[ -][0-9]{3,4}[ -]?[0-9]{3,4})" + _RIGHT),
        *(_phone, True),
    ),
    _Pattern(
        *("phone", "Telephone number", "high"),
        _p(
            r"\b(?:phone|telephone|tel|fax|cell|mobile|number|call|ring|reach|text|contact)\b[^\n0-9]{0,30}?"
            r"(?P<id>[2-9][0-9]{2}[ .-][0-9]{4})" + _RIGHT,
            _I,
        ),
        *(_phone, True),
    ),
)  # fmt: skip
# The cue and the date after it, with no other figure between.
_BIRTH = re.compile(r"\b(?:born|birth|birthday|dob|d\.o\.b)\b[^0-9]{0,60}\Z", re.IGNORECASE)
_BIRTH_WINDOW = 80


def check(corpus: Corpus) -> list[FindingDraft]:
    """A finding for each identifier, with a mask such as [PHONE] as its suggestion."""
    return [finding for item in corpus.items for field, text in item.fields() for finding in _look(item, field, text)]


def _look(item: Item, field: Field, text: str) -> Iterator[FindingDraft]:
    taken: list[tuple[int, int]] = []
    for pattern in _PATTERNS:
        for start, end in _spans(pattern, text):
            if any(start < other_end and other_start < end for other_start, other_end in taken):
                continue
            taken.append((start, end))
            yield _finding(item, field, text, start, end, pattern)


def _spans(pattern: _Pattern, text: str) -> Iterator[tuple[int, int]]:
    group: int | str = "id" if "id" in pattern.pattern.groupindex else 0
    for match in pattern.pattern.finditer(text):
        span = match[group]
        if pattern.test(re.sub(r"[^0-9]", "", span) if pattern.is_digits else span):
            yield match.span(group)


def _finding(item: Item, field: Field, text: str, start: int, end: int, pattern: _Pattern) -> FindingDraft:
    severity, words = pattern.severity, pattern.words
    if pattern.kind == "date" and _BIRTH.search(text[max(0, start - _BIRTH_WINDOW) : start]):
        severity, words = "high", "Date of birth"
    return on_span(
        item,
        field,
        start,
        end,
        check=NAME,
        kind=pattern.kind,
        severity=severity,
        message=f"{words}. Mask it unless it is made up.",
        suggestion=f"[{pattern.kind.upper().replace('_', ' ')}]",
    )
