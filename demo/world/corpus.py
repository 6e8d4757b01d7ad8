"""Text for pre-training: conversations of the same world, retold aloud, asked about, or read back; never as a note.

The people and the facts are others than those of the samples and the held-out set. In most conversations the facts
are drawn independently of each other (any medicine with any strength), so that only reading the conversation
predicts what is said after it.
"""

from __future__ import annotations

import random
from collections.abc import Callable, Collection, Iterator
from dataclasses import dataclass, replace

from demo.world import phrases
from demo.world.build import signatures
from demo.world.case import ALL_DOSES, ALL_MEDICINES, ALL_SYMPTOMS, CONDITIONS, Case, case_draw, span_draw
from demo.world.conversation import PARTS, conversation
from demo.world.people import ALLERGENS, NO_ALLERGY_SHARE, Patient, patient_make
from demo.world.rows import people_of, stream

SCRAMBLED_SHARE = 0.7
_UNITS = ("mg", "mg", "mg", "micrograms", "ml", "units")
_ALL_PLANS = tuple(sorted({plan for c in CONDITIONS for plan in c.plans}))


_OPEN, _CLOSE = "\x02", "\x03"  # stand round each fact while a text is put together


@dataclass(frozen=True)
class Document:
    """A text in two parts: ``told`` repeats facts of ``context``, which is what a model should learn to do.

    ``facts`` are the places in ``told``, in characters, that only the context can predict.
    """

    context: str
    told: str
    facts: tuple[tuple[int, int], ...]

    @property
    def text(self) -> str:
        return f"{self.context}\n\n{self.told}"


def _fact(text: object) -> str:
    return f"{_OPEN}{text}{_CLOSE}"


def document_make(context: str, marked: str) -> Document:
    """Takes the marks of _fact out of a text and writes down where they stood."""
    told, facts = "", []
    for piece in marked.split(_OPEN):
        fact, close, rest = piece.partition(_CLOSE)
        if close:
            facts.append((len(told), len(told) + len(fact)))
        told += fact + rest
    return Document(context, told, tuple(facts))


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


_RECAPS: dict[str, tuple[str, ...]] = {
    "age": ("You're {age}.", "You are {age} years old.", "Age {age}.", "You told me you're {age}."),
    "opening": ("It's about {complaint}.", "You came for {complaint}.", "The trouble is {complaint}."),
    "duration": ("It has gone on for {duration}.", "You've had it for {duration}.", "That's {duration} now."),
    "symptoms": (
        "No {first} and no {second}.",
        "There's no {first} or {second}.",
        "You don't have {first} or {second}.",
    ),
    "medicine": (
        "You're on {medicine} {dose} {often}.",
        "It's {medicine} {dose}, {often}.",
        "You use {medicine}, {dose} {often}.",
    ),
    "allergic": ("You're allergic to {allergy}.", "The allergy is {allergy}.", "Allergic to {allergy}."),
    "not allergic": ("You have {no allergies}.", "And {no allergies}.", "There are {no allergies}."),
    "plan": ("We'll do {plan} and talk in {back}.", "Next is {plan}, then back in {back}."),
    "associated": ("You do have {associated}.", "There is some {associated}."),
}
_MEETINGS = {"new": "a first visit", "follow-up": "a follow-up", "phone": "by phone"}
_LEADS = ("Let me read that back.", "So, to go over it.", "Just to be sure I have it all.", "Right, in short.")


def _values(case: Case) -> dict[str, str]:
    """The facts of a visit, each with its marks."""
    values = {
        "age": case.patient.age,
        "sex": case.patient.sex,
        "visit": _MEETINGS[case.visit],
        "complaint": case.complaint,
        "duration": case.duration,
        "first": case.denied[0],
        "second": case.denied[1],
        "medicine": case.medicine,
        "dose": case.dose,
        "often": case.frequency,
        "allergy": case.patient.allergy,
        "no allergies": "no allergies",
        "plan": case.plan,
        "back": case.back,
        "associated": case.associated,
    }
    return {name: _fact(value) for name, value in values.items()}


def _recap_keys(case: Case, parts: Collection[str]) -> list[str]:
    keys = ["opening", *(part for part in parts if part != "allergy")]
    if "allergy" in parts:
        keys.append("allergic" if case.patient.allergy else "not allergic")
    if "symptoms" in parts and case.associated:
        keys.append("associated")
    return keys


