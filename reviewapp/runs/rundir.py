"""Writes and reads a run directory: the only things that the web application and the trainer share.

The form of the files is ``training.contract``; nothing here knows of the database.
"""

from __future__ import annotations

import fcntl
import io
import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import IO, Any

from training import contract
from training.contract import (
    Config,
    ContractError,
    EmbedConfig,
    ExportConfig,
    GenerateConfig,
    JudgeConfig,
    RangeConfig,
    SuitesConfig,
    TrainConfig,
)

LOG_TAIL_BYTES = 64 * 1024


class RunDirError(ContractError):
    """A run directory is not what was written: altered, cut short, or of another run."""


@dataclass(frozen=True, kw_only=True)
class EventBatch:
    """Complete events after an offset; ``offset`` is where the next reading starts, in bytes."""

    events: list[dict[str, Any]]
    offset: int
    unreadable: int = 0


def write(run_dir: Path, config: Config, files: Mapping[str, str]) -> None:
    """Writes the files and then the config; a second call with the same content changes nothing.

    Raises RunDirError when the directory already holds another config or file content (a run directory is
    never altered: a changed run gets a new one), or when a file does not have the hash that the config names.
    """
    run_dir.mkdir(parents=True, exist_ok=True)
    for name, text in files.items():
        _write_once(run_dir / name, text)
    verify_inputs(run_dir, config)
    path = run_dir / contract.CONFIG_FILE
    if path.exists():
        if contract.read_config(run_dir) != config:
            raise RunDirError(f"{run_dir} belongs to a run with other settings. Request a new run.")
        return
    contract.write_config(run_dir, config)


def _write_once(path: Path, text: str) -> None:
    if path.exists():
        if path.read_bytes() != text.encode():
            raise RunDirError(f"{path.name} in {path.parent} was altered after it was written. Request a new run.")
        return
    contract.write_atomic(path, text)


def verify_inputs(run_dir: Path, config: Config) -> None:
    """Compares each input file with the hash that the config carries; raises RunDirError for the first that differs."""
    for name, expected in _expected_hashes(config).items():
        path = run_dir / name
        if not path.is_file():
            raise RunDirError(f"{name} is missing from {run_dir}.")
        if contract.file_sha256(path) != expected:
            raise RunDirError(f"{name} in {run_dir} does not have the approved content. Nothing was started.")


def _expected_hashes(config: Config) -> dict[str, str]:
    if isinstance(config, RangeConfig):
        return _expected_hashes(config.train)
    if isinstance(config, TrainConfig):
        beside = {
            contract.DIFFICULTY_FILE: config.difficulty_sha256,
            contract.FACTS_FILE: config.facts_sha256,
            contract.GENERAL_FILE: config.keeping.general_sha256,
            contract.TRAIN_LABELS_FILE: config.head.train_sha256,
            contract.VALIDATION_LABELS_FILE: config.head.validation_sha256,
        }
        return {
            contract.TRAIN_FILE: config.train_sha256,
            contract.VALIDATION_FILE: config.validation_sha256,
            **{name: sha256 for name, sha256 in beside.items() if sha256},
        }
    if isinstance(config, GenerateConfig):
        return {contract.PROMPTS_FILE: config.prompts_sha256}
    if isinstance(config, SuitesConfig):
        return {contract.SUITE_ITEMS_FILE: config.items_sha256}
    if isinstance(config, JudgeConfig):
        return {contract.QUESTIONS_FILE: config.questions_sha256}
    if isinstance(config, EmbedConfig):
        return {contract.TEXTS_FILE: config.texts_sha256}
    if isinstance(config, ExportConfig):
        return {contract.PROMPTS_FILE: config.prompts_sha256, contract.CARD_FILE: config.card_sha256}
    return {}


def read_events(run_dir: Path, offset: int = 0) -> EventBatch:
    """Reads the complete lines after ``offset``; a half-written last line is left for the next reading.

    A complete line that is no JSON object (its writer was killed in the middle of it) is counted in
    ``unreadable``, never passed over in silence. Raises RunDirError when the file is shorter than ``offset``.
    """
    path = run_dir / contract.EVENTS_FILE
    if not path.exists():
        return EventBatch(events=[], offset=offset)
    with path.open("rb") as handle:
        if handle.seek(0, 2) < offset:
            raise RunDirError(f"{path} became shorter; it may only grow.")
        handle.seek(offset)
        data = handle.read()
    whole = data[: data.rfind(b"\n") + 1]
    parsed = [_parse_event(line) for line in whole.splitlines() if line.strip()]
    events = [event for event in parsed if event is not None]
    return EventBatch(events=events, offset=offset + len(whole), unreadable=len(parsed) - len(events))


def _parse_event(line: bytes) -> dict[str, Any] | None:
    try:
        value = json.loads(line)
    except ValueError:
        return None
    return value if isinstance(value, dict) else None


def last_message(run_dir: Path, kind: str) -> str:
    """The sentence of the last event of this kind, or an empty string."""
    for event in reversed(read_events(run_dir).events):
        if event.get("kind") == kind:
            return str((event.get("data") or {}).get("message", ""))
    return ""


def last_failure(run_dir: Path) -> str:
    """The sentence of the last ``failed`` event, or an empty string."""
    return last_message(run_dir, "failed")


def read_result(run_dir: Path) -> dict[str, Any] | None:
    """``result.json``, whose existence means success; None while there is none."""
    path = run_dir / contract.RESULT_FILE
    if not path.is_file():
        return None
    value = contract.read_json(path)
    if not isinstance(value, dict):
        raise RunDirError(f"{path} is no JSON object.")
    return value


def is_locked(run_dir: Path) -> bool:
    """True while a trainer works in the directory, also one whose worker was killed."""
    path = run_dir / contract.LOCK_FILE
    if not path.exists():
        return False
    with path.open("a") as handle:
        try:
            fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            return True
    return False


def ask_to_stop(run_dir: Path, *, is_pause: bool = False) -> None:
    """Asks the trainer to save a checkpoint and stop; it looks for this file between steps. Asked twice: as before."""
    path = run_dir / contract.CANCEL_FILE
    if not path.exists():
        contract.write_atomic(path, contract.PAUSE if is_pause else "")


def ask_to_stop_because(run_dir: Path, reason: str) -> None:
    """The same with words for the trainer's last event."""
    if run_dir.is_dir():
        contract.write_atomic(run_dir / contract.CANCEL_FILE, reason)


def withdraw_stop(run_dir: Path) -> None:
    (run_dir / contract.CANCEL_FILE).unlink(missing_ok=True)


def open_log(run_dir: Path) -> IO[bytes]:
    """The whole of ``log.txt``, read while it is sent; nothing where there is none yet."""
    path = run_dir / contract.LOG_FILE
    return path.open("rb") if path.is_file() else io.BytesIO()


def log_tail(run_dir: Path, *, max_bytes: int = LOG_TAIL_BYTES) -> str:
    """The last whole lines of ``log.txt``, at most ``max_bytes``; undecodable bytes are replaced."""
    path = run_dir / contract.LOG_FILE
    if not path.is_file():
        return ""
    with path.open("rb") as handle:
        size = handle.seek(0, 2)
        handle.seek(max(0, size - max_bytes))
        data = handle.read()
    if size > max_bytes:
        data = data[data.find(b"\n") + 1 :]
    return data.decode("utf-8", errors="replace")
