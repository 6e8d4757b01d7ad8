"""The work behind training runs and previews. The trainer is another process; this one watches it."""

from __future__ import annotations

import time
from pathlib import Path
from typing import Any

from django.conf import settings

from reviewapp.core.exceptions import ApplicationError, JobCancelled, JobFailed, JobLost, JobPaused
from reviewapp.core.jobs import JobHandle
from reviewapp.runs import (
    base_facts,
    beside,
    budgets,
    fetching,
    inputs,
    launcher,
    objectives,
    recalling,
    rundir,
    selectors,
    services,
    starting,
)
from reviewapp.runs.embedding import embedding_execute
from reviewapp.runs.merging import merging_execute
from reviewapp.runs.models import BaseModel, TrainingRun
from reviewapp.runs.rewriting import rewriting_execute
from reviewapp.trainingsets import selectors as trainingsets
from reviewapp.trainingsets import services as trainingset_services
from reviewapp.trainingsets.freezing import Content
from reviewapp.trainingsets.models import Preview, TrainingSetVersion
from training import contract
from training.contract import ContractError, PreviewConfig, Template

POLL_SECONDS = 1.0
MAX_KILLS = 3  # after so many deaths by signal in one attempt something is wrong that trying again does not mend


def execute_run(handle: JobHandle, run_id: int) -> None:
    """Trains one run to its model version. Called again after any interruption it goes on where it stood."""
    run = TrainingRun.objects.select_related(
        "project", "version__training_set__project", "base_model", "requested_by", "start_from__project"
    ).get(pk=run_id)
    if hasattr(run, "model_version"):
        return
    try:
        train_run(handle, run)
        _finish(handle, run)
    except (JobCancelled, JobFailed, JobLost):
        raise
    except ApplicationError as error:
        raise JobFailed(error.message) from error
    except ContractError as error:
        raise JobFailed(str(error)) from error


def train_run(handle: JobHandle, run: TrainingRun) -> None:
    """Verifies and trains; what becomes of the result is the caller's. Raises where it does not come to one."""
    _prepare(run)
    handle.log("Version, signatures, base model and files are what was approved.")
    with budgets.metered(run) as meter:
        _train(handle, run, meter)


def _prepare(run: TrainingRun) -> None:
    """Verifies all that was signed and writes the run directory; raises before anything is started."""
    # read anew: since this job was taken, people may have returned the version or changed who signs
    trainable = trainingsets.version_is_trainable(trainingsets.version_in(run.project, run.version_id))
    if not trainable.is_ok:
        raise JobFailed(trainable.reason)
    base_facts.base_model_check(run.base_model)
    beside.check(run.project, run.version, beside.of_run(run))
    config = selectors.run_config(run)
    if contract.config_sha256(config) != run.config_hash:
        raise JobFailed("The settings of this run were altered after it was requested. Request a new run.")
    starting.start_check(run.start_from, run.base_model)
    inputs.labels_check(run.version, config)
    files = _files(run.version) | run.inputs | beside.files_of(run)
    rundir.write(Path(run.run_dir), config, files)


def _files(version: TrainingSetVersion) -> dict[str, str]:
    return _texts(trainingsets.version_content(version))


def _texts(content: Content) -> dict[str, str]:
    """The frozen files by name; those of preferences only where candidates were ranked."""
    files = {contract.TRAIN_FILE: content.train_jsonl, contract.VALIDATION_FILE: content.validation_jsonl}
    pairs = {
        contract.TRAIN_PREFERENCES_FILE: content.train_preferences,
        contract.VALIDATION_PREFERENCES_FILE: content.validation_preferences,
    }
    return files | {name: text for name, text in pairs.items() if text}


