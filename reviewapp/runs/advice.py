"""What a lead should know of settings before they are frozen: serving, size, memory, each as a sentence. Pure."""

from __future__ import annotations

import math
from dataclasses import dataclass

from reviewapp.words import grouped, say
from training.contract import TrainConfig

FEW_EXAMPLES = 1000  # below, examples are learned by heart sooner than they are understood
SERVED_RANK = 16  # vLLM loads adapters up to this rank unless told otherwise
SMALL_MODEL = 1_000_000_000  # parameters; below, 4 bits save little


@dataclass(frozen=True, kw_only=True)
class Facts:
    """What is known beside the settings. ``parameters`` of the base model, 0 where unknown."""

    steps: int
    parameters: int = 0
    weighted: int = 0  # examples of the version with a weight other than 1


def advice(config: TrainConfig, facts: Facts) -> list[str]:
    """Sentences worth a thought, in the order of the form; none of them stops a run."""
    parts = (
        _serving(config), _size(config, facts), _memory(config, facts), _course(config, facts), _preference(config)
    )  # fmt: skip
    return [sentence for part in parts for sentence in part]


def _serving(config: TrainConfig) -> list[str]:
    if config.method == "full":
        return []
    found = []
    if config.lora.dora:
        found.append(say("vLLM cannot serve DoRA adapters: merge the adapter into the base model before serving it."))
    if config.lora.r > SERVED_RANK:
        found.append(
            say(
                "vLLM serves adapters up to rank %(limit)s unless it is started with a higher --max-lora-rank; "
                "this is rank %(rank)s.",
                limit=SERVED_RANK,
                rank=grouped(config.lora.r),
            )
        )
    if config.lora.rslora:
        scale = config.lora.alpha / math.sqrt(config.lora.r)
        found.append(
            say(
                "rsLoRA scales the adapter by %(scale)s here, plain LoRA by %(plain)s: take a lower alpha or rate.",
                scale=f"{scale:.1f}",
                plain=f"{config.lora.alpha / config.lora.r:.1f}",
            )
        )
    return found


def _size(config: TrainConfig, facts: Facts) -> list[str]:
    found = []
    if config.train_rows < FEW_EXAMPLES and config.method != "full" and config.lora.dropout < 0.1:
        found.append(
            say(
                "%(n)s train examples are few: a LoRA dropout of 0.1 to 0.3 guards against learning them by heart. "
                "It is %(dropout)s.",
                n=grouped(config.train_rows),
                dropout=f"{config.lora.dropout:g}",
            )
        )
    if config.method == "full" and config.learning_rate > 1e-4 and facts.parameters > SMALL_MODEL:
        found.append(say("0.00002 is usual for a full fine-tune of a model of this size; more makes it forget."))
    if facts.weighted and not config.weighted:
        found.append(
            say("%(n)s examples of this version carry a weight, and it is not used.", n=grouped(facts.weighted))
        )
    return found


def _memory(config: TrainConfig, facts: Facts) -> list[str]:
    found = []
    if config.method == "qlora" and 0 < facts.parameters < SMALL_MODEL:
        found.append(
            say("4 bits take longer and save little at this size of base model: LoRA is the better choice here.")
        )
    if config.packing:
        found.append(
            say(
                "A batch is %(n)s packs of up to %(length)s tokens, each of several examples: "
                "take a smaller batch size than without packing.",
                n=grouped(config.batch_size),
                length=grouped(config.max_length),
            )
        )
    if config.label_smoothing:
        found.append(say("Label smoothing keeps the scores of the whole vocabulary in memory: it may need less batch."))
    return found


def _course(config: TrainConfig, facts: Facts) -> list[str]:
    found = []
    if config.eval_steps > facts.steps and config.validation_rows:
        found.append(
            say(
                "The run has %(steps)s steps and validates every %(every)s: it is validated once, at its end.",
                steps=grouped(facts.steps),
                every=grouped(config.eval_steps),
            )
        )
    if config.past_plateau:
        found.append(
            say("The run goes on past its plateau. When that happens it is written into its events and its result.")
        )
    if config.order != "shuffled" and config.epochs <= 1 and config.max_steps < 0:
        found.append(say("With one epoch the last steps see only the hardest examples: two epochs mix them again."))
    return found


def _preference(config: TrainConfig) -> list[str]:
    """A margin that rises while answers get worse was measured: docs/training.md, methods side by side."""
    if config.objective != "dpo" or config.chosen_weight:
        return []
    return [
        say(
            "Only the margin is learned from pairs: it may rise while both completions become less likely and answers "
            "get worse. Learn the preferred completion too, or look at answers and not at the margin."
        )
    ]
