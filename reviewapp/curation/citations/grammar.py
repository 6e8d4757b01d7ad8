"""Finds legal citations in a text and reads what each of them names.

US reports of cases, U.S.C., C.F.R. and the federal rules; neutral citations of courts in the Commonwealth, reports of a
year such as [1932] AC 562; ECLI. Every pattern is bounded, and none of them can run back on itself.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from functools import cache

from reviewapp.curation.citations.reporters import (
    BRACKETED,
    EITHER,
    GAP,
    PLAIN,
    REPORTERS,
    YEARLY,
    key_of,
    loose,
    pieces,
)


@dataclass(frozen=True, kw_only=True)
class Citation:
    """``text[start:end]``. ``parts`` are what it names, the same however it is written.

    ``is_damaged``: some of it was read through a scan's damage, such as l for 1, and has to be confirmed by a person.
    """

    start: int
    end: int
    kind: str  # us_case, usc, cfr, rule, neutral, yearly, ecli
    parts: tuple[str, ...]
    is_damaged: bool = False

    @property
    def identity(self) -> tuple[str, ...]:
        return (self.kind, *self.parts)


_LOOKS_LIKE = str.maketrans("lI|OoSZB", "11100528")
_N = "[0-9lI|OoSZB]"  # figures, and the letters that a scan puts in their place
_SP = r"\s{1,3}"
_SUBS = r"(?P<subs>(?:\([A-Za-z0-9]{1,5}\)){0,6})"
_BEFORE = r"(?<![\w.§-])"
_YEAR_AFTER = re.compile(r"[^()\n]{0,40}\([^()\n]{0,30}?[12][0-9]{3}\)")
_VERSUS = re.compile(r"\bv\.? [^\n]{0,100}$")
_FIGURE = re.compile(r"[0-9]")


def citations_of(text: str) -> list[Citation]:
    """All citations in order; where two overlap, the one that begins first, then the longer one, stands."""
    if not _FIGURE.search(text):
        return []
    return first_of(one for finder in _FINDERS for one in finder(text))


def first_of(citations: Iterable[Citation]) -> list[Citation]:
    found = sorted(citations, key=lambda one: (one.start, -one.end))
    kept: list[Citation] = []
    for one in found:
        if not kept or one.start >= kept[-1].end:
            kept.append(one)
    return kept


def figures(written: str) -> str | None:
    """The figures of a number in which a scan may have put letters; None where no figure is left to trust."""
    return written.translate(_LOOKS_LIKE) if _FIGURE.search(written) else None


# ---- US reports


@cache
def _us_pattern() -> re.Pattern[str]:
    longest = sorted(enumerate(REPORTERS), key=lambda row: -len(row[1]))
    names = "|".join(f"(?P<r{place}>{loose(name)})" for place, name in longest)
    return re.compile(rf"{_BEFORE}(?P<volume>{_N}{{1,4}}){_SP}(?:{names}){_SP}(?P<page>{_N}{{1,5}}|_{{2,4}})(?![\w|])")


def _us_cases(text: str) -> Iterator[Citation]:
    for match in _us_pattern().finditer(text):
        place = match.lastgroup if match.lastgroup != "page" else _reporter_group(match)
        name = REPORTERS[int(place[1:])] if place else ""
        written = match[place] if place else ""
        volume, page = figures(match["volume"]), match["page"]
        number = page if page.startswith("_") else figures(page)
        if volume is None or number is None or not name or not _is_plausible(text, match, written):
            continue
        number = "___" if number.startswith("_") else number
        is_damaged = volume != match["volume"] or (number != page and number != "___") or _is_misread(written, name)
        if volume.startswith("0") or number.startswith("0"):
            continue
        yield Citation(
            start=match.start(), end=match.end(), kind="us_case", parts=(volume, name, number), is_damaged=is_damaged
        )


def _reporter_group(match: re.Match[str]) -> str | None:
    return next((name for name, value in match.groupdict().items() if value is not None and name[0] == "r"), None)


def _is_misread(written: str, name: str) -> bool:
    return "," in written or key_of(written) != key_of(name)


def _is_plausible(text: str, match: re.Match[str], written: str) -> bool:
    """Whether it can be nothing else: "123 F.3d 456" cannot, "30 F. 45" needs a year or the parties beside it."""
    if re.search(r"[23]d|[23](?:nd|rd)|[45]th|Zd|cl$", written) or written.count(".") > 1:
        return True
    is_long = len(match["volume"]) + len(match["page"]) > 4
    if is_long and (key_of(written) == "US" or (len(pieces(written)) > 1 and len(key_of(written)) > 2)):
        return True
    return bool(
        _YEAR_AFTER.match(text, match.end()) or _VERSUS.search(text[max(0, match.start() - 120) : match.start()])
    )


# ---- codes and rules

_USC = re.compile(
    rf"{_BEFORE}(?P<title>{_N}{{1,2}}){_SP}U{GAP}[.,]?{GAP}[S5][.,]?{GAP}C[.,]?(?P<annotated>{GAP}A\.?)?"
    rf"{GAP}(?P<sign>§|[Ss]ec(?:tion|\.))?{GAP}(?<!\w)"
    rf"(?P<section>[lI|]?[0-9][0-9lI|Oo]{{0,5}}[a-z]{{0,2}}(?:-[0-9]{{1,3}}[a-z]?)?){_SUBS}(?![\w§])"
)
_CFR = re.compile(
    rf"{_BEFORE}(?P<title>{_N}{{1,2}}){_SP}C[.,]?{GAP}F[.,]?{GAP}R[.,]?{GAP}(?P<sign>§|[Pp]art|[Pp]t\.|[Ss]ec\.)?{GAP}(?<!\w)"
    rf"(?P<section>[lI|]?[0-9][0-9lI|Oo]{{0,4}}(?:\.[0-9]{{1,5}}[a-z]?(?:-[0-9]{{1,4}})?)?){_SUBS}(?![\w§])"
)
_RULE = re.compile(
    rf"(?<![\w.])Fed[.,]?{GAP}R[.,]?{GAP}(?P<kind>Civ|Crim|App|Bankr|Evid)[.,]?{GAP}(?:P[.,]?)?{GAP}(?<!\w)"
    rf"(?P<rule>[lI|]?[0-9][0-9lI|Oo]{{0,3}}(?:\.[0-9])?){_SUBS}(?!\w)"
)


def _code(pattern: re.Pattern[str], kind: str) -> Callable[[str], Iterator[Citation]]:
    def find(text: str) -> Iterator[Citation]:
        for match in pattern.finditer(text):
            title, section = figures(match["title"]), _section(match["section"])
            if title is None or title.startswith("0"):
                continue
            is_part = "part" if kind == "cfr" and (match["sign"] or "").lower().startswith("p") else ""
            annotated = "A" if kind == "usc" and match["annotated"] else ""
            code = match[0][len(match["title"]) : match.start("section") - match.start()]
            is_damaged = (title, section) != (match["title"], match["section"]) or "," in code or "5" in code
            yield Citation(
                start=match.start(),
                end=match.end(),
                kind=kind,
                parts=(title, is_part or annotated, section, match["subs"]),
                is_damaged=is_damaged,
            )

    return find


def _section(written: str) -> str:
    """Letters at the end of a section belong to it (42 U.S.C. § 1395x); before a figure they are a scan's figures."""
    return re.sub(r"[lI|Oo]+(?=\.?[0-9])", lambda match: match[0].translate(_LOOKS_LIKE), written)


