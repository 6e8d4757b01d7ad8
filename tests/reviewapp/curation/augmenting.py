"""A project to make variants of: accepted visits with figures, names and negations; an augmentation of it."""

from __future__ import annotations

import uuid
from typing import Any

from reviewapp.accounts.models import User
from reviewapp.core import jobs
from reviewapp.core.models import Job
from reviewapp.curation import services
from reviewapp.curation.models import Augmentation
from reviewapp.projects.models import Project
from reviewapp.samples.models import Sample
from tests import factories

COMPLAINTS = ("knee pain", "a dry cough", "morning headaches", "a burning stomach", "swollen ankles", "dizzy spells")
NOISE = {
    "of": "accepted",
    "most": 50,
    "variants": 1,
    "seed": 7,
    "rates": {"typos": 20.0, "misread": 5.0, "fillers": 10.0, "casing": 5.0, "marks": 5.0},
}
TEMPLATES = {
    "of": "accepted",
    "most": 50,
    "variants": 1,
    "seed": 7,
    "templates": "What brings you in today? => What can I do for you today? | Why are you here today?\n"
    "How long have you had {it}? => For how long have you had {it}?",
}


def visit(place: int) -> tuple[str, str]:
    complaint, age, weeks = COMPLAINTS[place % 6], 30 + place, 2 + place
    prompt = (
        "Doctor: What brings you in today?\n"
        f"Patient: I am {age} and have {complaint}, visit {place} of the clinic in Harlow.\n"
        f"Doctor: How long have you had {complaint}?\n"
        f"Patient: For about {weeks} weeks, and no fever at all. I take 20 mg omeprazole every morning."
    )
    return prompt, f"{age}-year-old with {complaint} for {weeks} weeks, no fever. Takes omeprazole 20 mg."


def fill(project: Project, n: int = 6, state: str = Sample.State.ACCEPTED, start: int = 0) -> list[Sample]:
    """Visits, two of each patient."""
    made = []
    for place in range(start, start + n):
        prompt, completion = visit(place)
        made.append(
            factories.sample(
                project, prompt=prompt, completion=completion, state=state, group_key=f"patient {place // 2}",
                external_id=f"v{place}", language="en", metadata={"site": "Harlow"},
            )
        )  # fmt: skip
    return made


def asked(project: Project, by: User, kind: str = "noise", **values: Any) -> Augmentation:
    base = NOISE if kind == "noise" else TEMPLATES
    return services.augmentation_request(
        project=project, kind=kind, values={**base, **values}, requested_by=by, idempotency_key=uuid.uuid4()
    )


def written(row: Augmentation) -> Augmentation:
    """Its preview, by the worker."""
    assert row.job is not None
    jobs.execute(row.job.pk)
    row.refresh_from_db()
    job = Job.objects.get(pk=row.job_id)
    assert job.state == Job.State.SUCCEEDED, (job.message, job.traceback)
    return row


def augmented(project: Project, by: User) -> Augmentation:
    """A preview that waits for a lead, without its worker."""
    row = asked(project, by)
    services.parents_begin(augmentation=row)
    plan = {
        "n": 0, "asked": 0, "parents": 0, "dropped": {}, "limit": 0.7, "similarity": {}, "near_parent": 0,
        "near_others": 0, "variety_before": None, "variety_after": None, "chars": 0,
    }  # fmt: skip
    services.augmentation_planned(augmentation=row, plan=plan)
    return row
