"""Redaction: `make bench-redaction`. Speed, recall and precision on texts of others, false alarms, recall by origin.

``speed``: notes of 1 KB a CPU second, beside the patterns alone. ``presidio``: the shipped tagger on the
1,500 texts of presidio-research, and with ``--halves`` one trained on every other text as well, on the rest.
``meddocan``: trained on its train set, tested on its development set; strict typed F1 of the tagger alone, and
identifiers wholly masked by tagger, patterns and repeated names together.
``false alarms``: on the sections of mts-dialog, which hold no identifiers (but some dates and doctors' names). What has
no data beside the repository is left out. The last line is one JSON object.
"""

from __future__ import annotations

import argparse
import csv
import json
import sys
import time
from collections import Counter
from collections.abc import Iterable
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parents[2]
sys.path.insert(0, str(ROOT))
DATA = ROOT.parent / "shared" / "data"
GATES = {"docs_per_cpu_s": 200, "false_alarms": 10.0, "gap": 0.05, "masked": 0.97, "f1": 0.95}
# What of presidio-research's types has a kind here; titles, peoples and ages up to 89 identify nobody by HIPAA.
_LABELS = {"PERSON": "NAME", "GPE": "PLACE", "STREET_ADDRESS": "STREET", "ORGANIZATION": "ORG"}
_NOT_OURS = ("TITLE", "NRP", "AGE")
_FOLDERS = ("meddocan", "presidio-research", "mts-dialog")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--data", type=Path, default=DATA)
    parser.add_argument("--iterations", type=int, default=MEDDOCAN["iterations"])
    parser.add_argument("--halves", action="store_true", help="train on half of presidio-research as well")
    parser.add_argument("--without-meddocan", action="store_true")
    given = parser.parse_args()
    there = {name for name in _FOLDERS if (given.data / name).is_dir()}
    facts: dict[str, Any] = {"origins": origins(), "speed": speed(given.data)}
    if "mts-dialog" in there:
        facts["false_alarms"] = false_alarms(given.data)
    if "presidio-research" in there:
        facts["presidio"] = presidio(given.data, is_halved=False)
        if given.halves:
            facts["presidio_halves"] = presidio(given.data, is_halved=True)
    if "meddocan" in there and not given.without_meddocan:
        facts["meddocan"] = meddocan(given.data, given.iterations)
    for name in sorted(set(_FOLDERS) - there):
        show(f"{name}: left out, it is not in {given.data}")
    show(json.dumps(facts))


MEDDOCAN = {"iterations": 110, "c1": 0.1, "c2": 0.05, "min_freq": 1}


def show(line: str) -> None:
    sys.stdout.write(line + "\n")
    sys.stdout.flush()


def shipped() -> Any:
    from reviewapp.curation.redaction.tagger import SHIPPED, tagger_open

    return tagger_open(str(SHIPPED))


def origins() -> dict[str, Any]:
    from reviewapp.curation.redaction.measure import measure

    figures = measure(shipped())
    show(f"fixed test: precision {figures.precision:.3f}, recall {figures.recall:.3f}, F1 {figures.f1:.3f}")
    for each in figures.origins:
        show(f"  names, {each.title:<18} {each.found:>4} of {each.n:>4}  {each.recall:.3f}")
    show(f"  gap {figures.gap:.3f}, limit {GATES['gap']}")
    return {"gap": figures.gap, "f1": figures.f1, **{each.name: each.recall for each in figures.origins}}


