"""Duplicates and contamination: `make bench-duplicates` (`--texts 5000 --baseline 2000 --samples 5000` is quick).

A made-up collection after section 2a of the reference on curation: texts of 1.5 KB, a Zipf vocabulary, stock sentences,
boilerplate, template families that are no duplicates, and one text in five a planted variant of 13 kinds, one to four
of an original. Each engine runs in a process of its own, one thread: CPU seconds without the making of the texts, peak
memory with them. Recall: planted variants linked to their own cluster; precision: found pairs of one cluster. The last
line is one JSON object.
"""

from __future__ import annotations

import argparse
import json
import os
import random
import resource
import subprocess
import sys
import tempfile
import time
from collections import Counter, defaultdict
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np

ROOT = Path(__file__).resolve().parents[2]
sys.path.insert(0, str(ROOT))
ENV = {**os.environ, "OMP_NUM_THREADS": "1", "OPENBLAS_NUM_THREADS": "1", "PYTHONPATH": str(ROOT)}
LIMIT, PLACES, BANDS, ROWS = 0.7, 128, 25, 5


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--texts", type=int, default=200_000)
    parser.add_argument("--baseline", type=int, default=20_000, help="texts for datasketch and for us beside it")
    parser.add_argument("--short", type=int, default=0, help="short texts for a look at memory, such as 1000000")
    parser.add_argument("--samples", type=int, default=50_000, help="samples of the contamination check")
    parser.add_argument("--heldout", type=int, default=2_000)
    parser.add_argument("--engine", default="", help="inner use")
    parser.add_argument("--file", default="", help="inner use")
    given = parser.parse_args()
    if given.engine:
        show(json.dumps(ENGINES[given.engine](given)))
        return
    found: dict[str, Any] = {}
    with tempfile.TemporaryDirectory(prefix="countersign-bench-") as folder:
        whole, part = str(Path(folder) / "whole.jsonl"), str(Path(folder) / "part.jsonl")
        write(whole, made(given.texts, 11))
        write(part, made(given.baseline, 7))
        found["pairs"] = child("pairs", whole)
        found["check"] = child("check", whole)
        found["pairs_beside"] = child("pairs", part)
        found["datasketch"] = child("datasketch", part)
        if given.short:
            short = str(Path(folder) / "short.jsonl")
            write(short, short_texts(given.short))
            found["short"] = child("pairs", short)
    sizes = ("--samples", str(given.samples), "--heldout", str(given.heldout))
    found["contamination"] = child("contamination", "", *sizes)
    found["ratio"] = round(found["datasketch"]["cpu_s"] / found["pairs_beside"]["cpu_s"], 1)
    show(table(found))
    show(json.dumps(found | {"cores": os.cpu_count(), "load_1_min": round(os.getloadavg()[0], 1)}))


def child(engine: str, file: str, *more: str) -> dict[str, Any]:
    command = [sys.executable, __file__, "--engine", engine, "--file", file, *more]
    done = subprocess.run(command, env=ENV, capture_output=True, text=True, check=False)
    if done.returncode:
        raise SystemExit(done.stderr)
    result: dict[str, Any] = json.loads(done.stdout.splitlines()[-1])
    return result


# ---- texts


def vocabulary(mind: random.Random, n: int = 20_000) -> list[str]:
    syllables = [a + b for a in "bcdfghklmnprstvz" for b in ("a", "e", "i", "o", "u", "ar", "en", "is", "on", "ul")]
    return list(dict.fromkeys("".join(mind.choices(syllables, k=mind.randint(1, 4))) for _ in range(2 * n)))[:n]


class Maker:
    """Sentences by Zipf's law, stock ones, boilerplate and templates."""

    def __init__(self, seed: int) -> None:
        self.mind = random.Random(seed)
        self.words = vocabulary(self.mind)
        weights = 1 / np.arange(1, len(self.words) + 1)
        self.cumulated = np.cumsum(weights).tolist()
        self.stock = [self.sentence() for _ in range(400)]
        self.boilerplate = [" ".join(self.sentence() for _ in range(4)) for _ in range(5)]
        self.templates = [[self.sentence() for _ in range(9)] for _ in range(20)]

    def sentence(self) -> str:
        words = self.mind.choices(self.words, cum_weights=self.cumulated, k=self.mind.randint(8, 18))
        if self.mind.random() < 0.3:
            words.insert(self.mind.randrange(len(words)), str(self.mind.randint(1, 999)))
        if self.mind.random() < 0.3:
            words.insert(self.mind.randint(1, len(words) - 1), self.mind.choice(self.words).capitalize())
        return f"{' '.join(words).capitalize()}."

    def text(self, *, is_own: bool = False) -> str:
        """``is_own``: without template and boilerplate, which are verbatim in many texts."""
        n, mind = self.mind.randint(14, 20), self.mind
        if mind.random() < 0.03 and not is_own:
            parts = [*mind.choice(self.templates), *(self.sentence() for _ in range(n - 9))]
            mind.shuffle(parts)
        else:
            parts = [mind.choice(self.stock) if mind.random() < 0.2 else self.sentence() for _ in range(n)]
        if mind.random() < 0.15 and not is_own:
            parts.append(mind.choice(self.boilerplate))
        return " ".join(parts)


