"""BLEU (0 to 100) by sacrebleu: by sentence with effective order, over all outputs as corpus BLEU."""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence

from sacrebleu.metrics.bleu import BLEU

from training.metrics.base import RowMetric, Scored, gather


class Bleu(RowMetric):
    names = ("bleu",)
    about = "Shared runs of up to four words, with a penalty for short answers."

    def _compute(self, predictions: Sequence[str], references: Sequence[str]) -> dict[str, Scored]:
        # Without effective order a correct answer of fewer than four words scores 0.
        sentence, corpus = BLEU(effective_order=True), BLEU()

        def row(prediction: str, reference: str) -> dict[str, float] | str:
            if not reference.strip():
                return "no reference"
            return {"bleu": sentence.sentence_score(prediction, [reference]).score}

        pairs = list(zip(predictions, references, strict=True))
        scored = gather([row(*pair) for pair in pairs], self.names, {"scale": "0 to 100"})["bleu"]
        given = [pair for pair in pairs if pair[1].strip()]
        value = corpus.corpus_score([p for p, _ in given], [[r for _, r in given]]).score if given else None
        detail = {
            **scored.detail,
            "aggregate": "corpus",
            "signature": str(corpus.get_signature()) if given else None,
            "sentence_signature": str(sentence.get_signature()) if given else None,
        }
        return {"bleu": dataclasses.replace(scored, value=value, detail=detail)}
