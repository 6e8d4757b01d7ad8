"""Shares with their intervals, against a target, and how often one group meets a wording compared with another."""

from __future__ import annotations

import math
from dataclasses import dataclass

from scipy import special

LEAST = 5  # samples of each side below which a ratio says nothing


@dataclass(frozen=True)
class Share:
    """``n`` of ``total`` with the 95% interval of Wilson (1927)."""

    n: int
    total: int
    value: float
    low: float
    high: float


def share_of(n: int, total: int, level: float = 0.95) -> Share | None:
    """None when there is nothing to take a share of."""
    if total <= 0:
        return None
    z = float(special.ndtri(0.5 + level / 2))
    p = n / total
    middle = (p + z * z / (2 * total)) / (1 + z * z / total)
    reach = z / (1 + z * z / total) * math.sqrt(p * (1 - p) / total + z * z / (4 * total * total))
    low = 0.0 if n == 0 else max(0.0, middle - reach)
    high = 1.0 if n == total else min(1.0, middle + reach)
    return Share(n, total, p, low, high)


def against(share: Share, target: float) -> str:
    """below, above, or within: whether the interval leaves the target out."""
    return "below" if share.high < target else "above" if share.low > target else "within"


@dataclass(frozen=True)
class Ratio:
    """How many times as often; the interval is Katz's (1978), on the log scale. ``reason`` where undefined."""

    value: float | None
    low: float | None = None
    high: float | None = None
    reason: str = ""


def risk_ratio(a: int, n_a: int, b: int, n_b: int, level: float = 0.95) -> Ratio:
    """``a`` of ``n_a`` over ``b`` of ``n_b``; with a zero on one side, half a sample is added to each cell."""
    if min(n_a, n_b) < LEAST:
        return Ratio(None, reason="few")
    if a + b == 0:
        return Ratio(None, reason="never")
    extra = 0.5 if 0 in (a, b) else 0.0
    x, y, n, m = a + extra, b + extra, n_a + extra, n_b + extra
    value = (x / n) / (y / m)
    error = math.sqrt(max(0.0, 1 / x - 1 / n + 1 / y - 1 / m))
    reach = math.exp(float(special.ndtri(0.5 + level / 2)) * error)
    return Ratio(value, value / reach, value * reach)
