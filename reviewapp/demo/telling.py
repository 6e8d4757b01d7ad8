"""What a story is made of: its plan, its people, and how it waits for jobs."""

from __future__ import annotations

import time
import uuid
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

from reviewapp.accounts.models import User
from reviewapp.core.exceptions import ApplicationError
from reviewapp.core.models import Job
from reviewapp.demo import at_work
from reviewapp.demo.people import people_ensure
from reviewapp.evaluations.models import GenerationRun, GradingRound
from reviewapp.projects.models import Project
from reviewapp.rubrics.models import RubricVersion
from reviewapp.rubrics.services import rubric_create_builtin
from reviewapp.runs.models import ModelVersion
from reviewapp.samples.mapping import Mapping
from reviewapp.samples.models import HeldoutSet, Sample
from reviewapp.trainingsets.models import TrainingSetVersion

# Fixed keys: the same act asked for twice is one act.
_KEYS = uuid.UUID("6f9b3c1e-52d1-4a7e-9d0e-0c0a5f1d7e00")


def key_for(what: str) -> uuid.UUID:
    return uuid.uuid5(_KEYS, what)


@dataclass(frozen=True, kw_only=True)
class Wave:
    """One file that comes in and how its samples are reviewed."""

    file_name: str
    content: bytes
    mapping: Mapping
    reviewer: at_work.Reviewer


@dataclass(frozen=True, kw_only=True)
class Chapter:
    """One turn of the loop: samples come in, a version is signed, a model is trained, graded and reported on."""

    wave: Wave
    training: dict[str, Any]  # values of TrainConfig that differ from its defaults
    generation: dict[str, Any] = field(default_factory=dict)
    is_strict: bool = False  # leaves out accepted samples that a check had noticed something about
    keep: Callable[[Sample], bool] = lambda sample: True  # which accepted samples go into the version
    overlap: int = 1  # how many people review each sample


@dataclass(frozen=True, kw_only=True)
class Plan:
    """What differs between the demo world and real data."""

    slug: str
    name: str
    description: str
    heldout_file: str
    heldout_content: bytes
    heldout_mapping: Mapping
    base_model: str
    base_model_name: str
    template: dict[str, Any]
    grader: at_work.Grader
    gates: list[dict[str, Any]]
    chapters: tuple[Chapter, ...]
    feedback_prompt: str
    feedback_answer: str
    feedback_correction: str
    overlap_percent: int = 25


class StoryError(ApplicationError):
    """A step of the story did not end as it must; the message says which and how."""


@dataclass
class Telling:
    """``do`` sees to it that a job runs to its end; ``say`` prints a line for the person who waits."""

    plan: Plan
    do: Callable[[Job], None]
    say: Callable[[str], None]
    told: dict[str, Any] = field(default_factory=dict)

    def step(self, name: str, work: Callable[[], dict[str, Any]]) -> dict[str, Any]:
        """Runs one step, keeps what it tells and how long it took."""
        self.say(name.replace("_", " ").capitalize() + " ...")
        started = time.monotonic()
        told = work() | {"seconds": round(time.monotonic() - started, 1)}
        self.told[name] = told
        self.say(f"  {told['seconds']} s")
        return told

    def finish_job(self, job: Job | None, what: str) -> Job:
        """Waits for a job and refuses to go on without its success."""
        if job is None:
            raise StoryError(f"{what} has no job.")
        if not job.is_terminal:
            self.do(job)
            job.refresh_from_db()
        if job.state != Job.State.SUCCEEDED:
            raise StoryError(f"{what} ended as {job.get_state_display().lower()}: {job.message}")
        return job

    # what the story has got to so far
    project: Project = field(init=False)
    users: dict[str, User] = field(init=False)
    heldout: HeldoutSet = field(init=False)
    version: TrainingSetVersion = field(init=False)
    model: ModelVersion = field(init=False)
    generation: GenerationRun = field(init=False)
    round: GradingRound = field(init=False)

    def begin(self) -> None:
        plan = self.plan
        self.project, _ = Project.objects.get_or_create(
            slug=plan.slug, defaults={"name": plan.name, "description": plan.description}
        )
        self.users = people_ensure(self.project)
        self.lead, self.second_lead = self.users["sim-lead-1"], self.users["sim-lead-2"]
        self.engineer = self.users["erik"]

    def people(self, *usernames: str) -> list[User]:
        return [self.users[name] for name in usernames]

    def rubric(self, name: str, applies_to: str) -> RubricVersion:
        found = RubricVersion.objects.filter(rubric__project=self.project, rubric__applies_to=applies_to)
        return found.order_by("number").last() or rubric_create_builtin(
            project=self.project, name=name, created_by=self.lead
        )
