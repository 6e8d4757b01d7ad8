"""What the checks of form find: false alarms on real text that nobody damaged, recall of damage planted with a seed.

`python tests/bench/bench_cleaning.py`. Rows are those of ../shared/data (mts-dialog train, clinical;
legal_summarization, terms of service); a false alarm is any finding on them as they came, which counts real damage of
theirs as well. Then each kind of damage is planted in 100 rows, and a plant counts as found when a finding overlaps it,
as mended when the suggestion gives the former text back. The last line is one JSON object.
"""

from __future__ import annotations

import argparse
import csv
import json
import random
import re
import sys
import time
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parents[2]
sys.path.insert(0, str(ROOT))

from reviewapp.curation.checks import (  # noqa: E402
    legal_citations,
    lost_zeros,
    ocr_confusions,
    section_format,
    spreadsheet_damage,
)
from reviewapp.curation.checks.finding import Corpus, FindingDraft, Item  # noqa: E402
from reviewapp.samples.cleaning import clean  # noqa: E402

USUAL_FORM = "Note:\n{}\nPlan:\n- a\n- b"
DATA = ROOT.parent / "shared" / "data"
CHECKS = (spreadsheet_damage, lost_zeros, ocr_confusions, legal_citations, section_format)
PLANTS = 100
USUAL = 30  # rows that have a word


@dataclass(frozen=True)
class Plant:
    """What stands at ``item.completion[start:end]`` or the prompt's now, and what stood there."""

    item: Item
    field: str
    start: int
    end: int
    was: str


def mts_dialog() -> list[Item]:
    path = next(DATA.glob("mts-dialog/Main-Dataset/*TrainingSet.csv"))
    with path.open(encoding="utf-8-sig", newline="") as file:
        rows = [(row["dialogue"], row["section_text"]) for row in csv.DictReader(file)]
    return _items(rows)


def legal() -> list[Item]:
    path = DATA / "legal_summarization" / "tosdr_annotated_v1.json"
    rows = json.loads(path.read_text(encoding="utf-8")).values()
    return _items([(row["original_text"], row["reference_summary"]) for row in rows])


def _items(rows: list[tuple[str, str]]) -> list[Item]:
    return [Item(key=key, prompt=clean(a).text, completion=clean(b).text) for key, (a, b) in enumerate(rows)]


# ---- damage


def _swap(
    text: str, rng: random.Random, pattern: str, make: Callable[[re.Match[str]], str]
) -> tuple[str, int, int, str] | None:
    places = [match for match in re.finditer(pattern, text)]
    if not places:
        return None
    match = rng.choice(places)
    made = make(match)
    return text[: match.start()] + made + text[match.end() :], match.start(), match.start() + len(made), match[0]


def _add(text: str, words: str, damaged: str, was: str) -> tuple[str, int, int, str]:
    made = f"{text} {words}"
    start = len(text) + 1 + words.index(damaged)
    return made, start, start + len(damaged), was


_MISREAD = (("m", "rn"), ("d", "cl"), ("w", "vv"), ("l", "1"), ("o", "0"), ("i", "l"))
_CITED = (
    "410 U.S. 113",
    "347 U.S. 483",
    "135 S. Ct. 2584",
    "123 F.3d 456",
    "42 U.S.C. § 1983",
    "29 C.F.R. § 1630.2(g)",
)


def ocr_word(text: str, rng: random.Random) -> tuple[str, int, int, str] | None:
    found = _swap(text, rng, r"\b[a-z]{5,14}\b", lambda match: _misread(match[0], rng))
    return found if found and text[found[1] : found[1] + len(found[3])] != found[0][found[1] : found[2]] else None


def _misread(word: str, rng: random.Random) -> str:
    able = [(a, b) for a, b in _MISREAD if a in word]
    return word.replace(*rng.choice(able), 1) if able else word


def ocr_cut(text: str, rng: random.Random) -> tuple[str, int, int, str] | None:
    return _swap(text, rng, r"\b[a-z]{7,14}\b", lambda match: f"{match[0][:3]} {match[0][3:]}")


def ocr_joined(text: str, rng: random.Random) -> tuple[str, int, int, str] | None:
    return _swap(text, rng, r"\b[a-z]{4,9} [a-z]{4,9}\b", lambda match: match[0].replace(" ", ""))


def line_end(text: str, rng: random.Random) -> tuple[str, int, int, str] | None:
    return _swap(text, rng, r"\b[a-z]{7,14}\b", lambda match: f"{match[0][:4]}-\n{match[0][4:]}")


def dose(text: str, rng: random.Random) -> tuple[str, int, int, str] | None:
    return _swap(text, rng, r"\b[1-9][0-9]*0(?= ?(?:mg|years|days|weeks))", lambda match: match[0][:-1] + "O")


