"""Sentences of clinics and courts about people who do not exist, with the places of what identifies them.

The tagger is trained on these alone, so that its licence is the project's own. Names come in equal numbers from each
origin; a share is made up of syllables, so that the words around a name teach as much as the name.
"""

from __future__ import annotations

import random
import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass

from reviewapp.curation.redaction.lists import (
    MEN,
    SURNAME,
    WOMEN,
    NameList,
    name_lists,
    origins,
    plain,
    sentences,
    word_lists,
)

Entity = tuple[int, int, str]  # start, end, label
LABELS = ("NAME", "PLACE", "STREET", "ORG", "DATE")
_SLOT = re.compile(r"\{([A-Za-z_0-9]+)\}")
_EN_TITLES = ("Dr.", "Dr.", "Dr", "Mr.", "Mrs.", "Ms.", "Mr", "Mrs", "Miss", "Prof.", "Doctor", "Professor")
_ES_TITLES = ("Dr.", "Dra.", "D.", "Don", "Doña", "Sr.", "Sra.")
_DE_TITLES = ("Herr", "Frau", "Herrn", "Dr.", "Prof.")
_MONTHS = {
    "en": [
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
    ],
    "es": [
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
    ],
    "de": [
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
    ],
}
_HOSPITALS = {
    "es": ("Hospital General de {}", "Clínica San {}", "Hospital Universitario de {}", "Centro de Salud {}"),
    "de": ("Klinikum {}", "Universitätsklinikum {}", "Krankenhaus {}", "Sankt-Elisabeth-Hospital {}"),
}
_ONSETS, _VOWELS = (
    [
        "b",
        "br",
        "ch",
        "d",
        "dr",
        "f",
        "g",
        "gr",
        "h",
        "j",
        "k",
        "kl",
        "l",
        "m",
        "n",
        "p",
        "r",
        "s",
        "sh",
        "st",
        "t",
        "th",
        "tr",
        "v",
        "w",
        "y",
        "z",
    ],
    ["a", "e", "i", "o", "u", "ai", "ea", "ou"],
)
_CODAS = ("", "n", "r", "l", "s", "th", "ck", "nd", "rt", "sk", "m")


@dataclass(frozen=True)
class Tagged:
    """A text with its entities in order of place, and of its names the origin."""

    text: str
    entities: tuple[Entity, ...]
    origin: str = ""


def sentences_make(seed: int, n: int) -> list[Tagged]:
    """``n`` texts to train on, a third of them without anybody in them. Same seed, same texts."""
    rng = random.Random(seed)  # noqa: S311 - made-up text, nothing secret
    maker = _Maker(rng, is_measured=False)
    return [maker.text() for _ in range(n)]


def tests_make(seed: int, n: int) -> list[Tagged]:
    """``n`` texts to measure with: names from the quarter of the lists that is never trained on."""
    rng = random.Random(seed)  # noqa: S311 - made-up text, nothing secret
    maker = _Maker(rng, is_measured=True)
    return [maker.text() for _ in range(n)]


def names_make(seed: int, each: int) -> list[Tagged]:
    """The fixed set: for every origin ``each`` sentences with names that no training text has."""
    rng = random.Random(seed)  # noqa: S311 - made-up text, nothing secret
    lines = [line for line in sentences("en") if _is_fair(line)]
    made = []
    for origin in origins():
        maker = _Maker(rng, is_measured=True, origin=origin)
        made += [maker.fill(lines[number % len(lines)]) for number in range(each)]
    return made


def _is_fair(line: str) -> bool:
    """The same sentences for every origin; how a name is written in capitals is no matter of origin."""
    return any(slot in line for slot in ("{PERSON}", "{SURNAME}", "{GIVEN}"))


