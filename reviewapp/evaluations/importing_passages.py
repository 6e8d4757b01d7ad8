"""Passages that graders marked outside, checked against the very texts. Pure.

An answer may carry a list of passages, each an object (in a table the list is written as JSON):

- ``text``: words of the output as they stand there; ``start`` and ``end`` (characters from 0) where they stand more
  than once, or alone. Without both something is left out, and ``source`` says what.
- ``severity``: minor or major. ``error_type``: one of the kinds that the criterion knows; '' where it was not said.
- ``source``, ``source_start``, ``source_end``: the same for the prompt; ``absent``: true where it has nothing on it.
"""

from __future__ import annotations

import json
from collections.abc import Collection, Mapping
from dataclasses import dataclass
from typing import Any, TypeGuard

from reviewapp.evaluations.judging import MAX_SPANS, SEVERITIES, SpanGiven

KNOWN = frozenset({"text", "start", "end", "severity", "error_type", "source", "source_start", "source_end", "absent"})


class PassageInvalid(ValueError):
    """What is wrong with a passage, in a sentence."""


@dataclass(frozen=True)
class Texts:
    output: str
    prompt: str


def passages_read(value: Any, criterion: str, kinds: Collection[str], texts: Texts) -> tuple[SpanGiven, ...]:
    """The passages of one answer; raises PassageInvalid for the first that does not fit."""
    listed = _listed(value)
    if len(listed) > MAX_SPANS:
        raise PassageInvalid(f"An answer may mark {MAX_SPANS} passages; this one marks {len(listed)}.")
    found = []
    for number, one in enumerate(listed, start=1):
        try:
            found.append(_passage(one, criterion, kinds, texts))
        except PassageInvalid as problem:
            raise PassageInvalid(f"Passage {number}: {problem}") from None
    return tuple(found)


def _listed(value: Any) -> list[Any]:
    """A list as it is, one object alone, or either as JSON text; nothing where there is nothing."""
    if value is None or (isinstance(value, str) and not value.strip()):
        return []
    if isinstance(value, str):
        try:
            value = json.loads(value)
        except (ValueError, RecursionError):
            raise PassageInvalid("The passages are no JSON. Write a list of objects.") from None
    if isinstance(value, dict):
        return [value]
    if not isinstance(value, list):
        raise PassageInvalid("The passages are no list of objects.")
    return value


def _passage(one: Any, criterion: str, kinds: Collection[str], texts: Texts) -> SpanGiven:
    if not isinstance(one, dict):
        raise PassageInvalid("it is no object.")
    if unknown := sorted(set(map(str, one)) - KNOWN):
        raise PassageInvalid(f"{unknown[0][:40]} is not known; it may have {', '.join(sorted(KNOWN))}.")
    severity, kind = _word(one, "severity"), _word(one, "error_type")
    if severity not in SEVERITIES:
        raise PassageInvalid(f"its severity is minor or major, not {severity[:40] or 'empty'}.")
    if kind and kind not in kinds:
        raise PassageInvalid(f"{kind[:40]} is no kind of error of {criterion}. It knows {', '.join(sorted(kinds))}.")
    output = _place(one, "text", "start", "end", texts.output, "output")
    source = _place(one, "source", "source_start", "source_end", texts.prompt, "prompt")
    if output is None and source is None:
        raise PassageInvalid("it marks nothing. Give its words, or what in the prompt was left out.")
    is_absent = one.get("absent") is True
    if is_absent and (source is not None or output is None):
        raise PassageInvalid("absent is said of a passage of the output that has none in the prompt.")
    start, end = output or (0, 0)
    source_start, source_end = source or (None, None)
    return SpanGiven(
        criterion=criterion, severity=severity, start=start, end=end, source_start=source_start, source_end=source_end,
        is_absent_from_source=is_absent, error_type=kind,
    )  # fmt: skip


def _word(one: Mapping[str, Any], name: str) -> str:
    return str(one.get(name) or "").strip().lower()


def _place(one: Mapping[str, Any], words: str, first: str, last: str, text: str, where: str) -> tuple[int, int] | None:
    """(start, end) of a passage, by its words, its characters, or both; None where neither is given."""
    said = one.get(words)
    quote = said.replace("\r\n", "\n") if isinstance(said, str) else ""
    start, end = one.get(first), one.get(last)
    if start is None and end is None:
        return _found(quote, text, where, first, last) if quote.strip() else None
    if not _is_whole(start) or not _is_whole(end) or not 0 <= start < end <= len(text):
        raise PassageInvalid(f"{first} and {last} are no characters of the {where}, which has {len(text)}.")
    if quote and text[start:end] != quote:
        raise PassageInvalid(f"from {start} to {end} the {where} says “{text[start:end][:60]}”, not “{quote[:60]}”.")
    return start, end


def _is_whole(value: Any) -> TypeGuard[int]:
    return isinstance(value, int) and not isinstance(value, bool)


def _found(quote: str, text: str, where: str, first: str, last: str) -> tuple[int, int]:
    start = text.find(quote)
    if start < 0:
        raise PassageInvalid(f"“{quote[:60]}” does not stand in the {where}.")
    if text.find(quote, start + 1) >= 0:
        raise PassageInvalid(f"“{quote[:60]}” stands in the {where} more than once. Give {first} and {last}.")
    return start, start + len(quote)
