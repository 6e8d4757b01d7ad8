"""Rows of the demo world: what a sample is, and the seeded pools of samples and held-out prompts."""

from __future__ import annotations

import random
from dataclasses import dataclass, field, replace
from typing import Any

from demo.world.case import Case, Fact, case_draw, note, slots
from demo.world.conversation import conversation
from demo.world.people import Patient, patients_make

CLINICS = ("Harbour Street", "Old Mill", "Northgate", "St Anne's")
CLEAN_SAMPLES = 1360
PATIENTS = 120
HELDOUT_PROMPTS = 220
HELDOUT_PATIENTS = 55


@dataclass(frozen=True)
class Row:
    """One sample before it gets its id. ``defects`` are truth entries that still lack the id."""

    key: str
    group: str
    prompt: str
    completion: str
    language: str = "en"
    metadata: dict[str, str] = field(default_factory=dict)
    case: Case | None = None
    defects: tuple[dict[str, Any], ...] = ()

    def with_defect(self, **entry: Any) -> Row:
        return replace(self, defects=(*self.defects, entry))


@dataclass(frozen=True)
class HeldoutRow:
    """One sealed evaluation prompt with its reference note and its facts."""

    id: str
    group: str
    prompt: str
    reference: str
    facts: tuple[Fact, ...]
    metadata: dict[str, str]


def stream(seed: int, name: str) -> random.Random:
    """A random stream of its own for each purpose, so that a change in one leaves the others alone."""
    return random.Random(f"{seed}:{name}")  # noqa: S311 - repeatable on purpose, no secret


def _metadata(rng: random.Random, case: Case) -> dict[str, str]:
    return {"specialty": case.condition.specialty, "visit": case.visit, "clinic": rng.choice(CLINICS)}


def cases_draw(rng: random.Random, people: list[Patient], count: int, taken: set[tuple[str, ...]]) -> list[Case]:
    """Draws ``count`` visits over all people in turn; adds their facts to ``taken`` and never repeats any."""
    cases: list[Case] = []
    while len(cases) < count:
        case = case_draw(rng, people[len(cases) % len(people)])
        if case.signature not in taken:
            taken.add(case.signature)
            cases.append(case)
    return cases


def sample_rows(seed: int, people: list[Patient], taken: set[tuple[str, ...]]) -> list[Row]:
    """The clean samples: each a conversation with its true note."""
    rng = stream(seed, "samples")
    return [
        Row(
            key=f"clean-{index}",
            group=case.patient.key,
            prompt=conversation(rng, case),
            completion=note(case),
            metadata=_metadata(rng, case),
            case=case,
        )
        for index, case in enumerate(cases_draw(rng, people, CLEAN_SAMPLES, taken))
    ]


def heldout_rows(seed: int, people: list[Patient], taken: set[tuple[str, ...]]) -> list[HeldoutRow]:
    rng = stream(seed, "held-out")
    return [
        HeldoutRow(
            id=f"H-{index + 1:04d}",
            group=case.patient.key,
            prompt=conversation(rng, case),
            reference=note(case),
            facts=tuple(slots(case)),
            metadata=_metadata(rng, case),
        )
        for index, case in enumerate(cases_draw(rng, people, HELDOUT_PROMPTS, taken))
    ]


def people_of(seed: int) -> tuple[list[Patient], list[Patient]]:
    """The patients of the samples and, with other names and keys, those of the held-out set."""
    own = patients_make(stream(seed, "patients"), PATIENTS, "P")
    taken = {(p.first, p.last) for p in own}
    return own, patients_make(stream(seed, "held-out patients"), HELDOUT_PATIENTS, "Q", taken)
