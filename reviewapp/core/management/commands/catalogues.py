"""``manage.py catalogues``: gathers the texts of the interface, keeps their translations, compiles them."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from django.conf import settings
from django.core.management.base import BaseCommand, CommandError, CommandParser

from reviewapp.core import catalogues


class Command(BaseCommand):
    help = "Brings locale/*/LC_MESSAGES up to date with the texts in templates, Python and scripts, and compiles."

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("--check", action="store_true", help="change nothing; fail when something would change")
        parser.add_argument("--missing", action="store_true", help="list the texts without a translation")

    def handle(self, *args: Any, check: bool = False, missing: bool = False, **options: Any) -> None:
        stale = []
        for language, _name in settings.LANGUAGES:
            if language == "en":  # the texts themselves
                continue
            for domain in catalogues.DOMAINS:
                path = Path(settings.LOCALE_PATHS[0]) / language / "LC_MESSAGES" / f"{domain}.po"
                stale += [str(path)] if self._bring(path, language, domain, is_check=check, is_listing=missing) else []
        if check and stale:
            raise CommandError(f"Run manage.py catalogues; out of date: {', '.join(stale)}.")

    def _bring(self, path: Path, language: str, domain: str, *, is_check: bool, is_listing: bool) -> bool:
        """Whether the files were out of date; they are written unless this is a check."""
        text = path.read_text(encoding="utf-8") if path.exists() else ""
        catalogue = catalogues.catalogue_read(path, language)
        catalogues.catalogue_update(catalogue, catalogues.domain_messages(settings.BASE_DIR, domain))
        written, compiled = str(catalogue), catalogue.to_binary()
        mo = path.with_suffix(".mo")
        is_stale = written != text or not mo.exists() or mo.read_bytes() != compiled
        if is_stale and not is_check:
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(written, encoding="utf-8")
            mo.write_bytes(compiled)
        self.stdout.write(
            f"{language} {domain}: {len(catalogue.translated_entries())} of {len(catalogue)} texts are translated."
        )
        if is_listing:
            for entry in catalogue:
                if not entry.translated():
                    self.stdout.write(f"  {entry.occurrences[0][0]}: {entry.msgid}")
        return is_stale
