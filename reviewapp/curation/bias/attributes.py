"""Whom a text is about: gender, age band and ethnicity, each with the words that say so, or an honest "unknown".

What the metadata declares wins over what is detected. Gender comes from statements ("54-year-old woman", "Sex: F"),
titles, the person's own words and pronouns; never from a condition, which would make every association circular, nor
from a first name. Pronouns of relatives ("her husband says he fell", family history) and of third parties in a
conversation do not count. Conflicting evidence is unknown.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from reviewapp.curation.bias import lexicon
from reviewapp.curation.bias.lexicon import words as _words

FEMALE, MALE, ANOTHER, UNKNOWN = "female", "male", "another", ""
GENDERS = (FEMALE, MALE)
BANDS = ("0 to 17", "18 to 39", "40 to 64", "65 and over")
_BAND_ENDS = (17, 39, 64, 130)
ATTRIBUTES = ("gender", "age", "ethnicity", "language", "site", "department")
_KEYS = {
    "gender": ("gender", "sex", "patient_gender", "patient_sex"),
    "age": ("age", "patient_age", "age_years", "age_band"),
    "ethnicity": ("ethnicity", "race", "ethnic_group"),
    "language": ("language", "lang"),
    "site": ("site", "clinic", "hospital", "centre", "center", "location", "court"),
    "department": ("department", "specialty", "speciality", "ward", "service", "practice_area"),
}
_SAID = {
    FEMALE: _words("f female woman girl w weiblich frau mujer femenino féminin femme"),
    MALE: _words("m male man boy männlich mann hombre masculino masculin homme"),
}
_NOTHING = _words("unknown none na n/a null not_stated missing unspecified - ?")
MOST_VALUES = 40  # characters of a declared value

Span = tuple[str, int, int]  # field, start, end


@dataclass(frozen=True)
class Attribute:
    """A value ("" unknown), how it is known, and the words that say so."""

    value: str = UNKNOWN
    how: str = "unknown"  # declared, detected, unknown
    spans: tuple[Span, ...] = ()


_UNKNOWN = Attribute()


def attributes_of(prompt: str, completion: str, metadata: Mapping[str, Any], language: str) -> dict[str, Attribute]:
    """Every attribute of ATTRIBUTES for one sample."""
    declared = {str(key).lower(): value for key, value in metadata.items()}
    if language:
        declared["language"] = language
    found = {name: _declared(name, declared) for name in ATTRIBUTES}
    fields = (("completion", completion), ("prompt", prompt))
    for name, detect in (("gender", gender_of), ("age", age_of), ("ethnicity", ethnicity_of)):
        if found[name].how == "unknown":
            found[name] = detect(fields)
    return found


def _declared(name: str, metadata: Mapping[str, Any]) -> Attribute:
    given = next((metadata[key] for key in _KEYS[name] if metadata.get(key) not in (None, "")), None)
    if given is None or isinstance(given, list | dict):
        return _UNKNOWN
    said = " ".join(str(given).split())[:MOST_VALUES]
    if said.lower() in _NOTHING:
        return _UNKNOWN
    if name == "gender":
        return Attribute(next((value for value, words in _SAID.items() if said.lower() in words), ANOTHER), "declared")
    if name == "age":
        return Attribute(said if said in BANDS else band_of(said), "declared")
    return Attribute(said, "declared")


def band_of(age: object) -> str:
    """The band of an age in years; "" for what is no age."""
    try:
        years = float(str(age))
    except ValueError:
        return UNKNOWN
    return next((band for band, end in zip(BANDS, _BAND_ENDS, strict=True) if 0 <= years < end + 1), UNKNOWN)


# ---- who is spoken of at a place of a text

_ALL_KIN = lexicon.MALE_KIN | lexicon.FEMALE_KIN | lexicon.NEUTRAL_KIN
_WORD = re.compile(r"[^\W\d_]+(?:['’][^\W\d_]+)?")
_OTHER = re.compile(
    r"(?:\b(?:her|his|my|their|your|the|a|an)\s+(?:[\w-]+\s+){0,2}?|['’]s\s+(?:[\w-]+\s+){0,2}?|(?<=[:;,.]\s)|(?<=\band\s))"
    rf"(?P<who>{'|'.join(sorted(_ALL_KIN | lexicon.OTHERS))})\b",
    re.I,
)
_BREAK = re.compile(r"(?<!\bMr)(?<!\bMs)(?<!\bDr)(?<!\bMrs)[.!?](?=\s|\Z)|\n")
_FAMILY_LINE = re.compile(r"(?im)^[^\S\n]*(?:family history|family hx|fh|fhx)\b[^.\n]*|\bfamily history\b[^.\n]*")
_TURN = re.compile(r"(?m)^[^\S\n]*(?P<who>[A-Z][\w ]{0,20}):[^\S\n]*(?P<said>[^\n]*)")
_RELATIVES_SPEAK = re.compile(r"(?i)guest|family|mother|father|mom|mum|dad|parent|wife|husband|daughter|son|carer")
_NOT_BEFORE = re.compile(r"(?i)(?:\b(?:by|with|from|under|to|and|see|seen|saw|dr|doctor|surgeon|consultant|nurse|"
                         r"husband|wife|son|daughter|mother|father|brother|sister|colleague|gp)[,:]?\s+)\Z")  # fmt: skip  # noqa: E501


def _breaks(text: str) -> list[int]:
    return [match.end() for match in _BREAK.finditer(text)]


def _sentence_before(text: str, start: int, reach: int = 200) -> str:
    """From the begin of the sentence to ``start``."""
    before = text[max(0, start - reach) : start]
    cuts = _breaks(before)
    return before[cuts[-1] :] if cuts else before


def _is_of_another(text: str, start: int) -> bool:
    """Whether a statement at ``start`` has a relative or a professional right before it as its subject."""
    before = _sentence_before(text, start)
    words = [word.lower() for word in _WORD.findall(before)][-6:]
    near = [place for place, word in enumerate(words) if word in _ALL_KIN or word in lexicon.OTHERS]
    if not near or "of" in words[near[-1] + 1 : near[-1] + 2]:
        return False
    return not {"patient", "who", "brings", "brought"} & set(words[near[-1] :])


# ---- gender

_PERSON = r"(?P<f>woman|female|lady|girl|grandmother|housewife|mujer|patientin)|(?P<m>man|male|gentleman|boy|grandfather|hombre|varón|patient(?=\s+männlich))"  # noqa: E501
_AGED = r"\d{1,3}[\s-]*(?:years?|yrs?|months?|weeks?|days?|y)[\s-]*(?:of[\s-]age|old|o\b|/o\b)?"
_STATEMENTS = (
    re.compile(rf"(?i)\b(?:{_AGED}|elderly|young|middle-aged|pleasant|this|patient is an?|adult)[\s,]+(?:[a-z-]+[\s,]+){{0,4}}?(?:{_PERSON})\b"),  # noqa: E501
    re.compile(r"(?i)\b(?:\d{1,3})[\s-]*(?:y/?o|yo|y\.o\.|year[- ]old|yrs?)?[\s,/]*(?P<f>f)\b(?!\w)(?![°'’])|\b(?:\d{1,3})[\s-]*(?:y/?o|yo|y\.o\.|year[- ]old)[\s,/]*(?P<m>m)\b"),  # noqa: E501
    re.compile(r"(?i)\b(?:sex|gender|sexo|geschlecht)\s*[:=]\s*(?:(?P<f>f(?:emale)?|woman|w(?:eiblich)?|mujer|femenino)|(?P<m>m(?:ale)?|man|männlich|hombre|varón|masculino))\b"),  # noqa: E501
    re.compile(r"(?i)\b(?:i am|i'm|i’m|as)\s+(?:an?\s+)?(?:[\w-]+\s+){0,3}?(?:(?P<f>woman|female|girl|lady|mother of|mom of|mum of|widow|housewife)|(?P<m>man|male|boy|guy|father of|dad of|widower))\b"),  # noqa: E501
    re.compile(r"(?i)\b(?P<f>mujer|niña|paciente femenina)\s+de\s+\d{1,3}|\b(?P<m>hombre|varón|niño|paciente masculino)\s+de\s+\d{1,3}"),  # noqa: E501
    re.compile(r"(?i)\b\d{1,3}[\s-]*jährige\s+(?P<f>patientin|frau)|\b\d{1,3}[\s-]*jähriger\s+(?P<m>patient|mann)"),
    re.compile(r"(?i)\b(?:the patient|patient|client|claimant)\s+(?:is|was)\s+an?\s+(?:[\w-]+\s+){0,5}?(?:(?P<f>woman|female|lady|girl|mother of|widow)|(?P<m>man|male|gentleman|boy|father of|widower))\b"),  # noqa: E501
)  # fmt: skip
_TITLE = re.compile(r"\b(?:(?P<f>Mrs|Ms|Miss|Frau|Sra|Señora)|(?P<m>Mr|Mister|Herr|Sr|Señor))\.?\s+(?=[A-ZÀ-Ž])")
_OUTRIGHT = re.compile(
    r"(?i)\b(?:non-?binary|genderqueer|gender[- ]?fluid|agender)\s+(?:person|patient|individual|adult)?"
)  # noqa: E501
_PRONOUN = re.compile(
    r"(?i)(?<![\w/])(?:(?P<f>she|her|hers|herself)|(?P<m>he|him|his|himself))(?![\w/])(?!\s+(?:or|and)\s+(?:he|she|her|his|him)\b)"  # noqa: E501
)  # noqa: E501
_EITHER = re.compile(r"(?i)\b(?:he|his|him|she|her)\s*(?:/|\bor\b)\s*(?:she|hers?|he|him|his)\b|\bs/he\b|\(s\)he")
_STATED, _TITLED, _SAID_ONCE = 10, 4, 1


def gender_of(fields: Iterable[tuple[str, str]]) -> Attribute:
    """Evidence is weighed: a statement 10, a title 4, a pronoun 1. Less than twice the other side's weight: unknown."""
    weights, spans = {FEMALE: 0, MALE: 0}, {FEMALE: list[Span](), MALE: list[Span]()}
    for field, text in fields:
        outright = _OUTRIGHT.search(text)
        if outright and not _is_of_another(text, outright.start()):
            return Attribute(ANOTHER, "detected", ((field, outright.start(), outright.end()),))
        for value, weight, start, end in _gender_evidence(text):
            weights[value] += weight
            spans[value].append((field, start, end))
    first, second = sorted(GENDERS, key=lambda value: -weights[value])
    if weights[first] < max(1, 2 * weights[second]):
        return _UNKNOWN
    return Attribute(first, "detected", tuple(spans[first][:5]))


