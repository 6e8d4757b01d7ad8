"""``manage.py loop``: the whole loop without a browser; the last thing printed is one JSON object."""

from __future__ import annotations

import json
import logging
import shutil
from argparse import ArgumentParser
from pathlib import Path
from typing import Any

from django.conf import settings
from django.core.management import call_command
from django.core.management.base import BaseCommand, CommandError
from django.db import connections

from reviewapp.core.exceptions import ApplicationError
from reviewapp.core.jobs import execute
from reviewapp.core.models import Job
from reviewapp.demo.plans import plan_named
from reviewapp.demo.story import tell
from reviewapp.demo.telling import Telling


class Command(BaseCommand):
    help = "Runs the loop from import to feedback with simulated experts and prints what happened as JSON."

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("--data", default="", help="mts-dialog, or nothing for the demo world")
        parser.add_argument("--keep", action="store_true", help="go on from what an earlier loop left")

    def handle(self, *args: Any, **options: Any) -> None:
        # No queue server runs here: jobs are executed in this process, and their rows say the same as ever.
        logging.getLogger("reviewapp.core.jobs").setLevel(logging.ERROR)
        logging.getLogger("django.request").setLevel(logging.ERROR)
        if not options["keep"]:
            state_clear(settings.STATE_DIR)
        call_command("migrate", interactive=False, verbosity=0)
        try:
            plan = plan_named(options["data"])
            settings.MODEL_DIRS = [*settings.MODEL_DIRS, Path(plan.base_model)]  # for this process only
            told = tell(Telling(plan=plan, do=_do, say=self.say))
        except ApplicationError as error:
            raise CommandError(error.message) from error
        self.stdout.write(json.dumps(told, indent=1, ensure_ascii=False, default=str))
        if not told["is_reconciled"]:
            raise CommandError("A stage does not reconcile; see the JSON above.")

    def say(self, line: str) -> None:
        self.stderr.write(line)
        self.stderr.flush()


def _do(job: Job) -> None:
    execute(job.pk)


def state_clear(state_dir: Path) -> None:
    """Removes an earlier loop's data, and only that: the folder must be one that a loop made."""
    mark = state_dir / "is_loop"
    if mark.exists():
        connections.close_all()
        shutil.rmtree(state_dir)
    elif any(state_dir.glob("*.sqlite3")):
        raise CommandError(
            f"{state_dir} holds data that no loop made. Set COUNTERSIGN_STATE_DIR to another folder, or use --keep."
        )
    state_dir.mkdir(parents=True, exist_ok=True)
    mark.touch()
