"""Identifiers of people who do not exist, said in passing as patients and desks do."""

from __future__ import annotations

import random

from demo.world.case import Case

KINDS = ("phone", "email", "mrn", "date", "ssn")
_MONTHS = ("January", "March", "April", "June", "August", "September", "November")
_SAID = {
    "phone": (
        "Doctor: Is {text} still your best number?\nPatient: It is.",
        "Patient: If I don't pick up, try my daughter on {text}.\nDoctor: I will.",
    ),
    "email": (
        "Doctor: Where do I send the form?\nPatient: To {text}, please.",
        "Patient: You can write to {text}.\nDoctor: Thank you.",
    ),
    "mrn": (
        "Doctor: Your record number, for the tape, is {text}.\nPatient: If you say so.",
        "Patient: The letter says {text} at the top.\nDoctor: That's your record number.",
    ),
    "date": (
        "Doctor: Date of birth?\nPatient: {text}.",
        "Patient: I was last here on {text}, I think.\nDoctor: That's what I have too.",
    ),
    "ssn": (
        "Doctor: The insurer wants your social security number.\nPatient: It's {text}.",
        "Patient: Do you need my social? It's {text}.\nDoctor: The desk does, yes.",
    ),
}


def _phone(rng: random.Random) -> str:
    """Numbers of the 555-01xx block are kept for fiction."""
    area, line = rng.choice(("212", "312", "415", "617", "206")), rng.randint(100, 199)
    return rng.choice((f"({area}) 555-0{line}", f"{area}-555-0{line}", f"{area} 555 0{line}"))


def _email(rng: random.Random, case: Case) -> str:
    name = f"{case.patient.first}.{case.patient.last}".lower()
    return f"{name}{rng.choice(('', str(rng.randint(2, 99))))}@example.{rng.choice(('com', 'org', 'net'))}"


def _date(rng: random.Random) -> str:
    day, month, year = rng.randint(1, 28), rng.randint(1, 12), rng.randint(1935, 2024)
    named = f"{rng.choice(_MONTHS)} {day}, {year}"
    return rng.choice((f"{day:02d}/{month:02d}/{year}", f"{year}-{month:02d}-{day:02d}", named))


def identifier_make(rng: random.Random, kind: str, case: Case) -> str:
    """One made-up identifier. SSNs start with 773 to 899, which were never given out by the old allocation."""
    if kind == "phone":
        return _phone(rng)
    if kind == "email":
        return _email(rng, case)
    if kind == "mrn":
        return rng.choice(("MRN {}", "MRN: {}", "MRN#{}")).format(rng.randint(1_000_000, 9_999_999))
    if kind == "date":
        return _date(rng)
    return f"{rng.randint(773, 899)}-{rng.randint(10, 99)}-{rng.randint(1000, 9999)}"


def identifier_insert(rng: random.Random, prompt: str, case: Case, index: int) -> tuple[str, str, str]:
    """Puts an exchange with an identifier into a conversation; returns kind, identifier and the new prompt."""
    kind = KINDS[index % len(KINDS)]
    text = identifier_make(rng, kind, case)
    lines = prompt.split("\n")
    exchange = rng.choice(_SAID[kind]).format(text=text)
    # After a patient's turn, before a doctor's, so that nobody's question is left hanging.
    places = [i for i in range(2, len(lines)) if lines[i].startswith("Doctor: ")]
    lines.insert(rng.choice(places), exchange)
    return kind, text, "\n".join(lines)
