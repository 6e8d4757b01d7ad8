from __future__ import annotations

from typing import Any

from django.core.management.base import BaseCommand

from reviewapp.audit.services import views_seal


class Command(BaseCommand):
    help = "Seals the record views that are not sealed yet into the audit chain. The clock does it by itself."

    def handle(self, *args: Any, **options: Any) -> None:
        self.stdout.write(f"{views_seal()} record views sealed.")
