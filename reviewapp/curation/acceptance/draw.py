"""Drawing a sample that anybody can draw again: by a hash of the seed and the revision. Plain Python.

The texts are put in the order of sha256("SEED:REVISION") in hexadecimal and the first are taken. With a seed that
nobody could know before, every set of that size is equally likely; with the seed, everybody draws the same.
"""

from __future__ import annotations

import hashlib
import zlib
from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np


@dataclass(frozen=True, slots=True)
class Unit:
    """One text of the population: a sample with its current revision, its group and its stratum ('' without)."""

    sample: int
    revision: int
    group: int
    stratum: str = ""


def draw_key(seed: str, what: object) -> str:
    return hashlib.sha256(f"{seed}:{what}".encode()).hexdigest()


def draw(units: Sequence[Unit], sizes: Mapping[str, int], seed: str) -> list[Unit]:
    """``sizes[stratum]`` units of each stratum, without replacement, in random order."""
    strata: dict[str, list[tuple[str, Unit]]] = defaultdict(list)
    for unit in units:
        strata[unit.stratum].append((draw_key(seed, unit.revision), unit))
    taken = [pair for name, n in sizes.items() for pair in sorted(strata[name], key=_by_key)[:n]]
    return [unit for _, unit in sorted(taken, key=_by_key)]


def _by_key(pair: tuple[str, Unit]) -> str:
    return pair[0]


def one_of_each_group(units: Sequence[Unit], seed: str) -> list[Unit]:
    """One unit of each group, each of its units equally likely: the population that is drawn from then."""
    chosen: dict[int, tuple[str, Unit]] = {}
    for unit in units:
        key = draw_key(seed, f"group:{unit.revision}")
        if unit.group not in chosen or key < chosen[unit.group][0]:
            chosen[unit.group] = (key, unit)
    return [unit for _, unit in chosen.values()]


def strata_of(units: Sequence[Unit]) -> dict[str, int]:
    """How many units each stratum has, by name."""
    counts: dict[str, int] = defaultdict(int)
    for unit in units:
        counts[unit.stratum] += 1
    return dict(sorted(counts.items()))


# ---- the population, frozen


def population_pack(units: Sequence[Unit]) -> bytes:
    """A population in a few bytes a text: sample, revision, group and place of its stratum among ``strata_of``."""
    places = {name: place for place, name in enumerate(strata_of(units))}
    rows = sorted((unit.sample, unit.revision, unit.group, places[unit.stratum]) for unit in units)
    table = np.array(rows, dtype="<i8").reshape(-1, 4)
    return zlib.compress(np.diff(table, axis=0, prepend=np.zeros((1, 4), dtype="<i8")).tobytes())


def population_unpack(packed: bytes, strata: Sequence[str]) -> list[Unit]:
    """The units again, by sample; ``strata`` in the order of ``strata_of``."""
    rows = _table(packed).tolist()
    return [Unit(sample, revision, group, strata[place]) for sample, revision, group, place in rows]


def population_revisions(packed: bytes) -> np.ndarray:
    """The revisions of a population alone, as an array in no order."""
    return _table(packed)[:, 1]


def _table(packed: bytes) -> np.ndarray:
    return np.cumsum(np.frombuffer(zlib.decompress(packed), dtype="<i8").reshape(-1, 4), axis=0)


def population_hash(units: Sequence[Unit]) -> str:
    """sha256 over a line "SAMPLE:REVISION" for each text, by sample: the same texts have the same."""
    digest = hashlib.sha256()
    for sample, revision in sorted((unit.sample, unit.revision) for unit in units):
        digest.update(f"{sample}:{revision}\n".encode())
    return digest.hexdigest()
