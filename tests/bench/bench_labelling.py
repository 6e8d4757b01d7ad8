"""Labelling functions: `python tests/bench/bench_labelling.py`.

``planted``: how often the majority of votes and the label model of Dawid and Skene are right on votes whose truth is
known, where functions differ much and little. ``dialogues``: eleven word rules for sections of real conversations
(mts-dialog, training split), against its section headers; left out where the data are not there. ``speed``: CPU
seconds of the label model, and of patterns under a time limit as a ratio to the same patterns of ``re`` in the same
run. The last line is one JSON object.
"""

from __future__ import annotations

import csv
import json
import os
import re
import sys
import time
from pathlib import Path
from typing import Any

import numpy as np

ROOT = Path(__file__).resolve().parents[2]
sys.path.insert(0, str(ROOT))
from reviewapp.curation.programmatic.conditions import Condition, Matcher, Material  # noqa: E402
from reviewapp.curation.programmatic.label_model import dawid_skene, majority  # noqa: E402
from reviewapp.curation.programmatic.votes import ABSTAIN, Votes, figures_of  # noqa: E402

DATA = ROOT.parent / "shared" / "data" / "mts-dialog" / "Main-Dataset" / "MTS-Dialog-TrainingSet.csv"
# Written from what the headers mean, before a look at how they do.
RULES = {
    "FAM/SOCHX": "family, mother, father, brother, sister, smoke, drink, alcohol, married, live with, cigarettes",
    "PASTMEDICALHX": "medical history, medical problems, medical conditions, diabetes, high blood pressure",
    "ALLERGY": "allergic, allergies, allergy",
    "ROS": "any fever, any chills, chest pain, any nausea, vomiting, weight loss, shortness of breath",
    "PASTSURGICAL": "surgery, surgeries, operation, operations, surgical",
    "CC": "brings you in, what brings you, how can i help",
    "MEDICATIONS": "medication, medications, medicine, milligrams, prescriptions, aspirin",
    "GENHX": "when did, started, symptoms, how long, pain, year old",
    "IMMUNIZATIONS": "vaccine, vaccines, shots, immunizations, vaccinations, flu shot",
    "GYNHX": "menstrual, period, pregnant, pregnancies, pap smear, menopause",
    "EXAM": "let me examine, exam, listen to your, look at your",
}
PATTERNS = [
    r"\bknee\w*\s+(?:hurts?|pain)",
    r"\d+\s*(?:mg|ml|milligrams?)",
    r"(?:no|denies)\s+\w+\s+pain",
    r"[a-z]+ing\b.*\?",
]
WORDS = ["my", "knee", "is", "fine", "no", "chest", "pain", "400", "mg?"]


def main() -> None:
    planted = [
        planted_votes("differ much", [0.95, 0.9, 0.5, 0.45, 0.4]),
        planted_votes("differ little", [0.8, 0.78, 0.76, 0.74, 0.72]),
        planted_votes("one class each", None),
    ]
    real = dialogues()
    show("right, of the samples with a vote    majority  label model   where the majority is clear: majority  model")
    for row in [*planted, *([real] if real else [])]:
        figures = f"{row['majority']:8.3f} {row['model']:12.3f} {row['majority_clear']:38.3f} {row['model_clear']:6.3f}"
        show(f"{row['votes']:<36} {figures}")
    if real:
        show(
            f"dialogues: {real['n']}, {real['classes']} headers, with a vote {real['coverage']:.3f}, votes differ "
            f"{real['conflicts']:.3f}; always the commonest header {real['usual']:.3f}"
        )
    fast = speed()
    show(f"\nlabel model, 100,000 samples x 20 functions x 10 classes: {fast['model_cpu_s']:.2f} CPU s, "
         f"{fast['rounds']} rounds; patterns: {fast['patterns_per_s']:,.0f} texts a CPU second, "
         f"{fast['ratio_to_re']:.1f} times the time of re")  # fmt: skip
    facts = {"cores": os.cpu_count(), "load_1_min": round(os.getloadavg()[0], 1)}
    show(json.dumps({"planted": planted, "dialogues": real, "speed": fast} | facts))