class _Maker:
    """Fills slots; ``is_measured`` takes the names that are kept apart."""

    def __init__(self, rng: random.Random, *, is_measured: bool, origin: str = "") -> None:
        self.rng, self.is_measured, self.origin = rng, is_measured, origin
        self.words = word_lists()

    def text(self) -> Tagged:
        """One to three sentences, one after the other or on lines of their own."""
        parts = [self.fill(self.rng.choice(self._lines())) for _ in range(self.rng.choice((1, 1, 2, 3)))]
        glue = self.rng.choice((" ", " ", "\n"))
        text, entities = "", []
        for part in parts:
            text += glue if text else ""
            entities += [(start + len(text), end + len(text), label) for start, end, label in part.entities]
            text += part.text
        return Tagged(text, tuple(entities))

    def _lines(self) -> tuple[str, ...]:
        draw = self.rng.random()
        return sentences("en" if draw < 0.56 else "es" if draw < 0.62 else "de" if draw < 0.68 else "none")

    def fill(self, line: str) -> Tagged:
        origin = self.origin or self.rng.choice(origins())
        text, entities, last = "", [], 0
        for match in _SLOT.finditer(line):
            text += line[last : match.start()]
            slot, last = match[1], match.end()
            words = self._words(slot, origin)
            if slot[0].isupper():
                entities.append((len(text), len(text) + len(words), _label(slot)))
            text += words
        text += line[last:]
        return Tagged(text, tuple(entities), origin)

    def _words(self, slot: str, origin: str) -> str:
        if slot[0].isupper():
            return self._entity(slot, origin)
        if slot.startswith("title"):
            return self.rng.choice({"title_es": _ES_TITLES, "title_de": _DE_TITLES}.get(slot, _EN_TITLES))
        if slot == "n":
            return str(self.rng.randint(2, 95))
        kind = {"abbr": "abbreviation", "abbr_up": "abbreviation", "heading_up": "heading"}.get(slot, slot)
        word = self.rng.choice(self.words[kind])
        return word.upper() if slot.endswith("_up") else word

    def _entity(self, slot: str, origin: str) -> str:
        kind, _, form = slot.partition("_")
        words = self._named(kind, form, origin)
        if form == "UP" or (not form and self.rng.random() < 0.02):
            return words.upper()
        return words.lower() if form == "LOW" else words

    def _named(self, kind: str, form: str, origin: str) -> str:
        if kind in ("PERSON", "GIVEN", "SURNAME"):
            return self._person(kind, origin)
        if form == "ZIP":
            parts = [self._place(""), f"{self.rng.randint(1000, 99999):05d}"]
            return " ".join(parts if self.rng.random() < 0.7 else reversed(parts))
        language = {"ES": "es", "DE": "de"}.get(form, "en")
        makers: dict[str, Callable[[str], str]] = {
            "PLACE": self._place, "ORG": self._org, "STREET": self._street, "DATE": self._date,
        }  # fmt: skip
        return makers[kind](language)

    def _person(self, kind: str, origin: str) -> str:
        gender = self.rng.choice((WOMEN, MEN))
        given = self._name(name_lists()[origin, gender])
        family = self._name(name_lists()[origin, SURNAME])
        draw = self.rng.random()
        if kind == "GIVEN":
            return given
        if kind == "SURNAME":
            return f"{family}-{self._name(name_lists()[origin, SURNAME])}" if draw < 0.03 else family
        if draw < 0.12:
            return f"{given} {self.rng.choice('ABCDEFGHJKLMNPRSTW')}{self.rng.choice(('.', '.', ''))} {family}"
        if draw < 0.18:
            return f"{given} {family[0]}."
        if draw < 0.22:
            return f"{given[0]}. {family}"
        if draw < 0.27:
            return f"{given} {self._name(name_lists()[origin, SURNAME])} {family}"
        if draw < 0.30 and not self.is_measured:
            return f"{given} {self.rng.choice(('de la', 'van', 'von', 'de', 'van der', 'bin'))} {family}"
        return f"{family} {given}" if draw < 0.34 and origin in ("vietnamese", "chinese") else f"{given} {family}"

    def _name(self, names: NameList) -> str:
        if self.is_measured:
            return self.rng.choice(names.measured)
        if self.rng.random() < 0.35:
            return self._invented()
        name = self.rng.choice(names.trained)
        return plain(name).title() if self.rng.random() < 0.4 and not name.isascii() else name

    def _invented(self) -> str:
        parts = [self.rng.choice(_ONSETS) + self.rng.choice(_VOWELS) for _ in range(self.rng.choice((1, 2, 2, 3)))]
        return ("".join(parts) + self.rng.choice(_CODAS)).capitalize()

    def _place(self, _: str) -> str:
        draw = self.rng.random()
        if draw < 0.25:
            return self.rng.choice(self.words["country"])
        if draw < 0.4:
            return self.rng.choice(self.words["state"])
        if draw < 0.6:
            return self._invented() + self.rng.choice(("ton", "ville", "burg", "ford", "stad", "", "berg", "wood", "o"))
        return self.rng.choice(self.words["city"])

    def _org(self, language: str) -> str:
        place, saint = self._place(""), self.rng.choice(self.words["saint"])
        if language != "en":
            return self.rng.choice(_HOSPITALS[language]).format(place)
        if self.rng.random() < 0.5:
            return self._firm()
        forms = (
            f"St. {saint}'s Hospital", f"St. {saint} Medical Center", f"{place} General Hospital", f"{place} Clinic",
            f"University of {place}", f"{place} Medical Center", f"{place} Memorial Hospital", f"Hospital of {place}",
            f"{place} University", f"{place} High School", f"{place} Family Practice", f"VA {place}",
            f"{place} Police Department", f"Mount {self._invented()} Hospital", f"{place} County Court",
        )  # fmt: skip
        return self.rng.choice(forms)

    def _firm(self) -> str:
        first = self._invented() if self.rng.random() < 0.4 else self.rng.choice(self.words["firm_word"])
        family = [self._name(name_lists()[self.rng.choice(origins()), SURNAME]) for _ in range(3)]
        end = self.rng.choice(self.words["firm_end"])
        forms = (
            f"{first} {self.rng.choice(self.words['firm_kind'])}", f"{first} {end}", first, first,
            f"{family[0]}, {family[1]} and {family[2]}", f"{family[0]} & {family[1]}", f"{family[0]} {end}",
            f"{family[0]}-{family[1]}", f"{first} {self.rng.choice(self.words['firm_kind'])} {end}",
        )  # fmt: skip
        return self.rng.choice(forms)

    def _street(self, language: str) -> str:
        number = self.rng.randint(1, 9900)
        name = self._invented() if self.rng.random() < 0.4 else self.rng.choice(self.words["street_word"])
        if language == "es" or (language == "en" and self.rng.random() < 0.06):
            end = self.rng.choice(("", ", 2º dcha", " bajo"))
            return f"{self.rng.choice(self.words['street_es'])} {name} {number % 90 + 1}{end}"
        if language == "de" or self.rng.random() < 0.08:
            word = self.rng.choice(self.words["street_de_word"]) + self.rng.choice(self.words["street_de"])
            return f"{word} {number % 120 + 1}{self.rng.choice(('', '', 'a', ' b'))}"
        if self.rng.random() < 0.08:
            return f"P.O. Box {number}"
        end = self.rng.choice(
            ("", "", "", f", Apt {number % 40 + 1}", f" Suite {number % 900}", f" Apt. {number % 90}")
        )
        if self.rng.random() < 0.12:
            return f"{number} {name} {number % 70 + 1}{end}"
        return f"{number} {name} {self.rng.choice(self.words['street_en'])}{end}"

    def _date(self, language: str) -> str:
        day, month, year = self.rng.randint(1, 28), self.rng.randint(1, 12), self.rng.randint(1940, 2025)
        word = _MONTHS[language][month - 1]
        forms = {
            "en": (f"{month}/{day}/{year}", f"{word} {day}, {year}", f"{day} {word} {year}", f"{word} {day}",
                   f"{year}-{month:02d}-{day:02d}", f"{month:02d}/{day:02d}/{year % 100:02d}", f"{word} {year}"),
            "es": (f"{day} de {word} de {year}", f"{day:02d}/{month:02d}/{year}", f"{day}-{month}-{year}"),
            "de": (f"{day}. {word} {year}", f"{day:02d}.{month:02d}.{year}", f"{day}.{month}.{year}"),
        }  # fmt: skip
        return self.rng.choice(forms[language])


def _label(slot: str) -> str:
    kind = slot.partition("_")[0]
    return "NAME" if kind in ("PERSON", "GIVEN", "SURNAME") else kind


def cut(tagged: Tagged) -> Iterator[str]:
    """The words of each entity, for tests and for a look at what was made."""
    return (tagged.text[start:end] for start, end, _ in tagged.entities)
