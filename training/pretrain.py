"""Pre-trains the small base model of the demo on text of the demo world, which never shows the note format.

``python -m training pretrain --out demo/base_model``: fits a byte-level BPE, trains a Llama of a few million
parameters from nothing, and writes safetensors, tokenizer and a card with command, seed, hardware and time.

Three things make so small a model read instead of guess: the facts after each conversation are only predictable
from the conversation; lists read back word for word come first (copying is learned from them); and the loss
weighs what is retold more than the conversation itself.
"""

from __future__ import annotations

import argparse
import dataclasses
import itertools
import math
import shutil
import sys
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from tokenizers import Regex, Tokenizer, decoders, models, pre_tokenizers, trainers
from transformers import LlamaConfig, LlamaForCausalLM, PreTrainedTokenizerFast

from demo.world.corpus import Document, corpus
from training import environment
from training.contract import EXIT_OK, write_atomic
from training.errors import TrainingError

PAD, END, START = "<|pad|>", "<|end|>", "<|start|>"
SEPARATOR = "\n\n"
TOKENIZER_DOCUMENTS = 6000
POOL = 512  # documents sorted by length at a time, so that a batch has little padding
EVAL_DOCUMENTS = 96
SMALLEST_VOCABULARY = 512
LONGEST = 512  # positions of the model, tokens
SHOWN = ("python", "torch", "transformers", "tokenizers")

CARD = """---
license: apache-2.0
language: en
---
# Demo base model

A teaching model of {millions} million parameters for the demo project of this repository. It knows nothing but a small
made-up clinical world and must not be used for anything real. It was trained on conversations of that world and on
what is retold of them aloud, never on the format of a note: that is left for fine-tuning to teach.

| | |
|---|---|
| Command | `{command}` |
| Data | `demo.world.corpus`, seed {seed}; other people and other facts than the samples and the held-out set |
| Tokens seen | {tokens:,} (padding included) |
| Time | {minutes} minutes by the clock, {busy} minutes of one processor core |
| Hardware | {machine} |
| Software | {versions} |
| Facts retold rightly | {fact_accuracy:.1%} of their tokens, on {documents} conversations it was not trained on |
| Weights | float16 safetensors; load with `AutoModelForCausalLM.from_pretrained(folder, dtype="float32")` |
"""


@dataclass(frozen=True, kw_only=True)
class Options:
    """Everything that decides the weights: the same options on the same machine give the same model."""

    out: Path
    seed: int = 7
    steps: int = 6000
    batch_tokens: int = 2048  # padded tokens a step
    learning_rate: float = 2e-3
    vocabulary: int = 2048
    hidden: int = 192
    layers: int = 4
    heads: int = 6
    context_weight: float = 0.1  # of the loss on what is given
    told_weight: float = 0.2  # on the words round the facts; a fact itself has weight 1
    report_every: int = 50
    precision: str = "bfloat16"  # of the forward pass; float32 is exact and on most processors half as fast


@dataclass(frozen=True)
class Encoded:
    """Token ids of a document and which of them are given (0), told (1) or a told fact (2)."""

    ids: list[int]
    parts: list[int]


def tokenizer_fit(texts: Iterator[str], size: int) -> PreTrainedTokenizerFast:
    """Byte-level BPE in which a number of up to three digits is a piece of its own, without a leading space."""
    bpe = Tokenizer(models.BPE())
    bpe.pre_tokenizer = pre_tokenizers.Sequence(
        [
            pre_tokenizers.Split(Regex(r"\p{N}{1,3}"), "isolated"),
            pre_tokenizers.ByteLevel(add_prefix_space=False),
        ]
    )
    bpe.decoder = decoders.ByteLevel()
    trainer = trainers.BpeTrainer(
        vocab_size=size,
        special_tokens=[PAD, END, START],
        initial_alphabet=pre_tokenizers.ByteLevel.alphabet(),
        show_progress=False,
    )
    bpe.train_from_iterator(texts, trainer)
    wrap: Any = PreTrainedTokenizerFast  # untyped upstream
    tokenizer: PreTrainedTokenizerFast = wrap(
        tokenizer_object=bpe, pad_token=PAD, eos_token=END, bos_token=START, model_max_length=LONGEST
    )
    return tokenizer


