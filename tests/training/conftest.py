"""A tiny language model and tiny run directories, built once for all tests of training."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from tests.training.tiny import CHAT_TEMPLATE, examples, write_rows
from training import contract, environment

environment.prepare()


@pytest.fixture(autouse=True)
def _one_thread(libraries: None) -> None:
    """Bit-identical comparisons need the same number of threads everywhere."""
    import torch

    torch.set_num_threads(1)


def _tokenizer(texts: list[str]) -> Any:
    from tokenizers import Tokenizer, decoders, models, pre_tokenizers, trainers
    from transformers import PreTrainedTokenizerFast

    raw = Tokenizer(models.BPE())
    raw.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    raw.decoder = decoders.ByteLevel()
    special = ["<|pad|>", "<|bos|>", "<|end|>", "<|user|>", "<|assistant|>"]
    alphabet = pre_tokenizers.ByteLevel.alphabet()
    trainer = trainers.BpeTrainer(
        vocab_size=420, special_tokens=special, initial_alphabet=alphabet, show_progress=False
    )
    raw.train_from_iterator(texts, trainer)
    return PreTrainedTokenizerFast(  # type: ignore[no-untyped-call]
        tokenizer_object=raw,
        pad_token="<|pad|>",  # noqa: S106
        bos_token="<|bos|>",  # noqa: S106
        eos_token="<|end|>",  # noqa: S106
        additional_special_tokens=["<|user|>", "<|assistant|>"],
    )


def _pretrained(tokenizer: Any, texts: list[str]) -> Any:
    """40 plain steps on the prompts: enough that a LoRA has something to build on."""
    import torch
    from transformers import LlamaConfig, LlamaForCausalLM

    torch.manual_seed(0)
    config = LlamaConfig(
        vocab_size=len(tokenizer),
        hidden_size=64,
        num_hidden_layers=2,
        num_attention_heads=4,
        num_key_value_heads=2,
        intermediate_size=128,
        max_position_embeddings=256,
        tie_word_embeddings=True,
        pad_token_id=tokenizer.pad_token_id,
        bos_token_id=tokenizer.bos_token_id,
        eos_token_id=tokenizer.eos_token_id,
    )
    model: Any = LlamaForCausalLM(config)
    optimizer = torch.optim.AdamW(model.parameters(), lr=5e-3)
    tokens = torch.tensor([i for text in texts for i in tokenizer(text + "\n")["input_ids"]])
    for step in range(40):
        at = torch.randint(0, len(tokens) - 65, (8,), generator=torch.Generator().manual_seed(step))
        batch = torch.stack([tokens[i : i + 64] for i in at])
        model(input_ids=batch, labels=batch).loss.backward()
        optimizer.step()
        optimizer.zero_grad()
    return model.eval()


@pytest.fixture(scope="session")
def tiny_model(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A Llama of about 100,000 parameters with a byte-level BPE tokenizer, as safetensors."""
    folder = tmp_path_factory.mktemp("models") / "tiny"
    texts = [f"{row['prompt']}\n{row['completion']}" for row in examples(200, start=5000)]
    tokenizer = _tokenizer([*texts, "Возраст: 54 года. café №5 — “quoted” 日本"])
    _pretrained(tokenizer, [text.partition("\n")[2] for text in texts]).save_pretrained(folder)
    tokenizer.save_pretrained(folder)
    return folder


@pytest.fixture(scope="session")
def tokenizer(tiny_model: Path) -> Any:
    from training import models

    return models.load_tokenizer(tiny_model)


@pytest.fixture
def chat_tokenizer(tiny_model: Path) -> Any:
    from training import models

    loaded = models.load_tokenizer(tiny_model)
    loaded.chat_template = CHAT_TEMPLATE
    return loaded


MakeRun = Callable[..., Path]


@pytest.fixture
def make_sft(tiny_model: Path, tmp_path: Path) -> MakeRun:
    """Writes a run directory for sft; keyword arguments override the config."""

    def make(
        name: str = "run",
        *,
        train: list[dict[str, Any]] | None = None,
        validation: list[dict[str, Any]] | None = None,
        model: Path = tiny_model,
        **overrides: Any,
    ) -> Path:
        folder = tmp_path / name
        folder.mkdir()
        train = examples(32) if train is None else train
        validation = examples(8, start=1000) if validation is None else validation
        values: dict[str, Any] = {
            "model": contract.ModelSpec(path=str(model)),
            "train_rows": len(train),
            "validation_rows": len(validation),
            "train_sha256": write_rows(folder / contract.TRAIN_FILE, train),
            "validation_sha256": write_rows(folder / contract.VALIDATION_FILE, validation),
            "max_length": 128,
            "max_steps": 8,
            "eval_steps": 4,
            "learning_rate": 5e-3,
            "lora": contract.Lora(r=4, alpha=8),
        }
        contract.write_config(folder, contract.TrainConfig(**{**values, **overrides}))
        return folder

    return make


@pytest.fixture
def make_generate(tiny_model: Path, tmp_path: Path) -> MakeRun:
    """Writes a run directory for generate."""

    def make(
        name: str = "gen", *, prompts: list[dict[str, Any]], arms: tuple[contract.Arm, ...], **overrides: Any
    ) -> Path:
        folder = tmp_path / name
        folder.mkdir()
        values: dict[str, Any] = {
            "model": contract.ModelSpec(path=str(tiny_model)),
            "arms": arms,
            "prompts_rows": len(prompts),
            "prompts_sha256": write_rows(folder / contract.PROMPTS_FILE, prompts),
            "max_new_tokens": 24,
            "max_length": 160,
            "batch_size": 4,
        }
        contract.write_config(folder, contract.GenerateConfig(**{**values, **overrides}))
        return folder

    return make
