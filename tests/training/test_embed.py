"""Vectors of texts by an encoder: the real command on a tiny random BERT, cancelled, resumed, refused."""

from __future__ import annotations

import json
import shutil
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from tests.training.test_metrics_text import encoder_folder
from training import cli, contract, embed
from training.contract import EmbedConfig
from training.errors import ModelError

TEXTS = ["a b c", "the den", "a b c", "e" * 40 + " a" * 200, "", "bed cod dab", "a"]


@pytest.fixture(scope="module")
def encoder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return encoder_folder(tmp_path_factory.mktemp("encoder") / "tiny-bert")


def run_dir(path: Path, encoder: Path, texts: list[str] = TEXTS, **values: Any) -> Path:
    path.mkdir()
    lines = contract.jsonl_text({"id": str(n), "text": text} for n, text in enumerate(texts))
    (path / contract.TEXTS_FILE).write_text(lines, encoding="utf-8")
    given: dict[str, Any] = {
        "encoder": str(encoder), "encoder_sha256": contract.folder_sha256(encoder), "texts_rows": len(texts),
        "texts_sha256": contract.text_sha256(lines), "batch_size": 3, **values,
    }  # fmt: skip
    contract.write_config(path, EmbedConfig(**given))
    return path


def vectors(path: Path) -> np.ndarray:
    found: np.ndarray = np.load(path / contract.VECTORS_FILE, allow_pickle=False)
    return found


def failure(path: Path) -> str:
    return str([row for row in contract.read_jsonl(path / contract.EVENTS_FILE) if row["kind"] == "failed"][-1]["data"])


def test_a_vector_is_the_mean_of_the_last_layer_in_the_order_of_the_texts(encoder: Path, tmp_path: Path) -> None:
    import torch
    from transformers import AutoModel, AutoTokenizer

    path = run_dir(tmp_path / "run", encoder)
    assert cli.main(["embed", str(path)]) == contract.EXIT_OK
    found = vectors(path)
    assert found.dtype == np.float32 and found.shape == (len(TEXTS), 16)
    assert np.allclose(np.linalg.norm(found, axis=1), 1, atol=1e-5)
    assert np.allclose(found[0], found[2], atol=1e-6)
    tokenizer, model = AutoTokenizer.from_pretrained(encoder), AutoModel.from_pretrained(encoder).eval()
    for place, text in enumerate(TEXTS):
        with torch.no_grad():
            states = model(**tokenizer(text, return_tensors="pt", truncation=True, max_length=96)).last_hidden_state[0]
        expected = torch.nn.functional.normalize(states.mean(0), dim=0).numpy()
        assert np.allclose(found[place], expected, atol=1e-5), text
    result = contract.read_json(path / contract.RESULT_FILE)
    assert (result["texts"], result["dimensions"], result["cut"]) == (len(TEXTS), 16, 1)
    assert not list((path / embed.PARTS_DIR).iterdir())
    assert cli.main(["embed", str(path)]) == contract.EXIT_OK  # done: at once