def _rules(text: str) -> Iterator[Citation]:
    for match in _RULE.finditer(text):
        rule = _section(match["rule"])
        name = match[0][: match.start("rule") - match.start()]
        yield Citation(
            start=match.start(),
            end=match.end(),
            kind="rule",
            parts=(match["kind"], rule, match["subs"]),
            is_damaged=rule != match["rule"] or "," in name,
        )


# ---- neutral citations, reports of a year, ECLI


def _court(name: str) -> str:
    """With or without full stops and blanks: U.K.S.C., EWCA (Civ)."""
    head, _, tail = name.partition(" ")
    made = r"\.?".join(head) + r"\.?"
    return made + (rf"{GAP}\(?{tail}\.?\)?" if tail else "")


def _one_of(names: tuple[str, ...]) -> str:
    return "|".join(_court(name) for name in sorted(names, key=len, reverse=True))


_YEAR = rf"(?P<year>[12lI]{_N}{{3}})"
_NUMBER = rf"(?P<number>{_N}{{1,5}})(?![\w|])"
_DIVISION = (
    rf"(?:{GAP}\((?P<division>Admin|Ch|QB|KB|Fam|Comm|Pat|TCC|IPEC|SCCO|Costs|AAC|IAC|LC|TC|Civ|Crim|Pty|GRC|HESC)\))?"
)
_NEUTRAL = re.compile(
    rf"(?<![\w])(?P<open>[\[(])?{_YEAR}(?P<close>[\])])?{GAP}"
    rf"(?P<court>{_one_of((*BRACKETED, *PLAIN, *EITHER))}){_SP}{_NUMBER}{_DIVISION}"
)
_COURT_NAMES = {re.sub(r"[^A-Za-z]", "", name): name for name in (*BRACKETED, *PLAIN, *EITHER)}
_PAIRS = {("[", "]"): True, (None, None): False, ("(", ")"): None}


