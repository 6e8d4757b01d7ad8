"""Batches of answers, greedy or sampled, and the likelihood of references. One engine for every arm."""

from __future__ import annotations

import time
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import torch
from transformers import (
    GenerationConfig,
    LogitsProcessor,
    LogitsProcessorList,
    StoppingCriteria,
    StoppingCriteriaList,
)

from training.cache import cache_with_room

if TYPE_CHECKING:
    from transformers import PreTrainedModel

    from training.data import Rendered

END_TOKEN, LENGTH, PROMPT_TOO_LONG = "end_token", "length", "prompt_too_long"


@dataclass(frozen=True)
class Answer:
    """Tokens of one answer without the end token. ``seconds``: its share of the batch's time."""

    ids: list[int]
    stop_reason: str
    seconds: float


@dataclass(frozen=True)
class Draw:
    """How one row is sampled: at this temperature, from this seed. Temperature 0 is greedy."""

    temperature: float
    seed: int


class _Noise(LogitsProcessor):
    """Sampling as greedy decoding: the largest of logits / temperature + Gumbel noise is a draw from the softmax.

    Each row has a generator of its own, so that its answer does not depend on which rows share its batch. Source of
    the Gumbel-max trick: Gumbel 1954; Maddison, Tarlow and Minka 2014.
    """

    def __init__(self, draws: Sequence[Draw], device: torch.device) -> None:
        self._temperatures = [draw.temperature for draw in draws]
        self._generators = [torch.Generator(device).manual_seed(draw.seed) for draw in draws]

    def __call__(self, input_ids: Any, scores: Any) -> Any:
        noisy = scores.float().clone()
        for number, (temperature, generator) in enumerate(zip(self._temperatures, self._generators, strict=True)):
            if temperature:
                drawn = torch.empty_like(noisy[number]).exponential_(generator=generator)
                noisy[number] = noisy[number] / temperature - drawn.log()
        return noisy


class _RowLimits(StoppingCriteria):
    """Stops each row at its own limit, so that an answer does not depend on which rows share its batch."""

    def __init__(self, prompt_length: int, limits: torch.Tensor) -> None:
        self._prompt_length = prompt_length
        self._limits = limits

    def __call__(self, input_ids: torch.Tensor, scores: Any, **kwargs: Any) -> torch.Tensor:
        return self._limits <= input_ids.shape[1] - self._prompt_length


def _left_padded(rows: Sequence[Sequence[int]], pad_id: int, device: torch.device) -> tuple[torch.Tensor, torch.Tensor]:
    """Token ids and attention mask, both (rows, longest): every row ends in the last column."""
    width = max(len(row) for row in rows)
    ids = torch.full((len(rows), width), pad_id, dtype=torch.long)
    mask = torch.zeros((len(rows), width), dtype=torch.long)
    for number, row in enumerate(rows):
        ids[number, width - len(row) :] = torch.tensor(row, dtype=torch.long)
        mask[number, width - len(row) :] = 1
    return ids.to(device), mask.to(device)


def end_ids(model: PreTrainedModel, end_id: int) -> list[int]:
    """The tokenizer's end token, and whatever else the model's own generation config stops at."""
    own: Any = model.generation_config.eos_token_id
    others = own if isinstance(own, list) else [] if own is None else [own]
    return sorted({end_id, *others})


def plain_config(stops: Sequence[int], pad_id: int) -> GenerationConfig:
    """Greedy decoding with a cache and nothing else: a model folder's own penalties and sampling do not apply."""
    return GenerationConfig(  # type: ignore[no-untyped-call]
        do_sample=False, num_beams=1, use_cache=True, eos_token_id=list(stops), pad_token_id=pad_id
    )


@torch.no_grad()
def answer(
    model: Any,
    prompts: Sequence[list[int]],
    limits: Sequence[int],
    stops: Sequence[int],
    pad_id: int,
    *,
    draws: Sequence[Draw] | None = None,
) -> list[Answer]:
    """Answers to one batch of prompts (token ids), greedy ones unless ``draws`` says how each row is sampled.

    ``limits``: new tokens allowed for each, at least 1.
    """
    started = time.perf_counter()
    ids, mask = _left_padded(prompts, pad_id, model.device)
    row_limits = torch.tensor(limits, device=model.device)
    config = plain_config(stops, pad_id)
    config.max_new_tokens = max(limits)
    model.generation_config = config
    criteria = StoppingCriteriaList([_RowLimits(ids.shape[1], row_limits)])
    noise = LogitsProcessorList([_Noise(draws, model.device)] if draws else [])
    whole = model.generate(
        ids, attention_mask=mask, generation_config=config, stopping_criteria=criteria, logits_processor=noise,
        **cache_with_room(model, ids.shape[1] + max(limits)),
    )  # fmt: skip
    share = (time.perf_counter() - started) / len(prompts)
    new = whole[:, ids.shape[1] :].tolist()
    return [_ended(row[:limit], set(stops), share) for row, limit in zip(new, limits, strict=True)]


def _ended(ids: list[int], stops: set[int], seconds: float) -> Answer:
    at = next((place for place, token in enumerate(ids) if token in stops), None)
    return Answer(ids, LENGTH, seconds) if at is None else Answer(ids[:at], END_TOKEN, seconds)


@torch.no_grad()
def likelihood(model: Any, rows: Sequence[Rendered], pad_id: int) -> list[tuple[float, int]]:
    """Negative log-likelihood (nats, summed) and number of the completion tokens of each row, end token aside."""
    ids, mask = _left_padded([row.input_ids for row in rows], pad_id, model.device)
    positions = (mask.cumsum(-1) - 1).clamp(min=0)
    # The last token of the row is the end token, which is not scored, so one column less is needed.
    keep = max(len(row.input_ids) - row.prompt_length for row in rows) + 1
    logits = model(input_ids=ids, attention_mask=mask, position_ids=positions, logits_to_keep=keep).logits
    scores = []
    for number, row in enumerate(rows):
        count = len(row.input_ids) - row.prompt_length - 1
        predicted = logits[number, keep - count - 2 : keep - 2].float()
        target = ids[number, -count - 1 : -1]
        nll = torch.nn.functional.cross_entropy(predicted, target, reduction="sum") if count else torch.zeros(())
        scores.append((float(nll), count))
    return scores
