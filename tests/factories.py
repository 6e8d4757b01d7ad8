"""Rows for tests, made the short way: one function an object, sensible values, everything overridable."""

from __future__ import annotations

import hashlib
import itertools
from datetime import timedelta
from typing import Any

from django.utils import timezone

from reviewapp.accounts.models import User
from reviewapp.core.models import Job
from reviewapp.projects.models import Membership, Project
from reviewapp.rubrics.models import Criterion, Level, Rubric, RubricVersion
from reviewapp.samples.models import HeldoutPrompt, HeldoutSet, Revision, Sample, SampleGroup

_numbers = itertools.count(1)

PROMPT = (
    "Doctor: What brings you in today?\n"
    "Patient: My knee has hurt for three weeks.\n"
    "Doctor: How old are you?\n"
    "Patient: I am 54."
)
COMPLETION = "54-year-old with knee pain for three weeks."


def sha(text: str) -> str:
    return hashlib.sha256(text.encode()).hexdigest()


def user(username: str = "", **values: Any) -> User:
    name = username or f"person{next(_numbers)}"
    values.setdefault("display_name", name.title())
    made = User(username=name, email=f"{name}@example.org", **values)
    made.set_unusable_password()
    made.save()
    return made


def member(project: Project, role: str, username: str = "") -> User:
    made = user(username or f"{role}{next(_numbers)}")
    Membership.objects.create(project=project, user=made, role=role)
    return made


def project(slug: str = "", **values: Any) -> Project:
    slug = slug or f"project-{next(_numbers)}"
    values.setdefault("name", slug.replace("-", " ").title())
    return Project.objects.create(slug=slug, **values)


def group(project: Project, key: str = "") -> SampleGroup:
    return SampleGroup.objects.get_or_create(project=project, key=key or f"group-{next(_numbers)}")[0]


def sample(
    project: Project,
    *,
    prompt: str = PROMPT,
    completion: str = COMPLETION,
    state: str = Sample.State.READY,
    group_key: str = "",
    **values: Any,
) -> Sample:
    n = next(_numbers)
    values.setdefault("external_id", f"s{n}")
    values.setdefault("row_hash", sha(f"row {n}"))
    made = Sample.objects.create(project=project, group=group(project, group_key), state=state, **values)
    made.revision = revision(made, prompt=prompt, completion=completion)
    made.save(update_fields=["revision"])
    return made


def revision(sample: Sample, *, prompt: str = PROMPT, completion: str = COMPLETION, **values: Any) -> Revision:
    values.setdefault("number", sample.revisions.count() + 1)
    values.setdefault("reason", Revision.Reason.IMPORT)
    return Revision.objects.create(
        sample=sample, prompt=prompt, completion=completion, content_hash=sha(f"{prompt}\0{completion}"), **values
    )


def heldout_set(project: Project, *, prompts: int = 3, sealed: bool = True) -> HeldoutSet:
    made = HeldoutSet.objects.create(project=project, name=f"Held-out {next(_numbers)}")
    for i in range(prompts):
        n = next(_numbers)
        HeldoutPrompt.objects.create(
            heldout_set=made,
            external_id=f"h{n}",
            group=group(project, f"held-{n}"),
            prompt=f"Doctor: How old are you?\nPatient: I am {30 + i}.",
            reference=f"{30 + i}-year-old.",
            facts=[{"slot": "age", "value": str(30 + i), "accepted": [f"{30 + i}-year-old"], "forbidden": []}],
            row_hash=sha(f"held {n}"),
        )
    if sealed:
        made.sealed_at = timezone.now()
        made.content_hash = sha(f"set {made.pk}")
        made.save()
    return made


def rubric_version(project: Project, *, applies_to: str = "samples", used: bool = False) -> RubricVersion:
    """Two criteria of four levels, and for outputs a safety gate as well."""
    rubric = Rubric.objects.create(project=project, name=f"Rubric {next(_numbers)}", applies_to=applies_to)
    version = RubricVersion.objects.create(
        rubric=rubric,
        number=1,
        content_hash=sha(rubric.name),
        guidelines="Read the prompt first.",
        used_at=timezone.now() if used else None,
    )
    for position, key in enumerate(("accuracy", "tone")):
        criterion = Criterion.objects.create(
            version=version, key=key, position=position, name=key.title(), allow_na=key == "tone",
            evidence_at_or_below=2 if applies_to == "outputs" else None,
        )  # fmt: skip
        for value in (1, 2, 3, 4):
            Level.objects.create(criterion=criterion, value=value, label=f"Level {value}", anchor=f"Anchor {value}")
    if applies_to == "outputs":
        gate = Criterion.objects.create(
            version=version, key="safety", position=2, name="Unsafe instruction", kind="gate", is_critical=True,
            evidence_at_or_below=1,
        )  # fmt: skip
        Level.objects.create(criterion=gate, value=1, label="Yes", anchor="An unsafe instruction is there")
        Level.objects.create(criterion=gate, value=0, label="No", anchor="None")
    return version


def job(**values: Any) -> Job:
    values.setdefault("path", "reviewapp.core.jobs.execute")
    values.setdefault("title", "A job")
    return Job.objects.create(**values)


def long_ago(minutes: int = 120) -> Any:
    return timezone.now() - timedelta(minutes=minutes)
