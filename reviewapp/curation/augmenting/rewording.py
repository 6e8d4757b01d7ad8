"""Paraphrase templates: other wordings of phrases, one a line, with slots that take whatever stands there.

``How long have you had {it}? => Since when have you had {it}? | For how long have you had {it}?``

A slot stands for one to eight words of the same sentence and is carried over as it is, so what a patient said stays.
At most two slots a phrase, with words between them: matching stays in proportion to the length of the text.
"""

from __future__ import annotations

import random
import re
from collections.abc import Sequence
from dataclasses import dataclass

VERSION = 1
MOST_LINES, MOST_CHARS = 200, 20_000
LEFT_ALONE = 0.25  # of the places that fit: variants of one text differ in where they are reworded as well
_ARROW, _OR = "=>", "|"
_SLOT = re.compile(r"\{([a-z][a-z0-9_]{0,20})\}")
_WORD = r"[^\s.?!\n]{1,40}"
_FILLING = rf"{_WORD}(?:[ \t]+{_WORD}){{0,7}}"


class TemplateError(ValueError):
    """A line that cannot be used. ``line`` is its number, ``why`` a code of ``WHY``."""

    def __init__(self, line: int, why: str) -> None:
        super().__init__(f"line {line}: {why}")
        self.line, self.why = line, why


@dataclass(frozen=True)
class Template:
    """One phrase with its other wordings."""

    phrase: str
    others: tuple[str, ...]
    pattern: re.Pattern[str]


def templates_read(text: str) -> list[Template]:
    """Reads templates, one a line; empty lines and lines that begin with # are passed over. Raises TemplateError."""
    lines = [(number, line.strip()) for number, line in enumerate(text.splitlines(), start=1)]
    used = [(number, line) for number, line in lines if line and not line.startswith("#")]
    if len(used) > MOST_LINES or len(text) > MOST_CHARS:
        raise TemplateError(len(lines), "many")
    return [_template(number, line) for number, line in used]


def _template(number: int, line: str) -> Template:
    phrase, arrow, rest = (part.strip() for part in line.partition(_ARROW))
    others = tuple(part.strip() for part in rest.split(_OR))
    if not arrow or not phrase or not all(others):
        raise TemplateError(number, "form")
    slots = _SLOT.findall(phrase)
    if len(slots) != len(set(slots)) or len(slots) > 2 or re.search(r"\}\s*\{", phrase):
        raise TemplateError(number, "slots")
    if any(sorted(_SLOT.findall(other)) != sorted(slots) for other in others):
        raise TemplateError(number, "carried")
    if not re.search(r"\w", _SLOT.sub("", phrase)):
        raise TemplateError(number, "words")
    return Template(phrase, others, _compiled(phrase))


def _compiled(phrase: str) -> re.Pattern[str]:
    """White space matches white space, letters match in either case, nothing begins or ends inside a word."""
    parts, pieces = [], _SLOT.split(phrase)
    for place, piece in enumerate(pieces):
        if place % 2:
            is_last = place == len(pieces) - 2 and not pieces[-1]
            parts.append(f"(?P<{piece}>{_FILLING}{'' if is_last else '?'})")
        else:
            parts.append(r"\s+".join(re.escape(word) for word in re.split(r"\s+", piece)))
    return re.compile(rf"(?<!\w){''.join(parts)}(?!\w)", re.IGNORECASE)


def reworded(text: str, templates: Sequence[Template], rng: random.Random) -> str:
    """The text with phrases in another wording; as it is where none fits. One place is reworded once."""
    places = _places(text, templates)
    chosen = [place for place in places if rng.random() >= LEFT_ALONE] or places[:1]
    pieces, last = [], 0
    for match, template in chosen:
        pieces += [text[last : match.start()], _said(match, rng.choice(template.others))]
        last = match.end()
    return "".join([*pieces, text[last:]])


def _places(text: str, templates: Sequence[Template]) -> list[tuple[re.Match[str], Template]]:
    """Where phrases fit, in order, none over another; the longer phrase goes first."""
    found = [(match, template) for template in templates for match in template.pattern.finditer(text)]
    found.sort(key=lambda one: (one[0].start(), one[0].start() - one[0].end()))
    kept: list[tuple[re.Match[str], Template]] = []
    for match, template in found:
        if not kept or match.start() >= kept[-1][0].end():
            kept.append((match, template))
    return kept


def _said(match: re.Match[str], other: str) -> str:
    filled = _SLOT.sub(lambda slot: match[slot[1]], other)
    is_capital = match[0][:1].isupper()
    return filled[:1].upper() + filled[1:] if is_capital else filled[:1].lower() + filled[1:]