def tokenizer_texts(seed: int) -> Iterator[str]:
    for document in corpus(seed, TOKENIZER_DOCUMENTS):
        yield document.text
    # Every two-digit number becomes one piece, so that rare ages are as easy to copy as common ones.
    for _ in range(200):
        yield " ".join(str(number) for number in range(100))


def model_build(options: Options, tokenizer: PreTrainedTokenizerFast) -> LlamaForCausalLM:
    """A Llama with tied embeddings, drawn from the seed."""
    torch.manual_seed(options.seed)
    config = LlamaConfig(
        vocab_size=len(tokenizer),
        hidden_size=options.hidden,
        num_hidden_layers=options.layers,
        num_attention_heads=options.heads,
        num_key_value_heads=options.heads,
        intermediate_size=options.hidden * 8 // 3 // 16 * 16,
        max_position_embeddings=LONGEST,
        tie_word_embeddings=True,
        pad_token_id=tokenizer.pad_token_id,
        bos_token_id=tokenizer.bos_token_id,
        eos_token_id=tokenizer.eos_token_id,
    )
    return LlamaForCausalLM(config)


def encode(tokenizer: PreTrainedTokenizerFast, document: Document) -> Encoded:
    """Context, empty line, what is told, end: tokenised as the fine-tuning does, prompt and completion apart."""
    context = tokenizer(document.context + SEPARATOR, add_special_tokens=False)["input_ids"]
    told = tokenizer(document.told, add_special_tokens=False, return_offsets_mapping=True)
    places = {place for start, end in document.facts for place in range(start, end)}
    # A piece may begin with the space before its word, so its last character decides.
    parts = [2 if end - 1 in places else 1 for _, end in told["offset_mapping"]]
    return Encoded([*context, *told["input_ids"], int(tokenizer.eos_token_id)], [0] * len(context) + parts + [1])


def batches(documents: Iterator[Encoded], batch_tokens: int, seed: int) -> Iterator[list[Encoded]]:
    """Groups documents of like length; the order of the groups is drawn from the seed."""
    generator = torch.Generator().manual_seed(seed)
    while pool := list(itertools.islice(documents, POOL)):
        pool.sort(key=lambda one: len(one.ids))
        groups: list[list[Encoded]] = [[]]
        for one in pool:
            if groups[-1] and (len(groups[-1]) + 1) * len(one.ids) > batch_tokens:
                groups.append([])
            groups[-1].append(one)
        for index in torch.randperm(len(groups), generator=generator).tolist():
            yield groups[index]


def collate(batch: list[Encoded], pad: int, weights: tuple[float, float, float]) -> tuple[torch.Tensor, torch.Tensor]:
    """Ids and loss weights, both (documents, longest); padding has weight 0."""
    longest = max(len(one.ids) for one in batch)
    ids = torch.full((len(batch), longest), pad)
    by_part = torch.tensor([*weights, 0.0])
    parts = torch.full((len(batch), longest), 3)
    for row, one in enumerate(batch):
        ids[row, : len(one.ids)] = torch.tensor(one.ids)
        parts[row, : len(one.ids)] = torch.tensor(one.parts)
    return ids, by_part[parts]


