"""The words and conditions whose share is compared between groups: a list that a lead can read and change.

One line a term: ``anxiety = anxiety, anxious*, panic attack* [female]``. What stands in brackets are the groups in
which medicine expects it more often; such an association is shown as expected and never mitigated. ``*`` stands for any
ending; nothing else is a pattern, so no list can make the search slow.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass

from reviewapp.words import say

MOST_LINES, MOST_CHARS = 300, 20_000
_LINE = re.compile(r"(?P<name>[^=\[\]]+?)\s*(?:=\s*(?P<words>[^=\[\]]+?))?\s*(?:\[(?P<expected>[^\[\]]*)\])?\s*")
_NEGATED = re.compile(
    r"\b(?:no|not|nor|denie[sd]|deny|denying|without|negative for|never|nil|free of|absence of|rule[ds]? out|ruled)\b"
    r"(?![^.;:\n]*\b(?:but|however|except|although)\b)[^.;:\n]*\Z",
    re.I,
)
_KIN = (
    r"(?:mother|father|mom|mum|dad|sister|brother|aunt|uncle|grandmother|grandfather|grandparents?|parents?|cousin|"
    r"son|daughter|husband|wife|partner|siblings?|brothers|sisters|sons|daughters|children)"
)
_OF_FAMILY = re.compile(
    rf"(?:\bfamily history|\bfhx?\b|\bruns in the family|\b{_KIN}(?:'s)?\s+(?!of\b)(?:[\w']+\s+){{0,3}}?"
    r"(?:has|had|have|with|died|suffers?|suffered|diagnosed|was|were|is|are|develop\w*|got)\b)[^.;\n]*\Z",
    re.I,
)
_SENTENCE = re.compile(r"[.;\n!?](?:\s|\Z)|\n")
_REACH = 160  # characters before a term in which "no" or "her mother" is looked for

DEFAULT_CONDITIONS = """\
anxiety = anxiety, anxious*, panic attack*, panic disorder
depression = depression, depressed, depressive, low mood
pain = pain, pains, painful
chronic pain = chronic pain, fibromyalgia, chronic fatigue
migraine = migraine*
headache = headache*
stress = stress, stressed, burnout
psychosomatic = psychosomatic, functional disorder, somatisation, somatization
hysteria = hysteri*
personality disorder = personality disorder, borderline
substance use = substance abuse, substance use, drug abuse, drug use, opioid use, illicit drug*, cocaine, heroin
alcohol = alcohol*, drinks heavily, drinker
smoking = smoker, smokes, smoking, tobacco
violence = violent, violence, aggressive, aggression, assault*
non-compliance = non-complian*, noncomplian*, non-adheren*, nonadheren*
drug-seeking = drug-seeking, drug seeking
obesity = obese, obesity, overweight
heart disease = angina, heart attack, myocardial infarction, coronary, heart failure, chest pain
hypertension = hypertension, high blood pressure, hypertensive
stroke = stroke, tia, cerebrovascular
diabetes = diabetes, diabetic, type 2 diabetes
asthma = asthma, asthmatic
copd = copd, emphysema, chronic bronchitis
chest infection = pneumonia, chest infection, bronchitis
cancer = cancer, carcinoma, malignan*, tumor*, tumour*
kidney disease = kidney disease, renal failure, ckd, dialysis
liver disease = liver disease, cirrhosis, hepatitis
thyroid = thyroid*, hypothyroid*, hyperthyroid*
arthritis = arthritis, osteoarthritis, rheumatoid
back pain = back pain, sciatica, lumbago
injury = fracture*, injur*, trauma, sprain*
gout = gout
acne = acne
eczema = eczema, psoriasis, dermatitis
insomnia = insomnia, sleepless*, poor sleep
dementia = dementia, alzheimer*, cognitive decline [65 and over]
falls = falls, fell, frail* [65 and over]
osteoporosis = osteoporo* [female, 65 and over]
urinary infection = urinary tract infection, uti, urinary infection, cystitis [female]
pregnancy = pregnan*, obstetric*, antenatal, postpartum, gravida, miscarr* [female, 18 to 39]
contraception = contracept*, birth control, iud [female, 18 to 39]
menstruation = menstru*, periods, dysmenorrh*, menorrhag* [female]
menopause = menopaus*, postmenopaus*, hormone replacement, hot flush*, hot flash* [female, 40 to 64]
gynaecology = uter*, ovar*, vagin*, endometri*, cervical screening, hysterectomy, pap smear [female]
breast = breast*, mammogra*, mastectom* [female]
prostate = prostat*, psa, bph, tamsulosin, poor urine flow [male, 65 and over]
male organs = testic*, penis, penile, erectile, scrot*, vasectom* [male]
childhood illness = croup, otitis media, chickenpox, vaccination schedule, milestones [0 to 17]
sickle cell = sickle cell, thalassaemia, thalassemia [Black, Asian, Middle Eastern]
"""
# What stereotypes say of whom; the direction found is compared with this one.
STEREOTYPES = """\
emotional = emotional, tearful, dramatic, moody, weepy [female]
caring work = nurse, secretary, receptionist, housekeeper, homemaker, housewife, nanny, cleaner [female]
technical work = engineer, surgeon, mechanic, pilot, programmer, carpenter, electrician, physicist [male]
authority = boss, executive, director, leader, manager, breadwinner [male]
toughness = tough, stoic, strong, brave [male]
complaining = complains, complaining, whining, demanding, difficult [female]
aggression = aggressive, violent, hostile, combative, agitated, threatening [male, Black]
unreliable = unreliable, poor historian, refuses, refused, uncooperative [Black, Hispanic, Roma or Traveller]
crime = prison, jail, arrested, gang, police, criminal [Black, Hispanic, Roma or Traveller]
helplessness = helpless, confused, feeble, senile, dependent [65 and over]
"""


class ListError(ValueError):
    """A line of a term list cannot be read; the message says which and why."""


@dataclass(frozen=True)
class Term:
    """A name with the words that stand for it; ``groups``: where it is expected, or what a stereotype says."""

    name: str
    kind: str  # condition, stereotype, word
    words: tuple[str, ...] = ()
    groups: tuple[str, ...] = ()


def terms_read(text: str, kind: str = "condition") -> list[Term]:
    """Reads a list, one term a line. Raises ListError with the number of the first line that cannot be read."""
    if len(text) > MOST_CHARS:
        raise ListError(say("The list is longer than %(n)s characters.", n=f"{MOST_CHARS:,}"))
    found: dict[str, Term] = {}
    for number, line in enumerate(text.splitlines(), start=1):
        if not line.strip() or line.lstrip().startswith("#"):
            continue
        term = _term(number, line, kind)
        if term.name in found:
            raise ListError(say("Line %(n)s: “%(name)s” stands in the list twice.", n=number, name=term.name))
        found[term.name] = term
    if len(found) > MOST_LINES:
        raise ListError(say("The list has more than %(n)s terms.", n=MOST_LINES))
    return list(found.values())


def _term(number: int, line: str, kind: str) -> Term:
    match = _LINE.fullmatch(line.strip())
    if match is None:
        raise ListError(say("Line %(n)s cannot be read. Write it as: name = word, word* [group]", n=number))
    words = tuple(_parts((match["words"] or match["name"]).lower()))
    if not words or any(len(word.replace("*", "").strip()) < 2 or "*" in word[:-1] for word in words):
        raise ListError(say("Line %(n)s: a word needs two letters or more, and * stands only at its end.", n=number))
    return Term(match["name"].strip()[:60], kind, words, tuple(_parts(match["expected"] or "")))


def _parts(text: str) -> Iterator[str]:
    return (part for part in (" ".join(piece.split()) for piece in text.split(",")) if part)


def pattern_of(words: Iterable[str]) -> re.Pattern[str]:
    """One expression for plain words, some with ``*`` at the end; the longest first."""
    parts = sorted({re.escape(word.lower()).replace(r"\*", r"\w*") for word in words}, key=len, reverse=True)
    return re.compile(rf"(?<![\w-])(?:{'|'.join(parts)})(?![\w])", re.IGNORECASE)


class Matcher:
    """Finds which terms a text asserts, in one pass over it."""

    def __init__(self, terms: Iterable[Term]) -> None:
        self.terms = list(terms)
        self._exact: dict[str, list[int]] = {}
        self._stems: list[tuple[str, int]] = []
        for place, term in enumerate(self.terms):
            for word in term.words:
                if word.endswith("*"):
                    self._stems.append((word[:-1], place))
                else:
                    self._exact.setdefault(word, []).append(place)
        words = [word for term in self.terms for word in term.words]
        self._pattern = pattern_of(words) if words else None

    def asserted(self, text: str) -> set[int]:
        """Places of the terms that a text says of its person: not denied, and not said of the family."""
        if self._pattern is None:
            return set()
        found: set[int] = set()
        for match in self._pattern.finditer(text):
            places = self._places(match[0].lower())
            if not places <= found and not is_of_others(text, match.start()):
                found |= places
        return found

    def _places(self, word: str) -> set[int]:
        places = set(self._exact.get(word, ()))
        return places | {place for stem, place in self._stems if word.startswith(stem)}


def is_of_others(text: str, start: int) -> bool:
    """Whether what stands at ``start`` is denied in its sentence, or said of somebody's family."""
    before = text[max(0, start - _REACH) : start]
    cuts = [match.end() for match in _SENTENCE.finditer(before)]
    sentence = before[cuts[-1] :] if cuts else before
    return bool(_NEGATED.search(sentence) or _OF_FAMILY.search(sentence))
