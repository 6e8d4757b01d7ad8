"""One visit: its true facts, the note they make, and the facts as a list that can be checked by machine."""

from __future__ import annotations

import random
from dataclasses import dataclass
from typing import Any

from demo.world.clinic_body import BODY
from demo.world.clinic_mind_skin import MIND_SKIN
from demo.world.conditions import Condition, Medicine
from demo.world.people import CONFLICTS, Patient
from demo.world.phrases import NUMBER_WORDS

CONDITIONS: tuple[Condition, ...] = BODY + MIND_SKIN
SLOTS = ("age", "medicine", "dose", "duration", "allergy", "negation")
VISITS = ("new", "follow-up", "phone")
BACK = ("1 week", "2 weeks", "3 weeks", "4 weeks", "6 weeks", "3 months")
Fact = dict[str, Any]
ALL_DOSES = tuple(sorted({dose for c in CONDITIONS for m in c.medicines for dose in m.doses}))
ALL_MEDICINES = tuple(sorted({m.name for c in CONDITIONS for m in c.medicines}))
ALL_SYMPTOMS = tuple(sorted({s for c in CONDITIONS for s in c.symptoms}))


@dataclass(frozen=True)
class Case:
    """What is true of one visit. ``duration`` and ``back`` read "3 weeks"; ``associated`` may be empty."""

    patient: Patient
    visit: str
    condition: Condition
    complaint: str
    lay: str
    duration: str
    associated: str
    denied: tuple[str, str]
    medicine: str
    dose: str
    frequency: str
    plan: str
    back: str

    @property
    def signature(self) -> tuple[str, ...]:
        """The facts that must not be the same in samples, held-out and pre-training text."""
        who = (str(self.patient.age), self.patient.sex, self.patient.allergy)
        return (*who, self.complaint, self.duration, self.medicine, self.dose, *self.denied)


_ACUTE = frozenset({"chest infection", "urinary infection", "cellulitis", "gout", "sinusitis"})
_AGES = {"acne": (18, 49), "bladder": (35, 99), "COPD": (40, 99), "heart failure": (40, 99), "angina": (35, 99)}
_FOR_MEN = frozenset({"poor urine flow", "tamsulosin"})


def span_draw(rng: random.Random, *, is_acute: bool = False) -> str:
    """Draws a length of time that people would say: days and weeks of an acute illness, up to years of others."""
    spans = (("days", 12), ("weeks", 8)) if is_acute else (("days", 12), ("weeks", 11), ("months", 11), ("years", 11))
    unit, top = rng.choice(spans)
    return f"{rng.randint(2, top)} {unit}"


def _fits(condition: Condition, patient: Patient) -> bool:
    youngest, oldest = _AGES.get(condition.key, (0, 200))
    return youngest <= patient.age <= oldest


def span_said(rng: random.Random, span: str) -> str:
    """The same span as somebody says it: mostly with the digit, sometimes with the word."""
    number, unit = span.split(" ")
    word = NUMBER_WORDS.get(int(number))
    return f"{word} {unit}" if word and rng.random() < 0.2 else span


def _medicine_draw(rng: random.Random, condition: Condition, patient: Patient) -> Medicine:
    barred = CONFLICTS.get(patient.allergy, frozenset()) | (_FOR_MEN if patient.sex == "woman" else frozenset())
    safe = [m for m in condition.medicines if m.name not in barred]
    return rng.choice(safe or list(condition.medicines))


def _symptoms_draw(rng: random.Random, condition: Condition, complaint: str) -> list[str]:
    words = {word for word in complaint.split() if len(word) > 3}
    fitting = [s for s in condition.symptoms if not words & set(s.split())]
    return rng.sample(fitting, 3)