def made(n: int, seed: int) -> Iterator[dict[str, Any]]:
    """{"text", "cluster", "kind"}; the kind is "" for an original."""
    from reviewapp.curation.duplicates.planting import KINDS, Planter

    maker = Maker(seed)
    planter, count, cluster = Planter([maker.text() for _ in range(200)], seed), 0, 0
    while count < n:
        text = maker.text()
        yield {"text": text, "cluster": cluster, "kind": ""}
        count += 1
        if maker.mind.random() < 0.1:  # of two and a half variants on the mean: one text in five
            for _ in range(min(maker.mind.randint(1, 4), n - count)):
                kind = maker.mind.choice(KINDS)
                yield {"text": planter.variant(text, kind), "cluster": cluster, "kind": kind}
                count += 1
        cluster += 1


def short_texts(n: int) -> Iterator[dict[str, Any]]:
    maker = Maker(5)
    for number in range(n):
        yield {"text": f"{maker.sentence()} {maker.sentence()}", "cluster": number, "kind": ""}


def write(file: str, rows: Iterator[dict[str, Any]]) -> None:
    with Path(file).open("w", encoding="utf-8") as out:
        for row in rows:
            out.write(json.dumps(row) + "\n")


def read(file: str) -> tuple[list[str], list[int], list[str]]:
    texts, clusters, kinds = [], [], []
    with Path(file).open(encoding="utf-8") as lines:
        for line in lines:
            row = json.loads(line)
            texts.append(row["text"])
            clusters.append(row["cluster"])
            kinds.append(row["kind"])
    return texts, clusters, kinds


# ---- engines


def peak_mb() -> float:
    return round(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024, 0)


def measured(cpu: float, a: Any, b: Any, clusters: list[int], kinds: list[str]) -> dict[str, Any]:
    group = np.array(clusters)
    a, b = np.asarray(a, dtype=np.int64), np.asarray(b, dtype=np.int64)
    is_right = group[a] == group[b] if len(a) else np.zeros(0, dtype=bool)
    linked = set(a[is_right].tolist()) | set(b[is_right].tolist())
    planted, found = Counter[str](), Counter[str]()
    for place, kind in enumerate(kinds):
        if kind:
            planted[kind] += 1
            found[kind] += place in linked
    return {
        "texts": len(kinds), "planted": planted.total(), "cpu_s": round(cpu, 1), "peak_mb": peak_mb(),
        "recall": round(found.total() / max(1, planted.total()), 4),
        "precision": round(float(is_right.mean()), 5) if len(a) else None, "pairs": len(a),
        "recall_by_kind": {kind: round(found[kind] / n, 3) for kind, n in sorted(planted.items())},
    }  # fmt: skip


def pairs(given: argparse.Namespace) -> dict[str, Any]:
    """The search alone: sketches, banding, verification."""
    from reviewapp.curation.minhash import Sets, layout_for, near_pairs, sketches_of
    from reviewapp.curation.tokens import char_shingles

    texts, clusters, kinds = read(given.file)
    loaded, began = peak_mb(), time.process_time()
    sketches = sketches_of(texts, layout_for(LIMIT))
    found = near_pairs(sketches, Sets(lambda place: char_shingles(texts[place])), LIMIT)
    cpu = time.process_time() - began
    return measured(cpu, found.a, found.b, clusters, kinds) | {"texts_mb": loaded}


def check(given: argparse.Namespace) -> dict[str, Any]:
    """The check as a scan runs it: exact copies apart, kinds of difference, findings."""
    from reviewapp.curation.checks import exact_duplicates, near_duplicates
    from reviewapp.curation.checks.finding import Corpus, Item

    texts, clusters, kinds = read(given.file)
    corpus = Corpus(items=[Item(key=key, prompt=text, completion="") for key, text in enumerate(texts)])
    del texts
    began = time.process_time()
    findings = [*exact_duplicates.check(corpus), *near_duplicates.check(corpus)]
    cpu = time.process_time() - began
    a, b = [finding.related or 0 for finding in findings], [finding.key for finding in findings]
    by_kind: defaultdict[str, Counter[str]] = defaultdict(Counter)
    for finding in findings:
        by_kind[kinds[finding.key] or "original"][finding.kind] += 1
    said = {kind: dict(counted.most_common(3)) for kind, counted in by_kind.items()}
    return measured(cpu, a, b, clusters, kinds) | {"said": said}


