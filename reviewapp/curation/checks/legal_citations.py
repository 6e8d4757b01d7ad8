"""Legal citations that a scan has damaged, or that are not in the project's house style.

A damaged one ("410 U.S. l13") is only read, never mended by itself: the suggestion is for a person who has the source.
Style is another matter: it changes stops and blanks, not what is cited, and cleaning applies it to texts that nobody
has seen. This check shows it on the others.
"""

from __future__ import annotations

from collections.abc import Iterator

from reviewapp.curation.checks.finding import Corpus, Field, FindingDraft, Item, Scope, on_span
from reviewapp.curation.citations.others import other_reports
from reviewapp.curation.citations.style import STYLES, Restyled, restyled

NAME, TITLE = "legal_citations", "Legal citations"
SCOPE: Scope = "text"
VERSION = 1
OPTIONS = STYLES
MAX_OF_A_KIND = 50  # in one field


def check(corpus: Corpus) -> list[FindingDraft]:
    """A finding for each citation that the project's style (``corpus.option``) writes in another way."""
    return [
        finding
        for item in corpus.items
        for field, text in item.fields()
        for finding in _look(item, field, text, corpus)
    ]


def _look(item: Item, field: Field, text: str, corpus: Corpus) -> Iterator[FindingDraft]:
    changes = restyled(text, corpus.option)
    if corpus.is_worker and corpus.option == "bluebook":
        changes = [*changes, *other_reports(text)]
    for change in changes[:MAX_OF_A_KIND]:
        yield _finding(item, field, change)


def _finding(item: Item, field: Field, change: Restyled) -> FindingDraft:
    one = change.citation
    if one.is_damaged:
        told = f"A scan seems to have damaged this citation: it reads as {change.written}. Compare it with the source."
    else:
        told = f"The project's style writes this citation {change.written}; it names the same."
    return on_span(
        item,
        field,
        one.start,
        one.end,
        check=NAME,
        kind="citation_damaged" if one.is_damaged else "citation_style",
        severity="medium" if one.is_damaged else "low",
        message=told,
        suggestion=change.written,
    )
