"""Names by what stands before them, and names that are known: from the sample's metadata, or seen once in a safe place.

A name that was seen once in a safe place is a name everywhere in the sample; a letter that follows it belongs to it
("Anna S."). What medicine calls after people (a Foley catheter, Crohn's disease) is nobody.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from functools import cache
from typing import Any

from reviewapp.curation.redaction.lists import plain, word_lists
from reviewapp.curation.redaction.spans import Span

_UPPER = "A-ZÀ-ÖØ-ÞĀĂĄĆĈČĎĐĒĘĚĞĢĪĮİĶĹĽŁŃŅŇŌŐŒŔŘŚŞŠŢŤŪŮŰŲŹŻŽƠƯẠ-Ỹ"
_CAP = rf"[{_UPPER}][^\W\d_]*(?:['’-][^\W\d_]+){{0,3}}"
_PARTICLE = r"(?:de la|de los|de|del|van der|van den|van|von|der|den|bin|bint|ibn|al|el|da|dos|di|la|le|du|y)"
_NAME = rf"{_CAP}(?: (?:{_CAP}|{_PARTICLE} {_CAP}|[{_UPPER}]\.)){{0,3}}"
_TITLE = r"(?:Drs?|DR|Mrs?|MRS?|Ms|MS|Miss|Mx|Prof|Professor|Sra?|Srta|Dra|Don|Doña|Herrn?|Frau|Judge|Justice|Sir)"
_AFTER_LABEL = r"(?: is)? ?:[ \t]*(?:Dr\.? |Dra\.? |Mrs?\.? |Ms\.? |D\.ª? )?"
_LABEL_END = r"(?=[,.;\n(]|$| \(| [A-Z]{2})"
_CUES = (
    re.compile(rf"(?<!\w){_TITLE}\.? (?:Dr\.? )?(?P<name>{_NAME})"),
    re.compile(
        rf"(?<!\w)(?i:patient name|name of patient|full name|last name|first name|surname|name|nombre|apellidos|"
        rf"dictated by|signed(?: by)?|seen by|next of kin|emergency contact|médico|firmado){_AFTER_LABEL}"
        rf"(?P<name>{_NAME}(?:, {_CAP})?)"
        rf"{_LABEL_END}"
    ),
    # Labels that begin a turn of a conversation as well: "Patient: Yeah." is no name, two capitals may be.
    re.compile(
        rf"(?<!\w)(?i:patient|attending(?: physician)?|referring physician|physician|provider|author|plaintiff|"
        rf"defendant|claimant|witness|attorney|Arzt|Kläger){_AFTER_LABEL}"
        rf"(?P<name>{_CAP} {_NAME}|{_CAP}, {_CAP}){_LABEL_END}"
    ),
    re.compile(rf"(?i:\bmy (?:full |last |first )?name(?: is|'s)|\bme llamo|\bich heiße) (?P<name>{_NAME})"),
    re.compile(rf"(?<!\w)(?P<name>{_NAME}),? (?:M\.?D\.?|D\.?O\.?|R\.?N\.?|Ph\.?D\.?|Esq\.?|PA-C|NP)(?!\w)"),
)
_LOW_CUE = re.compile(r"(?i)(?<!\w)(?:mrs?|ms|dr)\.? (?P<name>[^\W\d_]{3,20})(?!\w)")
_INITIAL = re.compile(rf"(?: [{_UPPER}]\.(?=\W|$)| [{_UPPER}](?=[,;:?!)\n]|'s| (?!\w)|$))")
_WORD = re.compile(r"[^\W\d_]+(?:['’-][^\W\d_]+)*")
_NAME_FIELDS = re.compile(
    r"(?:^|_)(?:names?|patient|doctor|physician|provider|clinician|attending|author|nurse|client|plaintiff|defendant"
    r"|claimant|witness|judge|attorney|lawyer|surname|given|family|first|last|contact|relative|employee|customer)(?:_|$)"
)
_NO_NAME_FIELDS = re.compile(r"(?:^|_)(?:id|ids|no|number|num|count|type|kind|age|sex|gender|date|code|file)(?:_|$)")


@cache
def listed(kind: str) -> frozenset[str]:
    """A list of words: "ordinary" ones are names as well, "function" ones never, "thing" is called after somebody."""
    return frozenset(word_lists()[kind])


@cache
def eponym_words() -> frozenset[str]:
    """The people whom medicine names things after."""
    return frozenset(plain(re.split(r"['\s-]", words)[0]) for words in word_lists()["eponym"])


@cache
def nobody() -> frozenset[str]:
    """Words with a capital that are nobody: medicines, headings, days, peoples."""
    lists = word_lists()
    kinds = ("drug", "abbreviation", "heading", "social")
    return frozenset(plain(part) for kind in kinds for word in lists[kind] for part in word.split())


@cache
def _no_names() -> frozenset[str]:
    return nobody() | listed("function") | listed("common")


def names_in_metadata(metadata: Mapping[str, Any]) -> tuple[str, ...]:
    """The names that a sample came with: text under keys such as patient_name, doctor, author (lists as well)."""
    found: list[str] = []
    for key, value in metadata.items():
        key = re.sub(r"(?<=[a-z])(?=[A-Z])|[\s.-]+", "_", str(key)).lower()
        if isinstance(value, dict):
            found += names_in_metadata(value)
        elif _NAME_FIELDS.search(key) and not _NO_NAME_FIELDS.search(key):
            values = value if isinstance(value, list) else [value]
            found += [one.strip() for one in values if isinstance(one, str) and _is_name(one)]
    return tuple(dict.fromkeys(found))


def _is_name(text: str) -> bool:
    return 2 < len(text.strip()) <= 80 and not any(sign.isdecimal() for sign in text) and len(text.split()) <= 6


def cue_spans(text: str) -> list[Span]:
    """Names after a title, a label or "my name is", or before a degree."""
    found = []
    for pattern in _CUES:
        for match in pattern.finditer(text):
            start, end = _trimmed(text, *match.span("name"))
            if end > start and not is_placeholder(text[start:end]):
                found.append(Span(start=start, end=end, kind="name", found_by="cue"))
    for match in _LOW_CUE.finditer(text):
        if match["name"].islower() and match["name"] not in listed("ordinary") and plain(match["name"]) not in nobody():
            found.append(Span(start=match.start("name"), end=match.end("name"), kind="name", found_by="cue"))
    return found


def _trimmed(text: str, start: int, end: int) -> tuple[int, int]:
    """Without what is no name at its end ("Patient: Yes", "Dr. Lee Plan")."""
    words = [(m.start() + start, m.end() + start, m[0]) for m in _WORD.finditer(text[start:end])]
    while words and (plain(words[-1][2]) in nobody() or words[-1][2].lower() in listed("function")):
        words.pop()
    if not words or plain(words[0][2]) in nobody() or words[0][2].lower() in listed("function"):
        return start, start
    return start, words[-1][1]


def names_repeated(text: str, names: Iterable[str]) -> list[Span]:
    """Every place of known names and of their parts; parts that are ordinary words only beside another part."""
    parts = {plain(part): part for name in names for part in _WORD.findall(name) if len(part) > 1}
    if not parts:
        return []
    found: list[Span] = []
    hits = [m for m in _WORD.finditer(text) if not m[0].islower() and plain(_bare(m[0])) in parts]
    for match in hits:
        end = match.start() + len(_bare(match[0]))
        is_sure = plain(text[match.start() : end]) not in listed("ordinary") and end - match.start() > 2
        near = found[-1] if found and text[found[-1].end : match.start()] in (" ", "-", ", ", ". ") else None
        if near is not None:
            found[-1] = Span(start=near.start, end=end, kind="name", found_by="repeat")
        elif is_sure or any(0 < other.start() - end < 3 for other in hits):
            found.append(Span(start=match.start(), end=end, kind="name", found_by="repeat"))
    return [span for span in found if not _is_eponym(text, span)]


def _bare(word: str) -> str:
    """Without the ending of the genitive."""
    return word[:-2] if word.endswith(("'s", "’s")) else word


def _is_eponym(text: str, span: Span) -> bool:
    """Such as "Parkinson's disease": nobody, even where a Mr Parkinson is treated for it."""
    after = re.match(r"(?:['’]s?)? ([a-z]+)", text[span.end : span.end + 24])
    return after is not None and after[1] in listed("thing")


_PLACEHOLDER = re.compile(r"(?:[A-Z]\W?|XX+|XYZ|ABCD?|Sample)(?:['’]s)?\Z")


def is_placeholder(words: str) -> bool:
    """Such as "Dr. X" and "Dr. XYZ": what de-identification left is no name any more."""
    return _PLACEHOLDER.match(words) is not None


def is_nobody(text: str, start: int, end: int, kind: str) -> bool:
    """Whether what the tagger marked is a medicine, a heading, a thing called after somebody, or a year alone."""
    marked = text[start:end]
    if _FORM_OF.get(kind, _CAPITAL).search(marked) is None or is_placeholder(marked):
        return True
    words = [plain(word) for word in _WORD.findall(marked)]
    if not words or all(word in _no_names() for word in words):
        return kind != "date"
    span = Span(start=start, end=end, kind="name", found_by="tagger")
    is_thing = kind == "name" and words[0] in eponym_words() and len(words) == 1 and text[end : end + 1] != ","
    return _is_eponym(text, span) or is_thing


# What a mark of each kind must have in it: a word with a capital that is no abbreviation; a figure; a month.
_CAPITAL = re.compile(rf"(?<![\w-])[{_UPPER}](?:[^\W\d_A-Z]|[{_UPPER}]{{3}}|['’])")
_FORM_OF = {
    "street": re.compile(rf"^(?=.*[0-9])(?=.*[{_UPPER}][^\W\d_A-Z]{{2}})", re.DOTALL),
    "date": re.compile(
        r"(?i)\b(?:jan|feb|mar|apr|may|jun|jul|aug|sep|oct|nov|dec|ene|abr|ago|dic|mär|mai|okt|dez)[^\W\d_]*\b.*[0-9]"
        r"|[0-9].*\b(?:jan|feb|mar|apr|may|jun|jul|aug|sep|oct|nov|dec|ene|abr|ago|dic|mär|mai|okt|dez)|[0-9]+[/.-][0-9]+[/.-]"
    ),
}


def with_initial(text: str, spans: Sequence[Span]) -> list[Span]:
    """Names with the single letter that follows them."""
    taken = []
    for span in spans:
        match = _INITIAL.match(text, span.end) if span.kind == "name" else None
        end = match.end() if match else span.end
        taken.append(Span(start=span.start, end=end, kind=span.kind, found_by=span.found_by, score=span.score))
    return taken
