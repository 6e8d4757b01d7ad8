"""Vectors of texts by an encoder: mean of its last layer over the tokens, of length 1.

Where the folder is one of sentence-transformers its own pooling holds (mean, first or last token); one with further
layers is refused, since what it would say cannot be had without them. Texts are read in batches of like length. They
are done some thousand at a time, and what is done stays: a killed run goes on behind it. ``vectors.npy`` and
``result.json`` appear at the end, in this order.
"""

from __future__ import annotations

import os
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from training import contract, manifest, models
from training.errors import DataError, ModelError
from training.session import Session

PART = 2_000  # texts that are kept together
PARTS_DIR = "vectors"
POOLINGS = {"pooling_mode_mean_tokens": "mean", "pooling_mode_cls_token": "first", "pooling_mode_lasttoken": "last"}
_KNOWN_MODULES = ("Transformer", "Pooling", "Normalize")
Floats = npt.NDArray[np.float32]


def run(session: Session, config: contract.EmbedConfig) -> None:
    """Writes the vectors. May be killed and called again; done already: returns at once."""
    if manifest.is_finished(session.run_dir, config):
        return
    session.check_stop()
    session.events.append("start", command="embed")
    started = time.monotonic()
    texts = load_texts(session.run_dir / contract.TEXTS_FILE, config)
    parts = list(range(0, len(texts), PART))
    folder = session.run_dir / PARTS_DIR
    folder.mkdir(exist_ok=True)
    left = [start for start in parts if not _path(folder, start).exists()]
    session.events.append("plan", len(texts) - sum(len(texts[start : start + PART]) for start in left), len(texts))
    encoder = load(config) if left else None
    for start in left:
        session.check_stop()
        assert encoder is not None  # noqa: S101  (there is one where anything is left)
        _keep(_path(folder, start), *encoder.read(texts[start : start + PART], config.batch_size))
        session.events.append("step", min(start + PART, len(texts)), len(texts))
    shape, cut = _join([_path(folder, start) for start in parts], session.run_dir / contract.VECTORS_FILE, len(texts))
    result = {
        "texts": shape[0],
        "dimensions": shape[1],
        "cut": cut,
        "seconds": round(time.monotonic() - started, 3),
        "files": {contract.VECTORS_FILE: contract.file_sha256(session.run_dir / contract.VECTORS_FILE)},
    }
    manifest.write_result(session.run_dir, config, result)
    session.events.append("finished", len(texts), len(texts), seconds=result["seconds"])
    for start in parts:
        _path(folder, start).unlink()


def load_texts(path: Path, config: contract.EmbedConfig) -> list[str]:
    """Raises DataError for another file than the config names, and for none."""
    if not path.is_file() or contract.file_sha256(path) != config.texts_sha256:
        raise DataError(f"{path.name} is not what the config names. Ask for the vectors again.")
    texts = [str(row["text"]) for row in contract.read_jsonl(path)]
    if len(texts) != config.texts_rows or not texts:
        raise DataError(f"{path.name} does not hold {config.texts_rows} texts.")
    return texts


@dataclass(frozen=True)
class Encoder:
    """``longest``: tokens that are read of a text; ``pooling``: mean, first or last."""

    model: Any
    tokenizer: Any
    longest: int
    pooling: str
    device: str

    def read(self, texts: Sequence[str], batch_size: int) -> tuple[Floats, int]:
        """(texts x dimensions, rows of length 1; how many texts were cut). A text without a token is all zeros."""
        rows = self.tokenizer(list(texts), truncation=True, max_length=self.longest)["input_ids"]
        at_end = [place for place, ids in enumerate(rows) if len(ids) >= self.longest]
        cut = sum(self._length(texts[place]) > self.longest for place in at_end)
        order = sorted(range(len(rows)), key=lambda place: len(rows[place]))
        vectors = np.zeros((len(rows), int(self.model.config.hidden_size)), dtype=np.float32)
        for start in range(0, len(order), batch_size):
            some = [place for place in order[start : start + batch_size] if rows[place]]
            if some:
                vectors[some] = self._batch([rows[place] for place in some])
        return vectors, cut

    def _length(self, text: str) -> int:
        return len(self.tokenizer(text, truncation=False, verbose=False)["input_ids"])

    def _batch(self, rows: Sequence[Sequence[int]]) -> Floats:
        import torch

        widest = max(len(ids) for ids in rows)
        padding = self.tokenizer.pad_token_id or 0  # no matter which: the mask hides it
        ids = torch.tensor([[*row, *[padding] * (widest - len(row))] for row in rows], device=self.device)
        lengths = torch.tensor([len(row) for row in rows], device=self.device)
        mask = (torch.arange(widest, device=self.device)[None] < lengths[:, None]).long()
        with torch.inference_mode():
            states = self.model(input_ids=ids, attention_mask=mask).last_hidden_state.float()
        if self.pooling == "first":
            pooled = states[:, 0]
        elif self.pooling == "last":
            pooled = states[torch.arange(len(rows), device=self.device), lengths - 1]
        else:
            pooled = (states * mask[..., None]).sum(1) / lengths[:, None]
        if not bool(torch.isfinite(pooled).all()):
            raise ModelError(
                "The encoder gives numbers that are not finite. Its weights are damaged, or of a half format."
            )
        found: Floats = torch.nn.functional.normalize(pooled, dim=-1).cpu().numpy()
        return found


