from __future__ import annotations

import getpass
from argparse import ArgumentParser
from typing import Any

from django.core.management.base import BaseCommand, CommandError

from reviewapp.accounts.models import User
from reviewapp.accounts.services import factor_reset


class Command(BaseCommand):
    help = "Takes away somebody's second factor and recovery codes; the audit log says who did it and why."

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("username")
        parser.add_argument("--reason", required=True, help="a sentence for the audit log")

    def handle(self, *args: Any, **options: Any) -> None:
        user = User.objects.filter(username=options["username"]).first()
        if user is None:
            raise CommandError(f"There is no account {options['username']}.")
        if not factor_reset(user=user, reset_by=getpass.getuser(), reason=options["reason"]):
            raise CommandError(f"{user.username} has no second factor; nothing was changed.")
        self.stdout.write(f"{user.username} signs in without a second factor now, and can set up a new one.")
