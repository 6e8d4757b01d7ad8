"""How near each text is to the examples that experts called golden, and from where on it counts as relevant.

Relevance is the largest cosine to a golden example in the space of the index (latent semantic analysis, see
``meaning``). The limit comes from a handful that a person judged. numpy alone.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from reviewapp.curation.meaning.vectors import Floats

Reals = npt.NDArray[np.float64]
Ints = npt.NDArray[np.int64]
HANDFUL, LEAST_JUDGED = 12, 6
DIGITS = 5  # what is beyond is noise of the machine's arithmetic
_CHUNK = 4_096


def relevance_of(vectors: Floats, golden: Floats, rows: Ints | None = None) -> tuple[Reals, Ints]:
    """(largest cosine 0..1, row in ``golden`` it is with) of each unit vector; zeros and -1 without golden ones.

    ``rows`` of ``vectors``, all by default; they are read a few thousand at a time.
    """
    wanted = np.arange(len(vectors)) if rows is None else rows
    values, nearest = np.zeros(len(wanted)), np.full(len(wanted), -1, dtype=np.int64)
    if not len(golden):
        return values, nearest
    across = np.ascontiguousarray(np.asarray(golden, dtype=np.float32).T)
    for start in range(0, len(wanted), _CHUNK):
        cosines = np.asarray(vectors[wanted[start : start + _CHUNK]], dtype=np.float32) @ across
        best = cosines.argmax(axis=1)
        nearest[start : start + _CHUNK] = best
        values[start : start + _CHUNK] = cosines[np.arange(len(best)), best]
    return np.asarray(np.round(np.clip(values, 0, 1), DIGITS), dtype=np.float64), nearest


def handful_of(values: Reals, n: int = HANDFUL) -> list[int]:
    """Rows whose values lie evenly from the smallest to the largest, the largest first; each row once."""
    if not len(values):
        return []
    left = dict.fromkeys(range(len(values)))
    chosen: list[int] = []
    order = np.argsort(values, kind="stable")
    for wanted in np.linspace(values.max(), values.min(), min(n, len(values))):
        near = int(np.searchsorted(values[order], wanted))
        row = _free(order, near, values, float(wanted), left)
        left.pop(row)
        chosen.append(row)
    return chosen


def _free(order: Ints, near: int, values: Reals, wanted: float, left: dict[int, None]) -> int:
    """The row nearest to ``wanted`` that was not taken: the first free one on either side of its place."""
    above = next((int(row) for row in order[near:] if int(row) in left), None)
    below = next((int(row) for row in order[:near][::-1] if int(row) in left), None)
    both = [row for row in (above, below) if row is not None]
    return min(both, key=lambda row: (abs(values[row] - wanted), row))


@dataclass(frozen=True)
class Point:
    """What a limit would do to the judged ones: those at or above it are kept."""

    limit: float
    kept: int
    precision: float  # share of the kept that belong
    recall: float  # share of those that belong that are kept
    f1: float


def curve_of(judged: Sequence[tuple[float, bool]]) -> list[Point]:
    """A point for every judged value, lowest limit first; empty when none of them belongs."""
    belonging = sum(belongs for _, belongs in judged)
    if not belonging:
        return []
    points = []
    for limit in sorted({value for value, _ in judged}):
        kept = [belongs for value, belongs in judged if value >= limit]
        hits = sum(kept)
        precision, recall = hits / len(kept), hits / belonging
        points.append(Point(limit, len(kept), precision, recall, 2 * hits / (len(kept) + belonging)))
    return points


def limit_suggested(judged: Sequence[tuple[float, bool]]) -> float | None:
    """Halfway below the limit with the largest F1 (the lowest of equal ones), in hundredths; None without both kinds.

    Halfway to the next lower judged value: nothing was judged in between, and what is there is likelier to belong.
    """
    if len({belongs for _, belongs in judged}) < 2:
        return None
    points = curve_of(judged)
    best = max(points, key=lambda point: (point.f1, -point.limit))
    lower = max((point.limit for point in points if point.limit < best.limit), default=0.0)
    middle = round((best.limit + lower) / 2, 2)
    return middle if lower < middle <= best.limit else best.limit
