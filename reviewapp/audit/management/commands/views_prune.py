from __future__ import annotations

from argparse import ArgumentParser
from datetime import timedelta
from typing import Any

from django.conf import settings
from django.core.management.base import BaseCommand, CommandError
from django.utils import timezone

from reviewapp.audit.services import views_prune
from reviewapp.core.exceptions import ApplicationError


class Command(BaseCommand):
    help = "Removes sealed record views that are older than VIEW_LOG_KEEP_DAYS; an audit event keeps their hash."

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("--days", type=int, default=settings.VIEW_LOG_KEEP_DAYS, help="keep so many days")

    def handle(self, *args: Any, **options: Any) -> None:
        days = options["days"]
        if days <= 0:
            self.stdout.write("Record views are kept for ever. Set VIEW_LOG_KEEP_DAYS, or give --days.")
            return
        try:
            n = views_prune(before=timezone.now() - timedelta(days=days))
        except ApplicationError as error:
            raise CommandError(error.message) from error
        self.stdout.write(f"{n} record views older than {days} days removed.")
