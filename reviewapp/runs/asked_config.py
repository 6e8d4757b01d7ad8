"""The whole config of a run from what was asked for: settings, version, base model, and what stands beside them."""

from __future__ import annotations

import dataclasses
from typing import TYPE_CHECKING, Any

from reviewapp.core.exceptions import ApplicationError
from reviewapp.runs import (
    base_facts,
    beside,
    inputs,
    labels,
    objectives,
    starting,
)
from reviewapp.runs.beside import Beside
from reviewapp.runs.models import BaseModel, ModelVersion
from reviewapp.trainingsets import selectors as trainingsets
from reviewapp.trainingsets.models import TrainingSetVersion
from reviewapp.words import named, say
from training.contract import ContractError, Lora, Template, TrainConfig

if TYPE_CHECKING:
    pass

# What a person may set; everything else of a TrainConfig follows from the version and the base model.
SETTINGS = frozenset(
    {
        "method", "max_length", "epochs", "max_steps", "batch_size", "gradient_accumulation", "learning_rate",
        "scheduler", "warmup_ratio", "weight_decay", "max_grad_norm", "eval_steps", "early_stopping_patience",
        "seed", "budget_seconds", "decay_to", "decay_stages", "label_smoothing", "packing", "weighted", "order",
        "precision", "gradient_checkpointing", "stop_on", "plateau_change", "task_rows", "past_plateau", "keep",
        "processes", "sharding",
        "objective", "label_field", "class_weights", "beta", "preference_loss", "chosen_weight", "balanced",
    }
)  # fmt: skip
LORA_SETTINGS = frozenset(field.name for field in dataclasses.fields(Lora))


def config_of(
    version: TrainingSetVersion,
    base: BaseModel,
    values: dict[str, Any],
    extra: dict[str, str],
    also: Beside | None = None,
    start_from: ModelVersion | None = None,
) -> TrainConfig:
    """The whole config of a run that is asked for; ``extra``: its ``inputs``. Raises ApplicationError."""
    content = trainingsets.version_content(version)
    chosen, also = dict(values), also or Beside()
    more = starting.config_of_start(start_from, chosen)
    lora, learned = chosen.pop("lora", {}), beside.settings_of(chosen, also)
    unknown = sorted((set(chosen) - SETTINGS) | (set(lora) - LORA_SETTINGS))
    if unknown:
        raise ApplicationError(
            say(
                "Unknown setting %(setting)s; a run takes %(known)s and lora.",
                setting=f"{unknown[0]!r}",
                known=", ".join(sorted(SETTINGS)),
            )
        )
    chosen["objective"] = objectives.objective_of(version, chosen.get("objective"))
    chosen |= {"packing": True} if chosen["objective"] == "raw" else {}
    more |= labels.config_of_labels(version, chosen)
    max_length = chosen.get("max_length", TrainConfig.max_length)
    if chosen.get("weighted") and not version.examples.exclude(weight=1).exists():
        raise ApplicationError(say("%(version)s carries no weights: every example counts 1.", version=named(version)))
    try:
        return TrainConfig(
            model=base_facts.model_spec(base),
            template=Template(**base.template),
            train_rows=content.train_rows,
            validation_rows=content.validation_rows,
            train_sha256=content.train_sha256,
            validation_sha256=content.validation_sha256,
            truncated_rows=sum(
                _truncated(each, base, max_length) for each in (version, also.general) if each is not None
            )
            if chosen["objective"] == "sft"
            else 0,
            lora=Lora(**lora),
            **learned,
            **inputs.hashes_of(extra),
            **more,
            **chosen,
        )
    except ContractError as error:
        raise ApplicationError(str(error)) from error


def _truncated(version: TrainingSetVersion, base: BaseModel, max_length: int) -> int:
    """Completions that people agreed to see cut for this base model and length; 0 where no preview found any."""
    preview = version.previews.filter(
        base_model_path=base.path, max_length=max_length, content_hash=version.content_hash, result__isnull=False
    ).first()
    if preview is None or preview.result is None:
        return 0
    counts = preview.result["counts"]
    if counts["dropped"]:
        raise ApplicationError(
            say(
                "%(n)s examples would not be learned at all at %(max_length)s tokens. Choose more.",
                n=counts["dropped"],
                max_length=f"{max_length:,}",
            )
        )
    if counts["truncated"] and preview.accepted_at is None:
        raise ApplicationError(
            say(
                "%(n)s completions would be cut at %(max_length)s tokens. Agree to that on the page of the "
                "version, or choose a greater length.",
                n=counts["truncated"],
                max_length=f"{max_length:,}",
            )
        )
    return int(counts["truncated"])
