"""Accepted samples and versions in the states that tests start from."""

from __future__ import annotations

from typing import Any

from reviewapp.accounts.models import User
from reviewapp.projects.models import Project
from reviewapp.samples.models import Sample
from reviewapp.trainingsets import services
from reviewapp.trainingsets.models import TrainingSetVersion
from tests import factories

COMPLAINTS = (
    "a sore throat", "pain in the left knee", "a cough at night", "a rash on both arms", "headaches in the morning",
    "swollen ankles", "a burning stomach", "dizzy spells", "a stiff neck", "tingling fingers",
)  # fmt: skip
MEDICINES = ("ibuprofen", "amlodipine", "metformin", "omeprazole", "sertraline", "levothyroxine", "loratadine")


def text(number: int) -> tuple[str, str]:
    """A prompt and completion that share few passages with those of another number."""
    complaint, medicine = COMPLAINTS[number % 10], MEDICINES[number % 7]
    age, weeks = 20 + number % 60, 1 + number * 7 % 50
    prompt = f"Patient {number}, {age}: I have had {complaint} for {weeks} weeks. Doctor: take {medicine}."
    return prompt, f"{age}-year-old with {complaint} for {weeks} weeks; {medicine} started."


def accepted(project: Project, count: int = 20, *, per_group: int = 2, start: int = 0, **values: Any) -> list[Sample]:
    """Accepted samples ``c0000``, ``c0001`` ... in groups of ``per_group``."""
    numbers = range(start, start + count)
    rows = [(f"c{number:04d}", f"patient {number // per_group}", *text(number)) for number in numbers]
    return factories.samples(project, rows, state=Sample.State.ACCEPTED, **values)


def draft(project: Project, by: User, **values: Any) -> TrainingSetVersion:
    values.setdefault("set_name", "Notes")
    values.setdefault("test_percent", 0)  # twenty samples are few for three splits
    return services.version_draft(project=project, drafted_by=by, **values)


def frozen(project: Project, by: User, **values: Any) -> TrainingSetVersion:
    """A frozen version of all accepted samples; makes twenty when there are none."""
    if not project.samples.filter(state=Sample.State.ACCEPTED).exists():
        accepted(project)
    return services.version_freeze(version=draft(project, by, **values), frozen_by=by)


def signed(project: Project, by: User, signer: User, **values: Any) -> TrainingSetVersion:
    version = frozen(project, by, **values)
    services.version_sign(
        version=version, signed_by=signer, content_hash=version.content_hash, meaning="I read twenty of them."
    )
    return version