def _train(handle: JobHandle, run: TrainingRun, meter: budgets.Meter) -> None:
    """Starts the trainer until it has ended by itself; returns on success and raises otherwise."""
    run_dir, kills = Path(run.run_dir), 0

    def on_poll() -> None:
        _report(handle, run)
        try:
            handle.check_cancelled()
        except JobPaused:
            rundir.ask_to_stop(run_dir, is_pause=True)
            raise
        meter.tick()
        recalling.check_recalls(run)

    meter.tick()
    recalling.check_recalls(run)
    while True:
        _wait_for_lock(handle, run_dir, on_poll)
        try:
            outcome = launcher.run(
                "sft",
                run_dir,
                on_poll=on_poll,
                allow_hub=base_facts.may_fetch(run.base_model),
                poll_seconds=POLL_SECONDS,
            )
        except JobCancelled as cancelled:
            services.run_ingest_events(run=run)
            raise type(cancelled)(_how_it_stopped(run_dir, cancelled) or cancelled.message) from cancelled
        _report(handle, run)
        if outcome.code == contract.EXIT_OK:
            return
        if outcome.code == contract.EXIT_LOCKED:
            continue
        if _is_killed(outcome) and kills + 1 < MAX_KILLS:
            kills += 1
            handle.log(f"{_killed_words(outcome)}; going on from its last checkpoint.")
            _prepare(run)
            continue
        raise _ended(run_dir, outcome)


def _wait_for_lock(handle: JobHandle, run_dir: Path, on_poll: Any) -> None:
    """A trainer that outlived its worker still holds the directory: its events are taken in until it ends."""
    is_said = False
    while rundir.is_locked(run_dir):
        if not is_said:
            handle.log("A trainer of an earlier attempt is still at work here; waiting for it.")
            is_said = True
        try:
            on_poll()
        except JobCancelled:
            rundir.ask_to_stop(run_dir)
            raise
        time.sleep(POLL_SECONDS)


def _how_it_stopped(run_dir: Path, why: JobCancelled) -> str:
    """What became of a training that a person cancelled or paused; the request may come when it has just ended."""
    is_pause = isinstance(why, JobPaused)
    if rundir.read_result(run_dir) is not None:
        return f"{why.message.rstrip('.')}, but the training had ended. Resume registers its model."
    return rundir.last_message(run_dir, "paused" if is_pause else "cancelled")


def _is_killed(outcome: launcher.Outcome) -> bool:
    return outcome.was_killed or outcome.code == contract.EXIT_RANK_LOST


def _killed_words(outcome: launcher.Outcome) -> str:
    if outcome.code == contract.EXIT_RANK_LOST:
        return "One of the trainer's processes was killed"
    return f"The trainer was killed by signal {-outcome.code}"


def _ended(run_dir: Path, outcome: launcher.Outcome) -> ApplicationError:
    """The error for an end that was no success."""
    if outcome.code == contract.EXIT_DISK_FULL:
        told = rundir.last_failure(run_dir)
        words = "The disk is full, so the run was stopped; checkpoints written before are kept. Make room, then resume."
        return JobFailed(told if told.startswith("The disk") else words)
    if outcome.code == contract.EXIT_CANCELLED:
        return JobCancelled("The trainer was stopped from outside. Resume goes on from its checkpoint.")
    if _is_killed(outcome):
        last = f" (last by signal {-outcome.code})" if outcome.was_killed else ""
        return JobFailed(
            f"The trainer was killed {MAX_KILLS} times{last}, most often because memory is short. "
            "Request a run with half the batch size and twice the accumulation, or resume on a larger machine."
        )
    sentence = rundir.last_failure(run_dir)
    return JobFailed(sentence or f"The trainer ended with status {outcome.code} and no reason; its log is on the page.")


def _report(handle: JobHandle, run: TrainingRun) -> None:
    """Events to the database, the newest step to the job row."""
    if services.run_ingest_events(run=run):
        step = run.events.filter(kind="step").order_by("-seq").values_list("step", flat=True).first() or 0
        handle.progress(step, selectors.run_steps(run))


