"""Looking at a model folder from outside."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from reviewapp.runs import basefolder
from reviewapp.runs.basefolder import BaseFolderError
from tests.reviewapp.runs import folders
from training import models as trainer


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    return folders.lookalike(tmp_path / "models" / "small")


def test_facts_of_a_folder(folder: Path) -> None:
    facts = basefolder.inspect(folder)
    assert (facts.architecture, facts.parameters, facts.positions) == ("LlamaForCausalLM", 29, 256)
    assert facts.vocabulary == 420 and facts.has_chat_template
    assert facts.weights_bytes == (folder / "model.safetensors").stat().st_size


def test_the_trainer_finds_the_same_facts_and_fingerprint(folder: Path) -> None:
    folders.safetensors(folder / "model-2.safetensors", {"head": [3, 7]}, fill=1)
    facts, theirs = basefolder.inspect(folder), trainer.facts(folder)
    assert facts.weights_sha256 == trainer.fingerprint(folder)
    assert {name: getattr(facts, name) for name in theirs} == theirs


def test_the_fingerprint_of_large_weights_is_the_trainers_too(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    small = basefolder.fingerprint(folder)
    monkeypatch.setattr(basefolder, "FULL_HASH_BYTES", 10)
    monkeypatch.setattr(trainer, "FULL_HASH_BYTES", 10)
    assert basefolder.fingerprint(folder) == trainer.fingerprint(folder) != small


def test_one_changed_weight_changes_the_fingerprint(folder: Path) -> None:
    before = basefolder.fingerprint(folder)
    folders.safetensors(folder / "model.safetensors", {"embed": [4, 6], "norm": [5]}, fill=1)
    assert basefolder.fingerprint(folder) != before


def test_only_allowed_folders_are_opened_also_through_links(folder: Path, tmp_path: Path) -> None:
    allowed = [tmp_path / "models"]
    assert basefolder.resolve(f" {folder} ", allowed) == folder.resolve()
    outside = folders.lookalike(tmp_path / "outside")
    (tmp_path / "models" / "link").symlink_to(outside)
    for path in (str(outside), str(tmp_path / "models" / "link"), str(folder / ".." / ".." / "outside"), "/"):
        with pytest.raises(BaseFolderError, match="from these folders only"):
            basefolder.resolve(path, allowed)
    with pytest.raises(BaseFolderError, match="COUNTERSIGN_MODEL_DIRS"):
        basefolder.resolve(str(folder), [])


@pytest.mark.parametrize(("path", "message"), [("", "Give the folder"), ("models/small", "not a full path")])
def test_a_path_must_be_whole(path: str, message: str, tmp_path: Path) -> None:
    with pytest.raises(BaseFolderError, match=message):
        basefolder.resolve(path, [tmp_path])


def test_a_missing_folder_is_named(tmp_path: Path) -> None:
    with pytest.raises(BaseFolderError, match=r"no folder .*/nowhere"):
        basefolder.resolve(str(tmp_path / "nowhere"), [tmp_path])


def test_a_pickle_in_place_of_safetensors_is_refused(folder: Path) -> None:
    (folder / "model.safetensors").unlink()
    with pytest.raises(BaseFolderError, match="holds no weights"):
        basefolder.inspect(folder)
    (folder / "pytorch_model.bin").write_bytes(b"\x80\x04")
    with pytest.raises(BaseFolderError, match=r"pickle \(pytorch_model.bin\)"):
        basefolder.inspect(folder)


@pytest.mark.parametrize(
    ("name", "content", "message"),
    [
        ("config.json", "{", "not readable JSON"),
        ("config.json", "[1]", "no JSON object"),
        ("config.json", json.dumps({"auto_map": {"AutoModel": "modeling.X"}}), "program code of its own"),
        ("model.safetensors", "short", "no safetensors file"),
        ("model.safetensors", "\x10\0\0\0\0\0\0\0[1, 2, 3, 4, 5 ]", "no safetensors file"),
        ("model.safetensors", "\xff" * 8, "no safetensors file"),
    ],
)
def test_broken_and_unsafe_files_are_refused(folder: Path, name: str, content: str, message: str) -> None:
    (folder / name).write_bytes(content.encode("latin-1"))
    with pytest.raises(BaseFolderError, match=message):
        basefolder.inspect(folder)


@pytest.mark.parametrize(("name", "message"), [("config.json", "no config.json"), ("tokenizer.json", "no tokenizer")])
def test_missing_files_are_named(folder: Path, name: str, message: str) -> None:
    (folder / name).unlink()
    with pytest.raises(BaseFolderError, match=message):
        basefolder.inspect(folder)


def test_a_chat_template_in_its_own_file_is_seen(folder: Path) -> None:
    (folder / "tokenizer_config.json").unlink()
    assert not basefolder.inspect(folder).has_chat_template
    (folder / "chat_template.jinja").write_text("{{ messages }}")
    assert basefolder.inspect(folder).has_chat_template
