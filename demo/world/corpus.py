"""Text for pre-training: conversations of the same world, retold aloud, asked about, or read back; never as a note.

The people and the facts are others than those of the samples and the held-out set. In most conversations the facts
are drawn independently of each other (any medicine with any strength), so that only reading the conversation
predicts what is said after it.
"""

from __future__ import annotations

import random
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace

from demo.world import phrases
from demo.world.build import signatures
from demo.world.case import ALL_DOSES, ALL_MEDICINES, ALL_SYMPTOMS, CONDITIONS, Case, case_draw, span_draw
from demo.world.conversation import SPEAKERS, capital, conversation, with_article
from demo.world.people import ALLERGENS, NO_ALLERGY_SHARE, Patient, patient_make
from demo.world.rows import people_of, stream

SCRAMBLED_SHARE = 0.7
_UNITS = ("mg", "mg", "mg", "micrograms", "ml", "units")
_ALL_PLANS = tuple(sorted({plan for c in CONDITIONS for plan in c.plans}))


@dataclass(frozen=True)
class Document:
    """A text in two parts: ``told`` repeats facts of ``context``, which is what a model should learn to do."""

    context: str
    told: str

    @property
    def text(self) -> str:
        return f"{self.context}\n\n{self.told}"


def _dose_any(rng: random.Random) -> str:
    if rng.random() < 0.5:
        return rng.choice(ALL_DOSES)
    number = rng.choice(
        (str(rng.randint(1, 99)), str(rng.randint(10, 99) * 10), f"{rng.randint(1, 9)}.{rng.randint(1, 9)}")
    )
    return f"{number} {rng.choice(_UNITS)}"


def case_scramble(rng: random.Random, case: Case) -> Case:
    """Replaces every fact by one drawn on its own from all that the world has."""
    symptoms = rng.sample(ALL_SYMPTOMS, 3)
    allergy = "" if rng.random() < NO_ALLERGY_SHARE else rng.choice((*ALLERGENS, *ALL_MEDICINES))
    return replace(
        case,
        patient=replace(case.patient, age=rng.randint(1, 99), allergy=allergy),
        duration=span_draw(rng),
        associated=symptoms[2] if case.associated else "",
        denied=(symptoms[0], symptoms[1]),
        medicine=rng.choice(ALL_MEDICINES),
        dose=_dose_any(rng),
        frequency=rng.choice(tuple(phrases.SPOKEN_FREQUENCY)),
        plan=rng.choice(_ALL_PLANS),
        back=span_draw(rng),
    )


def _recap_parts(rng: random.Random, case: Case) -> list[str]:
    """What a doctor says when reading a visit back, one sentence a fact."""
    first, second = case.denied
    allergy = case.patient.allergy
    parts = [
        rng.choice(("You're {0}.", "You are {0} years old.", "Age {0}.", "You told me you're {0}.")).format(
            case.patient.age
        ),
        rng.choice(("You've had {0} for {1}.", "It's {0}, going on for {1}.", "The {0} has lasted {1}.")).format(
            case.complaint, case.duration
        ),
        rng.choice(("No {0} and no {1}.", "There's no {0} or {1}.", "You don't have {0} or {1}.")).format(
            first, second
        ),
        rng.choice(("You're on {0} {1} {2}.", "The medicine is {0} {1}, {2}.", "You use {0}, {1} {2}.")).format(
            case.medicine, case.dose, case.frequency
        ),
        rng.choice(("You're allergic to {0}.", "The allergy is {0}.", "Allergic to {0}.")).format(allergy)
        if allergy
        else rng.choice(("You have no allergies.", "No allergies.", "You aren't allergic to anything.")),
        rng.choice(("We'll do {0} and talk in {1}.", "Next is {0}, then back in {1}.")).format(
            with_article(case.plan), case.back
        ),
    ]
    if case.associated:
        parts.append(rng.choice(("You do have {0}.", "There is some {0}.")).format(case.associated))
    return parts


def recap_tell(rng: random.Random, case: Case) -> str:
    """The doctor reads the visit back to the patient, in any order."""
    parts = _recap_parts(rng, case)
    rng.shuffle(parts)
    lead = rng.choice(
        ("Let me read that back.", "So, to go over it.", "Just to be sure I have it all.", "Right, in short.")
    )
    return f"Doctor: {lead} {' '.join(parts)}"


