from __future__ import annotations

from typing import Any

from django.core.management.base import BaseCommand, CommandError

from reviewapp.audit.services import chain_verify, views_verify


class Command(BaseCommand):
    help = "Recomputes the audit chain and every sealed record view; ends with 1 when something was changed."

    def handle(self, *args: Any, **options: Any) -> None:
        chain, views = chain_verify(), views_verify()
        if not chain.holds:
            raise CommandError(f"The audit chain is broken at event {chain.broken_at}.")
        if not views.holds:
            raise CommandError(f"Record views were changed: they do not fit their seal, event {views.broken_at}.")
        self.stdout.write(f"The chain holds: {chain.n} events.")
        self.stdout.write(
            f"The record views hold: {views.n} in {views.seals} seals, {views.removed} removed after their time, "
            f"{views.unsealed} not sealed yet."
        )
