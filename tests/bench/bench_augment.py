"""Synthetic samples on real dialogues: what the check of facts keeps and drops, rates found again, and what it costs.

The conversations of mts-dialog with their English-French-English versions, where they are beside the repository. The
last line is one JSON object; ``cost`` is milliseconds of CPU a text, beside a near-duplicate planted by our planter.
"""

from __future__ import annotations

import csv
import json
import random
import re
import sys
import time
from collections import Counter
from collections.abc import Callable
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parents[2]
sys.path.insert(0, str(ROOT))
DATA = ROOT.parent / "shared" / "data" / "mts-dialog"
OWN = DATA / "Main-Dataset" / "MTS-Dialog-TrainingSet.csv"
BACK = DATA / "Augmented-Data" / "MTS-Dialog-Augmented-TrainingSet-1-En-FR-EN-2402-Pairs.csv"
RATES = {"typos": 20.0, "misread": 5.0, "fillers": 10.0, "casing": 5.0, "marks": 5.0}
DENIED = re.compile(r"\b(no|not|never|don't)\b ", re.IGNORECASE)


def main() -> None:
    if not BACK.is_file():
        show(f"left out: there is no {BACK.name} beside the repository\n")
        return
    own, pairs = read()
    facts = {"kept": kept(own, pairs), "rates": rates(own), "cost": cost(own)}
    for name, found in facts["kept"].items():
        show(f"{name:34} {found['n']:6} {found['kept']:6} {found['kept'] / found['n']:8.1%}  {found['dropped']}\n")
    for kind, (before, after) in facts["rates"].items():
        show(f"{kind:12} planted {RATES[kind]:5.1f}  found {before:6.2f} before, {after:6.2f} after\n")
    show(f"{facts['cost']}\n{json.dumps(facts)}\n")


def read() -> tuple[list[Any], list[tuple[Any, Any]]]:
    """Pairs of the collection, and (pair, pair with its back-translated prompt) by their common completion."""
    from reviewapp.curation.augmenting.facts import Pair

    own = [Pair(row["dialogue"], row["section_text"]) for row in rows(OWN)]
    first = {pair.completion: pair for pair in reversed(own)}
    prompts = {pair.prompt for pair in own}
    changed = [row for row in rows(BACK) if row["section_text"] in first and row["dialogue"] not in prompts]
    return own, [(first[row["section_text"]], Pair(row["dialogue"], row["section_text"])) for row in changed]


def rows(path: Path) -> list[dict[str, str]]:
    with path.open(encoding="utf-8-sig", newline="") as file:
        return list(csv.DictReader(file))


def kept(own: list[Any], pairs: list[tuple[Any, Any]]) -> dict[str, Any]:
    from reviewapp.curation.augmenting.facts import Pair, problem_of
    from reviewapp.curation.augmenting.noise import noisy

    rng = random.Random(1)  # noqa: S311 - no secret
    good = [(parent, made) for parent, made in pairs if not problem_of(parent, made)]
    denied = [
        (parent, Pair(DENIED.sub("", made.prompt, count=1), made.completion))
        for parent, made in good
        if DENIED.search(made.prompt)
    ]
    cases = {
        "translated and back": pairs,
        "noise": [(pair, Pair(noisy(pair.prompt, RATES, rng), pair.completion)) for pair in own],
        "wrong: another prompt": [
            (parent, Pair(rng.choice(pairs)[1].prompt, parent.completion)) for parent, _ in pairs
        ],
        "wrong: one negation left out": denied,
    }
    found = {}
    for name, some in cases.items():
        counts = Counter(problem_of(parent, made) for parent, made in some)
        dropped = {reason: n for reason, n in counts.most_common() if reason}
        found[name] = {"n": len(some), "kept": counts[""], "dropped": dropped}
    return found


def rates(own: list[Any]) -> dict[str, tuple[float, float]]:
    from reviewapp.curation.augmenting.estimating import noise_of
    from reviewapp.curation.augmenting.noise import noisy

    rng = random.Random(2)  # noqa: S311 - no secret
    before = noise_of((pair.prompt, "en") for pair in own).rates
    after = noise_of((noisy(pair.prompt, RATES, rng), "en") for pair in own).rates
    return {kind: (before[kind], after[kind]) for kind in RATES}


def cost(own: list[Any]) -> dict[str, float]:
    """Milliseconds of CPU a text."""
    from reviewapp.curation.augmenting.facts import Pair, problem_of
    from reviewapp.curation.augmenting.measuring import similarity_of
    from reviewapp.curation.augmenting.noise import noisy
    from reviewapp.curation.duplicates.planting import Planter

    rng = random.Random(3)  # noqa: S311 - no secret
    planter = Planter([pair.prompt for pair in own], 3)
    return {
        "noise": timed(own, lambda pair: noisy(pair.prompt, RATES, rng)),
        "facts": timed(own, lambda pair: problem_of(pair, Pair(f"{pair.prompt} ", pair.completion.upper()))),
        "similarity": timed(own, lambda pair: similarity_of(pair.prompt, pair.completion)),
        "baseline: a planted near-duplicate": timed(own, lambda pair: planter.variant(pair.prompt, "ocr_1")),
    }


def timed(own: list[Any], act: Callable[[Any], object]) -> float:
    began = time.process_time()
    for pair in own:
        act(pair)
    return round(1_000 * (time.process_time() - began) / len(own), 3)


def show(text: str) -> None:
    sys.stdout.write(text)


if __name__ == "__main__":
    main()
