from __future__ import annotations

import json
import sys
from typing import Any

from django.core.management.base import BaseCommand, CommandError, CommandParser

from reviewapp.curation.replay import replay
from reviewapp.projects.models import Project


class Command(BaseCommand):
    help = (
        "Runs the pipeline of a project again in memory and compares texts and findings with what is stored; prints "
        "JSON. Ends with 1 when something differs, with 2 when nothing does but not all could be compared."
    )

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("project", help="the project's short name, as in its addresses")

    def handle(self, *args: Any, **options: Any) -> None:
        project = Project.objects.filter(slug=options["project"]).first()
        if project is None:
            raise CommandError(f"There is no project “{options['project']}”.")
        done = replay(project)
        self.stdout.write(json.dumps(done.as_json(), ensure_ascii=False, indent=2))
        if done.differences or not done.is_whole:
            sys.exit(1 if done.differences else 2)
