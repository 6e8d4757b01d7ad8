"""How many reviewers a sample needs, who may have it, and how soon it comes. Plain Python.

Ranks are numbers from 0 up; lower comes first. What cannot be ranked (no score where one is asked for) comes last.
"""

from __future__ import annotations

import math
from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from reviewapp.words import say

LAST = 2e9
_MIDDLE = 1e9
SEVERITY_WEIGHTS = {"low": 1, "medium": 3, "high": 9}
EXPERTISE_KEY = "expertise"  # of a sample's metadata: tags, as a list or parted by commas
MAX_TAGS = 200  # characters


@dataclass(frozen=True, kw_only=True)
class QueueFacts:
    """What the rank of one sample can depend on. ``score``: the metadata the project ranks by, as imported."""

    id: int
    group: int
    waiting_since: datetime
    score: Any = None
    gravity: int = 0  # weight of its open findings
    diverse_place: int | None = None  # in the order that covers the texts soonest
    random_place: float | None = None  # 0..1, of those that keep a place at random


def hash_threshold(percent: int) -> str:
    """Hashes (lower-case hexadecimal) below this are ``percent`` of all hashes."""
    return "g" if percent >= 100 else f"{percent * 16**8 // 100:08x}"


def reviewers_needed(row_hash: str, *, overlap: int, more: int, more_percent: int) -> int:
    """``overlap``, or ``more`` for the share of samples whose hash falls below the threshold."""
    return more if row_hash < hash_threshold(more_percent) else overlap


def tags_of(value: Any) -> str:
    """Tags in their one form: lower case, sorted, each once, parted by commas; '' for none or what is no tag.

    Raises ValueError when they are longer than 200 characters.
    """
    parts = value.split(",") if isinstance(value, str) else value if isinstance(value, list | tuple) else []
    tags = ",".join(sorted({" ".join(str(part).replace(",", " ").split()).lower() for part in parts} - {""}))
    if len(tags) > MAX_TAGS:
        raise ValueError(say("Tags are at most %(max_tags)s characters long together.", max_tags=MAX_TAGS))
    return tags


def tags_cover(have: str, needed: str) -> bool:
    """Whether somebody with the tags ``have`` may judge what asks for ``needed``: all of them."""
    return not needed or set(needed.split(",")) <= set(have.split(","))


def ranks_of(samples: Sequence[QueueFacts], strategy: str) -> dict[int, float]:
    """The rank of each sample by its id, for the strategies that look at more than ids."""
    if strategy == "diversity":
        is_learned = any(facts.diverse_place is not None for facts in samples)
        ranks = _alternating(samples) if is_learned else _mixed(samples)
    else:
        ranks = {facts.id: _rank(facts, strategy) for facts in samples}
    return ranks | _at_random(samples, ranks)


def _at_random(samples: Sequence[QueueFacts], ranks: Mapping[int, float]) -> dict[int, float]:
    """The rank of each sample that keeps a place at random: that of whatever stands there."""
    others = sorted(ranks[facts.id] for facts in samples if facts.random_place is None)
    drawn = [facts for facts in samples if facts.random_place is not None]
    return {facts.id: others[int((facts.random_place or 0) * len(others))] for facts in drawn} if others else {}


def _alternating(samples: Sequence[QueueFacts]) -> dict[int, float]:
    """One that the model is least sure of, then one of the order that covers the texts, and so on, each once."""
    unsure = sorted(samples, key=lambda facts: (_rank(facts, "confidence"), facts.id))
    covering = sorted(
        samples, key=lambda facts: (LAST if facts.diverse_place is None else facts.diverse_place, facts.id)
    )
    turns = dict.fromkeys(facts.id for pair in zip(unsure, covering, strict=True) for facts in pair)
    return {number: float(place) for place, number in enumerate(turns)}


def _rank(facts: QueueFacts, strategy: str) -> float:
    if strategy == "oldest":
        return facts.waiting_since.timestamp()
    if strategy == "findings":
        return _bounded(_MIDDLE - facts.gravity)
    if strategy == "priority":
        number = number_of(facts.score)
        return LAST if number is None else _bounded(_MIDDLE - number)
    value = margin_of(facts.score) if strategy == "margin" else confidence_of(facts.score)
    return LAST if value is None else value


def _mixed(samples: Sequence[QueueFacts]) -> dict[int, float]:
    """The least confident of each group first, then the second of each, and so on: groups differ, so does the work."""
    groups: defaultdict[int, list[tuple[float, int]]] = defaultdict(list)
    for facts in samples:
        groups[facts.group].append((_rank(facts, "confidence"), facts.id))
    turns = [(turn, rank, number) for members in groups.values() for turn, (rank, number) in enumerate(sorted(members))]
    return {number: float(place) for place, (_, _, number) in enumerate(sorted(turns))}


def number_of(value: Any) -> float | None:
    """A finite number, also one written as text; None for anything else."""
    if isinstance(value, bool) or not isinstance(value, int | float | str):
        return None
    try:
        number = float(value)
    except (ValueError, OverflowError):
        return None
    return number if math.isfinite(number) else None


def confidence_of(value: Any) -> float | None:
    """How sure a model was, 0..1: the number itself, or the largest of its class scores."""
    scores = _scores(value)
    if scores:
        return scores[0]
    number = number_of(value)
    return number if number is not None and 0 <= number <= 1 else None


def margin_of(value: Any) -> float | None:
    """The largest class score less the second; a single number is the probability of one of two classes."""
    scores = _scores(value)
    if len(scores) > 1:
        return scores[0] - scores[1]
    number = scores[0] if scores else number_of(value)
    return abs(2 * number - 1) if number is not None and 0 <= number <= 1 else None


def _scores(value: Any) -> list[float]:
    """Class scores, the largest first; empty unless every one is a number from 0 to 1."""
    given: Iterable[Any] = value.values() if isinstance(value, Mapping) else value if isinstance(value, list) else []
    numbers = [number_of(item) for item in given]
    known = [number for number in numbers if number is not None and 0 <= number <= 1]
    return sorted(known, reverse=True) if len(known) == len(numbers) else []


def _bounded(rank: float) -> float:
    return min(max(rank, 0.0), LAST)
