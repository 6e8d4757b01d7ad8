"""``manage.py demo_load``: the demo project, up to its first training run; a second call changes nothing."""

from __future__ import annotations

from typing import Any

from django.core.management.base import BaseCommand, CommandError

from reviewapp.core.exceptions import ApplicationError
from reviewapp.core.jobs import execute
from reviewapp.core.models import Job
from reviewapp.demo.people import PEOPLE, WORLD_SLUG
from reviewapp.runs.models import TrainingRun


class Command(BaseCommand):
    requires_system_checks: list[str] = []
    help = "Loads the demo project: samples, findings, reviews, a signed version, a first training run that waits."

    def handle(self, *args: Any, **options: Any) -> None:
        if TrainingRun.objects.filter(project__slug=WORLD_SLUG).exists():
            self.say("The demo project is there already.")
        else:
            self.load()
        self.sign_ins()

    def load(self) -> None:
        # only the first start needs the whole story and the libraries behind it
        from reviewapp.demo import steps_data, steps_model
        from reviewapp.demo.plans import world_plan
        from reviewapp.demo.story import tell_beginning
        from reviewapp.demo.telling import Telling

        self.say("Loading the demo project; this takes about a minute the first time.")
        story = Telling(plan=world_plan(), do=_do, say=self.say)
        try:
            tell_beginning(story)
            steps_model.request_run(story, 1, story.plan.chapters[0])
            # the second export comes in and is checked, and waits for whoever tries the demo
            story.step("import_2", lambda: steps_data.import_wave(story, story.plan.chapters[1].wave))
            story.step("checks_2", lambda: steps_data.scan(story))
        except ApplicationError as error:
            raise CommandError(error.message) from error
        self.say("The first training run waits for the training worker; watch it under Training runs.")

    def sign_ins(self) -> None:
        self.say("Sign in with one click at /demo/people/ as:")
        for person in PEOPLE:
            if not person.is_simulated:
                self.say(f"  {person.name:<16} {person.role}")

    def say(self, line: str) -> None:
        self.stdout.write(line)
        self.stdout.flush()


def _do(job: Job) -> None:
    """Here rather than in a worker: a worker that is about to take it finds it done."""
    execute(job.pk)
