"""Process environment: offline, no telemetry, no OpenMP busy waiting. Call ``prepare`` before torch is imported."""

from __future__ import annotations

import importlib.metadata
import logging
import os
import platform
import warnings
from typing import Any

_ALWAYS = {
    "HF_HUB_DISABLE_TELEMETRY": "1",
    "DO_NOT_TRACK": "1",
    "TOKENIZERS_PARALLELISM": "false",
    # An idle OpenMP thread that spins takes the core from whatever else runs on the machine.
    "OMP_WAIT_POLICY": "PASSIVE",
    "HF_HUB_DISABLE_PROGRESS_BARS": "1",
    "HF_DATASETS_DISABLE_PROGRESS_BARS": "1",
    "TQDM_DISABLE": "1",
}
_OFFLINE = ("HF_HUB_OFFLINE", "TRANSFORMERS_OFFLINE", "HF_DATASETS_OFFLINE")
_LIBRARIES = (
    "torch",
    "transformers",
    "tokenizers",
    "peft",
    "trl",
    "accelerate",
    "datasets",
    "bitsandbytes",
    "safetensors",
    "evaluate",
    "rouge-score",
    "sacrebleu",
)
_QUIET_LOGGERS = ("bitsandbytes", "bitsandbytes.backends.cpu.ops", "absl")


def prepare(*, allow_hub: bool = False) -> None:
    """Sets the environment of this process. Only ``allow_hub`` lets a library reach a network."""
    os.environ.update(_ALWAYS)
    os.environ.update(dict.fromkeys(_OFFLINE, "0" if allow_hub else "1"))
    os.environ.setdefault("CUDA_VISIBLE_DEVICES", "0")  # with several, the trainer would copy the model to each
    for name in _QUIET_LOGGERS:
        logging.getLogger(name).setLevel(logging.ERROR)
    # torch warns on every CPU machine that pinned memory needs an accelerator; nothing to act on.
    warnings.filterwarnings("ignore", message=".*pin_memory.*")


def quiet_libraries() -> None:
    """Library messages go through Python logging (to ``log.txt``), and no progress bars are drawn."""
    from transformers.utils import logging as transformers_logging

    transformers_logging.disable_progress_bar()  # type: ignore[no-untyped-call]
    transformers_logging.disable_default_handler()
    transformers_logging.enable_propagation()


def versions() -> dict[str, str]:
    """Versions of Python and of every library that can change a result; absent ones are left out."""
    found = {"python": platform.python_version()}
    for name in _LIBRARIES:
        try:
            found[name] = importlib.metadata.version(name)
        except importlib.metadata.PackageNotFoundError:
            continue
    return found


def hardware() -> dict[str, Any]:
    """Where the numbers were made: device name, CPU threads of torch, machine type."""
    import torch

    gpu = torch.cuda.get_device_name(0) if torch.cuda.is_available() else None
    return {"device": gpu or "cpu", "threads": torch.get_num_threads(), "machine": platform.machine()}