def _finish(handle: JobHandle, run: TrainingRun) -> None:
    result = rundir.read_result(Path(run.run_dir))
    if result is None:
        raise JobFailed("The trainer said that it finished but wrote no result. Resume the run.")
    version = services.run_succeed(run=run, result=result)
    handle.log(f"{result['train_rows']} examples trained, as approved. Registered {version.label}.")
    handle.progress(result["steps"], result["steps"], f"Finished: {version.label}.")


# ---- previews


def execute_preview(handle: JobHandle, preview_id: int) -> None:
    """Lets the trainer's own code say what a base model would learn from a version."""
    preview = Preview.objects.select_related("version__training_set__project").get(pk=preview_id)
    if preview.result is not None:
        return
    try:
        run_dir = _write_preview(preview)
        _show(handle, preview, run_dir)
    except ContractError as error:
        raise JobFailed(str(error)) from error


def _write_preview(preview: Preview) -> Path:
    version = preview.version
    base = BaseModel.objects.filter(project=version.training_set.project, path=preview.base_model_path).first()
    if base is None:
        raise JobFailed("The base model of this preview is not registered any more. Choose one that is.")
    base_facts.base_model_check(base)
    content, content_hash = _previewed(version)
    if content_hash != preview.content_hash:
        raise JobFailed("The draft changed after the preview was asked for. Ask again.")
    config = PreviewConfig(
        model=base_facts.model_spec(base),
        template=Template(**base.template),
        max_length=preview.max_length,
        objective=objectives.objective_of(version),
    )
    run_dir = Path(settings.RUNS_DIR) / f"preview-{preview.pk}"
    rundir.write(run_dir, config, content)
    Preview.objects.filter(pk=preview.pk).update(run_dir=str(run_dir))
    return run_dir


def _previewed(version: TrainingSetVersion) -> tuple[dict[str, str], str]:
    """Files and hash of a frozen version, or of a draft as it is now."""
    if version.state == TrainingSetVersion.State.FROZEN:
        return _files(version), version.content_hash
    content = trainingsets.version_plan(version).content
    if content is None:
        return {}, ""
    return _texts(content), content.content_hash


def _show(handle: JobHandle, preview: Preview, run_dir: Path) -> None:
    outcome = launcher.run("preview", run_dir, on_poll=handle.check_cancelled, poll_seconds=POLL_SECONDS)
    path = run_dir / contract.PREVIEW_FILE
    if outcome.code != contract.EXIT_OK or not path.is_file():
        raise _ended(run_dir, outcome)
    trainingset_services.preview_store(preview=preview, result=contract.read_json(path))


# ---- base models


def fetch_base_model(handle: JobHandle, base_id: int) -> None:
    """Brings a hub model here at one commit and looks at it as at any folder."""
    base = BaseModel.objects.select_related("project", "registered_by").get(pk=base_id)
    try:
        fetching.base_model_fetch(base, handle)
    except ContractError as error:
        raise JobFailed(str(error)) from error


# ---- texts for synthetic samples


def execute_rewriting(handle: JobHandle, augmentation_id: int) -> None:
    """Lets a model of the project write the preview of an augmentation."""
    try:
        rewriting_execute(handle, augmentation_id)
    except (JobCancelled, JobFailed, JobLost):
        raise
    except ApplicationError as error:
        raise JobFailed(error.message) from error


# ---- vectors of texts


def execute_embedding(handle: JobHandle, embedding_id: int) -> None:
    """Lets the operator's encoder read a project's texts."""
    try:
        embedding_execute(handle, embedding_id)
    except (JobCancelled, JobFailed, JobLost):
        raise
    except ContractError as error:
        raise JobFailed(str(error)) from error


# ---- merges


def execute_merge(handle: JobHandle, merge_id: int) -> None:
    """Merges adapters to a new model version; called again it goes on where it stood."""
    try:
        merging_execute(handle, merge_id)
    except (JobCancelled, JobFailed, JobLost):
        raise
    except ApplicationError as error:
        raise JobFailed(error.message) from error
    except ContractError as error:
        raise JobFailed(str(error)) from error
