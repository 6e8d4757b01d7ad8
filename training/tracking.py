"""Curves for other eyes: TensorBoard files always, MLflow, Weights & Biases or Trackio where the operator sets it.

``COUNTERSIGN_TRACKING`` names them, with commas between. Each writes on this machine, inside the run directory, unless
its own settings (``MLFLOW_TRACKING_URI``, ``WANDB_MODE=online``, ``TRACKIO_SPACE_ID``) send it elsewhere. Nothing here
can stop a run: a tracker that fails is switched off, and a warning among the events of the run says so.
"""

from __future__ import annotations

import contextlib
import importlib
import importlib.util
import logging
import math
import os
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any, Protocol

from training import contract, tensorboard
from training.errors import TrainingError, is_disk_full
from training.events import EventLog

SETTING = "COUNTERSIGN_TRACKING"
PACKAGES = ("mlflow", "wandb", "trackio")
TAGS = {
    "step": {
        "loss": "train/loss",
        "learning_rate": "train/learning_rate",
        "grad_norm": "train/grad_norm",
        "tokens_per_second": "train/tokens_per_second",
    },
    "eval": {
        "eval_loss": "validation/loss",
        "eval_rougeL": "validation/rougeL",
        "eval_slot_accuracy": "validation/slot_accuracy",
    },
}
logger = logging.getLogger("training")


class Tracker(Protocol):
    def scalars(self, step: int, values: Mapping[str, float]) -> None: ...
    def close(self) -> None: ...


def wanted(text: str) -> list[str]:
    """The names of the setting; raises TrainingError for an unknown one and for one that is not installed."""
    names = [name.strip().lower() for name in text.split(",") if name.strip()]
    for name in names:
        if name not in PACKAGES:
            raise TrainingError(f"{SETTING} names {name!r}; it takes {', '.join(PACKAGES)}, or nothing.")
        if importlib.util.find_spec(name) is None:
            raise TrainingError(
                f"{SETTING} asks for {name}, which is not installed on this worker: install the package, or take it "
                "out of the setting."
            )
    return names


@contextlib.contextmanager
def followed(events: EventLog, run_dir: Path, names: list[str]) -> Iterator[None]:
    """As long as this lasts, every step and validation also goes to the trackers."""
    trackers: dict[str, Tracker] = {name: _opened(name, run_dir) for name in names}
    trackers["tensorboard"] = tensorboard.Writer(run_dir / contract.TENSORBOARD_DIR)

    def follow(kind: str, step: int | None, data: dict[str, Any]) -> None:
        values = scalars_of(kind, data)
        for name, tracker in list(trackers.items()) if values else []:
            try:
                tracker.scalars(step or 0, values)
            except Exception as error:  # a tracker is somebody else's program, and no part of the run
                if is_disk_full(error):
                    raise
                del trackers[name]  # before the warning, which comes back here
                logger.warning("%s is switched off: %s", name, error)
                events.append("warning", message=_broken(name, error))

    events.follow(follow)
    try:
        yield
    finally:
        for name, tracker in trackers.items():
            _closed(events, name, tracker)


def _closed(events: EventLog, name: str, tracker: Tracker) -> None:
    try:
        tracker.close()
    except Exception as error:  # noqa: BLE001 - somebody else's program, and no part of the run
        logger.warning("%s could not be closed: %s", name, error)
        message = f"{name} could not be closed: {_first_line(error)} Its last points may be missing there."
        with contextlib.suppress(OSError):  # a full disk: said already where it was met
            events.append("warning", message=message)


def _broken(name: str, error: Exception) -> str:
    return (
        f"{name} takes no more points: {_first_line(error)} Training goes on; its curves are complete on this page "
        "and, unless it is the one that broke, under tensorboard/ in the run directory."
    )


def _first_line(error: Exception) -> str:
    """What an error says, as a sentence; its kind where it says nothing."""
    said = next(iter(str(error).splitlines()), type(error).__name__)
    return said if said.endswith((".", "!", "?")) else f"{said}."


def _opened(name: str, run_dir: Path) -> Tracker:
    try:
        tracker: Tracker = _OPENED[name](run_dir)
    except Exception as error:
        raise TrainingError(
            f"{SETTING} asks for {name}, which cannot be opened: {_first_line(error)} Mend that, or take it "
            "out of the setting."
        ) from error
    return tracker


def scalars_of(kind: str, data: Mapping[str, Any]) -> dict[str, float]:
    """The finite numbers of an event, by the tag of their curve."""
    found = {tag: data.get(key) for key, tag in TAGS.get(kind, {}).items()}
    return {tag: float(value) for tag, value in found.items() if value is not None and math.isfinite(value)}


def _settings(run_dir: Path) -> dict[str, Any]:
    return {"run_directory": str(run_dir), **contract.read_json(run_dir / contract.CONFIG_FILE)}


class _Mlflow:
    def __init__(self, run_dir: Path) -> None:
        os.environ.setdefault("MLFLOW_DISABLE_TELEMETRY", "true")
        self._library: Any = importlib.import_module("mlflow")
        if "MLFLOW_TRACKING_URI" not in os.environ:
            self._library.set_tracking_uri(f"sqlite:///{run_dir.resolve()}/mlflow.db")
        self._library.set_experiment("countersign")
        self._run = self._library.start_run(run_name=run_dir.name)
        self._library.log_params({name: str(value)[:500] for name, value in _settings(run_dir).items()})

    def scalars(self, step: int, values: Mapping[str, float]) -> None:
        self._library.log_metrics(dict(values), step=step)

    def close(self) -> None:
        self._library.end_run()


class _Wandb:
    def __init__(self, run_dir: Path) -> None:
        os.environ.setdefault("WANDB_MODE", "offline")
        os.environ.setdefault("WANDB_SILENT", "true")
        os.environ.setdefault("WANDB_ERROR_REPORTING", "false")
        library: Any = importlib.import_module("wandb")
        self._run = library.init(
            project="countersign", name=run_dir.name, dir=str(run_dir), config=_settings(run_dir), resume="allow",
            id=run_dir.name,
        )  # fmt: skip

    def scalars(self, step: int, values: Mapping[str, float]) -> None:
        self._run.log({**values, "step": step})

    def close(self) -> None:
        self._run.finish()


class _Trackio:
    def __init__(self, run_dir: Path) -> None:
        os.environ.setdefault("TRACKIO_DIR", str(run_dir / "trackio"))
        self._library: Any = importlib.import_module("trackio")
        self._library.init(project="countersign", name=run_dir.name, config=_settings(run_dir))

    def scalars(self, step: int, values: Mapping[str, float]) -> None:
        self._library.log(dict(values), step=step)

    def close(self) -> None:
        self._library.finish()


_OPENED: dict[str, Any] = {"mlflow": _Mlflow, "wandb": _Wandb, "trackio": _Trackio}
