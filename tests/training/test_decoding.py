"""Answers do not depend on the batch they are in; likelihoods are those of a plain forward pass."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.training.tiny import example, examples
from training import contract, data, decoding, models


@pytest.fixture(scope="module")
def model(tiny_model: Path) -> Any:
    loaded: Any = models.load_model(tiny_model, dtype=torch.float32)
    return loaded.eval()


@pytest.fixture(scope="module")
def renderer(tokenizer: Any) -> data.Renderer:
    return data.Renderer(tokenizer, contract.Template())


def greedy(model: Any, ids: list[int], limit: int, stops: set[int]) -> list[int]:
    """One token at a time, no cache, no batch, no padding."""
    found: list[int] = []
    while len(found) < limit:
        token = int(model(input_ids=torch.tensor([ids + found])).logits[0, -1].argmax())
        if token in stops:
            break
        found.append(token)
    return found


def test_a_batch_answers_as_each_prompt_alone(model: Any, renderer: data.Renderer) -> None:
    prompts = [renderer.prompt_ids(example(number)["prompt"] * (1 + number % 3)) for number in range(6)]
    # a frequent token as end token, so that rows end at different places
    stop = greedy(model, prompts[0], 12, set())[-1]
    limits = [12, 3, 12, 1, 7, 12]
    found = decoding.answer(model, prompts, limits, [stop], renderer.pad_id)
    for prompt, limit, answer in zip(prompts, limits, found, strict=True):
        expected = greedy(model, prompt, limit, {stop})
        assert answer.ids == expected
        assert answer.stop_reason == (decoding.LENGTH if len(expected) == limit else decoding.END_TOKEN)
        assert answer.seconds > 0
    assert {answer.stop_reason for answer in found} == {decoding.LENGTH, decoding.END_TOKEN}


def test_a_model_folders_own_sampling_does_not_apply(model: Any, renderer: data.Renderer) -> None:
    prompt = renderer.prompt_ids(example(1)["prompt"])
    model.generation_config.do_sample = True
    model.generation_config.repetition_penalty = 5.0
    model.generation_config.temperature = 9.0
    found = decoding.answer(model, [prompt], [10], [renderer.end_id], renderer.pad_id)
    assert found[0].ids == greedy(model, prompt, 10, {renderer.end_id})


def test_likelihoods_are_those_of_a_plain_forward_pass(model: Any, renderer: data.Renderer) -> None:
    rows = [
        renderer.render(data.Row(**{**row, "completion": row["completion"] * (1 + number)}))
        for number, row in enumerate(examples(4))
    ]
    for row, (nll, tokens) in zip(rows, decoding.likelihood(model, rows, renderer.pad_id), strict=True):
        logs = model(input_ids=torch.tensor([row.input_ids])).logits[0].detach().log_softmax(-1)
        places = range(row.prompt_length, len(row.input_ids) - 1)  # without the end token
        assert tokens == len(places)
        assert nll == pytest.approx(-sum(float(logs[place - 1, row.input_ids[place]]) for place in places), rel=1e-4)


@settings(max_examples=30, deadline=None)
@given(st.lists(st.lists(st.integers(5, 100), min_size=1, max_size=9), min_size=1, max_size=5))
def test_padding_stands_on_the_left_and_is_masked(rows: list[list[int]]) -> None:
    ids, mask = decoding._left_padded(rows, 0, torch.device("cpu"))
    for number, row in enumerate(rows):
        assert ids[number][mask[number].bool()].tolist() == row
        assert mask[number].tolist() == sorted(mask[number].tolist())


def test_every_end_token_of_the_model_counts(model: Any) -> None:
    model.generation_config.eos_token_id = [2, 7]
    assert decoding.end_ids(model, 5) == [2, 5, 7]
    model.generation_config.eos_token_id = None
    assert decoding.end_ids(model, 5) == [5]
