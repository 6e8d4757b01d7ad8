"""``result.json``: what a finished run is made of. Written last, so that its existence means success."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from training import contract, environment


def write_result(run_dir: Path, config: contract.Config, values: dict[str, Any]) -> None:
    """Adds schema, kind, seed, config hash, library versions and hardware to ``values`` and writes them."""
    common = {
        "schema": contract.SCHEMA,
        "kind": config.kind,
        "config_sha256": contract.config_sha256(config),
        "seed": getattr(config, "seed", None),
        "versions": environment.versions(),
        "hardware": environment.hardware(),
    }
    contract.write_json(run_dir / contract.RESULT_FILE, {**common, **values})


def is_finished(run_dir: Path, config: contract.Config) -> bool:
    """Whether this very config is done; raises ContractError when another one was done here."""
    path = run_dir / contract.RESULT_FILE
    if not path.exists():
        return False
    if contract.read_json(path).get("config_sha256") != contract.config_sha256(config):
        raise contract.ContractError("This run directory is finished with another config. Start a new run.")
    return True


def seconds_used(run_dir: Path) -> float:
    """Training seconds that earlier attempts of this run have used, from their events."""
    path = run_dir / contract.EVENTS_FILE
    if not path.exists():
        return 0.0
    return max((float(event["data"].get("seconds") or 0.0) for event in contract.read_jsonl(path)), default=0.0)
