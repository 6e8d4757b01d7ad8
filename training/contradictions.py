"""Settings of a fine-tuning run that contradict each other, each as a sentence that says what to change.

Standard library only: the web application reaches this through ``training.contract``.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from training import keeping
from training.head import head_contradictions

if TYPE_CHECKING:
    from training.contract import TrainConfig


def contradictions(config: TrainConfig) -> list[str]:
    """Everything that cannot be meant, in the order of the settings; empty when the config can be run."""
    rules = (*_ranges(config), *_pairs(config), *_several(config), *_together(config), *_preferences(config))
    more = (*keeping.contradictions(config), *head_contradictions(config))
    return [sentence for is_wrong, sentence in (*rules, *more) if is_wrong]


def _together(config: TrainConfig) -> tuple[tuple[bool, str], ...]:
    """What was made for runs that learn text in one process."""
    is_held = config.keeping != type(config.keeping)() or bool(config.teacher.base)
    return (
        (
            is_held and config.objective != "sft",
            "A general set, KL, EWC and a teacher belong to runs that learn completions: switch them off, or choose "
            "objective sft.",
        ),
        (
            config.processes > 1 and (is_held or config.objective == "raw"),
            "Raw text, a general set, KL, EWC and a teacher need one process: switch them off, or give 1 process.",
        ),
        (
            config.sharding != "none" and config.objective in ("dpo", "kto"),
            "Preference tuning shares rows among processes and does not divide the model: choose sharding none.",
        ),
    )


def _ranges(config: TrainConfig) -> tuple[tuple[bool, str], ...]:
    return (
        (not 0 <= config.label_smoothing <= 0.5, "label_smoothing must be from 0 to 0.5; 0.1 is usual."),
        (not 0 < config.decay_to <= 1, "decay_to must be above 0 and at most 1: the share of the rate at the end."),
        (config.decay_stages < 2, "decay_stages must be at least 2, or the rate would never fall."),
        (config.weight_decay < 0, "weight_decay must be 0 or more."),
        (config.max_grad_norm < 0, "max_grad_norm must be 0 or more; 1 is usual, 0 clips nothing."),
        (not 0 < config.plateau_change < 1, "plateau_change must be above 0 and below 1; 0.01 is a change of 1%."),
        (config.task_rows < 1, "task_rows must be at least 1."),
        (config.early_stopping_patience < 0, "early_stopping_patience must be 0 or more."),
    )


def _pairs(config: TrainConfig) -> tuple[tuple[bool, str], ...]:
    is_lora, stops = config.method != "full", config.early_stopping_patience > 0
    return (
        (
            not is_lora and (config.lora.dora or config.lora.rslora),
            "DoRA and rsLoRA are forms of LoRA: choose method lora or qlora, or switch them off.",
        ),
        (
            config.packing and config.order != "shuffled",
            "Packing puts rows together by their length, so no order from easy to hard is left: "
            "switch packing off, or choose order shuffled.",
        ),
        (
            (config.order == "difficulty") != bool(config.difficulty_sha256),
            "Order by difficulty and difficulty.jsonl belong together: give both or neither.",
        ),
        (
            (config.stop_on == "slot_accuracy") != bool(config.facts_sha256),
            "Stopping on slot accuracy and validation_facts.jsonl belong together: give both or neither.",
        ),
        (
            config.stop_on != "loss" and not stops,
            "Early stopping is off, so there is nothing to stop on: give a patience above 0, or stop_on loss.",
        ),
        (
            config.past_plateau and not stops,
            "Training past the plateau needs a patience above 0: it says from when on there is a plateau.",
        ),
        (
            config.keep == "last" and stops and not config.past_plateau,
            "Keeping the last weights and stopping early contradict each other: keep the best, train past the "
            "plateau, or set the patience to 0.",
        ),
    )


def _several(config: TrainConfig) -> tuple[tuple[bool, str], ...]:
    """What several processes cannot do."""
    several, is_sharded = config.processes > 1, config.sharding != "none"
    return (
        (not 1 <= config.processes <= 1024, "processes must be from 1 to 1024: one for each device."),
        (
            is_sharded and not several,
            "Sharding divides a model over processes: give 2 processes or more, or sharding none.",
        ),
        (
            is_sharded and config.method == "qlora",
            "A base in 4 bits is not sharded here: choose method lora, or sharding none.",
        ),
        (
            several and config.order != "shuffled",
            "An order from easy to hard needs one process: choose order shuffled, or processes 1.",
        ),
        (
            several and config.stop_on in ("rougeL", "slot_accuracy"),
            "Answers are generated in one process only: stop on loss or perplexity, or choose processes 1.",
        ),
    )


def _preferences(config: TrainConfig) -> tuple[tuple[bool, str], ...]:
    """What preference tuning leaves no room for."""
    is_tuned = config.objective in ("dpo", "kto")
    plain = (config.packing, config.weighted, config.label_smoothing > 0, config.order != "shuffled")
    return (
        (config.beta <= 0, "beta must be above 0; 0.1 is usual. The greater, the closer to the model as it was."),
        (
            is_tuned and any(plain),
            "Packing, weights of rows, label smoothing and an order from easy to hard are for learning answers; "
            "switch them off for preference tuning.",
        ),
        (
            is_tuned and config.stop_on != "loss",
            "Preference tuning stops on the validation loss: choose stop_on loss.",
        ),
        (
            config.objective != "dpo" and config.preference_loss != "sigmoid",
            "The loss ipo is a form of DPO: choose objective dpo, or the loss sigmoid.",
        ),
        (not 0 <= config.chosen_weight <= 100, "chosen_weight must be from 0 to 100; 1 is usual, 0 leaves it out."),
        (
            config.objective != "dpo" and config.chosen_weight > 0,
            "Only pairs have a chosen completion to learn beside: choose objective dpo, or chosen_weight 0.",
        ),
        (
            config.objective == "kto" and config.batch_size < 2,
            "KTO needs a batch_size of at least 2: it compares the rows of a batch with others. "
            "Take 2 and halve gradient_accumulation.",
        ),
    )
