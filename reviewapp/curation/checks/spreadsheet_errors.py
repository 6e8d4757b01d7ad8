"""Cells that a spreadsheet overwrote with an error, such as ``#NAME?`` for a text that began with a dash."""

from __future__ import annotations

import re

from reviewapp.curation.checks.finding import Corpus, FindingDraft, Scope, on_span

NAME, TITLE = "spreadsheet_errors", "Spreadsheet errors"
SCOPE: Scope = "text"
VERSION = 1
_ERROR = re.compile(r"#(?:NAME\?|REF!|VALUE!|DIV/0!|N/A|NULL!|NUM!|SPILL!|CALC!|GETTING_DATA)|#{6,}")


def check(corpus: Corpus) -> list[FindingDraft]:
    """A finding for every error value; high when it is all there is, for then the text itself is lost."""
    return [
        on_span(
            item,
            field,
            match.start(),
            match.end(),
            check=NAME,
            kind="spreadsheet_error",
            severity="high" if match[0] == text.strip() else "medium",
            message="A spreadsheet put an error in place of text. Find the text in the file it came from.",
        )
        for item in corpus.items
        for field, text in item.fields()
        for match in _ERROR.finditer(text)
    ]
