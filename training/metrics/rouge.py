"""ROUGE-1, ROUGE-2 and ROUGE-L (F1, 0 to 1) by rouge-score, with a tokenizer that reads every script."""

from __future__ import annotations

from collections.abc import Sequence
from importlib.metadata import version
from typing import Any

from rouge_score import rouge_scorer
from rouge_score.tokenizers import Tokenizer

from training.metrics.base import RowMetric, Scored, gather
from training.metrics.words import TOKENIZER, words


class UnicodeTokenizer(Tokenizer):  # type: ignore[misc]
    """rouge-score's own keeps only a-z and 0-9: two equal Russian texts would score 0."""

    def tokenize(self, text: str) -> list[str]:
        return words(text)


class Rouge(RowMetric):
    names = ("rouge1", "rouge2", "rougeL")
    about = "F1 of shared words, word pairs and the longest common subsequence."

    def _compute(self, predictions: Sequence[str], references: Sequence[str]) -> dict[str, Scored]:
        scorer = rouge_scorer.RougeScorer(list(self.names), tokenizer=UnicodeTokenizer())

        def row(prediction: str, reference: str) -> dict[str, float] | str:
            if not words(reference):
                return "no reference"
            return {name: score.fmeasure for name, score in scorer.score(reference, prediction).items()}

        rows = [row(*pair) for pair in zip(predictions, references, strict=True)]
        detail: dict[str, Any] = {
            "scale": "0 to 1",
            "tokenizer": TOKENIZER,
            "signature": f"rouge-score:{version('rouge-score')}|tok:{TOKENIZER}|stemmer:no|f1",
        }
        return gather(rows, self.names, detail)
