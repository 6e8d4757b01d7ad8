"""US reports that our own list does not have, through eyecite (Free Law Project, BSD-2), where that is installed.

Loading eyecite compiles patterns of more than a thousand reports, so only workers ask for it, and only for a text with
something in it that is shaped like a citation and that our own list does not know.
"""

from __future__ import annotations

import importlib
import importlib.util
import re
from functools import cache
from typing import Any

from reviewapp.curation.citations.grammar import Citation, citations_of
from reviewapp.curation.citations.style import Restyled

# A volume, an abbreviation of capitals and stops, a page.
_SHAPE = re.compile(r"(?<![\w.])[0-9]{1,4} [A-Z][A-Za-z'’]{0,9}\.(?: ?[A-Za-z0-9'’]{1,9}\.?){0,4} [0-9]{1,5}(?![\w])")


@cache
def is_there() -> bool:
    return importlib.util.find_spec("eyecite") is not None


def other_reports(text: str) -> list[Restyled]:
    """Citations of other US reports that the Bluebook writes in another way; none where eyecite is not installed.

    Only with full stops: without them eyecite would not read most back, and nobody could say that they stay the same.
    """
    taken = [(one.start, one.end) for one in citations_of(text)]
    shaped = [match.span() for match in _SHAPE.finditer(text) if not _overlaps(match.span(), taken)]
    if not shaped or not is_there():
        return []
    return [one for one in _read(text) if _overlaps((one.citation.start, one.citation.end), shaped)]


def _overlaps(span: tuple[int, int], others: list[tuple[int, int]]) -> bool:
    return any(span[0] < end and start < span[1] for start, end in others)


def _read(text: str) -> list[Restyled]:
    found = []
    for cited in _cases(text):
        start, end = cited.span()
        parts = (cited.groups["volume"], cited.corrected_reporter(), cited.groups["page"])
        if not all(parts) or "(" in text[start:end]:  # named volumes, such as 5 U.S. (1 Cranch) 137, stay as they are
            continue
        written = " ".join(parts)
        if written != text[start:end] and parts == _parts(written):
            found.append(
                Restyled(citation=Citation(start=start, end=end, kind="us_case", parts=parts), written=written)
            )
    return found


def _cases(text: str) -> list[Any]:
    eyecite: Any = importlib.import_module("eyecite")
    models: Any = importlib.import_module("eyecite.models")
    return [one for one in eyecite.get_citations(text) if isinstance(one, models.FullCaseCitation)]


def _parts(written: str) -> tuple[str, str, str] | None:
    """What eyecite reads back from the new form."""
    read = _cases(written)
    if len(read) != 1:
        return None
    return read[0].groups["volume"], read[0].corrected_reporter(), read[0].groups["page"]
