"""The work behind exports of model versions. The trainer writes and tests; this watches it and keeps what passed."""

from __future__ import annotations

import time
from pathlib import Path
from typing import Any

from reviewapp.core.exceptions import ApplicationError, JobCancelled, JobFailed, JobLost
from reviewapp.core.jobs import JobHandle
from reviewapp.lineage import exporting
from reviewapp.lineage.models import ModelExport
from reviewapp.runs import base_facts, launcher, rundir
from training import contract
from training.contract import ContractError

POLL_SECONDS = 1.0


def export_model(handle: JobHandle, export_id: int) -> None:
    """Writes, tests and keeps one export; called again after an interruption it goes on or begins anew."""
    export = ModelExport.objects.select_related(
        "model_version__project",
        "model_version__base_model",
        "model_version__run__version__training_set__project",
        "model_version__merge",
    ).get(pk=export_id)
    if export.made_at is not None:
        return
    try:
        _export(handle, export)
    except (JobCancelled, JobFailed, JobLost):
        raise
    except ApplicationError as error:
        raise JobFailed(error.message) from error
    except ContractError as error:
        raise JobFailed(str(error)) from error


def _export(handle: JobHandle, export: ModelExport) -> None:
    problem = exporting.export_problem(export.model_version, export.form)
    if problem:
        raise JobFailed(problem)
    base_facts.base_model_check(export.model_version.base_model)
    run_dir = Path(export.run_dir)
    rundir.write(run_dir, *exporting.export_config(export))
    result = _written(handle, export, run_dir)
    exporting.export_keep(export, result)
    handle.log(f"{export.file_name}; {result['self_test']['agreement']:.1%} of the tokens agree.")
    handle.progress(1, 1, "Tested and ready.")


def _written(handle: JobHandle, export: ModelExport, run_dir: Path) -> dict[str, Any]:
    """Runs the trainer until it has ended; returns its result and raises with its sentence otherwise."""
    base, offset = export.model_version.base_model, 0

    def on_poll() -> None:
        nonlocal offset
        batch = rundir.read_events(run_dir, offset)
        offset = batch.offset
        said = [str(event["data"]["message"]) for event in batch.events if event.get("kind") == "log"]
        if said:
            handle.progress(0, message=said[-1])
        handle.check_cancelled()

    while rundir.is_locked(run_dir):  # a trainer that outlived its worker; it ends by itself
        handle.check_cancelled()
        time.sleep(POLL_SECONDS)
    outcome = launcher.run("export", run_dir, on_poll=on_poll, allow_hub=base_facts.may_fetch(base))
    if outcome.code == contract.EXIT_CANCELLED:
        raise JobCancelled("Stopped. Retry begins the export again.")
    result = rundir.read_result(run_dir) if outcome.code == contract.EXIT_OK else None
    if result is not None:
        return result
    keep_figures(export, run_dir)
    words = f"The export was killed (signal {-outcome.code}), most often because memory is short. Choose bf16."
    sentence = words if outcome.was_killed else rundir.last_failure(run_dir)
    raise JobFailed(sentence or f"The export ended with status {outcome.code}; log.txt in {run_dir} says more.")


def keep_figures(export: ModelExport, run_dir: Path) -> None:
    """The figures of a test that failed are shown too."""
    path = run_dir / contract.SELF_TEST_FILE
    if path.is_file():
        ModelExport.objects.filter(pk=export.pk).update(self_test=contract.read_json(path))
