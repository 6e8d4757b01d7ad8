"""Made-up people: names, ages, allergies. A patient is the group that must not straddle splits."""

from __future__ import annotations

import random
from collections.abc import Collection
from dataclasses import dataclass

WOMEN = (
    "Maria",
    "Grace",
    "Helen",
    "Aisha",
    "Joan",
    "Olga",
    "Priya",
    "Carmen",
    "Ruth",
    "Denise",
    "Ingrid",
    "Fatima",
    "Chloe",
    "Yolanda",
    "Beatrice",
    "Mei",
    "Rosa",
    "Tamara",
    "Hannah",
    "Nadia",
    "Sylvia",
    "Keiko",
    "Amara",
    "Lucille",
    "Petra",
    "Dolores",
    "Erin",
    "Farida",
    "Gwen",
    "Ximena",
)
MEN = (
    "Thomas",
    "Jerome",
    "Ahmed",
    "Victor",
    "Luis",
    "Peter",
    "Kwame",
    "Daniel",
    "Hiroshi",
    "Frank",
    "Sanjay",
    "Omar",
    "Walter",
    "Pavel",
    "Emmanuel",
    "George",
    "Tyrone",
    "Miguel",
    "Stuart",
    "Ivan",
    "Curtis",
    "Rafael",
    "Leon",
    "Howard",
    "Declan",
    "Bashir",
    "Arthur",
    "Joel",
    "Marcus",
    "Nils",
)
SURNAMES = (
    "Harper",
    "Okafor",
    "Lindqvist",
    "Moreno",
    "Castellano",
    "Whitfield",
    "Nakamura",
    "Abdi",
    "Petrov",
    "Delgado",
    "Brennan",
    "Sorensen",
    "Mbeki",
    "Kowalski",
    "Ferreira",
    "Haddad",
    "Sinclair",
    "Tran",
    "Rosenberg",
    "Oyelaran",
    "Banerjee",
    "Novak",
    "Gallagher",
    "Iqbal",
    "Vance",
    "Dubois",
    "Larsen",
    "Achebe",
    "Quintero",
    "Bishop",
    "Tanaka",
    "Holloway",
    "Mensah",
    "Ivanova",
    "Carver",
    "Romano",
    "Sadler",
    "Yilmaz",
    "Pruitt",
    "Adeyemi",
    "Beckett",
    "Chowdhury",
    "Engel",
    "Fontaine",
    "Garrity",
    "Hussein",
    "Jansen",
    "Keller",
    "Lombardi",
    "Mercer",
)
ALLERGENS = (
    "penicillin",
    "latex",
    "aspirin",
    "ibuprofen",
    "codeine",
    "sulfa drugs",
    "trimethoprim",
    "peanuts",
    "shellfish",
    "eggs",
    "nickel",
    "iodine",
    "morphine",
    "erythromycin",
    "bee stings",
    "strawberries",
    "kiwi fruit",
    "adhesive tape",
)
# What a careful prescriber would not give to somebody with this allergy.
CONFLICTS: dict[str, frozenset[str]] = {
    "penicillin": frozenset({"amoxicillin", "flucloxacillin"}),
    "aspirin": frozenset({"aspirin", "naproxen", "ibuprofen", "diclofenac"}),
    "ibuprofen": frozenset({"ibuprofen", "naproxen", "aspirin", "diclofenac"}),
    "codeine": frozenset({"codeine"}),
    "morphine": frozenset({"codeine"}),
    "trimethoprim": frozenset({"trimethoprim"}),
    "erythromycin": frozenset({"clarithromycin"}),
    "sulfa drugs": frozenset({"furosemide", "indapamide"}),
}
NO_ALLERGY_SHARE = 0.35


@dataclass(frozen=True)
class Patient:
    """A made-up person. ``sex`` is "woman" or "man"; ``allergy`` is empty for none."""

    key: str
    title: str
    first: str
    last: str
    sex: str
    age: int
    allergy: str

    @property
    def address(self) -> str:
        return f"{self.title} {self.last}"


def patient_make(rng: random.Random, key: str) -> Patient:
    """Draws one person; age is uniform from 18 to 91 so that guessing it does not pay."""
    is_woman = rng.random() < 0.5
    allergy = "" if rng.random() < NO_ALLERGY_SHARE else rng.choice(ALLERGENS)
    return Patient(
        key=key,
        title=rng.choice(("Mrs", "Ms")) if is_woman else "Mr",
        first=rng.choice(WOMEN if is_woman else MEN),
        last=rng.choice(SURNAMES),
        sex="woman" if is_woman else "man",
        age=rng.randint(18, 91),
        allergy=allergy,
    )


def patients_make(
    rng: random.Random, count: int, prefix: str, taken: Collection[tuple[str, str]] = ()
) -> list[Patient]:
    """Draws ``count`` people whose full names differ from each other and from those in ``taken``."""
    names = set(taken)
    people: list[Patient] = []
    while len(people) < count:
        person = patient_make(rng, f"{prefix}{len(people) + 1:03d}")
        if (person.first, person.last) not in names:
            names.add((person.first, person.last))
            people.append(person)
    return people
