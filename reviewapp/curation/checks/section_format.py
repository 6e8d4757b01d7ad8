"""Completions laid out in another way than nearly all others of the project: headings, list marks, blank lines.

A model that sees "Plan:", "PLAN" and "## Plan" learns to write any of them. What is right is what the project's own
majority does (``house_form``); where the project does not agree with itself nothing is said.
"""

from __future__ import annotations

from collections.abc import Iterator
from itertools import islice

from reviewapp.curation.checks.finding import Corpus, FindingDraft, Item, Scope, on_span
from reviewapp.curation.house_form import (
    HouseForm,
    Mark,
    Usual,
    headings_of,
    house_form,
    lists_of,
    numbers_wrong,
)

NAME, TITLE = "section_format", "Layout unlike the others"
SCOPE: Scope = "corpus"
VERSION = 1
MAX_OF_A_KIND = 20


def check(corpus: Corpus) -> Iterator[FindingDraft]:
    """Low findings on completions, each with the house form in place."""
    house = house_form(item.completion for item in corpus.items)
    for item in corpus.items:
        for look in (_headings, _gaps, _lists):
            yield from islice(look(item, house), MAX_OF_A_KIND)


def _headings(item: Item, house: HouseForm) -> Iterator[FindingDraft]:
    for one in headings_of(item.completion):
        usual = house.headings.get(one.name)
        if usual is not None and usual.is_house and one.written != usual.form:
            told = f"{_most(usual)} write this heading “{usual.form}”."
            yield _finding(item, one.start, one.end, "heading_form", told, usual.form)


def _gaps(item: Item, house: HouseForm) -> Iterator[FindingDraft]:
    if house.gap is None or not house.gap.is_house:
        return
    wanted = int(house.gap.form)
    lines = ("no blank line", "one blank line")[wanted] if wanted < 2 else f"{wanted} blank lines"
    for one in headings_of(item.completion):
        is_section = one.is_marked and one.name in house.headings
        if is_section and one.blank_lines is not None and one.blank_lines != wanted:
            told = f"{_most(house.gap)} leave {lines} before a section."
            yield _finding(
                item,
                one.gap_start,
                one.end,
                "section_gap",
                told,
                "\n" * (wanted + 1) + item.completion[one.start : one.end],
            )


def _lists(item: Item, house: HouseForm) -> Iterator[FindingDraft]:
    for marks in lists_of(item.completion):
        usual = house.marks.get(marks[0].kind)
        start, end = marks[0].start, marks[-1].end
        if numbers_wrong(marks):
            told = "The numbers of this list do not go up by one. Check that no item is missing."
            yield _finding(item, start, end, "list_numbers", told, None)
        elif usual is not None and usual.is_house and any(mark.form != usual.form for mark in marks):
            told = f"{_most(usual)} begin the items of such a list with “{usual.form}”."
            yield _finding(item, start, end, "list_mark", told, _remarked(item.completion, marks, usual.form))


def _remarked(text: str, marks: list[Mark], form: str) -> str:
    made, last = [], marks[0].start
    for mark in marks:
        new = form if mark.number is None else form.replace("1", str(mark.number))
        # a bullet that touches its words gets its blank
        made += [text[last : mark.start], new if text[mark.end : mark.end + 1].isspace() else f"{new} "]
        last = mark.end
    return "".join(made)


def _most(usual: Usual) -> str:
    return f"{usual.n:,} of {usual.total:,} completions of this project"


def _finding(item: Item, start: int, end: int, kind: str, told: str, suggestion: str | None) -> FindingDraft:
    values = {"check": NAME, "kind": kind, "severity": "low", "message": told, "suggestion": suggestion}
    return on_span(item, "completion", start, end, **values)
