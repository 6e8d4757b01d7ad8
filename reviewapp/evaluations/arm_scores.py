"""What graders gave to each system of a round, criterion by criterion. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass


@dataclass(frozen=True)
class ArmScore:
    """Mean over outputs of the mean over their graders; ``value`` None: nobody answered. n: outputs with an answer."""

    criterion: str
    value: float | None
    n: int


def arm_scores(
    rows: Iterable[tuple[str, str, int, int | None]], arms: Sequence[str], criteria: Sequence[str]
) -> dict[str, list[ArmScore]]:
    """``rows``: (arm, criterion, output id, value or None for not applicable). Arms and criteria in the order given."""
    given: dict[tuple[str, str], dict[int, list[int]]] = {}
    for arm, criterion, output, value in rows:
        if value is not None:
            given.setdefault((arm, criterion), {}).setdefault(output, []).append(value)
    return {
        arm: [ArmScore(criterion, *_mean(list(given.get((arm, criterion), {}).values()))) for criterion in criteria]
        for arm in arms
    }


def _mean(per_output: list[list[int]]) -> tuple[float | None, int]:
    if not per_output:
        return None, 0
    return sum(sum(values) / len(values) for values in per_output) / len(per_output), len(per_output)