def speed(data: Path, n: int = 300) -> dict[str, Any]:
    """Notes of 1 KB: real ones where they are, and made-up ones that hold a dozen identifiers each."""
    from reviewapp.curation.redaction.finder import identifiers_of
    from reviewapp.curation.redaction.patterns import pattern_spans
    from reviewapp.curation.redaction.sentences import sentences_make

    tagger, facts = shipped(), {}
    kinds = {"made up": notes_of((made.text for made in sentences_make(99, 9_000)), n + 50)}
    if (data / "mts-dialog").is_dir():
        kinds["mts-dialog"] = notes_of(sections(data), n + 50)
    for name, notes in kinds.items():
        timed = notes[: len(notes) - 50]
        for note in notes[len(timed) :]:  # caches warm up on others, as they do in a scan
            identifiers_of([note], tagger)
        began = time.process_time()
        found = sum(len(identifiers_of([note], tagger)[0]) for note in timed)
        whole = len(timed) / (time.process_time() - began)
        began = time.process_time()
        for note in timed:
            pattern_spans(note)
        patterns = len(timed) / (time.process_time() - began)
        show(f"speed, {name}: {whole:,.0f} notes of 1 KB a CPU second ({found} identifiers in {len(timed)}), patterns "
             f"alone {patterns:,.0f}, ratio {patterns / whole:.1f}; gate {GATES['docs_per_cpu_s']}")  # fmt: skip
        facts[name] = {"docs_per_cpu_s": whole, "patterns_per_cpu_s": patterns}
    return facts


def notes_of(texts: Iterable[str], most: int, size: int = 1_000) -> list[str]:
    """Texts one after the other until each note has ``size`` characters."""
    notes, note = [], ""
    for text in texts:
        note += text + "\n"
        if len(note) >= size:
            notes.append(note[:size])
            note = ""
    return notes[:most]


def sections(data: Path) -> list[str]:
    path = data / "mts-dialog" / "Main-Dataset" / "MTS-Dialog-TrainingSet.csv"
    with path.open(encoding="utf-8", newline="") as file:
        return [row["section_text"] for row in csv.DictReader(file)]


def false_alarms(data: Path) -> dict[str, Any]:
    from reviewapp.curation.redaction.finder import identifiers_of

    texts = sections(data)
    tagger, kinds, touched = shipped(), Counter[str](), 0
    began = time.process_time()
    for text in texts:
        spans = identifiers_of([text], tagger)[0]
        kinds.update(span.kind for span in spans)
        touched += bool(spans)
    seconds = time.process_time() - began
    words = sum(len(text.split()) for text in texts)
    rate = 1_000 * sum(kinds.values()) / words
    told = f"{rate:.1f} spans per 1,000 words (gate {GATES['false_alarms']:.0f}), {touched} of {len(texts)} touched"
    show(f"mts-dialog: {told}, {len(texts) / seconds:,.0f} a CPU second; {dict(kinds.most_common())}")
    return {"per_1000_words": rate, "touched": touched / len(texts), "kinds": dict(kinds)}


def presidio(data: Path, *, is_halved: bool) -> dict[str, Any]:
    from reviewapp.curation.redaction.finder import identifiers_of
    from reviewapp.curation.redaction.measure import is_covered
    from reviewapp.curation.redaction.sentences import Tagged, sentences_make
    from reviewapp.curation.redaction.tagger import Tagger, tagger_train

    rows = json.loads((data / "presidio-research" / "data" / "synth_dataset_v2.json").read_text(encoding="utf-8"))
    tagger, tested = shipped(), rows
    if is_halved:
        texts = [Tagged(row["full_text"], _entities(row)) for row in rows[::2]]
        tagger, tested = Tagger(tagger_train(sentences_make(7, 8_000) + texts * 2, iterations=60)), rows[1::2]
    seen, full, some = Counter[str](), Counter[str](), Counter[str]()
    marked = hit = 0
    for row in tested:
        text, spans = row["full_text"], identifiers_of([row["full_text"]], tagger)[0]
        for one in row["spans"]:
            kind, start, end = one["entity_type"], one["start_position"], one["end_position"]
            seen[kind] += 1
            full[kind] += is_covered(text, start, end, spans)
            some[kind] += any(span.start < end and start < span.end for span in spans)
        marked += len(spans)
        for span in spans:
            hit += any(_touch(span, one) for one in row["spans"])
    kept = [kind for kind in seen if kind not in _NOT_OURS]
    recall = sum(full[kind] for kind in kept) / sum(seen[kind] for kind in kept)
    title = "presidio-research, trained on the other half too" if is_halved else "presidio-research, shipped tagger"
    show(f"{title}: precision {hit / marked:.3f}, recall {recall:.3f} (wholly masked, without {', '.join(_NOT_OURS)})")
    for kind, n in seen.most_common():
        show(f"  {kind:<18} {n:>4}  wholly {full[kind] / n:.3f}  touched {some[kind] / n:.3f}")
    types = {kind: [n, full[kind] / n, some[kind] / n] for kind, n in seen.items()}
    return {"precision": hit / marked, "recall": recall, "types": types}


