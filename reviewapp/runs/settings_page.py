"""The frozen settings of a run in words: what, how, when to stop, the rest. The pages of runs and models show them."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from reviewapp.core.templatetags.parts import duration
from reviewapp.runs.keeping_page import settings_kept
from reviewapp.words import grouped, say
from training.contract import PREFERENCES, TrainConfig


@dataclass(frozen=True, kw_only=True)
class Group:
    """A heading and its rows, each a name and a value."""

    title: str
    rows: list[tuple[str, str]]


def method_words(config: TrainConfig) -> str:
    """The method in a few words: "DoRA, 4 bits, rank 16"; with what is learned before it, where it is no completion."""
    names = {"classes": say("classification head"), "raw": say("raw text"), "dpo": "DPO", "kto": "KTO"}
    name = names.get(config.objective)
    return f"{name}, {_weights_words(config)}" if name else _weights_words(config)


def _weights_words(config: TrainConfig) -> str:
    if config.method == "full":
        return say("full fine-tune")
    rank = say("rank %(rank)s", rank=grouped(config.lora.r))
    if not (config.lora.dora or config.lora.rslora):
        return f"{'QLoRA' if config.method == 'qlora' else 'LoRA'} {rank}"
    names = [name for name, is_so in (("DoRA", config.lora.dora), ("rsLoRA", config.lora.rslora)) if is_so]
    bits = [say("4 bits")] if config.method == "qlora" else []
    return ", ".join([*names, *bits, rank])


def _objective(config: TrainConfig) -> list[tuple[str, str]]:
    """What is learned where it is no completion, and what the run went on from."""
    rows = []
    if config.objective == "classes":
        kind = say("any number an example") if config.head.several else say("one an example")
        rows += [
            (say("Label field"), config.head.field),
            (say("Classes"), f"{', '.join(config.head.texts)}; {kind}"),
            (say("Weights of classes"), say("the rarer, the more") if config.head.balanced else say("all the same")),
        ]
    if config.objective == "raw":
        rows.append((say("Learns from"), say("raw text, every token, in blocks of whole texts")))
    if config.start.weights_sha256:
        rows.append((say("Starts from weights"), config.start.weights_sha256[:12]))
    return rows


_OBJECTIVES = {
    "dpo": "pairs (DPO)",
    "kto": "judgements (KTO)",
}


def _preference(config: TrainConfig, made: dict[str, Any]) -> list[tuple[str, str]]:
    """What preference tuning was asked for, and how the two judgements weighed; nothing for completions."""
    if config.objective not in PREFERENCES:
        return []
    rows = [(say("Learns from"), say(_OBJECTIVES[config.objective])), (say("Beta"), f"{config.beta:g}")]
    if config.objective == "dpo":
        learned = f"{config.chosen_weight:g}" if config.chosen_weight else say("no")
        return [
            *rows, (say("Loss of pairs"), config.preference_loss), (say("Preferred completion learned too"), learned)
        ]  # fmt: skip
    weights = (made.get("preference") or {}).get("weights")
    words = say("balanced") if config.balanced else say("all the same")
    if weights:
        words = say(
            "approved %(approved)s, rejected %(rejected)s",
            approved=f"{weights['approved']:g}",
            rejected=f"{weights['rejected']:g}",
        )
    return [*rows, (say("Weights of judgements"), words)]


def settings_of(config: TrainConfig, result: dict[str, Any] | None = None) -> list[Group]:
    """All settings; where the run is finished, with what the machine made of those left to it."""
    made, kept = result or {}, settings_kept(config)
    return [
        Group(title=say("What"), rows=[*_what(config), *_objective(config), *_preference(config, made)]),
        Group(title=say("How"), rows=_how(config)),
        *([Group(title=say("Keep what the model could"), rows=kept)] if kept else []),
        Group(title=say("When to stop"), rows=_stop(config, made)),
        Group(title=say("Memory and order"), rows=_rest(config, made)),
    ]


def _what(config: TrainConfig) -> list[tuple[str, str]]:
    rows = [
        (say("Method"), method_words(config)),
        (say("Train rows"), f"{grouped(config.train_rows)}, {config.train_sha256[:12]}"),
        (say("Validation rows"), f"{grouped(config.validation_rows)}, {config.validation_sha256[:12]}"),
        (say("Length"), say("%(n)s tokens", n=grouped(config.max_length))),
        (say("Cut by consent"), grouped(config.truncated_rows)),
    ]
    if config.method != "full":
        words = say(
            "rank %(r)s, alpha %(alpha)s, dropout %(dropout)s",
            r=config.lora.r,
            alpha=config.lora.alpha,
            dropout=f"{config.lora.dropout:g}",
        )
        rows.append((say("Adapter"), f"{words}; {config.lora.target_modules}"))
    return rows


_SCHEDULES = {
    "cosine": "cosine",
    "linear": "linear",
    "constant": "constant",
    "step": "step",
    "exponential": "exponential",
}
_SWITCHES = {"auto": "automatic", "on": "on", "off": "off", "bf16": "bf16", "fp32": "fp32"}


def _how(config: TrainConfig) -> list[tuple[str, str]]:
    schedule = say(
        "%(name)s, warm-up %(share)s", name=say(_SCHEDULES[config.scheduler]), share=f"{config.warmup_ratio:g}"
    )
    if config.scheduler in ("step", "exponential"):
        schedule += say(", down to %(share)s", share=f"{config.decay_to:g}")
    if config.scheduler == "step":
        schedule += say(" in %(n)s stages", n=config.decay_stages)
    length = say("%(n)s steps", n=grouped(config.max_steps)) if config.max_steps > 0 else f"{config.epochs:g}"
    return [
        (say("Epochs") if config.max_steps <= 0 else say("Steps"), length),
        (say("Learning rate"), f"{config.learning_rate:g}"),
        (say("Schedule"), schedule),
        (say("Batch"), f"{config.batch_size} × {config.gradient_accumulation}"),
        (say("Weight decay"), f"{config.weight_decay:g}"),
        (say("Label smoothing"), f"{config.label_smoothing:g}"),
        (say("Gradient clipped at"), f"{config.max_grad_norm:g}"),
        (say("Weights of examples"), say("used") if config.weighted else say("not used")),
    ]


_STOPS = {
    "loss": "no lower validation loss",
    "perplexity": "perplexity on a plateau",
    "rougeL": "no higher ROUGE-L of answers",
    "slot_accuracy": "no higher slot accuracy of answers",
    "macro_f1": "no higher macro F1 of the classes",
}


def _stop(config: TrainConfig, made: dict[str, Any]) -> list[tuple[str, str]]:
    patience = say("off")
    if config.early_stopping_patience:
        what = say(_STOPS[config.stop_on])
        patience = say("after %(n)s validations: %(what)s", n=config.early_stopping_patience, what=what)
    rows = [
        (say("Validation"), say("every %(n)s steps", n=grouped(config.eval_steps))),
        (say("Early stopping"), say("trains on past the plateau") if config.past_plateau else patience),
        (say("Weights kept"), say("the best") if config.keep == "best" else say("the last")),
        (say("Budget"), duration(config.budget_seconds) if config.budget_seconds else say("none")),
    ]
    if config.stop_on == "perplexity":
        rows.insert(
            2, (say("Counts as improvement"), say("from %(share)s%%", share=f"{100 * config.plateau_change:g}"))
        )
    if config.stop_on in ("rougeL", "slot_accuracy"):
        rows.insert(2, (say("Answered each time"), say("%(n)s validation rows", n=grouped(config.task_rows))))
    if made.get("plateau_step") is not None:
        rows.append((say("Plateau reached"), say("step %(n)s", n=grouped(made["plateau_step"]))))
    return rows


_ORDERS = {
    "shuffled": "shuffled",
    "length": "short first, then shuffled",
    "loss": "what the base finds easy first, then shuffled",
    "difficulty": "what experts found easy first, then shuffled",
}


_SHARDINGS = {"none": "not divided", "fsdp": "divided by FSDP", "deepspeed": "divided by DeepSpeed"}


def _memory(config: TrainConfig, made: dict[str, Any]) -> list[tuple[str, str]]:
    """Only where it is not as usual: a batch that memory made smaller, more processes than one."""
    rows, batch = [], made.get("batch")
    if batch:
        words = say(
            "memory allowed %(n)s at a time, %(times)s times a step", n=batch["size"], times=batch["accumulation"]
        )
        rows.append((say("Batch"), words))
    if config.processes > 1:
        words = say("%(n)s, model %(how)s", n=grouped(config.processes), how=say(_SHARDINGS[config.sharding]))
        rows.append((say("Processes"), words))
    return rows


def _rest(config: TrainConfig, made: dict[str, Any]) -> list[tuple[str, str]]:
    packs = made.get("packing") or {}
    packing = say("on") if config.packing else say("off")
    if packs:
        filled = f"{100 * packs['filled']:.0f}"
        packing = say("%(n)s packs, %(filled)s%% filled", n=grouped(packs["packs"]), filled=filled)
    checkpointing = {None: config.gradient_checkpointing, True: "on", False: "off"}[made.get("gradient_checkpointing")]
    return [
        *_memory(config, made),
        (say("Order"), say(_ORDERS[config.order])),
        (say("Packing"), packing),
        (say("Precision"), say(_SWITCHES[made.get("precision") or config.precision])),
        (say("Gradient checkpointing"), say(_SWITCHES[checkpointing])),
        (say("Seed"), str(config.seed)),
    ]
