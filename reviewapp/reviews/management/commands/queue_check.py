from __future__ import annotations

from argparse import ArgumentParser
from typing import Any

from django.core.management.base import BaseCommand, CommandError

from reviewapp.reviews.selectors.slots import queue_problems
from reviewapp.reviews.services import queue_repair


class Command(BaseCommand):
    help = "Compares the places that samples keep in the review queue with the assignments."

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("--repair", action="store_true", help="count again where they differ")

    def handle(self, *args: Any, **options: Any) -> None:
        problems = queue_problems()
        for problem in problems:
            self.stdout.write(f"sample {problem.sample}: {problem.kept} kept, {problem.counted} counted")
        if problems and options["repair"]:
            self.stdout.write(f"{queue_repair()} samples counted again.")
        elif problems:
            raise CommandError(f"{len(problems)} samples keep a wrong place; --repair counts them again.")
        else:
            self.stdout.write("Every sample keeps its right place in the queue.")
