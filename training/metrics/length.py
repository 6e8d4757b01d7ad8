"""How long answers are, and how many were cut off because they did not end."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from training.metrics.base import Record, RowMetric, Scored, gather, mean
from training.metrics.words import TOKENIZER, words


class Length(RowMetric):
    names = ("length_words", "hit_limit")
    about = "Words of the answer; whether it ran into the limit instead of ending."
    columns = {"predictions": "string", "references": "string", "stop_reasons": "string"}  # noqa: RUF012

    def inputs(self, records: Sequence[Record]) -> dict[str, list[Any]]:
        return {**super().inputs(records), "stop_reasons": [record.stop_reason for record in records]}

    def _compute(
        self, predictions: Sequence[str], references: Sequence[str], stop_reasons: Sequence[str]
    ) -> dict[str, Scored]:
        rows = [
            {"length_words": float(len(words(text))), "hit_limit": float(reason == "length")}
            for text, reason in zip(predictions, stop_reasons, strict=True)
        ]
        of_references = mean([float(len(words(text))) for text in references if text.strip()])
        return gather(rows, self.names, {"tokenizer": TOKENIZER, "reference_mean": of_references})
