"""One style for all citations of a project, without changing what any of them names."""

from __future__ import annotations

from dataclasses import dataclass

from reviewapp.curation.citations.grammar import Citation, citations_of
from reviewapp.curation.citations.reporters import RULES, YEARLY, plain

# value, what a person reads; "" leaves citations as they are written
STYLES: tuple[tuple[str, str], ...] = (
    ("", "Leave citations as they are written"),
    ("bluebook", "With full stops, as the Bluebook has them: 410 U.S. 113, 42 U.S.C. § 1983"),
    ("plain", "Without full stops, as OSCOLA has them: 410 US 113, 42 USC § 1983"),
)


@dataclass(frozen=True, kw_only=True)
class Restyled:
    """A citation and how the style writes it; ``written`` is the same as the text where nothing is to be done."""

    citation: Citation
    written: str


def restyled(text: str, style: str) -> list[Restyled]:
    """Every citation of a text that the style, or the mending of a scan's damage, would write in another way.

    With the style "" only damaged ones. One whose new form would not be read back as the same is left out.
    """
    changes = []
    for one in citations_of(text):
        if not style and not one.is_damaged:
            continue
        written = written_as(one, style or "bluebook")
        if written != text[one.start : one.end] and _names_the_same(text, one, written):
            changes.append(Restyled(citation=one, written=written))
    return changes


def text_in_style(text: str, style: str) -> tuple[str, int]:
    """The text with every undamaged citation in the style, and how many were changed. Twice is the same as once."""
    if not style:
        return text, 0
    safe = [one for one in restyled(text, style) if not one.citation.is_damaged]
    made = text
    for one in reversed(safe):
        made = made[: one.citation.start] + one.written + made[one.citation.end :]
    before, after = ([one.identity for one in citations_of(each)] for each in (text, made))
    return (made, len(safe)) if before == after else (text, 0)


def written_as(citation: Citation, style: str) -> str:
    """How ``bluebook`` or ``plain`` writes it."""
    made = _bluebook(citation)
    return made if style == "bluebook" else _without_stops(citation, made)


def _bluebook(one: Citation) -> str:
    parts = one.parts
    if one.kind == "us_case":
        return " ".join(parts)
    if one.kind == "usc":
        return f"{parts[0]} U.S.C.{'A.' if parts[1] else ''} § {parts[2]}{parts[3]}"
    if one.kind == "cfr":
        return f"{parts[0]} C.F.R. {'pt.' if parts[1] else '§'} {parts[2]}{parts[3]}"
    if one.kind == "rule":
        return f"{RULES[parts[0]]} {parts[1]}{parts[2]}"
    return _of_a_year(one)


def _of_a_year(one: Citation) -> str:
    parts = one.parts
    if one.kind == "neutral":
        year = f"[{parts[1]}]" if parts[0] else parts[1]
        return f"{year} {parts[2]} {parts[3]}" + (f" ({parts[4]})" if parts[4] else "")
    if one.kind == "yearly":
        return " ".join(part for part in (f"[{parts[0]}]", parts[1], parts[2], parts[3]) if part)
    return "ECLI:" + ":".join(parts)


def _without_stops(one: Citation, made: str) -> str:
    parts = one.parts
    if one.kind == "us_case":
        return f"{parts[0]} {plain(parts[1])} {parts[2]}"
    if one.kind == "rule":
        return f"{plain(RULES[parts[0]])} {parts[1]}{parts[2]}"
    if one.kind == "yearly":
        return made.replace(parts[2], YEARLY[parts[2]])
    for full, short in (("U.S.C.A.", "USCA"), ("U.S.C.", "USC"), ("C.F.R. pt.", "CFR pt"), ("C.F.R.", "CFR")):
        made = made.replace(full, short)
    return made


def _names_the_same(text: str, one: Citation, written: str) -> bool:
    """Read back in its place, it is the same; what stands around it may decide whether it is a citation at all."""
    around = text[max(0, one.start - 120) : one.start], text[one.end : one.end + 120]
    start = len(around[0])
    read = [each for each in citations_of(around[0] + written + around[1]) if each.start == start]
    return [(each.identity, each.end) for each in read] == [(one.identity, start + len(written))]
