"""QLoRA on a CPU: gradients stay right after an evaluation (bitsandbytes would repack its weights)."""

from __future__ import annotations

import shutil
from pathlib import Path
from typing import Any

import pytest
import torch

from tests.training.conftest import MakeRun
from tests.training.tiny import events_of, examples, execute
from training import contract, material, models, trainer
from training.session import open_session

# these train models: `make test` runs them, `make check` does not
pytestmark = pytest.mark.slow

bitsandbytes = pytest.importorskip("bitsandbytes", reason="the extra 'qlora' is not installed")


def linear_layers(model: Any) -> dict[str, Any]:
    return {name: module for name, module in model.named_modules() if isinstance(module, bitsandbytes.nn.Linear4bit)}


def lora_gradients(built: Any) -> dict[str, torch.Tensor]:
    """Gradients of one batch in train mode without dropout."""
    model = built.model.train()
    batch = built.data_collator([built.train_dataset[number] for number in range(4)])
    model.zero_grad()
    model(**{key: value for key, value in batch.items()}).loss.backward()
    return {name: p.grad.float().clone() for name, p in model.named_parameters() if p.grad is not None}


def dequantised(tiny_model: Path, quantised: Any, target: Path) -> Path:
    """A plain copy of the base model whose linear weights are what the 4-bit layers stand for."""
    from bitsandbytes.functional import dequantize_4bit

    plain = models.load_model(tiny_model, dtype=torch.float32)
    layers = dict(plain.named_modules())
    for name, layer in linear_layers(quantised).items():
        weight = dequantize_4bit(layer.weight.data, layer.weight.quant_state).float()
        own = layers[name.removeprefix("base_model.model.").removesuffix(".base_layer")]
        own.weight.data.copy_(weight)
    plain.save_pretrained(target)
    shutil.copy(tiny_model / "tokenizer.json", target)
    shutil.copy(tiny_model / "tokenizer_config.json", target)
    return target


def built_trainer(run_dir: Path, *, is_evaluated: bool = False) -> Any:
    config = contract.read_config(run_dir)
    assert isinstance(config, contract.TrainConfig)
    with open_session(run_dir) as session:
        rows = material.prepare(session, config, allow_hub=False)
        built, _ = trainer.build_trainer(session, rows, run_dir / "checkpoints")
        if is_evaluated:
            built.evaluate()
        return built


def test_gradients_are_right_after_an_evaluation(make_sft: MakeRun, tiny_model: Path, tmp_path: Path) -> None:
    lora = contract.Lora(r=4, alpha=8, dropout=0.0)
    run_dir = make_sft("quantised", method="qlora", lora=lora, train=examples(8))
    quantised = built_trainer(run_dir, is_evaluated=True)
    assert len(linear_layers(quantised.model)) == 14
    for layer in linear_layers(quantised.model).values():
        assert not hasattr(layer.weight.quant_state, "packing_format_for_cpu")
    found = lora_gradients(quantised)

    folder = dequantised(tiny_model, quantised.model, tmp_path / "dequantised")
    plain = built_trainer(make_sft("plain", model=folder, lora=lora, train=examples(8)))
    # the same adapter weights: TRL draws them from the same seed, in 16 bits for a quantised model
    plain.model.load_state_dict(
        {name: p.float() for name, p in quantised.model.state_dict().items() if "lora_" in name}, strict=False
    )
    expected = lora_gradients(plain)
    assert found.keys() == expected.keys()
    for name, gradient in expected.items():
        if gradient.norm() > 0:  # a LoRA starts with B = 0, so A has no gradient yet
            cosine = torch.nn.functional.cosine_similarity(found[name].flatten(), gradient.flatten(), dim=0)
            assert cosine > 0.99, name


def test_evaluations_do_not_change_the_course(make_sft: MakeRun) -> None:
    losses = {}
    lora = contract.Lora(r=4, alpha=8, dropout=0.0)  # an evaluation draws from the generator that dropout uses
    for every in (2, 12):
        values = {"method": "qlora", "lora": lora, "max_steps": 12, "early_stopping_patience": 0}
        run_dir = make_sft(f"every-{every}", eval_steps=every, **values)
        assert execute("sft", run_dir) == contract.EXIT_OK
        losses[every] = [event["data"]["loss"] for event in events_of(run_dir) if event["kind"] == "step"]
    assert losses[2] == pytest.approx(losses[12], rel=1e-5)
    assert losses[2][-1] < losses[2][0]
