"""Plants defects in clean rows and writes down each one, so that what is found can be counted against the truth.

A truth entry says what was done: ``kind``, ``field``, and ``original`` texts where a repair exists. The sample's
id is added when the rows have their final order.
"""

from __future__ import annotations

import random
from collections.abc import Callable
from dataclasses import replace

from demo.world import phrases
from demo.world.case import ALL_DOSES, Case, note, span_draw
from demo.world.identifiers import identifier_insert
from demo.world.offtopic import talk_make
from demo.world.people import ALLERGENS
from demo.world.rows import HeldoutRow, Row

COUNTS = {
    "exact_duplicate": 30,
    "near_duplicate": 50,
    "identifier": 70,
    "mojibake": 45,
    "off_topic": 34,
    "wrong_completion": 120,
    "contradiction": 25,
    "judging_wording": 36,
    "form_default": 270,
    "heldout_leak": 1,
}
OLD_FORM_ROWS = 300  # the first rows: from an old form that filled in what nobody typed
WRONG_SLOTS = ("dose", "age", "medicine", "negation", "duration", "allergy")
_SWAPS = (
    ("I'd like", "I would like"),
    ("It's", "It is"),
    ("I've", "I have"),
    ("Okay.", "OK."),
    ("Any ", "Do you have any "),
    ("I'm ", "I am "),
    ("Thanks", "Thank you"),
    ("No.", "Nope."),
    ("that's", "that is"),
    ("Let's", "Let us"),
    ("Yes,", "Yeah,"),
    ("Good morning", "Morning"),
    ("I see.", "I understand."),
    ("How long", "For how long"),
)


def _wrong_dose(rng: random.Random, case: Case) -> Case:
    unit = case.dose.split(" ", 1)[1]
    others = [dose for dose in ALL_DOSES if dose != case.dose and dose.endswith(f" {unit}")]
    return replace(case, dose=rng.choice(others or ["50 mg"]))


def _wrong_age(rng: random.Random, case: Case) -> Case:
    age = case.patient.age + rng.choice((-20, -10, -9, 9, 10, 20))
    return replace(case, patient=replace(case.patient, age=age if age >= 18 else case.patient.age + 9))


def _wrong_medicine(rng: random.Random, case: Case) -> Case:
    others = [m.name for m in case.condition.medicines if m.name != case.medicine]
    return replace(case, medicine=rng.choice(others or ["paracetamol"]))


def _wrong_negation(rng: random.Random, case: Case) -> Case:
    others = [s for s in case.condition.symptoms if s not in case.denied and s != case.associated]
    return replace(case, denied=(case.denied[0], rng.choice(others)))


def _wrong_duration(rng: random.Random, case: Case) -> Case:
    spans = (span_draw(rng) for _ in range(100))
    return replace(case, duration=next(span for span in spans if span != case.duration))


def _wrong_allergy(rng: random.Random, case: Case) -> Case:
    others = ["", *ALLERGENS] if case.patient.allergy else list(ALLERGENS)
    allergy = rng.choice([a for a in others if a != case.patient.allergy])
    return replace(case, patient=replace(case.patient, allergy=allergy))


_WRONG: dict[str, Callable[[random.Random, Case], Case]] = {
    "dose": _wrong_dose,
    "age": _wrong_age,
    "medicine": _wrong_medicine,
    "negation": _wrong_negation,
    "duration": _wrong_duration,
    "allergy": _wrong_allergy,
}


def case_of(row: Row) -> Case:
    """The facts behind a clinical row; raises ValueError for one that has none."""
    if row.case is None:
        raise ValueError(f"Row {row.key} has no facts.")
    return row.case


def slot_text(case: Case, slot: str) -> str:
    """What the note says for a slot."""
    return {
        "age": str(case.patient.age),
        "medicine": case.medicine,
        "dose": case.dose,
        "duration": case.duration,
        "allergy": case.patient.allergy or "no known allergies",
        "negation": f"No {case.denied[0]} or {case.denied[1]}",
    }[slot]