Evidence = tuple[str, int, int, int]  # value, weight, start, end


def _gender_evidence(text: str) -> Iterable[Evidence]:
    for pattern in _STATEMENTS:
        for match in pattern.finditer(text):
            if not (_is_of_another(text, match.start()) or _has_kin(match[0]) or _is_heat(text, match.start())):
                yield _side(match), _STATED, match.start(), match.end()
    for match in _TITLE.finditer(text):
        before = text[max(0, match.start() - 25) : match.start()]
        if not _NOT_BEFORE.search(before):
            yield _side(match), _TITLED, match.start(), match.end()
    yield from _pronouns(text)


def _is_heat(text: str, start: int) -> bool:
    """ "Temp 98F": no person's age and sex."""
    return bool(re.search(r"(?i)\b(?:temp\w*|fever|t)\b\W*(?:of|is|was|to|at)?\W*\Z", text[max(0, start - 20) : start]))


def _has_kin(words: str) -> bool:
    return any(word.lower() in _ALL_KIN for word in _WORD.findall(words)[:-1])


def _side(match: re.Match[str]) -> str:
    return FEMALE if match["f"] else MALE


def _pronouns(text: str) -> Iterable[Evidence]:
    """Pronouns that can only be the person's own."""
    skipped = [(m.start(), m.end()) for m in (*_FAMILY_LINE.finditer(text), *_EITHER.finditer(text))]
    skipped += _third_parties(text)
    others = [(m.end(), _kin_gender(m["who"].lower())) for m in _OTHER.finditer(text)]
    breaks = _breaks(text)
    for match in _PRONOUN.finditer(text):
        value = _side(match)
        if any(start <= match.start() < end for start, end in skipped):
            continue
        if not _is_taken(match.start(), value, others, breaks, text):
            yield value, _SAID_ONCE, match.start(), match.end()


