"""What may identify a person by its form: numbers, addresses, dates. Names and places are the check beside this one."""

from __future__ import annotations

from collections.abc import Iterator

from reviewapp.curation.checks.finding import Corpus, Field, FindingDraft, Item, Scope, on_span
from reviewapp.curation.redaction.finder import patterns_of
from reviewapp.curation.redaction.spans import KINDS, Span

NAME, TITLE = "identifiers", "Identifiers of people"
SCOPE: Scope = "text"
VERSION = 1


def check(corpus: Corpus) -> list[FindingDraft]:
    """A finding for each identifier, with a mask such as [PHONE] as its suggestion."""
    return [finding for item in corpus.items for field, text in item.fields() for finding in _look(item, field, text)]


def _look(item: Item, field: Field, text: str) -> Iterator[FindingDraft]:
    for span in patterns_of(text):
        if text[span.start : span.end] not in item.invented:
            yield _finding(item, field, span)


def _finding(item: Item, field: Field, span: Span) -> FindingDraft:
    kind = KINDS[span.kind]
    return on_span(
        item,
        field,
        span.start,
        span.end,
        check=NAME,
        kind="date" if span.kind == "birth_date" else span.kind,
        severity=kind.severity,
        message=f"{kind.words}. Mask it unless it is made up.",
        suggestion=kind.mask,
    )
