"""Trains the tagger that comes with the application: `python -m reviewapp.curation.redaction.train`.

Only on sentences that this project makes up (``sentences.py``, ``words/``), so that the model is under its licence.
The same seed and version of CRFsuite give the same file. Beside the model it writes a card with what it was made of.
"""

from __future__ import annotations

import argparse
import hashlib
import json
import sys
import time
from importlib.metadata import version
from pathlib import Path

from reviewapp.curation.redaction.measure import measure
from reviewapp.curation.redaction.sentences import Tagged, sentences_make
from reviewapp.curation.redaction.tagger import SHIPPED, Tagger, tagger_train

SEED, TEXTS, ITERATIONS, C1, C2 = 7, 20_000, 80, 0.2, 0.02
RETRAIN_TEXTS, RETRAIN_ITERATIONS, WEIGHT = 17_000, 75, 4  # a minute; every correction is read this many times


def model_retrained(corrections: list[Tagged]) -> bytes:
    """The model learned from made-up texts and from what experts corrected."""
    texts = sentences_make(SEED, RETRAIN_TEXTS) + corrections * WEIGHT
    return tagger_train(texts, iterations=RETRAIN_ITERATIONS, c1=C1, c2=C2)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--out", type=Path, default=SHIPPED.parent)
    parser.add_argument("--seed", type=int, default=SEED)
    parser.add_argument("--texts", type=int, default=TEXTS)
    parser.add_argument("--iterations", type=int, default=ITERATIONS)
    given = parser.parse_args()
    began = time.process_time()
    texts = sentences_make(given.seed, given.texts)
    model = tagger_train(texts, iterations=given.iterations, c1=C1, c2=C2)
    seconds = round(time.process_time() - began, 1)
    figures = measure(Tagger(model))
    given.out.mkdir(parents=True, exist_ok=True)
    (given.out / SHIPPED.name).write_bytes(model)
    options = f"--seed {given.seed} --texts {given.texts} --iterations {given.iterations}"
    card = {
        "command": f"python -m reviewapp.curation.redaction.train {options}",
        "data": "sentences made up by reviewapp/curation/redaction/sentences.py; no text of anybody else",
        "licence": "Apache-2.0, as the rest of the project",
        "words": sum(len(text.text.split()) for text in texts),
        "python-crfsuite": version("python-crfsuite"),
        "penalties": {"c1": C1, "c2": C2},
        "cpu_seconds": seconds,
        "bytes": len(model),
        "sha256": hashlib.sha256(model).hexdigest(),
        "figures": figures.to_json(),
    }
    (given.out / "card.json").write_text(json.dumps(card, indent=1, ensure_ascii=False) + "\n", encoding="utf-8")
    told = f"F1 {figures.f1:.3f}, gap of names by origin {figures.gap:.3f}"
    sys.stdout.write(f"{len(model):,} bytes in {seconds} CPU s. {told}\n")


if __name__ == "__main__":
    main()