_STAFF = "staff"


def _kin_gender(word: str) -> str:
    if word in lexicon.OTHERS:
        return _STAFF
    return MALE if word in lexicon.MALE_KIN else FEMALE if word in lexicon.FEMALE_KIN else ANOTHER


def _is_taken(start: int, value: str, others: list[tuple[int, str]], breaks: list[int], text: str) -> bool:
    """A relative of that gender was named before in this sentence, or began the one before."""
    for end, gender in others:
        if end > start or gender not in (value, ANOTHER, _STAFF):
            continue
        if gender == _STAFF and text[start : start + 3].lower().strip() not in ("he", "she"):
            continue  # "the nurse told him": the person
        between = sum(1 for place in breaks if end <= place <= start)
        if between == 0 and text[end : end + 3] != " of":
            return True
        if between == 1 and gender == value and _begins(text, end):
            return True
    return False


def _begins(text: str, end: int) -> bool:
    """Whether the relative named before ``end`` is what its sentence is about: it stands among the first words."""
    return len(_WORD.findall(_sentence_before(text, end))) <= 4


def _third_parties(text: str) -> list[tuple[int, int]]:
    """Turns of a conversation between two: whoever is "he" or "she" there is somebody else.

    Where a relative speaks for the person, the pronouns are the person's.
    """
    turns = list(_TURN.finditer(text))
    speakers = {turn["who"].strip().lower() for turn in turns}
    if len(turns) < 2 or len(speakers) < 2 or any(_RELATIVES_SPEAK.search(speaker) for speaker in speakers):
        return []
    if not speakers & {"patient", "client", "pt", "p"}:
        return []
    return [(turn.start("said"), turn.end("said")) for turn in turns]


