"""From the languages that are there to the mix that is wanted: what to leave out, what to add, how many to take. Pure.

``targets`` are shares by language that sum to 1. Samples of unknown language are in none of the counts.
"""

from __future__ import annotations

import math
from collections.abc import Mapping

_NEAR = 1e-9  # shares are decimal fractions: 0.7 * 10 is not quite 7


def sized(targets: Mapping[str, float], size: int) -> dict[str, int]:
    """How many of each language make up ``size``: the shares in whole samples, by largest remainders (Hamilton).

    The counts sum to ``size``; of two equal remainders the larger share comes first, then the alphabet decides.
    """
    counts = {name: math.floor(share * size + _NEAR) for name, share in targets.items()}
    rest = sorted(targets, key=lambda name: (counts[name] - targets[name] * size, -targets[name], name))
    for name in rest[: max(0, size - sum(counts.values()))]:
        counts[name] += 1
    return counts


def by_removing(counts: Mapping[str, int], targets: Mapping[str, float]) -> dict[str, int]:
    """How many of each language stay where samples are only left out: the largest set with the wanted mix.

    Languages without a target go altogether. All are 0 where a wanted language has no sample at all.
    """
    wanted = {name: share for name, share in targets.items() if share > 0}
    if not wanted:
        return dict.fromkeys(counts, 0)
    size = math.floor(min(counts.get(name, 0) / share for name, share in wanted.items()) + _NEAR)
    while size and any(n > counts.get(name, 0) for name, n in sized(wanted, size).items()):
        size -= 1  # a remainder was rounded up beyond what is there
    return dict.fromkeys(counts, 0) | sized(wanted, size)


def by_adding(counts: Mapping[str, int], targets: Mapping[str, float]) -> dict[str, int]:
    """How many of each wanted language there must be where nothing of those is left out; the rest is not in it.

    The smallest set with the wanted mix that holds all samples of the wanted languages.
    """
    wanted = {name: share for name, share in targets.items() if share > 0}
    if not wanted:
        return {}
    size = math.ceil(max(counts.get(name, 0) / share for name, share in wanted.items()) - _NEAR)
    while any(n < counts.get(name, 0) for name, n in sized(wanted, size).items()):
        size += 1  # a remainder was rounded down below what is there
    return sized(wanted, size)
