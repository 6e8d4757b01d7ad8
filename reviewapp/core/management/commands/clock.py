"""``manage.py clock``: every few seconds, takes back lost jobs, wakes forgotten ones, does CLOCK_WORK."""

from __future__ import annotations

import logging
import signal
import threading
from argparse import ArgumentParser
from types import FrameType
from typing import Any

from django.conf import settings
from django.core.management.base import BaseCommand
from django.db import DatabaseError, close_old_connections
from django.utils.module_loading import import_string

from reviewapp.core import jobs

log = logging.getLogger(__name__)


class Command(BaseCommand):
    requires_system_checks = ()  # `up` and `manage.py check` look once for all
    help = "Takes back jobs whose worker is gone, again and again. Run one; more do no harm."

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("--every", type=float, default=5.0, help="seconds between two looks (default: 5)")
        parser.add_argument("--once", action="store_true", help="look once and end")

    def handle(self, *args: Any, **options: Any) -> None:
        stopped = threading.Event()
        if options["once"]:
            stopped.set()
        else:
            _stop_on_signals(stopped)
        look()
        while not stopped.wait(options["every"]):
            look()


def _stop_on_signals(stopped: threading.Event) -> None:
    def stop(number: int, frame: FrameType | None) -> None:
        stopped.set()

    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, stop)


def look() -> dict[str, int]:
    """One round; a database that is away for a moment is tried again the next time."""
    close_old_connections()
    try:
        counts = jobs.reconcile()
        for path in settings.CLOCK_WORK:
            import_string(path)()
    except DatabaseError as error:
        log.warning("The database cannot be read now: %s", error)
        return {}
    if any(counts.values()):
        log.info("Jobs taken back: %s", ", ".join(f"{count} {what}" for what, count in counts.items() if count))
    return counts
