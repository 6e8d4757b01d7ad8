"""Turns the facts of a visit into a conversation that holds every one of them."""

from __future__ import annotations

import random
from collections.abc import Callable, Collection

from demo.world import phrases
from demo.world.case import Case, span_said

Turn = tuple[str, str]
SPEAKERS = {"D": "Doctor", "P": "Patient"}
KEEP_CAPITAL = ("I", "Mr", "Mrs", "Ms")


def capital(text: str) -> str:
    return text[:1].upper() + text[1:]


def _turns(entry: str, **values: str) -> list[Turn]:
    """Fills an exchange; every line starts with a capital."""
    turns = []
    for line in entry.split("|"):
        speaker, said = line.split(": ", 1)
        turns.append((speaker, capital(said.format(**values))))
    return turns


def _opening(rng: random.Random, case: Case) -> list[Turn]:
    banks = {"new": phrases.NEW_OPENINGS, "follow-up": phrases.FOLLOW_OPENINGS, "phone": phrases.PHONE_OPENINGS}
    return _turns(rng.choice(banks[case.visit]), address=case.patient.address, lay=case.lay)


def _age(rng: random.Random, case: Case) -> list[Turn]:
    return _turns(rng.choice(phrases.AGES), age=str(case.patient.age))


def _duration(rng: random.Random, case: Case) -> list[Turn]:
    turns = _turns(rng.choice(phrases.DURATIONS), span=span_said(rng, case.duration))
    if rng.random() < 0.35:
        turns.append(("P", rng.choice(case.condition.details)))
    return turns


def _symptoms(rng: random.Random, case: Case) -> list[Turn]:
    first, second = case.denied
    denied = _turns(rng.choice(phrases.DENIED_BOTH), first=first, second=second, second_capital=capital(second))
    if not case.associated:
        return denied
    symptom = case.associated
    admitted = _turns(rng.choice(phrases.ADMITTED), symptom=symptom, symptom_capital=capital(symptom))
    return admitted + denied if rng.random() < 0.5 else denied + admitted


def _medicine(rng: random.Random, case: Case) -> list[Turn]:
    bank = phrases.TAKEN if rng.random() < 0.6 else phrases.STARTED
    often = rng.choice(phrases.SPOKEN_FREQUENCY[case.frequency])
    if bank is phrases.STARTED:
        often = often.replace("when I need it", "when you need it")
    return _turns(rng.choice(bank), medicine=case.medicine, dose=case.dose, often=often)


def _allergy(rng: random.Random, case: Case) -> list[Turn]:
    if not case.patient.allergy:
        return _turns(rng.choice(phrases.NOT_ALLERGIC))
    return _turns(rng.choice(phrases.ALLERGIC), allergy=case.patient.allergy)


def with_article(plan: str) -> str:
    """The plan as it is said: "ECG" becomes "an ECG", "blood tests" stays."""
    if plan in phrases.NO_ARTICLE or plan.endswith(("s", "ing")):
        return plan
    return f"{'an' if plan.startswith(phrases.VOWEL_SOUNDS) else 'a'} {plan}"


def _plan(rng: random.Random, case: Case) -> list[Turn]:
    plan = with_article(case.plan)
    return _turns(rng.choice(phrases.PLANS), plan=plan, plan_capital=capital(plan), back=case.back)


def _lower_first(said: str) -> str:
    first = said.split(" ", 1)[0].split("'")[0].rstrip(",.")
    return said if first in KEEP_CAPITAL or first.isupper() else said[0].lower() + said[1:]


def _colour(rng: random.Random, turn: Turn) -> Turn:
    """Adds the little sounds of talk to some turns."""
    speaker, said = turn
    if rng.random() > 0.14:
        return turn
    if speaker == "D":
        return speaker, rng.choice(phrases.REPLIES) + said
    filler = rng.choice(phrases.FILLERS)
    return speaker, filler + (_lower_first(said) if filler.endswith(", ") else said)


def _merge(turns: list[Turn]) -> list[Turn]:
    """Joins what one person says in a row into one turn."""
    merged: list[Turn] = []
    for speaker, said in turns:
        if merged and merged[-1][0] == speaker:
            merged[-1] = (speaker, f"{merged[-1][1]} {said}")
        else:
            merged.append((speaker, said))
    return merged


_PARTS: dict[str, Callable[[random.Random, Case], list[Turn]]] = {
    "age": _age,
    "duration": _duration,
    "symptoms": _symptoms,
    "medicine": _medicine,
    "allergy": _allergy,
}
PARTS = (*_PARTS, "plan")


def conversation_turns(rng: random.Random, case: Case, parts: Collection[str] = PARTS) -> list[Turn]:
    """The visit as turns ("D" or "P", what is said): the order of the questions differs from visit to visit.

    Only the named parts are talked about; the opening, with name and complaint, always is.
    """
    middle = [part for name, part in _PARTS.items() if name in parts]
    rng.shuffle(middle)
    blocks = [part(rng, case) for part in middle]
    if len(parts) == len(PARTS) and rng.random() < 0.35:
        blocks.insert(rng.randrange(len(blocks) + 1), _turns(rng.choice(phrases.TANGENTS)))
    if "plan" in parts:
        blocks.append(_plan(rng, case))
    turns = _opening(rng, case)
    for block in blocks:
        turns += [_colour(rng, block[0]), *block[1:]]
    if "plan" in parts and rng.random() < 0.4:
        turns += _turns(rng.choice(phrases.CLOSINGS))
    return _merge(turns)


def conversation(rng: random.Random, case: Case, parts: Collection[str] = PARTS) -> str:
    """The visit, or some parts of it, as text, one turn a line."""
    return "\n".join(f"{SPEAKERS[speaker]}: {said}" for speaker, said in conversation_turns(rng, case, parts))