# ---- age

_YEARS = r"(?P<years>\d{1,3})"
_AGES = (
    re.compile(rf"(?i)(?<![\d.,/-]){_YEARS}[\s-]*(?:years?|yrs?|yr|y)[\s-]*(?:of[\s-]age|old|o\b|/o\b)"),
    re.compile(rf"(?i)(?<![\d.,/-]){_YEARS}\s*(?:yo|y\.o\.|y/o)\b"),
    re.compile(rf"(?i)\b(?:aged|age)\s*(?:[:=]|is|of)?\s*{_YEARS}\b(?!\s*(?:%|mg|kg|weeks|months|to\b|-\d))"),
    re.compile(rf"(?i)\bI(?:'m|’m| am| turned| just turned)\s+(?:now\s+|only\s+|already\s+)?{_YEARS}\b(?!\s*(?:%|mg|kg|kilos?|weeks?|months?|days?|cm|lbs?|pounds?|minutes?|hours?|stone|to\b|units?|steps?|feet|pregnant|[-.,]?\d))"),  # noqa: E501
    re.compile(rf"(?i)\b{_YEARS}\s+(?:años|ans)\b|\b(?:\d{{0}}){_YEARS.replace('years', 'jahre')}[\s-]*jährige[rn]?\b"),
    re.compile(rf"(?<![\d.,/-])\b{_YEARS}[\s/]?[MF]\b(?!\w)(?![°'’])"),
)  # fmt: skip
_SMALL = re.compile(r"(?i)(?<![\d.,/-])(?P<n>\d{1,2})[\s-]*(?P<unit>months?|weeks?|days?|mo|wk)[\s-]*old\b|\b(?:newborn|neonate)\b(?=\s+(?:baby|boy|girl|infant|with|who|,))")  # fmt: skip  # noqa: E501
_ASKED = re.compile(r"(?i)(?:how old|your age|\bage\?)[^\n]*\n[^\n]{0,40}?(?<![\d.,])(?P<years>\d{1,3})\b(?!\s*(?:mg|kg|weeks|months|%))")  # fmt: skip  # noqa: E501
_NOT_AGE_BEFORE = re.compile(r"(?i)(?:\b(?:since|until|before|after|from|at|by|over|under|for|past|last|than|died|in)\s+(?:the\s+)?(?:age\s+of\s+|ages?\s+)?|\b(?:quit|started|began|stopped|diagnosed|menarche|onset|death)\b[^.;\n]{0,20})\Z")  # fmt: skip  # noqa: E501


def ages_stated(text: str) -> list[tuple[float, int, int]]:
    """(years, start, end) of each age that the text states of its person; the span is the number alone."""
    found: dict[int, tuple[float, int, int]] = {}
    for pattern in (*_AGES, _ASKED):
        for match in pattern.finditer(text):
            name = "years" if match.groupdict().get("years") else "jahre"
            start, end = match.span(name)
            years = float(match[name])
            if years <= 120 and not _is_no_age(text, match, start):
                found.setdefault(start, (years, start, end))
    for match in _SMALL.finditer(text):
        if not _is_of_another(text, match.start()) and not _possessed(text, match.start()):
            found.setdefault(match.start(), (0.5, *match.span()))
    return sorted(found.values(), key=lambda age: age[1])