def datasketch(given: argparse.Namespace) -> dict[str, Any]:
    """datasketch on the same shingles, bands and limit; SHA-1, its default."""
    from datasketch import MinHash, MinHashLSH

    from reviewapp.curation.tokens import normal_form

    texts, clusters, kinds = read(given.file)
    began = time.process_time()
    index, signatures, a, b = MinHashLSH(num_perm=PLACES, params=(BANDS, ROWS)), [], [], []
    for place, text in enumerate(texts):
        form = normal_form(text)
        own = MinHash(num_perm=PLACES)
        own.update_batch([run.encode() for run in {form[at : at + 5] for at in range(len(form) - 4)}])
        for other in index.query(own):
            if own.jaccard(signatures[other]) >= LIMIT:
                a.append(other)
                b.append(place)
        index.insert(place, own)
        signatures.append(own)
    return measured(time.process_time() - began, a, b, clusters, kinds)


def contamination(given: argparse.Namespace) -> dict[str, Any]:
    """Samples against held-out prompts; one sample in 100 holds 60 words of one, verbatim."""
    from reviewapp.curation.checks import heldout_overlap
    from reviewapp.curation.checks.finding import Corpus, Item

    maker, planted = Maker(3), dict[int, int]()
    heldout = [(key, maker.text(is_own=True)) for key in range(given.heldout)]
    items = []
    for key in range(given.samples):
        text = maker.text()
        if maker.mind.random() < 0.01:
            planted[key] = maker.mind.randrange(given.heldout)
            words, ours = heldout[planted[key]][1].split(), text.split()
            at = maker.mind.randrange(max(1, len(words) - 60))
            text = " ".join([*ours[:100], *words[at : at + 60], *ours[100:]])
        items.append(Item(key=key, prompt=text, completion="As said."))
    began = time.process_time()
    findings = list(heldout_overlap.check(Corpus(items=items, heldout=heldout)))
    cpu = time.process_time() - began
    found = {(finding.key, finding.related_heldout) for finding in findings}
    right = found & set(planted.items())
    return {
        "samples": given.samples, "heldout": given.heldout, "cpu_s": round(cpu, 1), "peak_mb": peak_mb(),
        "planted": len(planted), "recall": round(len(right) / max(1, len(planted)), 4),
        "false_alarms": len({key for key, _ in found} - set(planted)),
    }  # fmt: skip


ENGINES = {"pairs": pairs, "check": check, "datasketch": datasketch, "contamination": contamination}


# ---- what is shown


def table(found: dict[str, Any]) -> str:
    names = {
        "pairs": "Countersign, search", "check": "Countersign, whole check", "pairs_beside": "Countersign, search",
        "datasketch": "datasketch, same shingles", "short": "Countersign, short texts",
    }  # fmt: skip
    lines = [
        f"near-duplicates at {LIMIT:.0%}, runs of 5 characters, {PLACES} hashes, {BANDS} bands of {ROWS}",
        f"{'':>26} {'texts':>10} {'CPU s':>7} {'peak MB':>8} {'recall':>7} {'precision':>10}",
    ]
    for name, words in names.items():
        if name in found:
            row = found[name]
            lines.append(
                f"{words:>26} {row['texts']:>10,} {row['cpu_s']:>7} {row['peak_mb']:>8,.0f} {row['recall']:>7}"
                f" {row['precision'] if row['precision'] is not None else '-':>10}"
            )
    lines.append(f"datasketch needs {found['ratio']} times the CPU seconds on the same texts")
    by_kind = found["pairs"]["recall_by_kind"]
    lines.append("recall by kind: " + ", ".join(f"{kind} {value}" for kind, value in by_kind.items()))
    row = found["contamination"]
    lines.append(
        f"contamination: {row['samples']:,} samples x {row['heldout']:,} prompts, {row['cpu_s']} CPU s,"
        f" {row['peak_mb']:,.0f} MB, recall {row['recall']}, {row['false_alarms']} false alarms"
    )
    return "\n".join(lines) + "\n"


def show(text: str) -> None:
    sys.stdout.write(text + "\n")
    sys.stdout.flush()


if __name__ == "__main__":
    main()