def _neutral(text: str) -> Iterator[Citation]:
    for match in _NEUTRAL.finditer(text):
        court = _COURT_NAMES[re.sub(r"[^A-Za-z]", "", match["court"])]
        year, number = figures(match["year"]), figures(match["number"])
        pair = (match["open"], match["close"])
        if pair not in _PAIRS or year is None or number is None or not "1800" < year < "2100":
            continue
        is_bracketed = _PAIRS[pair] if court in EITHER else court in BRACKETED
        if is_bracketed is None or number.startswith("0"):
            continue
        yield Citation(
            start=match.start(),
            end=match.end(),
            kind="neutral",
            parts=("[]" if is_bracketed else "", year, court, number, match["division"] or ""),
            is_damaged=(year, number) != (match["year"], match["number"]),
        )


_YEARLY_NAMES = {re.sub(r"[^A-Za-z]", "", plain): full for full, plain in YEARLY.items()}
_YEARLY = re.compile(
    rf"\[{_YEAR}\]{_SP}(?:(?P<volume>[1-9]){_SP})?"
    rf"(?P<name>{'|'.join(loose(name) for name in sorted(YEARLY, key=len, reverse=True))}){_SP}{_NUMBER}"
)


def _yearly(text: str) -> Iterator[Citation]:
    for match in _YEARLY.finditer(text):
        name = _YEARLY_NAMES.get(re.sub(r"[^A-Za-z]", "", match["name"].replace("5", "S")))
        year, number = figures(match["year"]), figures(match["number"])
        if name is None or year is None or number is None or number.startswith("0"):
            continue
        is_damaged = (year, number) != (match["year"], match["number"]) or _is_misread(match["name"], name)
        parts = (year, match["volume"] or "", name, number)
        yield Citation(start=match.start(), end=match.end(), kind="yearly", parts=parts, is_damaged=is_damaged)


_ECLI = re.compile(
    r"(?<!\w)(?P<mark>[Ee][Cc][Ll1I][IiLl1])\s?:\s?(?P<land>[A-Za-z]{2})\s?:\s?(?P<court>[A-Za-z0-9]{1,7})\s?:\s?"
    rf"(?P<year>{_N}{{4}})\s?:\s?(?P<number>[A-Za-z0-9](?:[A-Za-z0-9.]{{0,24}}[A-Za-z0-9])?)(?!\w)"
)


def _ecli(text: str) -> Iterator[Citation]:
    for match in _ECLI.finditer(text):
        year = figures(match["year"])
        if year is None or not "1800" < year < "2100":
            continue
        is_damaged = match["mark"].upper() != "ECLI" or year != match["year"]
        parts = (match["land"].upper(), match["court"].upper(), year, match["number"].upper())
        yield Citation(start=match.start(), end=match.end(), kind="ecli", parts=parts, is_damaged=is_damaged)


_FINDERS: tuple[Callable[[str], Iterator[Citation]], ...] = (
    _us_cases, _code(_USC, "usc"), _code(_CFR, "cfr"), _rules, _neutral, _yearly, _ecli,
)  # fmt: skip
