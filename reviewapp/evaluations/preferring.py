"""Which of two outputs is better: reading the answer, and the win rate with ties. Pure."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from reviewapp.words import say

CHOICES = ("left", "tie", "right")
REASONS = {
    "accuracy": "More accurate",
    "completeness": "More complete",
    "safety": "Safer",
    "clarity": "Clearer",
    "brevity": "Shorter without loss",
    "tone": "Better tone",
    "form": "Better form",
}


class PreferenceInvalid(ValueError):
    """An answer that cannot be kept yet; the message is for the grader."""


@dataclass(frozen=True, kw_only=True)
class PreferenceGiven:
    choice: str
    reasons: tuple[str, ...]
    note: str


def preference_read(form: Mapping[str, str]) -> PreferenceGiven:
    """Reads choice, reason-<key> and note; raises PreferenceInvalid when nothing is chosen."""
    choice = form.get("choice", "")
    if choice not in CHOICES:
        raise PreferenceInvalid(say("Choose the left output, the right one, or no difference."))
    reasons = tuple(key for key in REASONS if form.get(f"reason-{key}"))
    return PreferenceGiven(choice=choice, reasons=reasons, note=form.get("note", "").replace("\r\n", "\n").strip())


@dataclass(frozen=True, kw_only=True)
class WinRate:
    """Prompts won, lost and tied by the candidate; ``rate`` is wins over decided prompts, None when none is decided.

    ``low`` and ``high``: Wilson interval (95 %) of the rate.
    """

    wins: int
    losses: int
    ties: int
    rate: float | None
    low: float | None
    high: float | None

    @property
    def n(self) -> int:
        return self.wins + self.losses + self.ties


def prompt_outcome(choices: Iterable[int]) -> int:
    """What several graders said of one prompt: the sign of the sum of 1 (candidate), -1 (base), 0 (tie)."""
    total = sum(choices)
    return (total > 0) - (total < 0)


def win_rate(outcomes: Iterable[int], *, z: float = 1.959963984540054) -> WinRate:
    """Win rate over prompts; ties are counted and shown, and left out of the rate."""
    counts = {1: 0, 0: 0, -1: 0}
    for outcome in outcomes:
        counts[outcome] += 1
    low, high = wilson(counts[1], counts[1] + counts[-1], z)
    decided = counts[1] + counts[-1]
    return WinRate(
        wins=counts[1], losses=counts[-1], ties=counts[0],
        rate=counts[1] / decided if decided else None, low=low, high=high,
    )  # fmt: skip


def wilson(count: int, n: int, z: float) -> tuple[float | None, float | None]:
    """Wilson score interval of a proportion (Wilson 1927); None for n of 0."""
    if n == 0:
        return None, None
    p, scale = count / n, 1 + z * z / n
    middle = (p + z * z / (2 * n)) / scale
    half = z * math.sqrt(p * (1 - p) / n + z * z / (4 * n * n)) / scale
    return max(0.0, middle - half), min(1.0, middle + half)
