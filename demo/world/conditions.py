"""What people come with: complaints in their own words and in the doctor's, medicines, questions, plans."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Medicine:
    """A medicine with doses and frequencies that a formulary would list together."""

    name: str
    doses: tuple[str, ...]
    frequencies: tuple[str, ...]


@dataclass(frozen=True)
class Condition:
    """``complaints`` maps the note's term to what patients say; ``symptoms`` fit after "any"."""

    key: str
    specialty: str
    complaints: tuple[tuple[str, tuple[str, ...]], ...]
    medicines: tuple[Medicine, ...]
    symptoms: tuple[str, ...]
    plans: tuple[str, ...]
    details: tuple[str, ...]


def _medicines(text: str) -> tuple[Medicine, ...]:
    """Reads "name: dose, dose / frequency, frequency" lines."""
    medicines = []
    for line in text.strip().splitlines():
        name, rest = line.strip().split(": ", 1)
        doses, frequencies = rest.split(" / ")
        medicines.append(Medicine(name, tuple(doses.split(", ")), tuple(frequencies.split(", "))))
    return tuple(medicines)


def _list(text: str) -> tuple[str, ...]:
    return tuple(part.strip() for part in text.split(";"))


def _complaints(text: str) -> tuple[tuple[str, tuple[str, ...]], ...]:
    """Reads "term = said one way; said another" lines."""
    pairs = (line.strip().split(" = ", 1) for line in text.strip().splitlines())
    return tuple((term, _list(said)) for term, said in pairs)


def condition_read(key: str, text: str) -> Condition:
    """Builds a condition from its block of text; the blocks are separated by empty lines.

    Raises ValueError when a block is missing.
    """
    specialty, complaints, medicines, symptoms, plans, details = text.strip().split("\n\n")
    return Condition(
        key=key,
        specialty=specialty.strip(),
        complaints=_complaints(complaints),
        medicines=_medicines(medicines),
        symptoms=_list(symptoms),
        plans=_list(plans),
        details=_list(details),
    )
