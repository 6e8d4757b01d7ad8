"""Process environment: offline, no telemetry, no OpenMP busy waiting. Call ``prepare`` before torch is imported."""

from __future__ import annotations

import contextlib
import gc
import importlib
import importlib.metadata
import logging
import os
import platform
import sys
import warnings
from collections.abc import Iterator
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
    if "CUDA_VISIBLE_DEVICES" not in os.environ and "COUNTERSIGN_MEMBER" not in os.environ:
        # with several, the trainer of one process would copy the model to each
        os.environ.update(CUDA_VISIBLE_DEVICES="0", COUNTERSIGN_ONE_DEVICE="1")
    for name in _QUIET_LOGGERS:
        logging.getLogger(name).setLevel(logging.ERROR)
    # torch warns on every CPU machine that pinned memory needs an accelerator; nothing to act on.
    warnings.filterwarnings("ignore", message=".*pin_memory.*")


_TRAINER = ("trl.trainer.sft_trainer", "transformers.models.auto.modeling_auto", "peft")
_LOADED_FIRST = {
    "sft": _TRAINER,
    "range": _TRAINER,
    "preview": ("trl.trainer.sft_trainer",),
    "generate": ("transformers.models.auto.modeling_auto", "peft"),
    "suites": ("transformers.models.auto.modeling_auto", "peft"),
    "export": ("transformers.models.auto.modeling_auto", "peft"),
    "fetch": (),
    "merge": ("transformers.models.auto.modeling_auto", "peft"),
    "explain": ("transformers.models.auto.modeling_auto", "peft"),
    "judge": ("transformers.models.auto.modeling_auto", "peft"),
    "embed": ("transformers.models.auto.modeling_auto",),
}


@contextlib.contextmanager
def _uncollected() -> Iterator[None]:
    """Imports make a million objects that all live on; collecting garbage among them takes a third of the time."""
    gc.disable()
    try:
        yield
    finally:
        gc.freeze()
        gc.enable()


def load_libraries(command: str, *, without_four_bit: bool = False) -> None:
    """Imports what a command needs, quickly.

    ``without_four_bit`` is for a process of its own that will not quantise: PEFT imports bitsandbytes wherever it
    is installed, which pulls in the compiler of torch (1.3 s); a module set to None is not found by ``import``.
    """
    if without_four_bit:
        sys.modules.setdefault("bitsandbytes", None)  # type: ignore[arg-type]  # the documented way to hide one
    missing = [name for name in _LOADED_FIRST[command] if name not in sys.modules]
    if missing:
        with _uncollected():
            for name in missing:
                importlib.import_module(name)
    quiet_libraries()


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