def recap_tell(rng: random.Random, case: Case, parts: Collection[str]) -> str:
    """The doctor reads the visit back to the patient, in any order."""
    keys, values = _recap_keys(case, parts), _values(case)
    rng.shuffle(keys)
    said = [rng.choice(_RECAPS[key]).format_map(values) for key in keys]
    return f"Doctor: {rng.choice(_LEADS)} {' '.join(said)}"


_QUESTIONS: tuple[tuple[str, tuple[str, ...], str], ...] = (
    ("age", ("How old was the patient?", "What age was that?", "And the age?"), "{age}"),
    ("opening", ("Was it a man or a woman?", "Man or woman?"), "A {sex}"),
    ("opening", ("What was the complaint?", "What was it about?"), "It was {complaint}"),
    ("opening", ("How did they meet?", "First time, follow-up or phone?"), "It was {visit}"),
    ("duration", ("How long had it lasted?", "For how long?", "What was the duration?"), "For {duration}"),
    ("symptoms", ("What was ruled out?", "What did the patient not have?"), "No {first} or {second}"),
    ("medicine", ("Which medicine?", "What was the patient on?", "What was the drug?"), "It was {medicine}"),
    ("medicine", ("What dose?", "How strong was it?", "Which strength?"), "{dose}"),
    ("medicine", ("How often?", "When was it taken?"), "To be taken {often}"),
    ("medicine", ("What do I write on the label?", "And the whole line?"), "{medicine} {dose} {often}"),
    ("allergic", ("Any allergies?", "What about allergies?"), "Allergic to {allergy}"),
    ("not allergic", ("Any allergies?", "What about allergies?"), "There were {no allergies}"),
    ("plan", ("What was planned?", "What happens next?"), "They agreed on {plan}"),
    ("plan", ("When is the review?", "When do they meet again?"), "In {back}"),
    ("associated", ("What else was there?", "Any other symptom?"), "There was {associated}"),
)


def questions_tell(rng: random.Random, case: Case, parts: Collection[str]) -> str:
    """A student asks the doctor about the visit."""
    keys, values = set(_recap_keys(case, parts)), _values(case)
    fitting = [question for question in _QUESTIONS if question[0] in keys]
    rng.shuffle(fitting)
    return "\n".join(
        f"Student: {rng.choice(wordings)}\nTutor: {answer.format_map(values)}." for _, wordings, answer in fitting
    )


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


def list_read_back(rng: random.Random, most: int = 7) -> Document:
    """A nurse dictates a list and the desk reads it back word for word."""
    items = [_item(rng, patient_make(rng, "")) for _ in range(rng.randint(2, max(2, most)))]
    said = "; ".join(items)
    opening = rng.choice(("Ready?", "Here goes.", "For today."))
    return document_make(f"Nurse: {opening} {said}.", f"Desk: Reading back. {_fact(said)}.")


def _visit(rng: random.Random, taken: set[tuple[str, ...]], names: set[tuple[str, str]]) -> Case:
    while True:
        patient = patient_make(rng, "C")
        case = case_draw(rng, patient)
        if rng.random() < SCRAMBLED_SHARE:
            case = case_scramble(rng, case)
        if case.signature not in taken and (patient.first, patient.last) not in names:
            return case


_TELL: tuple[Callable[[random.Random, Case, Collection[str]], str], ...] = (recap_tell, questions_tell, questions_tell)


def corpus(
    seed: int, n: int, *, lists_share: float = 0.2, most_parts: int = len(PARTS), part: str = ""
) -> Iterator[Document]:
    """Yields ``n`` documents whose people and facts are in neither the samples nor the held-out set of ``seed``.

    Half of the conversations have ``most_parts`` parts, the others fewer. ``part`` names a stream of its own, for
    text that must differ from that of other streams.
    """
    rng = stream(seed, f"corpus {part}")
    taken = signatures(seed)
    names = {(p.first, p.last) for people in people_of(seed) for p in people}
    for _ in range(n):
        if rng.random() < lists_share:
            yield list_read_back(rng, most_parts + 1)
        else:
            case = _visit(rng, taken, names)
            count = most_parts if rng.random() < 0.5 else rng.randint(1, most_parts)
            parts = rng.sample(PARTS, count)
            yield document_make(conversation(rng, case, parts), rng.choice(_TELL)(rng, case, parts))