def _touch(span: Any, one: dict[str, Any]) -> bool:
    return bool(span.start < one["end_position"] and one["start_position"] < span.end)


def _entities(row: dict[str, Any]) -> tuple[tuple[int, int, str], ...]:
    spans = [one for one in row["spans"] if one["entity_type"] in _LABELS]
    return tuple(sorted((one["start_position"], one["end_position"], _LABELS[one["entity_type"]]) for one in spans))


def brat(folder: Path) -> list[Any]:
    """Texts with their spans, from brat's standoff files."""
    from reviewapp.curation.redaction.sentences import Tagged

    texts = []
    for path in sorted(folder.glob("*.txt")):
        entities = []
        for line in path.with_suffix(".ann").read_text(encoding="utf-8").splitlines():
            if line.startswith("T"):
                label, start, end = line.split("\t")[1].split()
                entities.append((int(start), int(end), label))
        with path.open(encoding="utf-8", newline="") as file:
            texts.append(Tagged(file.read(), tuple(sorted(entities))))
    return texts


def meddocan(data: Path, iterations: int, most: int | None = None) -> dict[str, Any]:
    """Strict typed scores on the development set, by a tagger that learned from the train set (or ``most`` of it)."""
    from reviewapp.curation.redaction.measure import is_covered
    from reviewapp.curation.redaction.patterns import pattern_spans
    from reviewapp.curation.redaction.people import names_repeated
    from reviewapp.curation.redaction.spans import Span
    from reviewapp.curation.redaction.tagger import Tagger, tagger_train

    train, dev = (brat(data / "meddocan" / part) for part in ("train", "dev"))
    began = time.process_time()
    options = {name: value for name, value in MEDDOCAN.items() if name != "iterations"}
    model = tagger_train(train[:most], iterations=iterations, **options)  # type: ignore[arg-type]
    seconds, tagger = time.process_time() - began, Tagger(model, skips_plain=False)
    hit = marked = there = 0
    masked: Counter[str] = Counter()
    began = time.process_time()
    for text in dev:
        marks = tagger.marks(text.text)
        hit += len({(mark.start, mark.end, mark.label) for mark in marks} & set(text.entities))
        marked, there = marked + len(marks), there + len(text.entities)
        alone = [Span(start=mark.start, end=mark.end, kind="name", found_by="tagger") for mark in marks]
        names = {text.text[mark.start : mark.end] for mark in marks if mark.label.startswith("NOMBRE")}
        whole = [*alone, *pattern_spans(text.text), *names_repeated(text.text, names)]
        for start, end, _ in text.entities:
            masked["alone"] += is_covered(text.text, start, end, alone)
            masked["whole"] += is_covered(text.text, start, end, whole)
    rate, f1 = len(dev) / (time.process_time() - began), 2 * hit / (marked + there)
    show(f"meddocan: strict precision {hit / marked:.4f}, recall {hit / there:.4f}, F1 {f1:.4f} (gate {GATES['f1']})")
    show(f"  wholly masked {masked['whole'] / there:.4f} (gate {GATES['masked']}), by the tagger alone "
         f"{masked['alone'] / there:.4f}")  # fmt: skip
    show(f"  trained in {seconds:.0f} CPU s, {len(model):,} bytes, {rate:.0f} documents a CPU second")
    return {
        "precision": hit / marked, "recall": hit / there, "f1": f1, "masked": masked["whole"] / there,
        "masked_by_tagger": masked["alone"] / there, "train_cpu_s": seconds, "bytes": len(model),
        "docs_per_cpu_s": rate,
    }  # fmt: skip


if __name__ == "__main__":
    main()
