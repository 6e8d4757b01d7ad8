"""Checks a run directory without torch: config, rows, base model, adapters."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

from training import contract, data, embed, judge, models, pairs, session
from training.suites.items import load_items

GeneratesOrExports = contract.GenerateConfig | contract.ExportConfig


def check(run_dir: Path) -> dict[str, Any]:
    """What was found; raises ContractError or TrainingError with what to change."""
    config = contract.read_config(run_dir)
    found: dict[str, Any] = {"kind": config.kind, "config_sha256": contract.config_sha256(config)}
    if isinstance(config, contract.FetchConfig):
        return found
    if isinstance(config, contract.EmbedConfig):
        return {**found, "texts": len(embed.load_texts(run_dir / contract.TEXTS_FILE, config))}
    base = _base(config)
    if not base.is_hub:
        found["model"] = models.facts(models.resolve(base))
    if isinstance(config, contract.GenerateConfig | contract.ExportConfig):
        found["prompts"] = len(_prompts(run_dir, config))
        _check_arms(_arms(config))
    elif isinstance(config, contract.SuitesConfig):
        found["items"] = len(load_items(run_dir, config))
        _check_arms(config.arms)
    elif isinstance(config, contract.MergeConfig):
        for part in config.parts:
            models.check_adapter(Path(part.adapter))
        found["parts"] = len(config.parts)
    elif isinstance(config, contract.JudgeConfig):
        found["questions"] = len(judge.load_questions(run_dir / contract.QUESTIONS_FILE, config))
        _check_arms((config.arm,))
    elif isinstance(config, contract.ExplainConfig):
        _check_arms((config.arm,))
    else:
        found.update(_rows(run_dir, config.train if isinstance(config, contract.RangeConfig) else config))
    return found


def _base(config: contract.Config) -> contract.ModelSpec:
    if isinstance(config, contract.ExportConfig):
        return contract.ModelSpec(path=config.base_path, is_hub=config.base_is_hub, revision=config.base_revision)
    assert not isinstance(config, contract.FetchConfig | contract.EmbedConfig)  # noqa: S101 - have no base model
    return config.model


def _arms(config: GeneratesOrExports) -> tuple[contract.Arm, ...]:
    if isinstance(config, contract.ExportConfig):
        return (contract.Arm(name=config.form, adapter=config.adapter, model=config.model),)
    return config.arms


def _prompts(run_dir: Path, config: GeneratesOrExports) -> list[data.Prompt]:
    path = run_dir / contract.PROMPTS_FILE
    return data.load_prompts(path, expected=config.prompts_rows, sha256=config.prompts_sha256)


def _check_arms(arms: Sequence[contract.Arm]) -> None:
    for arm in arms:
        if arm.adapter:
            models.check_adapter(Path(arm.adapter))
        if arm.model:
            models.resolve(contract.ModelSpec(path=arm.model))


def _rows(run_dir: Path, config: contract.TrainConfig | contract.PreviewConfig) -> dict[str, int]:
    train, validation = (pairs if config.objective in contract.PREFERENCES else data).load_splits(run_dir, config)
    return {"train_rows": len(train), "validation_rows": len(validation)}


def run(run_dir: Path) -> None:
    """Prints what was found as one JSON object."""
    session.say(contract.canonical_json(check(run_dir)))