def load(config: contract.EmbedConfig) -> Encoder:
    """Raises ModelError for no encoder, other files than the config names, and one that cannot be used so."""
    from safetensors import SafetensorError
    from transformers import AutoModel, AutoTokenizer

    folder = models.resolve(contract.ModelSpec(path=config.encoder))
    if contract.folder_sha256(folder) != config.encoder_sha256:
        raise ModelError(f"The files of the encoder at {folder} changed since it was looked at. Ask again.")
    pooling = pooling_of(folder)
    try:
        tokenizer = AutoTokenizer.from_pretrained(folder, local_files_only=True, trust_remote_code=False)
        model = AutoModel.from_pretrained(
            folder, local_files_only=True, use_safetensors=True, trust_remote_code=False, dtype="float32"
        )
    except (OSError, ValueError, KeyError, RuntimeError, SafetensorError) as error:
        line = (str(error).strip() or type(error).__name__).splitlines()[0][:300]
        raise ModelError(f"The encoder at {folder} cannot be loaded: {line}") from error
    positions = getattr(model.config, "max_position_embeddings", None) or tokenizer.model_max_length
    longest = int(min(config.max_length, positions, tokenizer.model_max_length, _own_longest(folder)))
    device = models.device()
    return Encoder(model.eval().to(device), tokenizer, longest, pooling, device)


def pooling_of(folder: Path) -> str:
    """As sentence-transformers would pool, or the mean; raises ModelError where that is not all that it would do."""
    if (folder / "modules.json").is_file():
        kinds = [
            str(module.get("type", "")).rpartition(".")[2] for module in contract.read_json(folder / "modules.json")
        ]
        if unknown := [kind for kind in kinds if kind not in _KNOWN_MODULES]:
            raise ModelError(
                f"This encoder needs a layer that is not supported here: {unknown[0]}. Choose another one."
            )
    path = folder / "1_Pooling" / "config.json"
    if not path.is_file():
        return "mean"
    wanted = [
        key for key, is_on in contract.read_json(path).items() if key.startswith("pooling_mode") and is_on is True
    ]
    if len(wanted) != 1 or wanted[0] not in POOLINGS:
        raise ModelError("This encoder pools in a way that is not supported here: mean, first and last token are.")
    return POOLINGS[wanted[0]]


def _own_longest(folder: Path) -> float:
    path = folder / "sentence_bert_config.json"
    told = contract.read_json(path).get("max_seq_length") if path.is_file() else None
    return float(told or "inf")


def _path(folder: Path, start: int) -> Path:
    return folder / f"{start:09}.npz"


def _keep(path: Path, vectors: Floats, cut: int) -> None:
    temporary = path.with_name(f".{path.name}.{os.getpid()}.tmp")
    with temporary.open("wb") as file:
        np.savez(file, vectors=vectors, cut=np.int64(cut))
        file.flush()
        os.fsync(file.fileno())
    temporary.replace(path)


def _join(parts: Sequence[Path], path: Path, n: int) -> tuple[tuple[int, int], int]:
    """Writes all parts as one array, one after another; returns its shape and how many texts were cut."""
    with np.load(parts[0], allow_pickle=False) as first:
        shape = (n, int(first["vectors"].shape[1]))
    temporary, cut = path.with_name(f".{path.name}.{os.getpid()}.tmp"), 0
    with temporary.open("wb") as file:
        np.lib.format.write_array_header_1_0(file, {"descr": "<f4", "fortran_order": False, "shape": shape})
        for part in parts:
            with np.load(part, allow_pickle=False) as kept:
                file.write(np.ascontiguousarray(kept["vectors"], dtype="<f4").tobytes())
                cut += int(kept["cut"])
        file.flush()
        os.fsync(file.fileno())
    temporary.replace(path)
    return shape, cut
