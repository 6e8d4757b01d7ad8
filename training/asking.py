"""What a model is asked: held-out prompts, suites, explanations, a judge's questions, vectors of texts.

Standard library only.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Literal

from training.model_spec import ContractError, ModelSpec, Template, later


@dataclass(frozen=True, kw_only=True)
class Arm:
    """One side of a comparison: the base model itself, or the base with an adapter, or a whole tuned model."""

    name: str
    adapter: str = ""  # folder of LoRA weights; empty for none
    model: str = ""  # folder of a fully tuned model; empty for the base

    def __post_init__(self) -> None:
        if self.adapter and self.model:
            raise ContractError(f"Arm {self.name!r} names an adapter and a whole model; give one.")


@dataclass(frozen=True, kw_only=True)
class GenerateConfig:
    """All arms answer the same prompts with the same engine, template and decoding, in one process."""

    kind: Literal["generate"] = "generate"
    model: ModelSpec
    arms: tuple[Arm, ...]
    template: Template = field(default_factory=Template)
    template_sha256: str = ""  # of the training run; a different one is refused. Empty: not checked
    prompts_rows: int
    prompts_sha256: str
    max_new_tokens: int = 256
    max_length: int = 1024  # prompt and answer together, tokens
    batch_size: int = 16
    seed: int = 17
    overlap_tokens: int = 8  # a run of this many words copied from a training completion counts as verbatim
    encoder: str = later("")  # folder of the model that BERTScore is measured with; without one it is not measured

    def __post_init__(self) -> None:
        _check_asking(self)


def _check_asking(config: GenerateConfig | SuitesConfig) -> None:
    names = [arm.name for arm in config.arms]
    if not names or len(set(names)) != len(names):
        raise ContractError("Arms need names of their own, and there must be at least one.")
    if config.max_new_tokens < 1 or config.batch_size < 1:
        raise ContractError("max_new_tokens and batch_size must be at least 1.")


@dataclass(frozen=True, kw_only=True)
class SuitesConfig:
    """All arms are asked the same items of suites, with the same engine, template and decoding, in one process."""

    kind: Literal["suites"] = "suites"
    model: ModelSpec
    arms: tuple[Arm, ...]
    template: Template = field(default_factory=Template)
    template_sha256: str = ""  # of the training run; a different one is refused. Empty: not checked
    items_rows: int
    items_sha256: str
    max_new_tokens: int = 256  # where an item does not say
    max_length: int = 1024  # prompt and answer together, tokens
    batch_size: int = 16
    seed: int = 17  # with the item and the repeat it decides a sampled answer

    def __post_init__(self) -> None:
        _check_asking(self)


@dataclass(frozen=True, kw_only=True)
class ExplainConfig:
    """Which words of one prompt a classification model looked at."""

    kind: Literal["explain"] = "explain"
    model: ModelSpec
    arm: Arm  # a model with a classification head
    template: Template = field(default_factory=Template)
    prompt: str
    max_length: int = 1024
    max_parts: int = 200  # a longer prompt is looked at in groups of words


@dataclass(frozen=True, kw_only=True)
class JudgeConfig:
    """A model chooses between the verdicts of each question (``questions.jsonl``) by how likely it finds each."""

    kind: Literal["judge"] = "judge"
    model: ModelSpec
    arm: Arm
    template: Template = field(default_factory=Template)
    questions_rows: int
    questions_sha256: str
    max_length: int = 4096  # question and verdict together, tokens
    batch_size: int = 8


@dataclass(frozen=True, kw_only=True)
class EmbedConfig:
    """An encoder reads texts (``texts.jsonl``) and gives a vector of length 1 for each, for nearness by meaning."""

    kind: Literal["embed"] = "embed"
    encoder: str  # folder with config.json, a tokenizer and safetensors
    encoder_sha256: str  # contract.folder_sha256 of it; other files are refused
    texts_rows: int
    texts_sha256: str
    max_length: int = 512  # tokens, or fewer where the encoder reads fewer; what is beyond is not read
    batch_size: int = 32

    def __post_init__(self) -> None:
        if self.max_length < 8 or self.batch_size < 1:
            raise ContractError("max_length must be at least 8 and batch_size at least 1.")