def _is_no_age(text: str, match: re.Match[str], start: int) -> bool:
    before = text[max(0, match.start() - 40) : match.start()]
    if match.re is _ASKED:
        return bool(re.search(r"(?i)how old (?:is|are|was|were) (?:your|the|her|his|they|he|she)\b", match[0]))
    said_so = re.match(r"(?i)\s*(?:history|pack)", text[match.end() : match.end() + 10])
    is_of_another = _is_of_another(text, match.start()) or _possessed(text, match.start())
    kin_after = re.match(
        rf"(?i)[\s-]*(?:{'|'.join(sorted(_ALL_KIN - {'baby', 'child', 'twin'}))})\b", text[match.end() :]
    )  # noqa: E501
    owned = kin_after is not None and bool(
        re.search(r"(?i)\b(?:his|her|my|their|has an?|have an?|and an?)\s+\Z", before)
    )  # noqa: E501
    return (
        bool(said_so) or _is_heat(text, match.start()) or is_of_another or owned or bool(_NOT_AGE_BEFORE.search(before))
    )


def _possessed(text: str, start: int) -> bool:
    """ "her 54-year-old husband", "my 3-month-old": the age of somebody else."""
    return bool(re.search(r"(?i)\b(?:his|her|my|their|our|your)\s+\Z", text[max(0, start - 8) : start]))


def age_of(fields: Iterable[tuple[str, str]]) -> Attribute:
    """The band of the ages stated; ages of two bands that disagree in the same field are unknown.

    What the completion says goes before what the prompt says.
    """
    for field, text in fields:
        ages = ages_stated(text)
        bands = {band_of(years) for years, _, _ in ages}
        if len(bands) == 1:
            return Attribute(bands.pop(), "detected", tuple((field, start, end) for _, start, end in ages[:5]))
        if len(bands) > 1:
            return _UNKNOWN
    return _UNKNOWN


# ---- ethnicity

_ETHNIC = {term: value for value, terms in lexicon.ETHNICITIES.items() for term in terms}
_TERMS = "|".join(sorted(map(re.escape, _ETHNIC), key=len, reverse=True))
_ANY_TERM = re.compile(rf"(?i)\b(?:{_TERMS})\b")
_HEADS = "man|woman|male|female|lady|gentleman|boy|girl|patient|person|adult|child|infant|teenager|client|individual|mother|father"  # noqa: E501
_ETHNICITY = (
    re.compile(rf"(?i)\b(?P<term>{_TERMS})\s+(?:[a-z-]+\s+)?(?:{_HEADS})\b"),
    re.compile(rf"(?i)\b(?:ethnicity|race|ethnic (?:group|origin|background))\s*(?:[:=]|is)\s*(?P<term>{_TERMS})\b"),
    re.compile(rf"(?i)\b(?:of|from an?|has)\s+(?P<term>{_TERMS})\s+(?:descent|origin|heritage|background|ancestry|ethnicity)\b"),  # noqa: E501
    re.compile(rf"(?i)\b(?:identifies as|i am|i'm|i’m|(?:patient|he|she) is)\s+(?P<term>{_TERMS})\b(?!\s+(?:and blue|in the face|out|as a sheet))"),  # noqa: E501
)  # fmt: skip


def ethnicity_terms(text: str) -> list[tuple[str, int, int]]:
    """(value, start, end) of each term that the text uses of its person; "black stools" and "white cells" are none."""
    if _ANY_TERM.search(text) is None:
        return []
    return sorted(
        {
            (_ETHNIC[match["term"].lower()], *match.span("term"))
            for pattern in _ETHNICITY
            for match in pattern.finditer(text)
            if not _is_of_another(text, match.start())
        },
        key=lambda found: found[1],
    )


def ethnicity_of(fields: Iterable[tuple[str, str]]) -> Attribute:
    """The one group that is named of the person; two different ones are unknown."""
    found = [(value, (field, start, end)) for field, text in fields for value, start, end in ethnicity_terms(text)]
    if len({value for value, _ in found}) != 1:
        return _UNKNOWN
    return Attribute(found[0][0], "detected", tuple(span for _, span in found[:5]))
