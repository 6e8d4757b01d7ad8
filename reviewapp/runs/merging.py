"""New model versions out of the adapters of others: asked for, merged by the trainer, registered when all is proved."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any
from uuid import UUID

from django.conf import settings
from django.db import transaction
from django.db.models import Max, QuerySet

from reviewapp.audit import services as audit
from reviewapp.core import jobs
from reviewapp.core.exceptions import ApplicationError, JobCancelled, JobFailed
from reviewapp.core.jobs import JobHandle
from reviewapp.projects.models import Project
from reviewapp.runs import base_facts, basefolder, beside, launcher, rundir, selectors, services
from reviewapp.runs.models import MergePart, ModelMerge, ModelVersion
from reviewapp.words import say
from training import contract
from training.contract import ContractError, MergeConfig, Template

if TYPE_CHECKING:
    from reviewapp.accounts.models import User

JOB = "reviewapp.runs.jobs.execute_merge"


# ---- reading


def merges_of(project: Project) -> QuerySet[ModelMerge]:
    return (
        ModelMerge.objects.filter(project=project)
        .select_related("project", "base_model", "job", "requested_by", "model_version")
        .prefetch_related("parts__model_version")
        .order_by("-number")
    )


def models_mergeable(project: Project) -> list[ModelVersion]:
    """Model versions with an adapter that run here, the newest first."""
    rows = selectors.model_versions(project).exclude(adapter_path="").exclude(base_model__path="")
    return list(rows.filter(is_external=False, is_simulated=False))


# ---- asking


@transaction.atomic
def merge_request(
    *,
    project: Project,
    weights: Mapping[int, float],
    values: Mapping[str, Any],
    requested_by: User,
    idempotency_key: UUID,
) -> ModelMerge:
    """Puts a merge into the queue. ``weights`` by the number of each model version; ``values``: method, density, rank.

    Raises ApplicationError for model versions that cannot be merged: of several bases or templates, out of use,
    altered, or without an adapter. A form sent twice gives the same merge.
    """
    known = ModelMerge.objects.filter(idempotency_key=idempotency_key).first()
    if known is not None:
        return known
    parents = _parents(project, weights)
    config = _config(parents, weights, values)
    Project.objects.select_for_update().get(pk=project.pk)
    last = ModelMerge.objects.filter(project=project).aggregate(n=Max("number"))["n"] or 0
    merge = ModelMerge.objects.create(
        project=project,
        number=last + 1,
        base_model=parents[0].base_model,
        config=contract.config_to_json(config),
        config_hash=contract.config_sha256(config),
        requested_by=requested_by,
        idempotency_key=idempotency_key,
    )
    for parent in parents:
        MergePart.objects.create(merge=merge, model_version=parent, weight=weights[parent.number])
    _enqueue(merge, requested_by)
    data = {"parts": {str(parent.number): weights[parent.number] for parent in parents}, "method": config.method}
    _record(requested_by, "merge.request", merge, data)
    return merge


def _parents(project: Project, weights: Mapping[int, float]) -> list[ModelVersion]:
    found = [model for model in models_mergeable(project) if model.number in weights]
    if len(found) != len(weights):
        raise ApplicationError(say("One of these model versions has no adapter that could be merged. Choose others."))
    if len({model.base_model_id for model in found}) > 1:
        raise ApplicationError(say("These adapters lie on different base models. Choose those of one base."))
    if len({model.template_sha256 for model in found}) > 1:
        raise ApplicationError(say("These adapters were taught with different templates. Choose those of one."))
    for model in found:
        beside.model_check(project, model)
    return sorted(found, key=lambda model: model.number)


def _config(parents: list[ModelVersion], weights: Mapping[int, float], values: Mapping[str, Any]) -> MergeConfig:
    if not parents:
        raise ApplicationError(say("Give at least two model versions a weight."))
    base = parents[0].base_model
    try:
        return MergeConfig(
            model=base_facts.model_spec(base),
            template=Template(**base.template),
            parts=tuple(
                contract.MergePart(
                    adapter=parent.adapter_path, sha256=parent.weights_sha256, weight=weights[parent.number]
                )
                for parent in parents
            ),
            **values,
        )
    except (ContractError, TypeError) as error:
        raise ApplicationError(str(error)) from error


def _enqueue(merge: ModelMerge, by: User) -> None:
    merge.run_dir = str(Path(settings.RUNS_DIR) / f"merge-{merge.pk}")
    merge.job = jobs.enqueue(
        JOB,
        title=f"Merge {merge.number}",
        created_by=by,
        kwargs={"merge_id": merge.pk},
        queue="training",
        project_slug=merge.project.slug,
    )
    merge.save(update_fields=["run_dir", "job"])


# ---- the work


def merging_execute(handle: JobHandle, merge_id: int) -> None:
    """Checks once more, lets the trainer merge, and registers what it made."""
    merge = ModelMerge.objects.select_related("project", "base_model").get(pk=merge_id)
    if hasattr(merge, "model_version"):
        return
    for part in merge.parts.select_related("model_version__base_model"):
        beside.model_check(merge.project, part.model_version)
    config = contract.config_from_json(merge.config)
    if not isinstance(config, MergeConfig) or contract.config_sha256(config) != merge.config_hash:
        raise JobFailed("The settings of this merge were altered after it was asked for. Ask for a new one.")
    run_dir = Path(merge.run_dir)
    rundir.write(run_dir, config, {})
    _merge(handle, run_dir, allow_hub=merge.base_model.is_hub)
    result = rundir.read_result(run_dir)
    if result is None:
        raise JobFailed("The trainer said that it merged but wrote no result. Try again.")
    version = merge_succeed(merge=merge, result=result)
    handle.progress(1, 1, f"Finished: {version.label}.")


def _merge(handle: JobHandle, run_dir: Path, *, allow_hub: bool) -> None:
    outcome = launcher.run_when_free("merge", run_dir, on_poll=handle.check_cancelled, allow_hub=allow_hub)
    if outcome.code == contract.EXIT_CANCELLED:
        raise JobCancelled("Stopped. Nothing was registered; try again merges anew.")
    if outcome.code != contract.EXIT_OK:
        raise JobFailed(rundir.last_failure(run_dir) or f"The merge ended with status {outcome.code}; see its log.")


@transaction.atomic
def merge_succeed(*, merge: ModelMerge, result: dict[str, Any]) -> ModelVersion:
    """Registers the new model version. Raises ApplicationError unless it is exactly what was asked for."""
    folder = Path(merge.run_dir) / str(result.get("output", ""))
    base_hash = merge.base_model.facts.get("weights_sha256") or result.get("base_sha256")
    if result.get("config_sha256") != merge.config_hash or result.get("base_sha256") != base_hash:
        raise ApplicationError(say("The result is of other settings or of another base model. Nothing was registered."))
    for name, expected in (result.get("files") or {"result": ""}).items():
        path = folder / name
        if not path.is_file() or contract.file_sha256(path) != expected:
            raise ApplicationError(
                say("%(name)s was altered after the merge. Nothing was registered; ask for a new merge.", name=name)
            )
    ModelMerge.objects.filter(pk=merge.pk).update(result=result)
    version = services.version_add(
        base=merge.base_model,
        label=f"{merge.base_model.name}, merge {merge.number}",
        merge=merge,
        adapter_path=str(folder),
        weights_sha256=basefolder.fingerprint(folder),
        template_sha256=result["template_sha256"],
    )
    data = {"model_version": version.number, "weights_sha256": version.weights_sha256}
    _record(None, "merge.succeed", merge, data)
    return version


def _record(actor: User | None, action: str, merge: ModelMerge, data: dict[str, Any]) -> None:
    audit.record(
        actor=actor, action=action, project=merge.project.slug, target_type="modelmerge", target_id=merge.pk,
        data={"number": merge.number, **data},
    )  # fmt: skip
