"""Dates moved by a number of days, in the form in which they were written."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable
from datetime import date, timedelta

_EN = [
    "January",
    "February",
    "March",
    "April",
    "May",
    "June",
    "July",
    "August",
    "September",
    "October",
    "November",
    "December",
]
_EN_SHORT = ["Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"]
_ES = [
    "enero",
    "febrero",
    "marzo",
    "abril",
    "mayo",
    "junio",
    "julio",
    "agosto",
    "septiembre",
    "octubre",
    "noviembre",
    "diciembre",
]
_DE = [
    "Januar",
    "Februar",
    "März",
    "April",
    "Mai",
    "Juni",
    "Juli",
    "August",
    "September",
    "Oktober",
    "November",
    "Dezember",
]
_NUMBERS: dict[str, int] = {
    **{name.lower(): n % 12 + 1 for names in (_EN, _EN_SHORT, _ES, _DE) for n, name in enumerate(names)},
    "sept": 9, "setiembre": 9, "jänner": 1,
}  # fmt: skip
_PARTS = re.compile(r"[0-9]+|[^\W\d_]+")
_WITHOUT_YEAR = 2023  # no leap year: 29 February without a year is left to be masked


def date_shifted(text: str, days: int, *, is_day_first: bool = False) -> str | None:
    """``text`` moved by ``days``, in its own form; None where no day and month can be read, or the year is odd.

    "3/4/2021" is 3 April with ``is_day_first``, else March 4; where only one reading is a date, that one is taken.
    """
    parts = [(m.start(), m.end(), m[0]) for m in _PARTS.finditer(text)]
    is_dotted = re.match(r"[0-9]{1,2}\.", text) is not None  # 3.4.2021 is written where the day comes first
    roles = _roles([part for _, _, part in parts], is_day_first or is_dotted)
    if roles is None:
        return None
    try:
        was = date(*_values(parts, roles))
        now = was + timedelta(days=days)
    except (ValueError, OverflowError):
        return None
    return _written(text, parts, roles, now)


def is_day_first(texts: Iterable[str]) -> bool | None:
    """What the dates of one text tell by themselves: a first figure over 12 is a day. None where they do not say."""
    votes = 0
    for text in texts:
        numbers = [int(part) for part in re.findall(r"[0-9]+", text)[:2]]
        if re.match(r"[0-9]{1,2}[/-][0-9]{1,2}[/-]", text) and len(numbers) == 2:
            votes += (numbers[0] > 12) - (numbers[1] > 12)
    return None if votes == 0 else votes > 0


def _roles(words: list[str], day_first: bool) -> list[str] | None:
    """Of every word: "d", "m", "M" (named), "y", or "" for what is no part of the date."""
    named = [n for n, word in enumerate(words) if word.lower() in _NUMBERS]
    figures = [n for n, word in enumerate(words) if word.isdecimal()]
    roles = [""] * len(words)
    if named:
        roles[named[0]] = "M"
        days = [n for n in figures if len(words[n]) <= 2 and 1 <= int(words[n]) <= 31]
        if not days:
            return None
        roles[days[0]] = "d"
        for n in figures:
            if n != days[0] and len(words[n]) in (2, 4):
                roles[n] = "y"
        return roles
    if len(figures) < 3:
        return None
    if len(words[figures[0]]) == 4:
        order = "ymd"
    else:
        first, second = int(words[figures[0]]), int(words[figures[1]])
        order = "dmy" if first > 12 or (day_first and second <= 12) else "mdy"
    for n, role in zip(figures, order, strict=False):
        roles[n] = role
    return roles


def _values(parts: list[tuple[int, int, str]], roles: list[str]) -> tuple[int, int, int]:
    found = {role: word for (_, _, word), role in zip(parts, roles, strict=True) if role}
    month = _NUMBERS[found["M"].lower()] if "M" in found else int(found["m"])
    year = int(found.get("y", _WITHOUT_YEAR))
    if len(found.get("y", "")) == 2:
        year += 2000 if year < 30 else 1900
    return year, month, int(found["d"])


def _written(text: str, parts: list[tuple[int, int, str]], roles: list[str], now: date) -> str:
    made, last = "", 0
    figures = [word for (_, _, word), role in zip(parts, roles, strict=True) if role in ("d", "m")]
    is_padded = all(len(word) == 2 for word in figures) if len(figures) == 2 else figures[0][0] == "0"
    for n, ((start, end, word), role) in enumerate(zip(parts, roles, strict=True)):
        made += text[last:start] + _PART[role](word, now, is_padded)
        is_ending = role == "" and n > 0 and roles[n - 1] == "d" and word.lower() in ("st", "nd", "rd", "th")
        if is_ending:
            made = made[: -len(word)] + _ending(now.day)
        last = end
    return made + text[last:]


def _figure(value: int, word: str, is_padded: bool) -> str:
    return f"{value:02d}" if is_padded and len(word) == 2 else str(value)


def _month(word: str, now: date, _: bool) -> str:
    small = word.lower()
    for names in (_EN, _ES, _DE):
        if small in (name.lower() for name in names):
            return _cased(names[now.month - 1], word)
    return _cased(_EN_SHORT[now.month - 1], word)


def _cased(word: str, like: str) -> str:
    return word.upper() if like.isupper() else word.lower() if like.islower() else word


_PART: dict[str, Callable[[str, date, bool], str]] = {
    "": lambda word, now, is_padded: word,
    "d": lambda word, now, is_padded: _figure(now.day, word, is_padded),
    "m": lambda word, now, is_padded: _figure(now.month, word, is_padded),
    "M": _month,
    "y": lambda word, now, is_padded: str(now.year)[-len(word) :],
}


def _ending(day: int) -> str:
    return "th" if 10 <= day % 100 <= 20 else {1: "st", 2: "nd", 3: "rd"}.get(day % 10, "th")
