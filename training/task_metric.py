"""A task metric while a run is at work: answers to a bounded, seeded share of the validation rows, then measured.

The same engine as at the end (``decoding``), greedy, so the figure of a step does not depend on chance.
"""

from __future__ import annotations

import random
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from training import contract, decoding
from training.data import Rendered
from training.errors import DataError
from training.material import Material

if TYPE_CHECKING:
    from training.metrics.base import Record

BATCH = 16
ROOM = 1.25  # an answer may be so much longer than its reference, and 8 tokens more


def rows_asked(material: Material) -> list[Rendered]:
    """The validation rows that are answered: those whose prompt leaves room, ``task_rows`` of them by the seed.

    Raises DataError when none is left; slot accuracy asks only rows that have facts.
    """
    config = material.config
    fitting = [row for row in material.validation if row.prompt_length < config.max_length]
    if config.stop_on == "slot_accuracy":
        fitting = [row for row in fitting if material.facts.get(row.id)]
    if not fitting:
        raise DataError("No validation row can be answered, so there is no task metric to stop on: stop on the loss.")
    places = range(len(fitting))
    chosen = sorted(random.Random(config.seed).sample(places, min(config.task_rows, len(fitting))))  # noqa: S311
    return [fitting[place] for place in chosen]


def measure(model: Any, material: Material, rows: Sequence[Rendered]) -> dict[str, float]:
    """``eval_rougeL`` or ``eval_slot_accuracy`` (0 to 1) of the model as it is now. Leaves the model as it was."""
    from training.metrics.rouge import Rouge  # a second of imports, which most runs never need
    from training.metrics.slots import SlotAccuracy

    own, texts = model.generation_config, []
    stops = decoding.end_ids(model, material.renderer.end_id)
    order = sorted(range(len(rows)), key=lambda number: -rows[number].prompt_length)
    try:
        for start in range(0, len(order), BATCH):
            part = [rows[number] for number in order[start : start + BATCH]]
            texts += _answered(model, material, part, stops)
    finally:
        model.generation_config = own  # decoding sets its own, which must not end up in the saved weights
    records = [_record(material, rows[number], text) for number, text in zip(order, texts, strict=True)]
    metric = SlotAccuracy() if material.config.stop_on == "slot_accuracy" else Rouge()
    value = metric.score(records)[material.config.stop_on].value
    if value is None:
        raise DataError("The task metric has no value on these validation rows: stop on the loss.")
    return {f"eval_{material.config.stop_on}": value}


def _answered(model: Any, material: Material, rows: Sequence[Rendered], stops: Sequence[int]) -> list[str]:
    prompts = [row.input_ids[: row.prompt_length] for row in rows]
    limits = [_limit(material.config, row) for row in rows]
    answers = decoding.answer(model, prompts, limits, stops, material.renderer.pad_id)
    return [str(material.renderer.tokenizer.decode(answer.ids, skip_special_tokens=True)).strip() for answer in answers]


def _limit(config: contract.TrainConfig, row: Rendered) -> int:
    wanted = int(ROOM * (len(row.input_ids) - row.prompt_length)) + 8
    return max(1, min(wanted, config.max_length - row.prompt_length))


def _record(material: Material, row: Rendered, text: str) -> Record:
    from training.metrics.base import Record

    reference = material.renderer.tokenizer.decode(row.input_ids[row.prompt_length :], skip_special_tokens=True)
    return Record(row.id, "", str(reference).strip(), tuple(material.facts.get(row.id) or ()), text, "")