def test_what_is_done_is_not_done_again(encoder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(embed, "PART", 2)
    whole = run_dir(tmp_path / "whole", encoder)
    assert cli.main(["embed", str(whole)]) == contract.EXIT_OK
    path, read = run_dir(tmp_path / "run", encoder), embed.Encoder.read
    seen: list[str] = []

    def until_stopped(self: embed.Encoder, texts: Any, batch_size: int) -> Any:
        seen.extend(texts)
        if len(seen) == 4:
            (path / contract.CANCEL_FILE).write_text("Cancelled by a person.", encoding="utf-8")
        return read(self, texts, batch_size)

    monkeypatch.setattr(embed.Encoder, "read", until_stopped)
    assert cli.main(["embed", str(path)]) == contract.EXIT_CANCELLED
    assert seen == TEXTS[:4] and not (path / contract.VECTORS_FILE).exists()
    (path / contract.CANCEL_FILE).unlink()
    assert cli.main(["embed", str(path)]) == contract.EXIT_OK
    assert seen == TEXTS
    assert np.array_equal(vectors(path), vectors(whole))


@pytest.mark.parametrize(("mode", "place"), [("pooling_mode_cls_token", 0), ("pooling_mode_lasttoken", -1)])
def test_the_pooling_of_sentence_transformers_holds(encoder: Path, tmp_path: Path, mode: str, place: int) -> None:
    import torch
    from transformers import AutoModel, AutoTokenizer

    folder = tmp_path / "own"
    shutil.copytree(encoder, folder)
    (folder / "1_Pooling").mkdir()
    told = {"word_embedding_dimension": 16, "pooling_mode_mean_tokens": False, mode: True}
    (folder / "1_Pooling" / "config.json").write_text(json.dumps(told), encoding="utf-8")
    kinds = ["Transformer", "Pooling", "Normalize"]
    modules = [{"type": f"sentence_transformers.models.{kind}"} for kind in kinds]
    (folder / "modules.json").write_text(json.dumps(modules), encoding="utf-8")
    (folder / "sentence_bert_config.json").write_text('{"max_seq_length": 12}', encoding="utf-8")
    path = run_dir(tmp_path / "run", folder)
    assert cli.main(["embed", str(path)]) == contract.EXIT_OK
    tokenizer, model = AutoTokenizer.from_pretrained(folder), AutoModel.from_pretrained(folder).eval()
    with torch.no_grad():
        encoded = tokenizer(TEXTS[3], return_tensors="pt", truncation=True, max_length=12)
        state = model(**encoded).last_hidden_state[0][place]
    assert np.allclose(vectors(path)[3], torch.nn.functional.normalize(state, dim=0).numpy(), atol=1e-5)
    modules.append({"type": "sentence_transformers.models.Dense"})
    (folder / "modules.json").write_text(json.dumps(modules), encoding="utf-8")
    with pytest.raises(ModelError, match="not supported here: Dense"):
        embed.pooling_of(folder)


def test_other_files_than_were_named_are_refused(encoder: Path, tmp_path: Path) -> None:
    path = run_dir(tmp_path / "texts", encoder)
    with (path / contract.TEXTS_FILE).open("a", encoding="utf-8") as file:
        file.write('{"id":"9","text":"late"}\n')
    assert cli.main(["embed", str(path)]) == contract.EXIT_FAILED and "not what the config names" in failure(path)
    path = run_dir(tmp_path / "weights", encoder, encoder_sha256="0" * 64)
    assert cli.main(["embed", str(path)]) == contract.EXIT_FAILED and "changed since" in failure(path)
    pickled = tmp_path / "pickled"
    shutil.copytree(encoder, pickled)
    (pickled / "model.safetensors").rename(pickled / "pytorch_model.bin")
    path = run_dir(tmp_path / "pickle", pickled)
    assert cli.main(["embed", str(path)]) == contract.EXIT_FAILED and "can run code" in failure(path)
    path = run_dir(tmp_path / "none", encoder, texts=[])
    assert cli.main(["embed", str(path)]) == contract.EXIT_FAILED and "does not hold 0 texts" in failure(path)


def test_damaged_weights_are_refused(encoder: Path, tmp_path: Path) -> None:
    from safetensors.torch import load_file, save_file

    folder = tmp_path / "damaged"
    shutil.copytree(encoder, folder)
    weights = load_file(folder / "model.safetensors")
    name = next(name for name in weights if name.endswith("word_embeddings.weight"))
    weights[name][:] = float("nan")
    save_file(weights, folder / "model.safetensors", metadata={"format": "pt"})
    path = run_dir(tmp_path / "run", folder)
    assert cli.main(["embed", str(path)]) == contract.EXIT_FAILED and "not finite" in failure(path)


def test_validate_looks_at_the_texts(encoder: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    path = run_dir(tmp_path / "run", encoder)
    assert cli.main(["validate", str(path)]) == contract.EXIT_OK
    assert json.loads(capsys.readouterr().out)["texts"] == len(TEXTS)
    (path / contract.TEXTS_FILE).unlink()
    assert cli.main(["validate", str(path)]) == contract.EXIT_FAILED
