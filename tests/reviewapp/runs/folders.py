"""Model folders: a look-alike of a few bytes for pages and services, and a real tiny one for the real trainer."""

from __future__ import annotations

import json
import struct
from pathlib import Path
from typing import Any

CONFIG = {
    "architectures": ["LlamaForCausalLM"],
    "model_type": "llama",
    "max_position_embeddings": 256,
    "vocab_size": 420,
}


def safetensors(path: Path, tensors: dict[str, list[int]], fill: int = 0) -> None:
    """A valid file of 32-bit floats with these shapes."""
    header, offset = {}, 0
    for name, shape in tensors.items():
        size = 4
        for length in shape:
            size *= length
        header[name] = {"dtype": "F32", "shape": shape, "data_offsets": [offset, offset + size]}
        offset += size
    text = json.dumps({**header, "__metadata__": {"format": "pt"}}).encode()
    path.write_bytes(struct.pack("<Q", len(text)) + text + bytes([fill]) * offset)


def lookalike(folder: Path, **config: Any) -> Path:
    """A folder that passes every look from outside: 4*6 + 5 parameters."""
    folder.mkdir(parents=True)
    (folder / "config.json").write_text(json.dumps({**CONFIG, **config}))
    (folder / "tokenizer.json").write_text("{}")
    (folder / "tokenizer_config.json").write_text('{"chat_template": "{{ messages }}"}')
    safetensors(folder / "model.safetensors", {"embed": [4, 6], "norm": [5]})
    return folder


def build(folder: Path) -> Path:
    """A Llama of about 60,000 random parameters with a byte-level tokenizer. Loads torch."""
    import torch
    from tokenizers import Tokenizer, decoders, models, pre_tokenizers, trainers
    from transformers import LlamaConfig, LlamaForCausalLM, PreTrainedTokenizerFast

    raw = Tokenizer(models.BPE())
    raw.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    raw.decoder = decoders.ByteLevel()
    alphabet = pre_tokenizers.ByteLevel.alphabet()
    trainer = trainers.BpeTrainer(vocab_size=300, special_tokens=["<|pad|>", "<|end|>"], initial_alphabet=alphabet)
    raw.train_from_iterator(["a short text of the clinic"], trainer)
    tokenizer = PreTrainedTokenizerFast(tokenizer_object=raw, pad_token="<|pad|>", eos_token="<|end|>")
    torch.manual_seed(0)
    model = LlamaForCausalLM(
        LlamaConfig(
            vocab_size=len(tokenizer), hidden_size=48, num_hidden_layers=2, num_attention_heads=4,
            num_key_value_heads=2, intermediate_size=96, max_position_embeddings=512, tie_word_embeddings=True,
            pad_token_id=tokenizer.pad_token_id, eos_token_id=tokenizer.eos_token_id, bos_token_id=None,
        )
    )  # fmt: skip
    model.save_pretrained(folder)
    tokenizer.save_pretrained(folder)
    return folder


def adapters(base: Path, folders: list[Path]) -> None:
    """Adapters of that model with random weights, each of its own seed. Loads torch."""
    import torch
    from peft import LoraConfig, get_peft_model
    from transformers import AutoModelForCausalLM

    for seed, folder in enumerate(folders):
        torch.manual_seed(seed)
        config = LoraConfig(r=2, target_modules=["q_proj"])
        model = get_peft_model(AutoModelForCausalLM.from_pretrained(base), config)
        for name, values in model.named_parameters():
            if "lora_B" in name:
                values.data.normal_()
        model.save_pretrained(folder)