def plant_wrong(rng: random.Random, row: Row, index: int) -> Row:
    """Changes one slot of the note so that the conversation contradicts it."""
    slot = WRONG_SLOTS[index % len(WRONG_SLOTS)]
    true = case_of(row)
    wrong = _WRONG[slot](rng, true)
    entry = {"slot": slot, "was": slot_text(true, slot), "now": slot_text(wrong, slot)}
    bad = replace(row, completion=note(wrong))
    return bad.with_defect(kind="wrong_completion", field="completion", original=row.completion, **entry)


def plant_judging(rng: random.Random, row: Row, index: int) -> Row:
    """Adds a word or a sentence that judges the person."""
    case = case_of(row)
    if index % 2:
        words = rng.choice(phrases.JUDGING_SENTENCES)
        bad = row.completion.replace("\nMedication:", f" {words}\nMedication:", 1)
    else:
        words = rng.choice(phrases.JUDGING_WORDS[case.patient.sex])
        bad = row.completion.replace(f" {case.patient.sex} with", f" {case.patient.sex}, {words}, with", 1)
    entry = {"kind": "judging_wording", "field": "completion", "text": words, "original": row.completion}
    return replace(row, completion=bad).with_defect(**entry)


def plant_mojibake(rng: random.Random, row: Row, index: int) -> Row:
    """Reads UTF-8 as Windows-1252, as a careless export does: typographic apostrophes and accents break."""
    prompt = row.prompt.replace("'", "\u2019").replace("Okay. ", "Okay\u2026 ")
    if "\u2019" not in prompt and "\u2026" not in prompt:
        prompt = prompt.replace("Doctor: ", "Doctor: I\u2019m listening. ", 1)
    broken = prompt.encode("utf-8").decode("cp1252")
    return replace(row, prompt=broken).with_defect(kind="mojibake", field="prompt", original=prompt)


def plant_identifier(rng: random.Random, row: Row, index: int) -> Row:
    kind, text, prompt = identifier_insert(rng, row.prompt, case_of(row), index)
    return replace(row, prompt=prompt).with_defect(
        kind="identifier", field="prompt", type=kind, text=text, original=row.prompt
    )


def _has_other_than_default(row: Row) -> bool:
    case = case_of(row)
    return bool(case.patient.allergy) and case.dose != _default_dose(case)


def _default_dose(case: Case) -> str:
    """The old form offered the first dose of its list."""
    return next(m.doses[0] for m in case.condition.medicines if m.name == case.medicine)


def plant_form_default(rng: random.Random, row: Row, index: int) -> Row:
    """The old form's note: nobody typed allergy and dose, so it says what the form had filled in."""
    true = case_of(row)
    filled = replace(true, patient=replace(true.patient, allergy=""), dose=_default_dose(true))
    changed = [slot for slot in ("allergy", "dose") if slot_text(true, slot) != slot_text(filled, slot)]
    entry = {
        "slot": " and ".join(changed),
        "was": ", ".join(slot_text(true, slot) for slot in changed),
        "now": ", ".join(slot_text(filled, slot) for slot in changed),
    }
    bad = replace(row, completion=note(filled))
    return bad.with_defect(kind="form_default", field="completion", original=row.completion, **entry)


def copy_exact(rng: random.Random, row: Row, index: int) -> Row:
    """The same text once more; every third copy has white space at line ends, which cleaning takes away."""
    prompt = row.prompt.replace("\n", "  \n") if index % 3 == 2 else row.prompt
    copy = replace(row, key=f"copy-{index}", prompt=prompt, defects=())
    return copy.with_defect(kind="exact_duplicate", of=row.key)


def _reword(rng: random.Random, prompt: str) -> str:
    """Swaps a few common expressions; at least one, or an aside is added."""
    present = [(old, new) for old, new in _SWAPS if old in prompt]
    for old, new in rng.sample(present, min(3, len(present))):
        prompt = prompt.replace(old, new, 1)
    return prompt.replace("\nPatient: ", "\nPatient: As I said, ", 1) if len(present) < 2 else prompt


