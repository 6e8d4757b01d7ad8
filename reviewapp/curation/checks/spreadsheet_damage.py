"""Values that a spreadsheet took for something else: ratios, ranges and genes made dates, long numbers rounded.

What Excel writes for a typed 4/5 is 5-Apr or 05-Apr (and 4-May where days come first). Whether it was a ratio or a
range the words beside it say; where they do not, nothing is suggested. Gene names: Ziemann, Eren, El-Osta (2016).
Nothing here is repaired without a person.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from datetime import date, timedelta

from reviewapp.curation.checks.finding import Corpus, Field, FindingDraft, Item, Scope, Severity, on_span

NAME, TITLE = "spreadsheet_damage", "Values changed by a spreadsheet"
SCOPE: Scope = "text"
VERSION = 1
MAX_OF_A_KIND = 20
AROUND = 40  # characters on each side in which words tell what a value was

_MONTHS = ("Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec")
_MONTH = "|".join(_MONTHS)
_DAY_MONTH = re.compile(rf"(?<![\w/.-])(?P<day>[0-9]{{1,2}})-(?P<month>{_MONTH})(?![\w-])")
_MONTH_YEAR = re.compile(rf"(?<![\w/.-])(?P<month>{_MONTH})-(?P<year>[0-9]{{2}})(?![\w-])")
_UNIT = re.compile(
    r"^\s?(?:mg|mcg|µg|ug|g|kg|ml|mL|cc|units?|tablets?|tabs?|pills?|drops?|puffs?|cm|mm|inches|feet|minutes?|mins?|hours?"
    r"|hrs?|days?|weeks?|wks?|months?|mos?|years?|yrs?|times|beats|bpm|lbs?|pounds?|packs?|cigarettes|drinks|beers|degrees"
    r"|percent|%)(?![A-Za-z])"
)
_RATIO_BEFORE = re.compile(
    r"\b(?:strength|power|motor|grade|graded|reflex(?:es)?|pulses?|murmur|pain|score|scale|rated|extensors?|flexors?|"
    r"abduction|grip|vision|acuity|biceps|triceps|quadriceps|hamstrings?|deltoids?|iliopsoas)\b[^.\n]{0,20}$",
    re.I,
)
_GENE = re.compile(
    r"\b(?:gene|genes|expression|expressed|protein|mRNA|transcripts?|mutations?|variants?|allele|locus|knockout"
    r"|knockdown|chromosome|upregulated|downregulated|genotype|exon)\b",
    re.I,
)
_GENES = {"Mar": ("MARCH", 11), "Sep": ("SEPT", 14), "Dec": ("DEC", 2)}
_SCIENTIFIC = re.compile(r"(?<![\w.])[1-9](?:\.[0-9]{1,6})?E\+(?P<power>[0-9]{2})(?!\w|\.[0-9])")
_NUMBER_OF = re.compile(
    r"\b(?:id|mrn|number|no|nr|num|phone|telephone|tel|fax|mobile|account|acct|case|docket|ssn|nhs|code|barcode|isbn|imei"
    r"|serial|policy|claim|invoice|member|record|ref|reference|upc|ean|npi|ndc)\b\.?[^.\n]{0,12}$",
    re.I,
)
_SERIAL = re.compile(
    r"\b(?:date|dob|d\.o\.b\.?|born|admitted|admission|discharged?|visit|seen|filed|dated|signed)\b"
    r"(?: of birth| date)?(?:\s?[:=]| on)\s?(?P<serial>[1-5][0-9]{4})(?![\w/-]|[.,][0-9])",
    re.I,
)
_ZIP = re.compile(
    r"\b(?:MA|CT|NH|VT|ME|RI|NJ|PR|Massachusetts|Connecticut|New Hampshire|Vermont|Maine|Rhode Island|New Jersey),? "
    r"(?P<zip>[1-9][0-9]{3})(?![\w/-])"
)


def check(corpus: Corpus) -> list[FindingDraft]:
    """A finding on every value that shows the trace of a spreadsheet, with what it was where only one thing fits."""
    return [
        finding
        for item in corpus.items
        for field, text in item.fields()
        if text.strip()
        for look in (_dates, _rounded, _serials, _zips)
        for count, finding in enumerate(look(item, field, text))
        if count < MAX_OF_A_KIND
    ]


def _dates(item: Item, field: Field, text: str) -> Iterator[FindingDraft]:
    for match in (*_DAY_MONTH.finditer(text), *_MONTH_YEAR.finditer(text)):
        before, after = text[max(0, match.start() - AROUND) : match.start()], text[match.end() : match.end() + AROUND]
        month = _MONTHS.index(match["month"]) + 1
        other = int(match.groupdict().get("day") or match["year"])
        is_alone = match[0] == text.strip()
        if _GENE.search(before) or _GENE.search(after):
            if (gene := _gene(match["month"], other)) is not None:
                yield _found(item, field, match, "date_for_gene", "medium", _GENE_TOLD, gene)
        elif _UNIT.match(after):
            # Which way round it was typed depends on the country of the spreadsheet; a range goes upwards.
            low, high = sorted((month, other))
            yield _found(item, field, match, "date_for_range", "medium", _RANGE_TOLD, f"{low}-{high}")
        elif _RATIO_BEFORE.search(before):
            low, high = sorted((month, other))
            yield _found(item, field, match, "date_for_ratio", "medium", _RATIO_TOLD, f"{low}/{high}")
        elif is_alone:
            yield _found(item, field, match, "date_for_value", "medium", _ALONE_TOLD, None)


def _gene(month: str, number: int) -> str | None:
    name, most = _GENES.get(month, ("", 0))
    return f"{name}{number}" if 1 <= number <= most else None


def _rounded(item: Item, field: Field, text: str) -> Iterator[FindingDraft]:
    for match in _SCIENTIFIC.finditer(text):
        if int(match["power"]) >= 9 or _NUMBER_OF.search(text[max(0, match.start() - AROUND) : match.start()]):
            yield _found(item, field, match, "rounded_number", "medium", _ROUNDED_TOLD, None)


def _serials(item: Item, field: Field, text: str) -> Iterator[FindingDraft]:
    for match in _SERIAL.finditer(text):
        span = match.span("serial")
        values = {"check": NAME, "kind": "date_serial", "severity": "medium", "message": _SERIAL_TOLD}
        yield on_span(item, field, span[0], span[1], suggestion=_day_of(int(match["serial"])), **values)


def _day_of(serial: int) -> str:
    """The day that a spreadsheet counts so, from 30 December 1899 (right from 1 March 1900 on)."""
    return (date(1899, 12, 30) + timedelta(days=serial)).isoformat()


def _zips(item: Item, field: Field, text: str) -> Iterator[FindingDraft]:
    for match in _ZIP.finditer(text):
        if not 1900 <= int(match["zip"]) <= 2099 or "," in match[0]:
            values = {"check": NAME, "kind": "lost_zero", "severity": "low", "message": _ZIP_TOLD}
            yield on_span(item, field, match.start("zip"), match.end("zip"), suggestion=f"0{match['zip']}", **values)


def _found(
    item: Item, field: Field, match: re.Match[str], kind: str, severity: Severity, told: str, suggestion: str | None
) -> FindingDraft:
    values = {"check": NAME, "kind": kind, "severity": severity, "message": told, "suggestion": suggestion}
    return on_span(item, field, match.start(), match.end(), **values)


_RANGE_TOLD = "A date stands before a unit: a spreadsheet seems to have made it of a range. Compare it with the source."
_RATIO_TOLD = (
    "A date stands where a ratio or score is usual: a spreadsheet seems to have changed it. Compare the source."
)
_ALONE_TOLD = "All that is left is a date without a year: a spreadsheet may have made it of a ratio or range."
_GENE_TOLD = "A date stands beside words about genes: a spreadsheet turns names such as SEPT2 into dates."
_ROUNDED_TOLD = "A long number was rounded by a spreadsheet; its last figures are lost. Find it in the source."
_SERIAL_TOLD = "The number is how a spreadsheet counts days. Compare the date with the source."
_ZIP_TOLD = "Postal codes of this state begin with 0, which a spreadsheet drops."
