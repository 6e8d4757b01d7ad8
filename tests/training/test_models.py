"""Only safetensors are opened, and every refusal says why."""

from __future__ import annotations

import json
import pickle
import shutil
from pathlib import Path

import pytest
import torch

from training import contract, models
from training.errors import ModelError


@pytest.fixture
def copy(tiny_model: Path, tmp_path: Path) -> Path:
    return Path(shutil.copytree(tiny_model, tmp_path / "copy"))


def resolve(path: Path) -> Path:
    return models.resolve(contract.ModelSpec(path=str(path)))


class Bomb:
    """Leaves a file when it is unpickled."""

    def __init__(self, path: Path) -> None:
        self.path = path

    def __reduce__(self) -> tuple[object, tuple[str, str]]:
        return (open, (str(self.path), "w"))


@pytest.mark.parametrize("name", ["pytorch_model.bin", "model.pt", "weights.pkl", "model.pth", "model.ckpt"])
def test_a_pickle_is_refused_and_never_opened(copy: Path, name: str) -> None:
    (copy / "model.safetensors").unlink()
    trace = copy.parent / "it-ran"
    (copy / name).write_bytes(pickle.dumps(Bomb(trace)))
    with pytest.raises(ModelError, match="pickle") as refused:
        resolve(copy)
    assert name in str(refused.value)
    assert not trace.exists()


def test_a_pickle_beside_safetensors_is_not_opened(copy: Path) -> None:
    trace = copy.parent / "it-ran"
    (copy / "pytorch_model.bin").write_bytes(pickle.dumps(Bomb(trace)))
    models.load_model(resolve(copy), dtype=torch.float32)
    assert not trace.exists()


def test_what_is_no_model_is_named(tmp_path: Path, copy: Path) -> None:
    with pytest.raises(ModelError, match="There is no base model at"):
        resolve(tmp_path / "nowhere")
    with pytest.raises(ModelError, match=r"no config\.json"):
        resolve(tmp_path)
    (copy / "model.safetensors").unlink()
    with pytest.raises(ModelError, match="holds no weights"):
        resolve(copy)


def test_broken_weights_are_an_expected_failure(copy: Path) -> None:
    (copy / "model.safetensors").write_bytes(b"\xff" * 64)
    with pytest.raises(ModelError, match="not a safetensors file"):
        models.facts(copy)
    with pytest.raises(ModelError, match="cannot be loaded"):
        models.load_model(copy, dtype=torch.float32)


def test_code_of_a_model_folder_is_not_run(copy: Path) -> None:
    config = json.loads((copy / "config.json").read_text())
    config.update(model_type="own", architectures=["Own"], auto_map={"AutoModelForCausalLM": "own.Own"})
    (copy / "config.json").write_text(json.dumps(config))
    trace = copy.parent / "it-ran"
    (copy / "own.py").write_text(f"open({str(trace)!r}, 'w')\nclass Own: pass\n")
    with pytest.raises(ModelError, match="cannot be loaded"):
        models.load_model(copy, dtype=torch.float32)
    assert not trace.exists()


def test_a_tokenizer_without_end_token_is_refused(copy: Path) -> None:
    values = json.loads((copy / "tokenizer_config.json").read_text())
    values.pop("eos_token")
    (copy / "tokenizer_config.json").write_text(json.dumps(values))
    with pytest.raises(ModelError, match="no end token"):
        models.load_tokenizer(copy)


def test_a_tokenizer_of_another_model_is_refused(copy: Path) -> None:
    config = json.loads((copy / "config.json").read_text())
    (copy / "config.json").write_text(json.dumps({**config, "vocab_size": 100}))
    with pytest.raises(ModelError, match="do not belong together"):
        models.load_tokenizer(copy)


def test_a_folder_without_tokenizer_is_refused(copy: Path) -> None:
    for path in copy.glob("tokenizer*"):
        path.unlink()
    with pytest.raises(ModelError, match="tokenizer"):
        models.load_tokenizer(copy)


def test_a_hub_id_is_not_fetched_unasked() -> None:
    spec = contract.ModelSpec(path="nobody/no-such-model", is_hub=True)
    with pytest.raises(ModelError, match="not on this machine.*--allow-hub"):
        models.resolve(spec)


def test_a_wrong_hub_id_is_an_expected_failure() -> None:
    with pytest.raises(ModelError, match="not"):
        models.resolve(contract.ModelSpec(path="a/b/c/../d", is_hub=True))


def test_facts_are_read_from_headers(tiny_model: Path) -> None:
    facts = models.facts(tiny_model)
    model = models.load_model(tiny_model, dtype=torch.float32)
    assert facts["parameters"] == sum(p.numel() for p in model.parameters())
    assert facts["positions"] == 256


def test_a_fingerprint_follows_the_weights(copy: Path, tiny_model: Path) -> None:
    assert models.fingerprint(copy) == models.fingerprint(tiny_model)
    content = bytearray((copy / "model.safetensors").read_bytes())
    content[-1] ^= 1
    (copy / "model.safetensors").write_bytes(content)
    assert models.fingerprint(copy) != models.fingerprint(tiny_model)


def test_learned_positions_end_where_rotary_ones_go_on(copy: Path) -> None:
    models.check_positions(copy, 10_000)
    config = json.loads((copy / "config.json").read_text())
    bare = {key: value for key, value in config.items() if not key.startswith("rope")}
    (copy / "config.json").write_text(json.dumps(bare))
    models.check_positions(copy, 256)
    with pytest.raises(ModelError, match="at most 256 tokens"):
        models.check_positions(copy, 257)


def test_an_adapter_must_be_lora_as_safetensors(tmp_path: Path) -> None:
    with pytest.raises(ModelError, match="There is no adapter"):
        models.check_adapter(tmp_path)
    (tmp_path / "adapter_config.json").write_text('{"peft_type": "LORA"}')
    (tmp_path / "adapter_model.bin").write_bytes(b"")
    with pytest.raises(ModelError, match="pickle"):
        models.check_adapter(tmp_path)
    (tmp_path / "adapter_model.safetensors").write_bytes(b"")
    models.check_adapter(tmp_path)
    (tmp_path / "adapter_config.json").write_text('{"peft_type": "PROMPT_TUNING"}')
    with pytest.raises(ModelError, match="only LORA"):
        models.check_adapter(tmp_path)
