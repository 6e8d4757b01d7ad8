"""Counterfactual copies: the same text about somebody of the other sex, of another age band, of another ethnicity.

Every gendered word of a text is swapped, also those about relatives and staff: to swap some of them one would have to
know whom each pronoun is about, and a reader of the copy finds it whole either way. A text that names what belongs to
one sex (pregnancy, prostate, ...) is barred, and so is one that says "he or she". "her" and "his" become what their
neighbours ask for. What comes out has as many words as before, differs in the swapped ones alone, and is read by an
expert before it can be learned from.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass
from functools import lru_cache

from reviewapp.curation.bias import lexicon
from reviewapp.curation.bias.attributes import BANDS, UNKNOWN, ages_stated, band_of, ethnicity_terms
from reviewapp.curation.bias.pronouns import her_swapped, his_swapped
from reviewapp.curation.bias.terms import pattern_of

SEX, AGE, ETHNICITY = "gender", "age", "ethnicity"
_MIDDLES = dict(zip(BANDS, (12, 29, 52, 74), strict=True))


@dataclass(frozen=True)
class Swap:
    """A text with its changes, or the word or phrase that bars it. ``changes``: (start in the new text, old, new)."""

    text: str
    changes: tuple[tuple[int, str, str], ...] = ()
    barred_by: str = ""


def _pairs() -> dict[str, str]:
    both = {**{male: female for male, female in lexicon.PAIRS}, **{female: male for male, female in lexicon.PAIRS}}
    return lexicon.ONE_WAY | both | lexicon.TITLES


_MAP = _pairs()
_NAME_MAP = {**dict(lexicon.NAMES), **{female: male for male, female in lexicon.NAMES}}
_SWAPPED = sorted({*_MAP, "her", "his"}, key=len, reverse=True)
_WORD = re.compile(
    rf"(?<![\w@/-])(?:(?P<word>(?i:{'|'.join(map(re.escape, _SWAPPED))}))|(?P<name>{'|'.join(sorted(_NAME_MAP, key=len, reverse=True))}))"  # noqa: E501
    r"(?![\w@])(?!\.(?:com|org|net))"
)
_CODE = re.compile(
    r"(?P<lead>\b\d{1,3}\s?(?:y/?o|yo|y\.o\.|yr|year[- ]old)?[\s,/]*|(?i:sex|gender)\s*[:=]\s*)(?P<code>[MF])\b(?![°'’.]\w)"  # noqa: E501
)
_EITHER = re.compile(
    r"(?i)\bs/he\b|\(s\)he|\b(?:he|she|his|hers?|him)\s*(?:/|\bor\b)\s*(?:he|she|his|hers?|him)\b|\bmr\.?\s+(?:and|&)\s+mrs\b"  # noqa: E501
    r"|\bman-(?:made|hours?)\b|\bmale-to-female\b|\bfemale-to-male\b"
)
_BRITISH = re.compile(r"(?i)\b(?:mum|mums|mummy|gp|surgery|colour\w*|tumour\w*|paediatr\w*|haem\w*|nhs)\b")


@lru_cache(maxsize=64)
def _bars(words: tuple[str, ...]) -> re.Pattern[str]:
    return pattern_of(words)


def barred_by(text: str, words: Iterable[str]) -> str:
    """The first word of a list of bars that the text holds; "" for none."""
    listed = tuple(words)
    match = _bars(listed).search(text) if listed else None
    return match[0] if match else ""


def sex_swap(text: str) -> Swap:
    """The text about somebody of the other sex; unchanged where it has no gendered word. No bar is asked here."""
    either = _EITHER.search(text)
    if either is not None:
        return Swap(text, barred_by=either[0])
    is_british = _BRITISH.search(text) is not None
    edits = [(*_span(match), new) for match in _WORD.finditer(text) if (new := _counterpart(text, match, is_british))]
    edits += [(*match.span("code"), "F" if match["code"] == "M" else "M") for match in _CODE.finditer(text)]
    return _edited(text, sorted(edits))


def _span(match: re.Match[str]) -> tuple[int, int]:
    return match.start(), match.end()


def _counterpart(text: str, match: re.Match[str], is_british: bool) -> str:
    """What stands instead; "" where the word stays."""
    if match["name"]:
        return _NAME_MAP[match["name"]]
    word = match["word"]
    lower = word.lower()
    if lower in lexicon.TITLES:
        follows = re.match(r"\.?\s+[A-ZÀ-Ž]", text[match.end() :])
        return lexicon.TITLES[lower] if follows and word[0].isupper() else ""
    if lower == "her":
        new = her_swapped(text, match.start(), match.end())
    elif lower == "his":
        new = his_swapped(text, match.start(), match.end())
    elif lower in ("dad", "dads", "daddy") and is_british:
        new = {"dad": "mum", "dads": "mums", "daddy": "mummy"}[lower]
    else:
        new = _MAP[lower]
    return _cased(new, word)


def _cased(new: str, like: str) -> str:
    if len(like) > 1 and like.isupper():
        return new.upper()
    return new[0].upper() + new[1:] if like[0].isupper() else new


def _edited(text: str, edits: list[tuple[int, int, str]]) -> Swap:
    parts, changes, last, length = [], [], 0, 0
    for start, end, new in edits:
        if start < last:
            continue
        kept = text[last:start]
        length += len(kept)
        changes.append((length, text[start:end], new))
        parts += [kept, new]
        length += len(new)
        last = end
    return Swap("".join([*parts, text[last:]]), tuple(changes))


# ---- age and ethnicity


def age_swap(text: str, band: str) -> Swap:
    """Every age that the text states of its person moved to ``band``; barred where the old number stands elsewhere."""
    ages = [age for age in ages_stated(text) if band_of(age[0]) != band]
    if not ages:
        return Swap(text)
    numbers = {text[start:end] for _, start, end in ages}
    if len(numbers) > 1 or not numbers <= {str(int(years)) for years, _, _ in ages}:
        return Swap(text, barred_by=sorted(numbers)[0])
    old = numbers.pop()
    elsewhere = len(re.findall(rf"(?<!\d){old}(?!\d)", text)) - len(ages)
    if elsewhere:
        return Swap(text, barred_by=old)
    new = str(_MIDDLES[band] + int(old) % 7 - 3)
    return _edited(text, [(start, end, new) for _, start, end in ages])


def ethnicity_swap(text: str, value: str) -> Swap:
    """Every ethnicity term of the person replaced by that of ``value``, with "a" and "an" as the new word asks for."""
    said = lexicon.ETHNICITY_SAID[value]
    edits: list[tuple[int, int, str]] = []
    for found, start, end in ethnicity_terms(text):
        if found == value:
            continue
        article = re.search(r"\b([Aa])(n?)\s+\Z", text[:start])
        if article:
            edits.append((article.start(), start, f"{article[1]}{'n' if said[0] in 'AEIO' else ''} "))
        edits.append((start, end, said))
    return _edited(text, edits)


BARS = {SEX: lexicon.SEX_BOUND, AGE: lexicon.AGE_BOUND, ETHNICITY: lexicon.ETHNICITY_BOUND}


def swap(text: str, attribute: str, value: str) -> Swap:
    """The text about somebody whose ``attribute`` is ``value``, without asking for bars."""
    if attribute == SEX:
        return sex_swap(text)
    return age_swap(text, value) if attribute == AGE else ethnicity_swap(text, value)


def copy_of(
    prompt: str, completion: str, attribute: str, value: str, bars: Iterable[str] = ()
) -> tuple[Swap, Swap] | str:
    """Both texts of a sample for somebody whose ``attribute`` is ``value``; or what bars it, "" for nothing to swap.

    ``bars``: words of the project's own list that bar it as well. What is swapped is checked: the words are as many as
    before.
    """
    whole = f"{prompt}\n{completion}"
    barred = barred_by(whole, (*BARS[attribute], *bars))
    if barred:
        return barred
    swaps = swap(prompt, attribute, value), swap(completion, attribute, value)
    for before, after in zip((prompt, completion), swaps, strict=True):
        if after.barred_by:
            return after.barred_by
        if len(before.split()) != len(after.text.split()) and attribute == SEX:
            return UNKNOWN
    return swaps if any(each.changes for each in swaps) else UNKNOWN