def loss_of(model: LlamaForCausalLM, ids: torch.Tensor, weights: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
    """Weighted next-token loss, and whether each next token was the most likely one, (documents, longest - 1).

    Padding stands at the end and attention is causal, so no mask is needed.
    """
    logits = model(input_ids=ids).logits[:, :-1].float()
    losses = torch.nn.functional.cross_entropy(logits.flatten(0, 1), ids[:, 1:].flatten(), reduction="none")
    weighted = losses * weights[:, 1:].flatten()
    return weighted.sum() / weights[:, 1:].sum(), logits.argmax(-1) == ids[:, 1:]


def rate_at(step: int, options: Options) -> float:
    """Linear warm-up over 100 steps, then a cosine down to 2% of the peak."""
    done = min(1.0, step / options.steps)
    return options.learning_rate * min(1.0, (step + 1) / 100) * (0.02 + 0.98 * 0.5 * (1 + math.cos(math.pi * done)))


@torch.no_grad()
def fact_accuracy(model: Any, held: list[Encoded], pad: int) -> float:
    """Share of tokens of retold facts that the model puts first, on conversations it was not trained on."""
    model.eval()
    right = total = 0.0
    for batch in batches(iter(held), 8192, 0):
        ids, weights = collate(batch, pad, (0.0, 0.0, 1.0))
        _, hits = loss_of(model, ids, weights)
        right += float((hits * weights[:, 1:]).sum())
        total += float(weights[:, 1:].sum())
    model.train()
    return right / total


# Short to long: share of all steps, share of read-back lists, most parts of a conversation.
STAGES = ((0.08, 0.7, 1), (0.12, 0.3, 2), (0.15, 0.2, 3), (0.15, 0.1, 4), (0.5, 0.1, 6))


def _stage(options: Options, tokenizer: PreTrainedTokenizerFast, number: int) -> Iterator[Encoded]:
    """An endless stream of documents of one stage."""
    _, lists_share, most_parts = STAGES[number]
    for chunk in itertools.count():
        part = f"{number}.{chunk}"
        for document in corpus(options.seed, 2048, lists_share=lists_share, most_parts=most_parts, part=part):
            yield encode(tokenizer, document)


def curriculum(options: Options, tokenizer: PreTrainedTokenizerFast) -> Iterator[list[Encoded]]:
    """The batches of all stages, one after the other; the last goes on without end."""
    for number, (share, _, _) in enumerate(STAGES):
        stream = batches(_stage(options, tokenizer, number), options.batch_tokens, options.seed)
        is_last = number == len(STAGES) - 1
        yield from stream if is_last else itertools.islice(stream, round(share * options.steps))


def train(options: Options, tokenizer: PreTrainedTokenizerFast) -> tuple[LlamaForCausalLM, dict[str, Any]]:
    """Trains from nothing; returns the model and the figures for its card."""
    model = model_build(options, tokenizer)
    pad = int(tokenizer.pad_token_id)
    held = [encode(tokenizer, d) for d in corpus(options.seed, EVAL_DOCUMENTS, lists_share=0.0, part="evaluation")]
    optimizer = torch.optim.AdamW(
        model.parameters(), lr=options.learning_rate, betas=(0.9, 0.98), weight_decay=0.01, fused=True
    )
    started, worked, tokens = time.monotonic(), time.process_time(), 0
    for step, batch in enumerate(itertools.islice(curriculum(options, tokenizer), options.steps)):
        for group in optimizer.param_groups:
            group["lr"] = rate_at(step, options)
        ids, weights = collate(batch, pad, (options.context_weight, options.told_weight, 1.0))
        with torch.autocast("cpu", torch.bfloat16, enabled=options.precision == "bfloat16"):
            loss, _ = loss_of(model, ids, weights)
        torch.autograd.backward(loss)
        torch.nn.utils.clip_grad_norm_(model.parameters(), 1.0)
        optimizer.step()
        optimizer.zero_grad()
        tokens += ids.numel()
        if step % options.report_every == 0:
            seconds = time.monotonic() - started
            accuracy = fact_accuracy(model, held, pad) if step % (4 * options.report_every) == 0 else math.nan
            sys.stdout.write(
                f"step {step} loss {loss.item():.3f} facts {accuracy:.3f} {seconds:.0f} s {tokens} tokens\n"
            )
            sys.stdout.flush()
    figures = {
        "seconds": round(time.monotonic() - started),
        "processor_seconds": round(time.process_time() - worked),
        "tokens": tokens,
        "documents": EVAL_DOCUMENTS,
    }
    return model, {**figures, "fact_accuracy": round(fact_accuracy(model, held, pad), 4)}


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="python -m training pretrain",
        description="Train the demo's base model from nothing and write it as safetensors, tokenizer and card.",
        formatter_class=argparse.ArgumentDefaultsHelpFormatter,
    )
    for option in dataclasses.fields(Options):
        name = f"--{option.name.replace('_', '-')}"
        if option.name == "out":
            parser.add_argument(name, type=Path, required=True, help="folder for the model")
        else:
            parser.add_argument(name, type=type(option.default), default=option.default, help=" ")
    parser.add_argument("--replace", action="store_true", help="overwrite a model that is there")
    return parser