def date_range(text: str, rng: random.Random) -> tuple[str, int, int, str]:
    low, high = sorted(rng.sample(range(1, 12), 2))
    damaged = f"{high:02d}-{_MONTH[low]}"
    return _add(text, f"Take {damaged} mg daily.", damaged, f"{low}-{high}")


def date_ratio(text: str, rng: random.Random) -> tuple[str, int, int, str]:
    low = rng.randint(1, 4)
    damaged = f"5-{_MONTH[low]}"
    return _add(text, f"Strength is {damaged} in the left arm.", damaged, f"{low}/5")


def gene(text: str, rng: random.Random) -> tuple[str, int, int, str]:
    number = rng.randint(1, 9)
    return _add(text, f"The expression of {number}-Sep was raised.", f"{number}-Sep", f"SEPT{number}")


def rounded(text: str, rng: random.Random) -> tuple[str, int, int, str]:
    damaged = f"{rng.randint(1, 9)}.{rng.randint(10000, 99999)}E+{rng.randint(9, 15):02d}"
    return _add(text, f"Account number {damaged} is open.", damaged, "")


def citation(text: str, rng: random.Random) -> tuple[str, int, int, str]:
    cited = rng.choice(_CITED)
    able = [(a, b) for a, b in (("1", "l"), ("0", "O"), ("S.", "5.")) if a in cited]
    damaged = cited.replace(*rng.choice(able), 1)
    return _add(text, f"See {damaged} on this.", damaged, cited)


def citation_style(text: str, rng: random.Random) -> tuple[str, int, int, str]:
    cited = rng.choice(_CITED)
    damaged = cited.replace(".", "") if "§" not in cited else cited.replace(".", "", 3)
    damaged = "29 CFR 1630.2(g)" if "1630" in damaged else damaged
    return _add(text, f"See {damaged} on this.", damaged, cited)


_MONTH = ("", "Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec")
DAMAGE: tuple[tuple[str, Any, Any], ...] = (
    ("word misread", ocr_confusions, ocr_word),
    ("word cut", ocr_confusions, ocr_cut),
    ("words run together", ocr_confusions, ocr_joined),
    ("word divided at a line's end", ocr_confusions, line_end),
    ("dose misread", ocr_confusions, dose),
    ("range made a date", spreadsheet_damage, date_range),
    ("ratio made a date", spreadsheet_damage, date_ratio),
    ("gene made a date", spreadsheet_damage, gene),
    ("long number rounded", spreadsheet_damage, rounded),
    ("citation damaged", legal_citations, citation),
    ("citation in another style", legal_citations, citation_style),
)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--seed", type=int, default=7)
    parser.add_argument("--show", type=int, default=0, help="examples of false alarms of each kind")
    chosen = parser.parse_args()
    figures: dict[str, Any] = {"seed": chosen.seed}
    for name, items in (("mts-dialog", mts_dialog()), ("legal_summarization", legal())):
        show(f"\n{name}, {len(items):,} rows as they came")
        figures[name] = {"rows": len(items), "false_alarms": alarms(items, chosen.show), "recall": {}}
        show(f"{'damage planted':32} {'planted':>8} {'found':>6} {'mended':>7}  found of words that {USUAL} rows have")
        for damage, check, plant in DAMAGE:
            figures[name]["recall"][damage] = recall(damage, items, check, plant, chosen.seed)
        figures[name]["recall"]["heading, list or gap"] = layout(items, chosen.seed)
        figures[name]["recall"]["zeros lost"] = zeros(items, chosen.seed)
    show(json.dumps(figures))


def run(check: Any, items: list[Item]) -> list[FindingDraft]:
    return list(check.check(Corpus(items=items, option="bluebook" if check is legal_citations else "")))


def alarms(items: list[Item], examples: int) -> dict[str, Any]:
    told = {}
    show(f"{'check':24} {'findings':>9} {'rows':>6} {'a 1,000 rows':>13} {'medium':>7} {'CPU s':>6}  kinds")
    for check in CHECKS:
        began = time.process_time()
        found = run(check, items)
        seconds = time.process_time() - began
        rows, kinds = len({one.key for one in found}), Counter(one.kind for one in found)
        medium = len({one.key for one in found if one.severity != "low"})
        share = round(1000 * rows / len(items), 1)
        show(f"{check.NAME:24} {len(found):>9} {rows:>6} {share:>13} {medium:>7} {seconds:>6.2f}  {dict(kinds)}")
        told[check.NAME] = {"findings": len(found), "rows": rows, "per_1000": share, "cpu_seconds": round(seconds, 2)}
        for kind in kinds:
            for one in [one for one in found if one.kind == kind][:examples]:
                show(f"    {kind} {one.key} {one.severity}: {one.excerpt!r} -> {one.suggestion!r}  ({one.message})")
    return told


