"""Keys and values of one batch of answers, in memory that is taken once.

The library's own layers grow by copying: each new token copies the keys and values of all tokens before it.
"""

from __future__ import annotations

from typing import Any

import torch
from transformers import DynamicCache
from transformers.cache_utils import DynamicLayer


class _RoomyLayer(DynamicLayer):  # type: ignore[no-untyped-call]
    """A layer that writes into its room, (rows, heads, ``room`` tokens, size of a head), and shows what is written."""

    def __init__(self, room: int) -> None:
        super().__init__()  # type: ignore[no-untyped-call]
        self._room = room

    def lazy_initialization(self, key_states: torch.Tensor, value_states: torch.Tensor) -> None:
        super().lazy_initialization(key_states, value_states)
        self._keys, self._values = (
            each.new_empty((*each.shape[:-2], self._room, each.shape[-1])) for each in (key_states, value_states)
        )

    def update(
        self, key_states: torch.Tensor, value_states: torch.Tensor, *args: Any, **kwargs: Any
    ) -> tuple[torch.Tensor, torch.Tensor]:
        start = self.get_seq_length()
        if not self.is_initialized:
            self.lazy_initialization(key_states, value_states)
        end = start + key_states.shape[-2]
        self._keys[..., start:end, :] = key_states
        self._values[..., start:end, :] = value_states
        self.keys, self.values = self._keys[..., :end, :], self._values[..., :end, :]
        return self.keys, self.values


def cache_with_room(model: Any, room: int) -> dict[str, DynamicCache]:
    """What ``generate`` takes to keep up to ``room`` tokens of each row; nothing for a model that needs another cache.

    That is one whose layers see a window only, or carry a state, or keep no cache of this kind.
    """
    if not model._supports_default_dynamic_cache():
        return {}
    cache = DynamicCache(config=model.config)
    if any(type(layer) is not DynamicLayer for layer in cache.layers):
        return {}
    cache.layers = [_RoomyLayer(room) for _ in cache.layers]
    return {"past_key_values": cache}