def options_check(options: Options) -> None:
    """Raises TrainingError for a shape that cannot be built or a run that would learn nothing."""
    if options.heads < 1 or options.hidden % (2 * options.heads):
        raise TrainingError(f"--hidden must be a multiple of twice --heads; {options.hidden} is not.")
    if options.vocabulary < SMALLEST_VOCABULARY:
        raise TrainingError(
            f"--vocabulary must be at least {SMALLEST_VOCABULARY}: bytes and numbers need their pieces."
        )
    if options.steps < 1 or options.layers < 1 or options.learning_rate <= 0:
        raise TrainingError("--steps, --layers and --learning-rate must be above 0.")
    if options.precision not in ("bfloat16", "float32"):
        raise TrainingError("--precision must be bfloat16 or float32.")
    if options.batch_tokens < LONGEST:
        raise TrainingError(f"--batch-tokens must be at least {LONGEST}, or the longest document would not fit.")


def card(options: Options, model: LlamaForCausalLM, figures: dict[str, Any]) -> str:
    """The model card: what it is, how it was made, how long that took and on what."""
    facts = environment.hardware()
    flags = [f"--{f.name.replace('_', '-')} {getattr(options, f.name)}" for f in dataclasses.fields(options)]
    return CARD.format(
        millions=round(sum(p.numel() for p in model.parameters()) / 1e6, 1),
        command=" ".join(["python -m training pretrain", *flags]),
        machine=f"{facts['device']} ({facts['machine']}), {facts['threads']} thread(s), other work beside it",
        minutes=round(figures["seconds"] / 60, 1),
        busy=round(figures["processor_seconds"] / 60, 1),
        versions=", ".join(f"{name} {version}" for name, version in environment.versions().items() if name in SHOWN),
        seed=options.seed,
        **figures,
    )


def write_model(options: Options, model: LlamaForCausalLM, tokenizer: PreTrainedTokenizerFast, text: str) -> None:
    """Writes beside the target and swaps folders at the end: there is never half a model."""
    fresh = options.out.with_name(f".{options.out.name}.new")
    shutil.rmtree(fresh, ignore_errors=True)
    fresh.mkdir(parents=True)
    tokenizer.save_pretrained(fresh)
    half: Any = model.half  # untyped upstream
    half().save_pretrained(fresh)
    (fresh / "model.safetensors").chmod(0o644)
    write_atomic(fresh / "README.md", text)
    if options.out.exists():
        shutil.rmtree(options.out)
    fresh.rename(options.out)


def main(arguments: list[str]) -> int:
    """Trains and writes the model; returns the exit status. Raises TrainingError with a sentence for a person."""
    values = vars(_parser().parse_args(arguments))
    replace = values.pop("replace")
    options = Options(**values)
    options_check(options)
    if options.out.exists() and not replace:
        raise TrainingError(f"{options.out} is there already. Give another --out, or --replace to overwrite it.")
    tokenizer = tokenizer_fit(tokenizer_texts(options.seed), options.vocabulary)
    model, figures = train(options, tokenizer)
    write_model(options, model, tokenizer, card(options, model, figures))
    sys.stdout.write(f"{options.out}: {figures}\n")
    return EXIT_OK
