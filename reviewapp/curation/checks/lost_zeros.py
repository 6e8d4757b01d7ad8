"""Identifiers that are shorter than their like in the project, as when a spreadsheet drops the zeros they begin with.

The width of each kind of identifier is what nearly all samples have; without such a width nothing is said.
"""

from __future__ import annotations

import re
from collections import Counter, defaultdict
from collections.abc import Iterator

from reviewapp.curation.checks.finding import Corpus, Field, FindingDraft, Item, Scope, on_span

NAME, TITLE = "lost_zeros", "Identifiers without their zeros"
SCOPE: Scope = "corpus"
VERSION = 1
MIN_SAMPLES, SHARE = 20, 0.9  # samples with an identifier of this label, and the share of its usual width
MOST_LOST = 3
_FIGURES = re.compile("[0-9]{3}")  # without them there is none: told ten times quicker
_LABELLED = re.compile(
    r"\b(?P<label>(?:account|case|docket|claim|policy|invoice|record|nhs)(?: number| no)?|mrn|acct|member(?: id)?"
    r"|(?:patient|hospital) (?:id|number)|file (?:number|no)|ndc|npi|id)"
    r"\b\.?\s?[:#=]?\s?#?(?P<number>[0-9]{3,15})(?![\w/-]|[.,][0-9])",
    re.I,
)


def check(corpus: Corpus) -> Iterator[FindingDraft]:
    """A finding on each identifier that is 1 to 3 figures short of the usual, where others of its kind begin with 0.

    Items are read twice where there is a usual width: a match holds its whole text.
    """
    widths: defaultdict[str, Counter[int]] = defaultdict(Counter)
    zeros: Counter[str] = Counter()
    for item in corpus.items:
        for _field, match in _identifiers(item):
            label = _label(match)
            widths[label][len(match["number"])] += 1
            zeros[label] += match["number"].startswith("0")
    found = {label: _usual(counted) for label, counted in widths.items() if zeros[label]}
    usual = {label: width for label, width in found.items() if width}
    for item in corpus.items if usual else ():
        for field, match in _identifiers(item):
            if 0 < usual.get(_label(match), 0) - len(match["number"]) <= MOST_LOST:
                yield _finding(item, field, match, usual[_label(match)])


def _identifiers(item: Item) -> Iterator[tuple[Field, re.Match[str]]]:
    for field, text in item.fields():
        for match in _LABELLED.finditer(text) if _FIGURES.search(text) else ():
            yield field, match


def _label(match: re.Match[str]) -> str:
    return " ".join(match["label"].casefold().split())


def _usual(widths: Counter[int]) -> int:
    """The width that nearly all have; 0 where there is none."""
    (width, n), total = widths.most_common(1)[0], widths.total()
    return width if total >= MIN_SAMPLES and n >= SHARE * total else 0


def _finding(item: Item, field: Field, match: re.Match[str], width: int) -> FindingDraft:
    return on_span(
        item,
        field,
        *match.span("number"),
        check=NAME,
        kind="lost_zero",
        severity="medium",
        message=f"Others of this kind have {width} figures. A spreadsheet drops the zeros that a number begins with.",
        suggestion=match["number"].zfill(width),
    )