def _questions(case: Case) -> list[tuple[tuple[str, ...], str]]:
    """What a student may ask about a visit, with the answers."""
    first, second = case.denied
    questions = [
        (("How old was the patient?", "What age was that?", "And the age?"), str(case.patient.age)),
        (("Was it a man or a woman?", "Man or woman?"), f"A {case.patient.sex}"),
        (("What was the complaint?", "What was it about?"), capital(case.complaint)),
        (("How long had it lasted?", "For how long?", "What was the duration?"), case.duration),
        (
            ("What was ruled out?", "What did the patient not have?", "Which symptoms were absent?"),
            f"No {first} or {second}",
        ),
        (("Which medicine?", "What was the patient on?", "What was the drug?"), f"It was {case.medicine}"),
        (("What dose?", "How strong was it?", "Which strength of {m}?"), case.dose),
        (("How often?", "When was it taken?"), capital(case.frequency)),
        (
            ("Any allergies?", "What about allergies?"),
            f"Yes, {case.patient.allergy}" if case.patient.allergy else "None",
        ),
        (("What was planned?", "What happens next?"), f"They agreed on {case.plan}"),
        (("When is the review?", "When do they meet again?"), f"In {case.back}"),
    ]
    if case.associated:
        questions.append((("What else was there?", "Any other symptom?"), f"There was {case.associated}"))
    return questions


def questions_tell(rng: random.Random, case: Case) -> str:
    """A student asks the doctor about the visit."""
    questions = _questions(case)
    chosen = rng.sample(questions, rng.randint(5, len(questions)))
    lines = []
    for wordings, answer in chosen:
        lines += [f"Student: {rng.choice(wordings).format(m=case.medicine)}", f"Tutor: {answer}."]
    return "\n".join(lines)


def _item(rng: random.Random, person: Patient) -> str:
    """One line of a ward list."""
    return rng.choice(
        (
            f"{person.address}, {person.age}, {rng.choice(ALL_MEDICINES)} {_dose_any(rng)}",
            f"{rng.choice(ALL_MEDICINES)} {_dose_any(rng)} {rng.choice(tuple(phrases.SPOKEN_FREQUENCY))}",
            f"bed {rng.randint(1, 99)}, {rng.choice(ALL_SYMPTOMS)} for {span_draw(rng)}",
            f"{person.address}, no {rng.choice(ALL_SYMPTOMS)} or {rng.choice(ALL_SYMPTOMS)}",
            f"{person.first} {person.last}, allergic to {rng.choice(ALLERGENS)}",
            f"{rng.choice(_ALL_PLANS)} in {span_draw(rng)} for {person.address}",
        )
    )


def list_read_back(rng: random.Random) -> Document:
    """A nurse dictates a list and the desk reads it back word for word."""
    items = [_item(rng, patient_make(rng, "")) for _ in range(rng.randint(2, 7))]
    said = "; ".join(items)
    return Document(
        f"Nurse: {rng.choice(('Ready?', 'Here goes.', 'For today.'))} {said}.", f"Desk: Reading back. {said}."
    )


def _visit(rng: random.Random, taken: set[tuple[str, ...]], names: set[tuple[str, str]]) -> Case:
    while True:
        patient = patient_make(rng, "C")
        case = case_draw(rng, patient)
        if rng.random() < SCRAMBLED_SHARE:
            case = case_scramble(rng, case)
        if case.signature not in taken and (patient.first, patient.last) not in names:
            return case


_TELL: tuple[Callable[[random.Random, Case], str], ...] = (recap_tell, questions_tell, questions_tell)


def corpus(seed: int, n: int, *, lists_share: float = 0.2, part: str = "") -> Iterator[Document]:
    """Yields ``n`` documents whose people and facts are in neither the samples nor the held-out set of ``seed``.

    ``part`` names a stream of its own, for text that must differ from that of other parts.
    """
    rng = stream(seed, f"corpus {part}")
    taken = signatures(seed)
    names = {(p.first, p.last) for people in people_of(seed) for p in people}
    for _ in range(n):
        if rng.random() < lists_share:
            yield list_read_back(rng)
        else:
            case = _visit(rng, taken, names)
            yield Document(conversation(rng, case), rng.choice(_TELL)(rng, case))


__all__ = ["SPEAKERS", "Document", "corpus"]
