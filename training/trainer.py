"""TRL's trainer for a run, and the proof that it holds exactly the approved rows."""

from __future__ import annotations

import math
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from training import contract, manifest, models
from training.data import IGNORED, Rendered
from training.errors import DataError
from training.material import Material
from training.session import Session

if TYPE_CHECKING:
    from datasets import Dataset
    from peft import LoraConfig
    from trl.trainer.sft_config import SFTConfig
    from trl.trainer.sft_trainer import SFTTrainer

    from training.callbacks import Progress

CHECKPOINTED_PARAMETERS = 1_000_000_000  # from here on, memory for activations is worth recomputing them


def lora_config(config: contract.TrainConfig) -> LoraConfig:
    """PEFT's config; ``target_modules`` is "all-linear" or names with commas between."""
    from peft import LoraConfig

    names = config.lora.target_modules
    targets = names if names == "all-linear" else [name.strip() for name in names.split(",")]
    return LoraConfig(
        r=config.lora.r,
        lora_alpha=config.lora.alpha,
        lora_dropout=config.lora.dropout,
        target_modules=targets,
        bias="none",
        task_type="CAUSAL_LM",
    )


def total_steps(config: contract.TrainConfig) -> int:
    """Optimiser steps of the whole run."""
    per_epoch = math.ceil(math.ceil(config.train_rows / config.batch_size) / config.gradient_accumulation)
    return config.max_steps if config.max_steps > 0 else math.ceil(config.epochs * per_epoch)


def sft_config(config: contract.TrainConfig, output_dir: Path, *, device: str, parameters: int = 0) -> SFTConfig:
    """TRL's config for this run: every default that would bite is set (see README, "What is switched off")."""
    from trl.trainer.sft_config import SFTConfig

    is_gpu, has_validation = device == "cuda", config.validation_rows > 0
    scheduler = "constant_with_warmup" if config.scheduler == "constant" else config.scheduler
    every = min(config.eval_steps, total_steps(config))
    return SFTConfig(
        output_dir=str(output_dir),
        max_length=config.max_length,
        per_device_train_batch_size=config.batch_size,
        per_device_eval_batch_size=config.batch_size,
        gradient_accumulation_steps=config.gradient_accumulation,
        num_train_epochs=config.epochs,
        max_steps=config.max_steps,
        learning_rate=config.learning_rate,
        lr_scheduler_type=scheduler,
        warmup_steps=config.warmup_ratio,  # below 1 it is a share of all steps
        weight_decay=config.weight_decay,
        max_grad_norm=config.max_grad_norm,
        eval_strategy="steps" if has_validation else "no",
        eval_steps=every,
        save_strategy="steps",
        save_steps=every,
        save_total_limit=2,
        load_best_model_at_end=has_validation,
        metric_for_best_model="eval_loss" if has_validation else None,
        greater_is_better=False if has_validation else None,
        restore_callback_states_from_checkpoint=True,
        prediction_loss_only=True,
        logging_steps=1,
        logging_nan_inf_filter=False,  # the default shows a poisoned run as a loss of 0.0
        include_num_input_tokens_seen="non_padding",
        use_cpu=not is_gpu,
        bf16=is_gpu,
        activation_checkpointing=is_gpu and parameters > CHECKPOINTED_PARAMETERS,
        packing=False,
        dataloader_pin_memory=is_gpu,
        report_to="none",
        disable_tqdm=True,
        seed=config.seed,
    )


def dataset(rows: Sequence[Rendered]) -> Dataset:
    """Rows as TRL takes them: rendered already, so that nobody else's template or mask applies; not yet cut."""
    from datasets import Dataset

    return Dataset.from_dict(
        {
            "id": [row.id for row in rows],
            "input_ids": [row.input_ids for row in rows],
            "labels": [row.labels for row in rows],
        }
    )


def build_trainer(session: Session, material: Material, output_dir: Path) -> tuple[SFTTrainer, Progress]:
    """Loads the model and builds TRL's trainer, then proves that it holds exactly the approved rows."""
    import torch
    from transformers import EarlyStoppingCallback, PrinterCallback
    from trl.trainer.sft_trainer import SFTTrainer

    from training.callbacks import Progress, RunCallback

    config, device = material.config, models.device()
    is_half = device == "cuda" and config.method != "full"  # all weights are trained in 32 bits under autocast
    dtype = torch.bfloat16 if is_half else torch.float32
    model = models.load_model(material.folder, dtype=dtype, is_quantized=config.method == "qlora")
    progress = Progress(seconds_before=manifest.seconds_used(session.run_dir))
    callbacks: list[Any] = [RunCallback(session, progress, config.budget_seconds)]
    if config.early_stopping_patience:
        callbacks.append(EarlyStoppingCallback(early_stopping_patience=config.early_stopping_patience))
    parameters = models.facts(material.folder)["parameters"]
    trainer = SFTTrainer(
        model=model,
        args=sft_config(config, output_dir, device=device, parameters=parameters),
        train_dataset=dataset(material.train),
        eval_dataset=dataset(material.validation) if material.validation else None,
        processing_class=material.renderer.tokenizer,
        peft_config=None if config.method == "full" else lora_config(config),
        callbacks=callbacks,
    )
    trainer.remove_callback(PrinterCallback)  # events say the same, once
    check_trainer(trainer, material)
    return trainer, progress


def check_trainer(trainer: SFTTrainer, material: Material) -> None:
    """Raises DataError unless the trainer's real datasets and collator give the approved rows, token by token."""
    pairs: list[tuple[str, Any, list[Rendered], int]] = [
        ("training", trainer.train_dataset, material.train, material.config.train_rows)
    ]
    if material.validation:
        pairs.append(("validation", trainer.eval_dataset, material.validation, material.config.validation_rows))
    for name, real, rows, approved in pairs:
        if len(real) != approved:
            left_out = sorted({row.id for row in rows} - set(real["id"]))[:5]
            raise DataError(
                f"The trainer holds {len(real)} {name} rows; {approved} were approved. Left out: {', '.join(left_out)}."
            )
        _check_tokens(trainer, real, [row.cut(material.config.max_length) for row in rows], name)


def _check_tokens(trainer: SFTTrainer, real: Dataset, rows: list[Rendered], name: str) -> None:
    for start in range(0, len(rows), 64):
        part = rows[start : start + 64]
        kept = real.select(range(start, start + len(part)))
        batch = trainer.data_collator([{"input_ids": r["input_ids"], "labels": r["labels"]} for r in kept])
        trained = (batch["labels"] != IGNORED).sum().item()
        same = all(r["id"] == row.id and r["input_ids"] == row.input_ids for r, row in zip(kept, part, strict=True))
        if not same or trained != sum(row.trained for row in part):
            raise DataError(f"The trainer would learn other tokens than the preview showed ({name} rows).")
