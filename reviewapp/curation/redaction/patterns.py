"""What has a form of its own: numbers with check digits or cue words, addresses of mail and machines, dates.

The kinds are those of HIPAA's safe harbour (45 CFR 164.514(b)(2)) that are not names, with the common ones of other
countries. Years alone identify nobody there, so only dates with a day are looked for.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass

from reviewapp.curation.redaction import digits
from reviewapp.curation.redaction.spans import Span

_MONTH = (
    "January|February|March|April|May|June|July|August|September|October|November|December"
    "|Jan|Feb|Mar|Apr|Jun|Jul|Aug|Sept|Sep|Oct|Nov|Dec"
)
_MONTH_ES = "enero|febrero|marzo|abril|mayo|junio|julio|agosto|septiembre|setiembre|octubre|noviembre|diciembre"
_MONTH_DE = "Januar|Jänner|Februar|März|April|Mai|Juni|Juli|August|September|Oktober|November|Dezember"
_DAY = "(?:0?[1-9]|[12][0-9]|3[01])"
_YEAR = "(?:19|20)[0-9]{2}"
_LEFT, _RIGHT = r"(?<![\w./-])", r"(?![\w/]|[.-][0-9])"
_IS = r"(?:\W{0,4}|\W{1,2}(?:is|was|ist|es)\W{1,2})"  # between a cue and its number
_CODE = r"(?P<id>(?=[A-Z0-9-]{0,11}[0-9][A-Z0-9-]{0,11}[0-9])[A-Z0-9](?:-?[A-Z0-9]){3,19})" + _RIGHT
_I = re.IGNORECASE


def _any(_: str) -> bool:
    return True


@dataclass(frozen=True)
class _Pattern:
    """The span is the group "id" where there is one; ``test`` gets the span, digits alone if ``is_digits``.

    Texts without ``needs`` are not searched: a sign, "0" for any figure, "code" for what looks like a longer number.
    "start": it begins with a figure, "(" or "+" that follows no letter, so only those places are tried.
    """

    kind: str
    pattern: re.Pattern[str]
    test: Callable[[str], bool] = _any
    is_digits: bool = False
    needs: str = "0"
    words: tuple[str, ...] = ()  # one of these must be in the text, in small letters: searching for them is cheap


def _p(kind: str, text: str, test: Callable[[str], bool] = _any, *, digits_only: bool = False,
       flags: int = 0, needs: str = "0", words: str = "") -> _Pattern:  # fmt: skip
    return _Pattern(kind, re.compile(text, flags), test, digits_only, needs, tuple(words.split()))


# A cue pattern is searched for only where one of these stands in the text, in small letters.
_CUE_WORDS = {
    "health_plan": "plan insur polic member subscri benefici medica nass versich mbi hicn hpbn",
    "account": "account acct a/c konto cuenta",
    "licence": "lic dea certificate führerschein",
    "vehicle": "plate tag regist vin vehicle kennzeichen matr",
    "device": "device serial implant pacemaker lot pump sensor imei udi s/n",
    "biometric": "print retina iris biometric dna",
    "passport": "passport reisepass pasaporte",
    "national_id": "national ident tax citizen tin ein dni nie nif curp steuer personalausweis",
    "other_id": (
        "case docket claim order invoice accession specimen study trial subject participant encounter "
        "visit referral prescription rx badge employee student staff client matter file reference "
        "confirmation booking ticket"
    ),
}


def _cued(kind: str, cues: str) -> _Pattern:
    """A code after one of its cue words: letters and figures, at least four, at least two of them figures."""
    return _p(kind, rf"\b(?:{cues}){_IS}{_CODE}", flags=_I, needs="code", words=_CUE_WORDS[kind])


_NUMBER = r"(?:\s?(?:numbers?|nos?\b\.?|num\b\.?|nr\b\.?|n[º°]|#|id\b|code))"
# In order of precedence: a span belongs to the first pattern that claims it.
_PATTERNS: tuple[_Pattern, ...] = (
    _p("email", r"(?<![\w.+-])[\w.+-]{1,64}@[\w-]{1,63}(?:\.[\w-]{1,63}){0,6}\.[A-Za-z]{2,}", needs="@"),
    _p("url", r"(?<![\w@])(?:https?|ftp)://[^\s<>\"']{3,300}(?<![.,;:!?)\]])", flags=_I, needs="://"),
    _p("url", r"(?<![\w@./-])www\.[\w-]{1,63}(?:\.[\w-]{1,63}){1,4}(?:/[^\s<>\"']{0,200}(?<![.,;:!?)\]]))?", flags=_I,
       needs="www."),
    _p("device", r"(?<![\w:-])[0-9A-F]{2}(?:([:-])[0-9A-F]{2})(?:\1[0-9A-F]{2}){4}(?![\w:-])", flags=_I),
    _p("ip", r"(?<![\w.])(?:[0-9]{1,3}\.){3}[0-9]{1,3}(?![\w]|\.[0-9])", digits.ip_address, needs="start"),
    _p("ip", r"(?<![\w:])(?:[0-9A-F]{1,4}:){5,7}[0-9A-F]{1,4}(?![\w:])", flags=_I, needs=":"),
    _p("iban", r"(?<![A-Za-z0-9])[A-Z]{2}[0-9]{2}(?: ?[A-Z0-9]{4}){2,7}(?: ?[A-Z0-9]{1,4})?(?![A-Za-z0-9])",
       digits.iban, flags=_I),
    _p("vehicle", r"(?<![\w-])[A-HJ-NPR-Z0-9]{17}(?![\w-])", digits.vin),
    _p("ssn", _LEFT + r"(?!000|666|9)[0-9]{3}([- ])(?!00)[0-9]{2}\1(?!0000)[0-9]{4}" + _RIGHT, needs="start"),
    _p("ssn", r"\b(?:SSN|social security(?: number| no)?)\W{0,4}(?:is\W)?(?P<id>(?!000|666|9)[0-9]{9})\b",
       flags=_I, words="ssn social"),
    _p("nhs_number", r"\bNHS\W{0,3}(?:number|no)?\W{0,4}(?:is\W)?(?P<id>[0-9]{3}[ -]?[0-9]{3}[ -]?[0-9]{4})"
       + _RIGHT, digits.nhs, digits_only=True, flags=_I, words="nhs"),
    _p("national_id", r"(?<![\w-])(?:[0-9]{8}|[XYZ]-?[0-9]{7})-?[A-HJ-NP-TV-Z](?![\w-])", digits.nif),
    _p("licence", r"\bNPI" + _NUMBER + "?" + _IS + r"(?P<id>[0-9]{10})\b", digits.npi, flags=_I, words="npi"),
    _p("mrn", r"\b(?:MRN|(?:medical|hospital|patient|clinic|case)?[ -]?record (?:number|no|#)|(?:hospital|patient|chart"
       r"|unit) (?:number|no|id|#)|NHC|historia clínica|Patientennummer|Fallnummer)(?:\W{0,4}|\W{1,2}is\W{1,2}"
       r"|\W{1,2}was\W{1,2})(?P<id>[A-Za-z]{0,3}-?[0-9][0-9-]{3,11}[0-9])" + _RIGHT,
       flags=_I, words="mrn record hospital patient chart unit nhc historia fallnummer"),
    _p("iban", r"\bIBAN" + _NUMBER + "?" + _IS + r"(?P<id>[A-Z]{2}[0-9]{2}(?: ?[A-Z0-9]{4}){2,7}(?: ?[A-Z0-9]{1,4})?)"
       r"(?![A-Za-z0-9])", flags=_I, words="iban"),
    _cued("health_plan", r"(?:health[ -]?plan|insurance|policy|member|subscriber|beneficiary|medicare|medicaid|plan|"
          r"NASS|Versicherten|Versicherungs)" + _NUMBER + "|MBI|HICN|HPBN"),
    _cued("account", r"(?:bank |billing |patient |customer |guarantor )?(?:account|acct|a/c)\.?" + _NUMBER
          + "?|Kontonummer|cuenta"),
    _cued("licence", r"(?:driver'?s?|driving|medical|nursing|professional|state)[ -](?:licen[cs]e|lic\.?)" + _NUMBER
          + r"?|(?:licen[cs]e|lic\.|certificate)" + _NUMBER + r"|DEA" + _NUMBER + "?|Führerschein(?:nummer)?"),
    _cued("vehicle", r"(?:license|licence|number|registration|vehicle|car|truck)[ -](?:plate|tag|registration)"
          + _NUMBER + "?|(?-i:VIN)" + _NUMBER + "?|vehicle" + _NUMBER + "|Kennzeichen|matrícula"),
    _cued("device", r"(?:device|serial|implant|pacemaker|lot|pump|sensor|IMEI|UDI)" + _NUMBER + r"|IMEI|s/n"),
    _cued("biometric", r"(?:finger ?print|retina(?:l)?|iris|voice ?print|biometric|palm ?print|dna)(?: scan| profile"
          r"| template| record| sample)?" + _NUMBER),
    _cued("passport", r"passport" + _NUMBER + r"?|Reisepass(?:nummer)?|pasaporte"),
    _cued("national_id", r"(?:national|identity|tax(?:payer)?|citizen)[ -](?:id(?:entity|entification)?|card)(?: card)?"
          + _NUMBER + r"?|(?-i:TIN|EIN|DNI|NIE|NIF|CURP)|Steuer-?ID|Personalausweis(?:nummer)?"),
    _cued("other_id", r"(?:case|docket|claim|order|invoice|accession|specimen|study|trial|subject|participant|encounter"
          r"|visit|referral|prescription|rx|badge|employee|student|staff|client|matter|file|reference|confirmation"
          r"|booking|ticket)" + _NUMBER),
    _p("other_id", r"(?<![\w:])[0-9]:[0-9]{2}-[A-Za-z]{2}-[0-9]{3,6}(?:-[A-Z]{2,4}){0,2}" + _RIGHT, needs="start"),
    _p("card_number", _LEFT + r"[3-6][0-9]{3}(?:[ -]?[0-9]{4}){2}[ -]?[0-9]{1,7}" + _RIGHT, digits.luhn,
       digits_only=True, needs="start"),
    _p("card_number", _LEFT + r"3[47][0-9]{2}[ -]?[0-9]{6}[ -]?[0-9]{5}" + _RIGHT,
       digits.luhn, digits_only=True, needs="start"),
    _p("card_number", _LEFT + r"(?:[2-6][0-9]{11,18}|1800[0-9]{11})" + _RIGHT,
       digits.luhn, digits_only=True, needs="start"),
    _p("date", _LEFT + rf"{_YEAR}-(?:0[1-9]|1[0-2])-(?:0[1-9]|[12][0-9]|3[01])"
       r"(?:[ T][0-2][0-9]:[0-5][0-9](?::[0-5][0-9])?)?" + _RIGHT, needs="start"),
    _p("date", _LEFT + rf"{_DAY}(?:/{_DAY}/(?:{_YEAR}|[0-9]{{2}})|\.{_DAY}\.{_YEAR}|-{_DAY}-{_YEAR})" + _RIGHT,
       digits.month_and_day, needs="start"),
    _p("date", _LEFT + rf"{_YEAR}/(?:0?[1-9]|1[0-2])/{_DAY}" + _RIGHT, needs="start"),
    _p("date", _LEFT + rf"{_DAY}-(?:{_MONTH})-(?:{_YEAR}|[0-9]{{2}})" + _RIGHT, flags=_I, needs="start"),
    _p("date", _LEFT + rf"{_DAY}(?:st|nd|rd|th)?(?: of)? (?:{_MONTH})\b\.?(?:,? {_YEAR})?" + _RIGHT, needs="start"),
    _p("date", _LEFT + rf"{_DAY} de (?:{_MONTH_ES})(?: (?:de|del) {_YEAR})?" + _RIGHT,
       flags=_I, needs="start", words="de"),
    _p("date", rf"\b(?:{_MONTH_ES})(?: de | del |[ /-])(?:{_YEAR}|[0-9]{{2}})" + _RIGHT, flags=_I,
       words="enero febrero marzo abril mayo junio julio agosto septiembre setiembre octubre noviembre diciembre"),
    _p("date", _LEFT + rf"{_DAY}-{_DAY}-[0-9]{{2}}" + _RIGHT, digits.month_and_day, needs="start"),
    _p("date", _LEFT + rf"{_DAY}\. ?(?:{_MONTH_DE})(?: {_YEAR})?" + _RIGHT, needs="start"),
    # "May 10 mg" is no date: a day after the month needs its ending or a year.
    _p("date", rf"\b(?:{_MONTH})\.? {_DAY}(?:(?:st|nd|rd|th)(?:,? {_YEAR})?|,? {_YEAR})" + _RIGHT,
       words="jan feb mar apr may jun jul aug sep oct nov dec"),
    _p("fax", r"\b(?:tele)?fax(?:\s?(?:number|no|nr|#))?\b[^\n0-9+(]{0,12}(?P<id>[+(]?[0-9]"
       r"(?:[ ()./-]{0,2}[0-9]){6,14})" + _RIGHT, digits.phone, digits_only=True, flags=_I, words="fax"),
    _p("phone", _LEFT + r"\+[0-9]{1,3}(?:[ .-]?\(?[0-9]{1,5}\)?){2,5}(?:x[0-9]{1,5})?", digits.phone, digits_only=True,
       needs="start"),
    _p("phone", r"(?<![\w/-])(?:\+?1[ .-])?(?:\([2-9][0-9]{2}\) ?|[2-9][0-9]{2}[ .-])[2-9][0-9]{2}[ .-][0-9]{4}"
       r"(?:\s?(?:x|ext\.?) ?[0-9]{1,5})?" + _RIGHT, digits.phone, digits_only=True, needs="start"),
    _p("phone", _LEFT + r"(?:001[ .-])[0-9]{3}[ .-][0-9]{3}[ .-][0-9]{4}(?:x[0-9]{1,5})?" + _RIGHT, needs="start"),
    _p("phone", _LEFT + r"0(?:7[0-9]{3} ?[0-9]{3} ?[0-9]{3}|[0-9]{2,4}[ -][0-9]{3,4}[ -]?[0-9]{3,4})" + _RIGHT,
       digits.phone, digits_only=True, needs="start"),
    _p("phone", _LEFT + r"(?!000|[0-9]{3}-[0-9]{2}-[0-9]{4})\(?0[0-9]{1,4}\)?(?:[ -][0-9]{2,4}){2,4}" + _RIGHT,
       digits.phone, digits_only=True, needs="start"),
    _p("phone", r"\b(?:phone|telephone|tel|fax|cell|mobile|number|call|ring|reach|text|contact)\b[^\n0-9]{0,30}?"
       r"(?P<id>[2-9][0-9]{2}[ .-][0-9]{4})" + _RIGHT, digits.phone, digits_only=True,
       flags=_I, words="phone tel fax cell mobile number call ring reach text contact"),
    _p("phone", r"\b(?:phone|telephone|tel|teléfono|telefon|cell|mobile|móvil|call(?: me)?|ring|reach|dial)\b"
       r"(?:[^\n0-9+(]{0,24}|:\s{0,4})(?P<id>[+(]?[0-9](?:[ ()./-]{0,2}[0-9]){6,14}(?:\s?x[0-9]{1,5})?)" + _RIGHT,
       digits.phone, digits_only=True, flags=_I, words="phone tel cell mobile móvil call ring reach dial"),
    _p("phone", _LEFT + r"(?:\([0-9]{2,4}\) ?[0-9]{3,4}[- ][0-9]{3,4}|[0-9]{2}(?:-[0-9]{2}){3})" + _RIGHT, digits.phone,
       digits_only=True, needs="start"),
    _p("age", r"(?<![\w./-])(?P<id>[0-9]{2,3})(?:[ -]years?[ -]?(?:-?old|of age)|[ -]y(?:\.?o\.?|r)\b|-year\b)",
       digits.over_89, flags=_I, needs="start"),
    _p("age", r"\b(?:age[ds]?|edad|Alter)\b\W{0,3}(?:is |of )?(?P<id>[0-9]{2,3})" + _RIGHT, digits.over_89,
       flags=_I, words="age edad alter"),
    _p("age", r"(?<![\w./-])(?P<id>[0-9]{2,3}) (?:años|Jahre)\b", digits.over_89, flags=_I, needs="start"),
    _p("zip", r"\b(?:ZIP(?:[ -]?code)?|post(?:al)?[ -]?code)\W{1,4}(?:is\W)?(?P<id>[0-9]{3,6}(?:[ -][0-9]{2,4})?)"
       + _RIGHT, flags=_I, words="zip post"),
    _p("zip", r"(?<=, )(?:A[KLRZ]|C[AOT]|D[CE]|FL|GA|HI|I[ADLN]|K[SY]|LA|M[ADEINOST]|N[CDEHJMVY]|O[HKR]|PA|RI|S[CD]"
       r"|T[NX]|UT|V[AT]|W[AIVY]) (?P<id>[0-9]{5}(?:-[0-9]{4})?)" + _RIGHT),
    _p("zip", r"\b(?:CP|C\.P\.|PLZ|código postal)\W{1,3}(?P<id>[0-9]{5})" + _RIGHT,
       flags=_I, words="cp c.p. plz postal"),
    _p("zip", r"(?<![\w-])(?:[A-Z]{1,2}[0-9][A-Z0-9]? [0-9][ABD-HJLNP-UW-Z]{2})(?![\w-])"),
    _p("street", r"(?<![\w./-])[0-9]{1,5}[A-Za-z]? (?:[NSEW]\.? )?(?:[A-Z][\w'.-]{1,20} ){1,3}(?:Street|St|Road|Rd"
       r"|Avenue|Ave|Lane|Ln|Drive|Dr|Boulevard|Blvd|Court|Ct|Place|Pl|Way|Terrace|Crescent|Close|Square|Highway|Hwy"
       r"|Parkway)\b\.?(?:,? (?:Apt|Suite|Ste|Unit|Flat|#)\.? ?[0-9A-Z]{1,5}\b)?", needs="start"),
    _p("street", r"\bP\.? ?O\.? Box [0-9]{1,6}\b", flags=_I, words="box"),
    _p("street", r"(?<![\w/.])(?:C/|[Cc]alle|[Aa]venida|[Aa]vda\.?|[Pp]laza|[Pp]aseo) ?(?:d[eo]l? (?:la |los |las )?)?"
       r"(?:[A-ZÁÉÍÓÚÑ][\w.-]{1,20} ){1,4}(?:n[º°] ?)?[0-9]{1,4}(?:, ?[0-9]{1,2}º ?\w{0,5})?",
       words="c/ calle avenida avda plaza paseo"),
    _p("street", r"(?<!\w)[A-ZÄÖÜ][\wäöüß-]{2,24}(?:straße|strasse|str\.|gasse|platz|allee|weg) [0-9]{1,4} ?[a-z]?\b",
       words="straße strasse str. gasse platz allee weg"),
)  # fmt: skip
# The cue and the date after it, with no other figure between.
_BIRTH = re.compile(
    r"\b(?:born|birth|birthday|dob|d\.o\.b|nacimiento|nacid[oa]|geboren|geb\.)(?=\W)[^0-9]{0,60}\Z", re.IGNORECASE
)
_BIRTH_WINDOW = 80
_START = re.compile(r"(?<!\w)[0-9(+]")
_SMALL = {ord("ſ"): "s", ord("ı"): "i"}  # what re.IGNORECASE takes for these letters
_FIGURE, _CODE_LIKE = re.compile(r"[0-9]"), re.compile(r"[0-9]{3}|[0-9]{2}[- ][0-9]{2}|[A-Za-z][0-9-]*[0-9]")


def pattern_spans(text: str) -> list[Span]:
    """What the patterns claim in ``text``, in order of place; nothing overlaps."""
    has = {"0": _FIGURE.search(text) is not None, "code": _CODE_LIKE.search(text) is not None}
    starts = [match.start() for match in _START.finditer(text)]
    has["start"] = bool(starts)
    taken: list[Span] = []
    small = text.lower() if text.isascii() else text.lower().translate(_SMALL)
    for pattern in _PATTERNS:
        is_cued = not pattern.words or any(word in small for word in pattern.words)
        if is_cued and has.get(pattern.needs, pattern.needs in text):
            for start, end in _places(pattern, text, starts):
                if not any(start < span.end and span.start < end for span in taken):
                    taken.append(Span(start=start, end=end, kind=_kind(pattern.kind, text, start), found_by="pattern"))
    return sorted(taken, key=lambda span: span.start)


def _kind(kind: str, text: str, start: int) -> str:
    if kind == "date" and _BIRTH.search(text[max(0, start - _BIRTH_WINDOW) : start]):
        return "birth_date"
    return kind


def _places(pattern: _Pattern, text: str, starts: Sequence[int]) -> Iterator[tuple[int, int]]:
    group: int | str = "id" if "id" in pattern.pattern.groupindex else 0
    found = _from(pattern.pattern, text, starts) if pattern.needs == "start" else pattern.pattern.finditer(text)
    for match in found:
        span = match[group]
        if pattern.test(re.sub(r"[^0-9]", "", span) if pattern.is_digits else span):
            yield match.span(group)


def _from(pattern: re.Pattern[str], text: str, starts: Sequence[int]) -> Iterator[re.Match[str]]:
    """What ``finditer`` gives for a pattern that can begin at these places only."""
    end = 0
    for start in starts:
        if start >= end and (match := pattern.match(text, start)):
            end = match.end()
            yield match