def copy_near(rng: random.Random, row: Row, index: int) -> Row:
    """A reworded copy, or one whose last two turns are cut off."""
    way = ("reworded", "truncated")[index % 2]
    lines = row.prompt.split("\n")
    prompt = _reword(rng, row.prompt) if way == "reworded" else "\n".join(lines[:-2])
    copy = replace(row, key=f"near-{index}", prompt=prompt, defects=())
    return copy.with_defect(kind="near_duplicate", of=row.key, way=way, field="prompt", original=row.prompt)


def copy_contradicting(rng: random.Random, row: Row, index: int) -> Row:
    """The same prompt with another note."""
    slot = WRONG_SLOTS[index % len(WRONG_SLOTS)]
    wrong = _WRONG[slot](rng, case_of(row))
    copy = replace(row, key=f"contradiction-{index}", completion=note(wrong), defects=())
    entry = {"slot": slot, "was": slot_text(case_of(row), slot), "now": slot_text(wrong, slot)}
    return copy.with_defect(kind="contradiction", of=row.key, field="completion", original=row.completion, **entry)


def row_off_topic(rng: random.Random, row: Row, index: int) -> Row:
    prompt, completion, language = talk_make(rng, index)
    stray = Row(f"stray-{index}", row.group, prompt, completion, language, {**row.metadata, "visit": "other"})
    return stray.with_defect(kind="off_topic", field="prompt")


def row_leaked(rng: random.Random, row: Row, heldout: HeldoutRow) -> Row:
    """A held-out conversation that slipped into the samples under another patient."""
    leak = Row("leak-0", row.group, heldout.prompt, heldout.reference, "en", row.metadata)
    return leak.with_defect(kind="heldout_leak", field="prompt", of=heldout.id)


_PLANT = {
    "identifier": plant_identifier,
    "mojibake": plant_mojibake,
    "wrong_completion": plant_wrong,
    "judging_wording": plant_judging,
    "form_default": plant_form_default,
}
_COPY = {
    "exact_duplicate": copy_exact,
    "near_duplicate": copy_near,
    "contradiction": copy_contradicting,
    "off_topic": row_off_topic,
}


def _take(places: list[int], rows: list[Row], kind: str) -> int:
    """The next free row; for the old form, one where its defaults are wrong."""
    if kind != "form_default":
        return places.pop()
    return places.pop(next(i for i, place in enumerate(places) if _has_other_than_default(rows[place])))


def defects_plant(rng: random.Random, rows: list[Row], heldout: list[HeldoutRow]) -> list[Row]:
    """Returns all rows with their defects: in place on some, as extra rows beside others; no row gets two."""
    places = list(range(len(rows)))
    rng.shuffle(places)
    planted = list(rows)
    for kind, plant in _PLANT.items():
        for index in range(COUNTS[kind]):
            place = _take(places, rows, kind)
            planted[place] = plant(rng, rows[place], index)
    extra = [copy(rng, rows[places.pop()], index) for kind, copy in _COPY.items() for index in range(COUNTS[kind])]
    return [*planted, *extra, row_leaked(rng, rows[places.pop()], rng.choice(heldout))]


def order_rows(rng: random.Random, rows: list[Row]) -> list[Row]:
    """Puts the rows of the old form, and a few others, first; every row says which form it came from."""
    shuffled = rng.sample(rows, len(rows))
    old = [row for row in shuffled if any(entry["kind"] == "form_default" for entry in row.defects)]
    rest = [row for row in shuffled if row not in old]
    old += rest[: OLD_FORM_ROWS - len(old)]
    rng.shuffle(old)
    named = [(old, "old form"), (rest[OLD_FORM_ROWS - COUNTS["form_default"] :], "new form")]
    return [replace(row, metadata={**row.metadata, "form": form}) for group, form in named for row in group]
