"""Known facts of a prompt (slots) looked up in an output: exact, the same for every model. Pure."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True)
class SlotResult:
    slot: str
    value: str
    is_right: bool


def slot_results(text: str, facts: Iterable[Mapping[str, Any]]) -> list[SlotResult]:
    """A slot is right when an accepted wording occurs and no forbidden one does: the rule of ``training.metrics``."""
    return [
        SlotResult(
            slot=str(fact["slot"]),
            value=str(fact.get("value", "")),
            is_right=any(occurs(words, text) for words in fact.get("accepted") or [fact.get("value", "")])
            and not any(occurs(words, text) for words in fact.get("forbidden") or ()),
        )
        for fact in facts
    ]


def occurs(words: str, text: str) -> bool:
    """Whole words, case and blanks aside; a number is not found inside another (5 in 2.5, 5 mg in 15 mg)."""
    wanted = _plain(str(words))
    if not wanted:
        return False
    before = r"(?<!\w)" + (r"(?<!\d[.,])" if wanted[0].isdigit() else "")
    after = r"(?!\w)" + (r"(?![.,]\d)" if wanted[-1].isdigit() else "")
    return re.search(before + re.escape(wanted) + after, _plain(text)) is not None


def _plain(text: str) -> str:
    return " ".join(text.split()).casefold()
