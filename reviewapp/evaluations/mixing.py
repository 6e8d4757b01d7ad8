"""When a grader meets an output again, or one with a reference grade, without being told. Pure.

Both are spread by sequential sampling: with ``target`` of them to place among ``open_left`` outputs of work, the next
one is hidden with probability target / (open_left + target); so all are placed, and each place is as likely as any.
"""

from __future__ import annotations

import hashlib
from collections.abc import Collection, Hashable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

APART = timedelta(days=1)  # between an output and its repeat, where the schedule allows
TAIL = 3  # without a day between them, repeats wait until this many outputs of work are left for each
KEEP_APART = 3  # outputs between an output and its repeat, at the very least


@dataclass(frozen=True)
class Graded:
    """An output that this grader has graded once. ``number`` is their own count of outputs."""

    item_id: int
    prompt_id: int
    number: int
    graded_at: datetime


def target(percent: int, work_total: int, given: int) -> int:
    """How many are still to place: ``percent`` of the grader's work, to the nearest whole, less those given."""
    return max(0, (percent * work_total + 50) // 100 - given)


def draw(seed: int, grader: Hashable, number: int, what: str) -> float:
    """A number from 0 to 1 for this grader's next output; the same each time it is asked for."""
    digest = hashlib.sha256(f"{seed}:{grader}:{number}:{what}".encode()).digest()
    return int.from_bytes(digest[:8], "big") / 2**64


def is_due(target: int, open_left: int, drawn: float) -> bool:
    """Whether the next output is a hidden one. With no work left every hidden one is due."""
    return target > 0 and drawn < target / (open_left + target)


def repeat_due(
    graded: Sequence[Graded],
    *,
    now: datetime,
    number: int,
    target: int,
    open_left: int,
    recent_prompts: Collection[int],
    drawn: float,
) -> Graded | None:
    """The output to give once more, or None.

    Outputs graded a day ago or earlier may come back at any time. Where there are none, repeats wait for the tail
    of the work, and the outputs graded longest ago come first: the greatest distance that one sitting allows.
    ``graded`` holds what was not repeated yet; ``number`` is that of the next output.
    """
    far = [one for one in graded if number - one.number > KEEP_APART and one.prompt_id not in recent_prompts]
    far = far or [one for one in graded if not open_left and number - one.number > 1]
    old = [one for one in far if now - one.graded_at >= APART]
    if not far or (not old and open_left > TAIL * target):
        return None
    if not is_due(min(target, len(old)) if old and open_left > TAIL * target else target, open_left, drawn):
        return None
    return min(old or far, key=lambda one: (one.graded_at, one.number))
