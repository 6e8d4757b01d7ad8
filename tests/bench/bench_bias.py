"""Speed and memory of the balance report, and what the readers get right: `make bench-bias`.

``reading``: notes read and counted in a second of one core, and memory, beside a plain pass that counts words.
``swapping``: how many sentences of Winogender become their counterpart, word for word, where they are. ``mitigation``:
how far copies bring a planted association down, and what they cost. The last line is one JSON object.
"""

from __future__ import annotations

import argparse
import csv
import json
import os
import random
import resource
import sys
import time
from collections import Counter
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parents[2]
sys.path.insert(0, str(ROOT))
DATA = ROOT.parent / "shared" / "data"
PLANTED = (0.30, 0.10)  # anxiety of women and of men


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--samples", type=int, default=50_000)
    given = parser.parse_args()
    read = reading(given.samples)
    show(
        f"reading: {read['samples']:,} notes of {read['characters']} characters\n"
        f"{'':>14} {'CPU s':>8} {'notes/s':>9}\n"
        f"{'plain words':>14} {read['plain_s']:>8} {read['samples'] / read['plain_s']:>9,.0f}\n"
        f"{'facts':>14} {read['read_s']:>8} {read['per_s']:>9,}\n"
        f"{'report':>14} {read['report_s']:>8}\n"
        f"ratio to plain {read['ratio']}, peak memory {read['peak_mb']} MB ({read['grown_mb']} MB more than before)\n"
    )
    swapped = swapping()
    for name, found in swapped.items():
        show(f"swapping, {name}: {found['right']} of {found['n']} become their counterpart, word for word")
    copied = mitigation()
    show(f"mitigation: {json.dumps(copied)}")
    show(json.dumps({"reading": read, "swapping": swapped, "mitigation": copied, "load": os.getloadavg()[0]}))


def notes(n: int) -> Any:
    """Notes of the demo world's own making, one after the other, with a planted association."""
    from demo.world.case import case_draw, note
    from demo.world.conversation import conversation
    from demo.world.people import patient_make
    from reviewapp.curation.bias.facts import Text

    mind = random.Random(1)
    for place in range(n):
        if place % 4 == 0:
            person = patient_make(mind, f"B{place}")
        case = case_draw(mind, person)
        is_woman = person.sex == "woman"
        extra = " Anxious about work." if mind.random() < PLANTED[0 if is_woman else 1] else ""
        prompt = conversation(mind, case)
        yield Text(key=place, group=place // 4, prompt=prompt, completion=note(case) + extra, language="en")


def facts_new() -> Any:
    from reviewapp.curation.bias.facts import Facts
    from reviewapp.curation.bias.terms import DEFAULT_CONDITIONS, STEREOTYPES, terms_read

    return Facts([*terms_read(DEFAULT_CONDITIONS), *terms_read(STEREOTYPES, "stereotype")])


def reading(n: int) -> dict[str, Any]:
    from reviewapp.curation.bias.report import report_of
    from reviewapp.curation.tokens import words_of

    facts, plain, read_s, plain_s, characters = facts_new(), Counter[str](), 0.0, 0.0, 0
    before = _peak()
    for text in notes(n):
        characters += len(text.prompt) + len(text.completion)
        began = time.process_time()
        plain.update(word for word, _, _ in words_of(f"{text.prompt}\n{text.completion}"))
        middle = time.process_time()
        facts.add(text)
        plain_s, read_s = plain_s + middle - began, read_s + time.process_time() - middle
    began = time.process_time()
    report = report_of(facts, {})
    report_s = time.process_time() - began
    return {
        "samples": n, "characters": characters // n, "plain_s": round(plain_s, 1), "read_s": round(read_s, 1),
        "per_s": round(n / read_s), "report_s": round(report_s, 1), "ratio": round(read_s / plain_s, 1),
        "peak_mb": round(_peak()), "grown_mb": round(_peak() - before), "tested": report["tested"],
        "open": [f"{row['term']}: {row['first']}" for row in report["associations"] if row["standing"] == "open"][:5],
    }  # fmt: skip


def _peak() -> float:
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024


def swapping() -> dict[str, Any]:
    from reviewapp.curation.bias.swapping import sex_swap

    path = DATA / "winogender" / "data" / "all_sentences.tsv"
    if not path.is_file():
        return {}
    found: dict[str, dict[str, str]] = {}
    with path.open(encoding="utf-8") as file:
        for row in csv.DictReader(file, delimiter="\t"):
            key, gender, _ = row["sentid"].rsplit(".", 2)
            found.setdefault(key, {})[gender] = row["sentence"]
    ways = [(pair[a], pair[b]) for pair in found.values() for a, b in (("male", "female"), ("female", "male"))]
    return {"winogender": {"n": len(ways), "right": sum(sex_swap(text).text == other for text, other in ways)}}


def mitigation() -> dict[str, Any]:
    from reviewapp.curation.bias.planning import Association, cells_of, copies_plan, reduction
    from reviewapp.curation.bias.report import Comparison

    texts, facts = list(notes(2_000)), facts_new()
    for text in texts:
        facts.add(text)
    of = Association(Comparison("gender", "female", "male"), "anxiety", "condition")
    distance = facts.diversity
    plan = copies_plan(facts, of, lambda row: texts[row], bars=[], limit=1_000, seed=1, known=lambda copy: False)
    for _, _, copy in plan.chosen:
        facts.add(copy)
    after = cells_of(of.comparison.side(facts), of.has(facts)).value
    return {
        "samples": len(texts), "copies": len(plan.chosen), "before": round(plan.before, 3), "after": round(after, 3),
        "down_by": round(reduction(plan.before, after) or 0.0, 3), "diversity_before": round(distance or 0.0, 4),
        "diversity_after": round(facts.diversity or 0.0, 4), "left_out": sum(plan.left.values()),
    }  # fmt: skip


def show(text: str) -> None:
    sys.stdout.write(text + "\n")
    sys.stdout.flush()


if __name__ == "__main__":
    main()
