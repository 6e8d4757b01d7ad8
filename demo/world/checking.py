"""Whether a text gets a fact right: the rule of the held-out facts, spelled out once for the demo.

The measuring side has the same rule in ``training.metrics.slots``; a test holds the two together.
"""

from __future__ import annotations

import re

from demo.world.case import Fact


def _normal(text: str) -> str:
    return " ".join(text.split()).casefold()


def _pattern(wanted: str) -> str:
    """Whole words; a number is not found inside another (neither 5 in 2.5 nor 2 in 2.5)."""
    before = r"(?<!\w)" + (r"(?<!\d[.,])" if wanted[0].isdigit() else "")
    after = r"(?!\w)" + (r"(?![.,]\d)" if wanted[-1].isdigit() else "")
    return before + r"\s+".join(re.escape(word) for word in wanted.split()) + after


def place_of(wanted: str, text: str) -> tuple[int, int] | None:
    """Where ``wanted`` first stands in ``text`` as whole words, in characters; case does not matter."""
    if not wanted.strip():
        return None
    found = re.search(_pattern(wanted), text, re.IGNORECASE)
    return found.span() if found else None


def occurs(wanted: str, text: str) -> bool:
    return place_of(_normal(wanted), _normal(text)) is not None


def is_right(fact: Fact, text: str) -> bool:
    """A slot is right when one accepted wording occurs and no forbidden one does."""
    if any(occurs(wording, text) for wording in fact["forbidden"]):
        return False
    return any(occurs(wording, text) for wording in fact["accepted"])