def planted_votes(name: str, rates: list[float] | None, n: int = 5_000, k: int = 5) -> dict[str, Any]:
    """Functions that fire on half of the samples; of one class each: two for a class, one good and one poor."""
    mind = np.random.default_rng(17)
    truth = mind.choice(k, n, p=[0.4, 0.25, 0.15, 0.12, 0.08])
    m = len(rates) if rates else 2 * k
    votes = np.full((n, m), ABSTAIN, dtype=np.int16)
    for j in range(m):
        if rates:
            said = np.where(mind.random(n) < rates[j], truth, (truth + mind.integers(1, k, n)) % k)
            votes[:, j] = np.where(mind.random(n) < 0.5, said, ABSTAIN)
        else:
            hit, slip = ((0.6, 0.02), (0.3, 0.12))[j // k]
            votes[mind.random(n) < np.where(truth == j % k, hit, slip), j] = j % k
    return {"votes": name} | compared(votes, truth, k)


def compared(votes: Votes, truth: np.ndarray[Any, Any], k: int) -> dict[str, Any]:
    """Both ways on the same samples: on all with a vote (the majority breaks ties by chance), and on those without."""
    most, fitted = majority(votes, k), dawid_skene(votes, k)
    said, clear = fitted.labels != ABSTAIN, most.labels != ABSTAIN
    counts = np.stack([(votes == one).sum(axis=1) for one in range(k)], axis=1)
    drawn = np.argmax(counts + np.random.default_rng(0).random(counts.shape) / 2, axis=1)
    shares = {
        "majority": (drawn == truth)[said], "model": (fitted.labels == truth)[said],
        "majority_clear": (most.labels == truth)[clear], "model_clear": (fitted.labels == truth)[clear],
    }  # fmt: skip
    return {name: round(float(right.mean()), 4) for name, right in shares.items()} | {
        "n_said": int(said.sum()), "n_clear": int(clear.sum()), "rounds": fitted.rounds,
    }  # fmt: skip


def dialogues() -> dict[str, Any] | None:
    if not DATA.is_file():
        return None
    with DATA.open(encoding="utf-8", newline="") as file:
        rows = list(csv.DictReader(file))
    headers = sorted({row["section_header"] for row in rows})
    place = {name: n for n, name in enumerate([*RULES, *(h for h in headers if h not in RULES)])}
    truth = np.array([place[row["section_header"]] for row in rows])
    votes = np.full((len(rows), len(RULES)), ABSTAIN, dtype=np.int16)
    for j, (name, words) in enumerate(RULES.items()):
        matcher = Matcher(Condition(kind="keyword", text=words), name)
        for i, row in enumerate(rows):
            if matcher.find(Material(prompt=row["dialogue"])) is not None:
                votes[i, j] = place[name]
    figures = figures_of(votes, truth, np.arange(len(rows)))
    usual = np.bincount(truth).max() / len(truth)
    return {
        "votes": "mts-dialog section headers", "n": len(rows),
        "classes": len(headers), "coverage": round(figures.covered / len(rows), 4),
        "conflicts": round(figures.conflicts / len(rows), 4), "usual": round(float(usual), 4),
    } | compared(votes, truth, len(RULES))  # fmt: skip


def speed() -> dict[str, float]:
    mind = np.random.default_rng(3)
    truth = mind.integers(0, 10, 100_000)
    votes = np.where(mind.random((100_000, 20)) < 0.3, truth[:, None], ABSTAIN).astype(np.int16)
    wrong = mind.random(votes.shape) < 0.2
    votes[wrong & (votes != ABSTAIN)] = mind.integers(0, 10, int((wrong & (votes != ABSTAIN)).sum()))
    started = time.process_time()
    fitted = dawid_skene(votes, 10)
    model = time.process_time() - started
    texts = [Material(prompt=" ".join(mind.choice(WORDS, 120))) for _ in range(2_000)]
    ours = timed([Matcher(Condition(kind="pattern", text=text), "x").find for text in PATTERNS], texts)
    plain = timed([(lambda m, p=re.compile(text, re.I): p.search(m.prompt)) for text in PATTERNS], texts)
    return {
        "model_cpu_s": round(model, 3), "rounds": fitted.rounds,
        "patterns_per_s": round(len(texts) * len(PATTERNS) / ours), "ratio_to_re": round(ours / plain, 2),
    }  # fmt: skip


def timed(finders: list[Any], texts: list[Material]) -> float:
    started = time.process_time()
    for find in finders:
        for text in texts:
            find(text)
    return time.process_time() - started


def show(line: str) -> None:
    sys.stdout.write(line + "\n")


if __name__ == "__main__":
    main()
