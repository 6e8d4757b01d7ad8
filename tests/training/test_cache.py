"""The room for keys and values is taken once and filled; a model that needs another cache gets none of ours."""

from __future__ import annotations

from types import SimpleNamespace

import torch
from transformers import LlamaConfig, LlamaForCausalLM, MistralConfig, MistralForCausalLM
from transformers.cache_utils import DynamicLayer

from training.cache import cache_with_room

SMALL = {"hidden_size": 16, "intermediate_size": 16, "num_attention_heads": 2, "num_hidden_layers": 2, "vocab_size": 32}


def llama() -> LlamaForCausalLM:
    torch.manual_seed(3)
    return LlamaForCausalLM(LlamaConfig(**SMALL)).eval()


def test_each_token_is_written_where_there_is_room_and_nothing_is_copied() -> None:
    layers = cache_with_room(llama(), 9)["past_key_values"].layers
    grown = DynamicLayer()
    places = set()
    for width in (5, 1, 1, 2):
        keys, values = torch.randn(3, 2, width, 8), torch.randn(3, 2, width, 8)
        seen, expected = layers[0].update(keys, values), grown.update(keys, values)
        assert all(map(torch.equal, seen, expected))
        assert layers[0].get_seq_length() == expected[0].shape[-2]
        places.add(seen[0].data_ptr())
    assert len(places) == 1
    assert layers[1].get_seq_length() == 0


def test_a_model_thinks_the_same_with_it() -> None:
    model, ids = llama(), torch.randint(0, 32, (2, 7))
    room = cache_with_room(model, 8)["past_key_values"]
    with torch.no_grad():
        model(ids[:, :6], past_key_values=room)
        step = model(ids[:, 6:], past_key_values=room).logits[:, -1]
        assert torch.allclose(step, model(ids).logits[:, -1], atol=1e-5)


def test_a_window_or_no_such_cache_is_left_to_the_library() -> None:
    assert cache_with_room(MistralForCausalLM(MistralConfig(**SMALL, num_key_value_heads=2, sliding_window=4)), 8) == {}
    assert cache_with_room(SimpleNamespace(_supports_default_dynamic_cache=lambda: False), 8) == {}
