"""How near two judgements of one output are: a grader's own repeat, or a reference grade. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime

NEAR = 1  # levels apart that still count as right against a reference grade


@dataclass(frozen=True, kw_only=True)
class RepeatPair:
    """One criterion of one output, graded twice by one person without being told. Values: null is not applicable."""

    grader_id: int
    round_id: int
    output_id: int
    criterion: str
    kind: str
    first: int | None
    second: int | None
    first_at: datetime
    second_at: datetime

    @property
    def hours(self) -> float:
        return (self.second_at - self.first_at).total_seconds() / 3600

    @property
    def is_same(self) -> bool:
        return self.first == self.second


@dataclass(frozen=True, kw_only=True)
class GoldOutcome:
    """One criterion of one output that has a reference grade, graded by one person without being told."""

    grader_id: int
    round_id: int
    output_id: int
    criterion: str
    kind: str
    given: int | None
    reference: int | None
    graded_at: datetime

    @property
    def is_right(self) -> bool:
        return is_right(self.kind, self.given, self.reference)


def is_right(kind: str, given: int | None, reference: int | None) -> bool:
    """Whether an answer stands up to the reference: a gate exactly, levels and counts within one."""
    if given is None or reference is None:
        return given is None and reference is None
    return given == reference if kind in ("gate", "points") else abs(given - reference) <= NEAR


def missed(kinds: Mapping[str, str], given: Mapping[str, int | None], reference: Mapping[str, int | None]) -> list[str]:
    """Keys of the criteria on which an output does not stand up to the reference; words are not compared."""
    compared = [key for key, kind in kinds.items() if kind not in ("text", "preference")]
    return [key for key in compared if not is_right(kinds[key], given.get(key), reference.get(key))]


def is_passed(n_right: int, n_scored: int, pass_percent: int) -> bool:
    """Whether the scored outputs reach the pass mark; nothing scored is never a pass."""
    return n_scored > 0 and 100 * n_right >= pass_percent * n_scored


def missed_most(missed_keys: Iterable[str]) -> list[tuple[str, int]]:
    """Criteria by how often they were missed, most first."""
    counts: dict[str, int] = {}
    for key in missed_keys:
        counts[key] = counts.get(key, 0) + 1
    return sorted(counts.items(), key=lambda pair: (-pair[1], pair[0]))
