"""Acceptance samples: `make bench-acceptance`.

``size``: time to work out the number to look at, beside scipy.stats doing the same search. ``draw``: time and memory to
draw from a population and to freeze it. ``simulated``: how often a plan passes where the population is just as bad as
named (it may in 1 less the confidence, at most), and where a failed sample is topped up until it passes, which the
application refuses: what that would do to the promise. The last line is one JSON object.
"""

from __future__ import annotations

import argparse
import json
import os
import resource
import sys
import time
from fractions import Fraction
from pathlib import Path
from typing import Any

import numpy as np

ROOT = Path(__file__).resolve().parents[2]
sys.path.insert(0, str(ROOT))

from reviewapp.curation.acceptance.bounds import (  # noqa: E402
    Terms,
    bound_finite,
    bound_stratified,
    size_finite,
    sizes_stratified,
)
from reviewapp.curation.acceptance.draw import Unit, draw, population_hash, population_pack  # noqa: E402

USUAL = Terms(rate=Fraction(1, 100), confidence=Fraction(95, 100))
POPULATION = 12_430
STRATA = [10_000, 2_000, 430]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--sizes", type=int, nargs="+", default=[12_430, 100_000, 1_000_000])
    parser.add_argument("--draws", type=int, default=100_000)
    given = parser.parse_args()
    sized = [size(n) for n in given.sizes]
    drawn = [drawing(n) for n in given.sizes]
    passed = simulated(given.draws)
    show("population   to look at   ms here   ms scipy.stats")
    for row in sized:
        show(f"{row['population']:>10,}   {row['n']:>10,}   {row['ms']:>7.2f}   {row['ms_scipy']:>14.2f}")
    show("\npopulation   draw s   freeze s   frozen KiB   peak MiB")
    for row in drawn:
        figures = f"{row['draw_s']:>6.2f}   {row['freeze_s']:>8.2f}   {row['kib']:>10,.0f}   {row['peak_mib']:>8,.0f}"
        show(f"{row['population']:>10,}   {figures}")
    show(f"\nOf {given.draws:,} draws from {POPULATION:,} texts of which 1 % or more are defective:")
    for name, share in passed.items():
        show(f"  {name:<42} {share:7.4f}")
    facts = {"cores": os.cpu_count(), "load_1_min": round(os.getloadavg()[0], 1), "draws": given.draws}
    show(json.dumps({"size": sized, "draw": drawn, "simulated": passed} | facts))


def size(population: int) -> dict[str, Any]:
    from scipy import stats

    began = time.process_time()
    n = size_finite(USUAL, population)
    ours = time.process_time() - began
    bad = USUAL.intolerable(population)
    began = time.process_time()
    low, high = 1, population
    while low < high:
        middle = (low + high) // 2
        if stats.hypergeom.cdf(0, population, bad, middle) <= 0.05:
            high = middle
        else:
            low = middle + 1
    theirs = time.process_time() - began
    if n != low:
        raise SystemExit(f"scipy.stats says {low}, not {n}, of {population}")
    return {"population": population, "n": n, "ms": round(1000 * ours, 3), "ms_scipy": round(1000 * theirs, 3)}


def drawing(population: int) -> dict[str, Any]:
    units = [Unit(i, 7 * i, i // 3) for i in range(1, population + 1)]
    began = time.process_time()
    draw(units, {"": size_finite(USUAL, population)}, "a seed")
    took = time.process_time() - began
    began = time.process_time()
    packed = population_pack(units)
    population_hash(units)
    froze = time.process_time() - began
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    return {
        "population": population, "draw_s": round(took, 3), "freeze_s": round(froze, 3),
        "kib": round(len(packed) / 1024, 1), "peak_mib": round(peak, 1),
    }  # fmt: skip


def simulated(draws: int) -> dict[str, float]:
    """Shares of draws: that pass, whose bound is below the truth, and that pass when a failed one is topped up."""
    random = np.random.default_rng(20261122)
    bad, n = USUAL.intolerable(POPULATION), size_finite(USUAL, POPULATION)
    seen = random.hypergeometric(bad, POPULATION - bad, n, draws)
    bounds = {int(x): bound_finite(int(x), n, POPULATION, USUAL.confidence) for x in np.unique(seen)}
    missed = np.mean([bounds[int(x)] < bad for x in seen])
    return {
        "one sample, passes": float(np.mean(seen == 0)),
        "its upper bound is below the truth": float(missed),
        "in proportion by strata, bound below": stratified(random, draws),
        "topped up by 100 ten times, passes": topped_up(random, draws, bad, n),
    }


def stratified(random: np.random.Generator, draws: int) -> float:
    drawn = sizes_stratified(USUAL, STRATA)
    bad = USUAL.intolerable(sum(STRATA))
    spread = [0, 0, bad]  # all in the smallest stratum
    seen = sum(random.hypergeometric(b, size - b, n, draws) for b, size, n in zip(spread, STRATA, drawn, strict=True))
    bounds = {int(x): bound_stratified(int(x), drawn, STRATA, USUAL.confidence) for x in np.unique(seen)}
    return float(np.mean([bounds[int(x)] < bad for x in np.atleast_1d(seen)]))


def topped_up(random: np.random.Generator, draws: int, bad: int, n: int) -> float:
    """Adding to a sample until the plan that allows what was seen would have needed no more: the wrong way."""
    sizes = {
        c: size_finite(Terms(rate=USUAL.rate, confidence=USUAL.confidence, allowed=c), POPULATION) for c in range(11)
    }
    passes = 0
    for _ in range(draws):
        seen, looked = int(random.hypergeometric(bad, POPULATION - bad, n)), n
        for _more in range(10):
            if seen in sizes and looked >= sizes[seen]:
                break
            seen += int(random.hypergeometric(bad - seen, POPULATION - looked - (bad - seen), 100))
            looked += 100
        passes += seen in sizes and looked >= sizes[seen]
    return passes / draws


def show(text: str) -> None:
    sys.stdout.write(f"{text}\n")


if __name__ == "__main__":
    main()