def recall(damage: str, items: list[Item], check: Any, plant: Any, seed: int) -> dict[str, Any]:
    rng = random.Random(seed)
    made, plants = list(items), []
    for place in rng.sample(range(len(items)), len(items)):
        item = items[place]
        done = plant(item.prompt, rng) if len(plants) < PLANTS else None
        if done is not None and done[0] != item.prompt:
            text, start, end, was = done
            made[place] = replace(item, prompt=text)
            plants.append(Plant(made[place], "prompt", start, end, was))
    found: dict[int, list[FindingDraft]] = {}
    for one in run(check, made):
        found.setdefault(one.key, []).append(one)
    seen = [[one for one in found.get(plant.item.key, ()) if _is_at(one, plant)] for plant in plants]
    mended = sum(any(_mends(one, plant) for one in hits) for plant, hits in zip(plants, seen, strict=True))
    if check is not ocr_confusions:
        return told(damage, len(plants), sum(map(bool, seen)), mended)
    counts = Counter(word for item in items for word in set(_words(f"{item.prompt} {item.completion}")))
    usual = [hits for plant, hits in zip(plants, seen, strict=True) if _is_usual(plant.was, counts)]
    return told(damage, len(plants), sum(map(bool, seen)), mended, (len(usual), sum(map(bool, usual))))


def _words(text: str) -> list[str]:
    return re.findall(r"[^\W_]+", text.casefold())


def _is_usual(text: str, counts: Counter[str]) -> bool:
    return min((counts[word] for word in _words(text)), default=0) >= USUAL


def _is_at(one: FindingDraft, plant: Plant) -> bool:
    return one.field == plant.field and (one.start or 0) < plant.end and plant.start < (one.end or 0)


def _mends(one: FindingDraft, plant: Plant) -> bool:
    text = plant.item.prompt
    wanted = text[: plant.start] + plant.was + text[plant.end :]
    return one.suggestion is not None and text[: one.start] + one.suggestion + text[one.end :] == wanted


def told(damage: str, planted: int, found: int, mended: int, usual: tuple[int, int] | None = None) -> dict[str, Any]:
    """``usual``: of the plants in words that USUAL rows or more have, (planted, found)."""
    show(f"{damage:32} {planted:>8} {found:>6} {mended:>7}" + (f" {usual[1]:>10} of {usual[0]}" if usual else ""))
    figures = {"planted": planted, "found": found, "mended": mended}
    return figures | ({"usual_planted": usual[0], "usual_found": usual[1]} if usual else {})


def layout(items: list[Item], seed: int) -> dict[str, Any]:
    """Completions in one form ("Note:", "Plan:" with two bullets), 5% of them in another."""
    rng = random.Random(seed)
    odd = set(rng.sample(range(len(items)), len(items) // 20))
    others = (
        "NOTE\n{}\nPlan:\n- a\n- b",
        "Note:\n{}\nPlan:\n* a\n* b",
        "Note:\n{}\n\nPlan:\n- a\n- b",
        "Note:\n{}\n## Plan\n- a\n- b",
    )
    made = [
        replace(item, completion=(rng.choice(others) if place in odd else USUAL_FORM).format(_flat(item)))
        for place, item in enumerate(items)
    ]
    usual = {item.key: USUAL_FORM.format(_flat(item)) for item in items}
    return _told_of("heading, list or gap (5% odd)", made, odd, run(section_format, made), usual, "completion")


def _told_of(
    damage: str, made: list[Item], odd: set[int], drafts: list[FindingDraft], was: dict[int, str], field: str
) -> dict[str, Any]:
    found = {one.key for one in drafts}
    mended = set()
    for one in drafts:
        text = getattr(made[one.key], field)
        if one.suggestion is not None and text[: one.start] + one.suggestion + text[one.end :] == was[one.key]:
            mended.add(one.key)
    return told(damage, len(odd), len(found & odd), len(mended & odd)) | {"wrong": len(found - odd)}


def _flat(item: Item) -> str:
    return "It says that " + " ".join(re.sub(r"[:*#•-]", " ", item.completion).split())


def zeros(items: list[Item], seed: int) -> dict[str, Any]:
    """A record number of eight figures in each row, of which those that begin with 0 lose it in 5% of the rows."""
    rng = random.Random(seed)
    made, odd, was = [], set(), {}
    for place, item in enumerate(items):
        number = f"{rng.randrange(10**8):08d}" if place % 4 else f"00{rng.randrange(10**5, 10**6)}"
        was[place] = f"{item.prompt} MRN {number}"
        if place % 20 == 0:
            odd.add(place)
            number = number.lstrip("0")
        made.append(replace(item, prompt=f"{item.prompt} MRN {number}"))
    return _told_of("zeros lost", made, odd, run(lost_zeros, made), was, "prompt")


def show(text: str) -> None:
    sys.stdout.write(text + "\n")
    sys.stdout.flush()


if __name__ == "__main__":
    main()
