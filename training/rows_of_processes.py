"""Each approved row in exactly one process an epoch.

accelerate fills the last batches up with rows that were read already, which would then count twice. Here they are
filled with blank rows: one token, nothing to learn, no part of any loss.
"""

from __future__ import annotations

from collections import Counter
from typing import Any

from training import contract, distributed
from training.data import IGNORED
from training.errors import DataError

BLANK = -1  # place of a blank row among pairs and judgements; approved ones count from 0


def blank(like: dict[str, Any], pad_id: int) -> dict[str, Any]:
    """A row of the same columns from which nothing is learned."""
    weights = [0.0] if isinstance(like.get("weights"), list) else 0.0  # one a row where classes are learned
    values = {"input_ids": [pad_id], "labels": [IGNORED], "seq_lengths": [1], "weights": weights, "ids": [], "id": ""}
    values |= {"other_ids": [pad_id], "other_labels": [IGNORED], "place": BLANK, "judgement": True}
    return {name: values[name] for name in like if name in values}


def share(trainer: Any, config: contract.TrainConfig) -> str:
    """Adds the blank rows, then proves that the processes together read every approved row once; says so."""
    if distributed.rank() is None:
        return ""
    rows = trainer.train_dataset
    missing = -len(rows) % (trainer.args.per_device_train_batch_size * config.processes)
    if missing:
        trainer.train_dataset = _filled(rows, missing, trainer.material.renderer.pad_id)
    check(trainer, len(rows), len(rows) + missing)
    if "place" in rows.column_names:
        _fill_validation(trainer, config)
    what = "packs" if config.packing else "rows"
    filled = f"; {missing} blank to fill the last batch" if missing else ""
    return f"{len(rows)} approved {what}, each in exactly one of {config.processes} processes{filled}."


def _fill_validation(trainer: Any, config: contract.TrainConfig) -> None:
    """Preferences are judged row by row, so that no row may come twice in validation either."""
    rows = trainer.eval_dataset
    missing = -len(rows) % (trainer.args.per_device_eval_batch_size * config.processes) if rows is not None else 0
    if missing:
        trainer.eval_dataset = _filled(rows, missing, trainer.material.renderer.pad_id)


def _filled(rows: Any, missing: int, pad_id: int) -> Any:
    from datasets import Dataset, concatenate_datasets

    row = blank(rows[0], pad_id)
    kept = rows.select_columns(list(row))
    return concatenate_datasets([kept, Dataset.from_list([row] * missing, features=kept.features)])


def check(trainer: Any, approved: int, total: int) -> None:
    """Raises DataError unless the batches of all processes hold each of ``approved`` rows exactly once."""
    import torch

    with torch.random.fork_rng(devices=[]):  # to look is not to draw
        sampler = trainer.get_train_dataloader().batch_sampler
        own = [number for batch in sampler for number in batch]
    seen = Counter(number for part in distributed.gathered(own) for number in part)
    if seen != Counter(range(total)):
        twice = sum(count - 1 for count in seen.values())
        raise DataError(
            f"The processes would read {len([n for n in seen if n < approved])} of {approved} approved rows, "
            f"{twice} of them more than once. Choose processes 1."
        )