def case_draw(rng: random.Random, patient: Patient) -> Case:
    """Draws a plausible visit of this person."""
    condition = rng.choice([c for c in CONDITIONS if _fits(c, patient)])
    barred = _FOR_MEN if patient.sex == "woman" else frozenset()
    complaint, said = rng.choice([pair for pair in condition.complaints if pair[0] not in barred])
    medicine = _medicine_draw(rng, condition, patient)
    symptoms = _symptoms_draw(rng, condition, complaint)
    duration = span_draw(rng, is_acute=condition.key in _ACUTE)
    return Case(
        patient=patient,
        visit=rng.choices(VISITS, (6, 3, 2))[0],
        condition=condition,
        complaint=complaint,
        lay=rng.choice(said),
        duration=duration,
        associated=symptoms[2] if rng.random() < 0.4 else "",
        denied=(symptoms[0], symptoms[1]),
        medicine=medicine.name,
        dose=rng.choice(medicine.doses),
        frequency=rng.choice(medicine.frequencies),
        plan=rng.choice(condition.plans),
        back=rng.choice([span for span in BACK if span != duration]),
    )


_LEADS = {
    "new": "{age}-year-old {sex} with {complaint} for {duration}",
    "follow-up": "Follow-up. {age}-year-old {sex} with {complaint} for {duration}",
    "phone": "Telephone review. {age}-year-old {sex} with {complaint} for {duration}",
}


def note(case: Case) -> str:
    """The note sections of a visit: the completion of its sample, or the reference of its held-out prompt."""
    lead = _LEADS[case.visit].format(
        age=case.patient.age, sex=case.patient.sex, complaint=case.complaint, duration=case.duration
    )
    associated = f", and {case.associated}" if case.associated else ""
    return (
        f"HPI: {lead}{associated}. No {case.denied[0]} or {case.denied[1]}.\n"
        f"Medication: {case.medicine} {case.dose} {case.frequency}.\n"
        f"Allergies: {case.patient.allergy or 'no known allergies'}.\n"
        f"Plan: {case.plan}, review in {case.back}."
    )


def _fact(slot: str, value: str, accepted: list[str], forbidden: list[str]) -> Fact:
    return {"slot": slot, "value": value, "accepted": accepted, "forbidden": forbidden}


def _dose_fact(case: Case) -> Fact:
    """ "5 mg" also ends "2.5 mg" on a word boundary, so the longer ones are forbidden by name."""
    spellings = [case.dose, case.dose.replace(" ", "", 1)]
    longer = [dose for dose in ALL_DOSES if dose.endswith(f".{case.dose}")]
    return _fact("dose", case.dose, spellings, longer)


def _duration_fact(case: Case) -> Fact:
    number, unit = case.duration.split(" ")
    forms = [case.duration, f"{NUMBER_WORDS[int(number)]} {unit}"] if int(number) in NUMBER_WORDS else [case.duration]
    accepted = [f"{lead} {form}" for form in forms for lead in ("for", "for the past", "over", "over the past")]
    return _fact("duration", case.duration, [*accepted, f"{number}-{unit[:-1]} history"], [])


def _allergy_fact(case: Case) -> Fact:
    allergy = case.patient.allergy
    none = ["no known allergies", "no known drug allergies", "nkda", "no allergies", "allergies: none"]
    if not allergy:
        return _fact("allergy", "none", none, ["allergic to"])
    accepted = [f"allergies: {allergy}", f"allergy: {allergy}", f"allergic to {allergy}", f"{allergy} allergy"]
    return _fact("allergy", allergy, accepted, none)


def _negation_fact(case: Case) -> Fact:
    """Both denied symptoms must be denied, in either order."""
    accepted = [
        f"{lead} {one} {joint} {two}"
        for one, two in (case.denied, case.denied[::-1])
        for lead, joint in (("no", "or"), ("no", "and no"), ("no", "nor"), ("denies", "or"), ("denies", "and"))
    ]
    return _fact("negation", " / ".join(case.denied), accepted, [])


def slots(case: Case) -> list[Fact]:
    """The facts of a visit, one for each of SLOTS, as a checker reads them.

    A slot of an output is right when an accepted string occurs in it (case-folded, white space collapsed, on
    word boundaries) and no forbidden string does.
    """
    age = str(case.patient.age)
    named = (case.medicine, case.patient.allergy)
    others = [m.name for m in case.condition.medicines if m.name not in named]
    return [
        _fact("age", age, [f"{age}-year-old", f"{age} year old", f"{age} years old", f"aged {age}", f"age {age}"], []),
        _fact("medicine", case.medicine, [case.medicine], others),
        _dose_fact(case),
        _duration_fact(case),
        _allergy_fact(case),
        _negation_fact(case),
    ]
