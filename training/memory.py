"""When memory is short: smaller micro-batches, the same rows in every step, and a sentence that says so.

A step learns from ``batch_size * gradient_accumulation`` rows. Memory holds one micro-batch at a time, so half of it
with twice the accumulation is the same step. What fitted is kept in ``batch.json``: a resumed run begins there.
"""

from __future__ import annotations

import contextlib
import gc
import re
from collections.abc import Callable, Iterator
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from training import contract
from training.errors import ModelError

if TYPE_CHECKING:
    from training.row_trainer import RowTrainer

_TEXTS = re.compile(r"out of memory|can't allocate memory|CUBLAS_STATUS_ALLOC_FAILED", re.IGNORECASE)


@dataclass(frozen=True)
class Batch:
    """Rows in memory at once, batches a step, and rows at once in validation; of each process."""

    size: int
    accumulation: int
    validation: int

    @property
    def words(self) -> str:
        return f"{self.size} rows at a time, {self.accumulation} times a step"


class ShortOfMemory(Exception):
    """A micro-batch did not fit. ``is_validation``: the one of validation; ``at``: what the run was doing."""

    def __init__(self, *, is_validation: bool, at: str) -> None:
        super().__init__(at)
        self.is_validation = is_validation
        self.at = at


def is_out_of_memory(error: BaseException) -> bool:
    """Whether a device or the machine had no memory left: torch says it in several ways."""
    import torch

    if isinstance(error, torch.OutOfMemoryError | MemoryError):
        return True
    return isinstance(error, RuntimeError) and bool(_TEXTS.search(str(error)))


def asked(config: contract.TrainConfig) -> Batch:
    return Batch(config.batch_size, config.gradient_accumulation, config.batch_size)


def fitting(run_dir: Path, config: contract.TrainConfig) -> Batch:
    """The batch of the last attempt, or the one that was asked for."""
    path = run_dir / contract.BATCH_FILE
    return Batch(**contract.read_json(path)) if path.exists() else asked(config)


def keep(run_dir: Path, batch: Batch) -> None:
    contract.write_json(run_dir / contract.BATCH_FILE, asdict(batch))


def fitted(config: contract.TrainConfig, batch: Batch) -> contract.TrainConfig:
    """The config as the trainer is to run it; its hash is not that of the run."""
    return replace(config, batch_size=batch.size, gradient_accumulation=batch.accumulation)


def smaller(batch: Batch, *, is_validation: bool, least: int = 1) -> Batch:
    """Half the micro-batch and twice the accumulation (a third and thrice where it is no even number, and so on).

    ``least``: rows that it must have, 2 where a loss compares them. Raises ModelError where so few do not fit.
    """
    rows = batch.validation if is_validation else batch.size
    parts = (number for number in range(2, rows + 1) if rows % number == 0 and rows // number >= least)
    part = next(parts, 0)
    if rows <= least if is_validation else not part:
        said = "one row" if rows == 1 else f"{rows} rows, the fewest that this loss compares,"
        raise ModelError(
            f"The accelerator ran out of memory with {said} at a time. Lower max_length, switch gradient checkpointing "
            "on, choose qlora or a smaller base model, or take a larger device."
        )
    if is_validation:
        return replace(batch, validation=max(least, rows // 2))
    size = rows // part
    return Batch(size, batch.accumulation * part, min(batch.validation, size))


def words(before: Batch, after: Batch, short: ShortOfMemory) -> str:
    """The sentence for the events."""
    if short.is_validation:
        return (
            f"Memory ran out {short.at} with {before.validation} rows at a time. Validation goes on with "
            f"{after.validation} at a time."
        )
    return (
        f"Memory ran out {short.at} with {before.size} rows at a time. The run goes on with {after.words}: each step "
        "learns from the same rows, only slower."
    )


def release() -> None:
    """Gives back what a trainer held that does not exist any more."""
    import torch

    gc.collect()
    if torch.cuda.is_available():
        torch.cuda.empty_cache()


@contextlib.contextmanager
def noticed(at: str, is_validation: Callable[[], bool]) -> Iterator[None]:
    """Turns every way of running out of memory into ShortOfMemory."""
    try:
        yield
    except Exception as error:
        if not is_out_of_memory(error):
            raise
        raise ShortOfMemory(is_validation=is_validation(), at=at) from error


def longest(trainer: RowTrainer, count: int) -> list[dict[str, Any]]:
    """The ``count`` longest training rows or packs, as the trainer holds them; of pairs the longer side counts."""
    rows: Any = trainer.train_dataset
    sides = [name for name in ("input_ids", "other_ids") if name in rows.column_names]
    lengths = [max(map(len, row)) for row in zip(*(rows[name] for name in sides), strict=True)]
    order = sorted(range(len(lengths)), key=lambda number: -lengths[number])
    return [rows[number] for number in order[:count]]


def probe(trainer: RowTrainer, batch: Batch) -> None:
    """One forward and backward pass over the longest batch, then forgotten: memory ends now or not at all.

    Neither weights nor chance are touched: gradients are dropped, and the random state is put back.
    """
    import torch

    model: Any = trainer.model
    rows = longest(trainer, batch.size)
    devices = [torch.cuda.current_device()] if torch.cuda.is_available() else []
    with torch.random.fork_rng(devices=devices):
        model.train()
        inputs = trainer._prepare_inputs(trainer.data_collator(rows))
        with trainer.compute_loss_context_manager():
            loss: Any = trainer.compute_loss(model, inputs)
        loss.backward()
    model.zero_grad(set_to_none=True)
