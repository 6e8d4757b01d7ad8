"""Exports of model versions: what may leave, the job that writes and tests it, the file that carries its hash.

Nothing ships without a countersignature: merged models and GGUF files are of promoted model versions only. The adapter
of one that nobody promoted may leave for research, with a reason; its file and its card say "not promoted".
"""

from __future__ import annotations

import errno
import hashlib
import shutil
import tempfile
from itertools import chain, zip_longest
from pathlib import Path
from typing import TYPE_CHECKING, Any
from uuid import UUID

from django.conf import settings
from django.db import transaction
from django.utils import timezone
from django.utils.text import slugify
from django.utils.translation import gettext as _

from reviewapp.audit import services as audit
from reviewapp.core import jobs
from reviewapp.core.exceptions import ApplicationError, JobFailed
from reviewapp.lineage import standing
from reviewapp.lineage.model_card import card_text
from reviewapp.lineage.models import ModelExport
from reviewapp.projects.models import Project
from reviewapp.projects.permissions import Permission
from reviewapp.projects.selectors import may
from reviewapp.runs import base_facts
from reviewapp.runs.ancestry import learned_length, runs_behind
from reviewapp.runs.models import ModelVersion
from reviewapp.trainingsets import packing
from reviewapp.trainingsets.models import Example, TrainingSetVersion
from reviewapp.words import say
from training import contract
from training.contract import ExportConfig, Template

if TYPE_CHECKING:
    from reviewapp.accounts.models import User

EXPORT_JOB = "reviewapp.lineage.jobs.export_model"
PROMPTS = 20  # of the validation split: held-out prompts stay sealed
# Share of agreeing tokens that an export needs; what rounds the weights may differ a little more.
LEAST = {"fp32": 0.99, "bf16": 0.95}
Form, Dtype = ModelExport.Form, ModelExport.Dtype
NOT_PROMOTED = (
    "> NOT PROMOTED. No lead has signed that this model may ship. This adapter is for research inside the "
    "organisation and must not answer anybody who relies on it.\n\n"
)


def least_agreement(form: str, dtype: str) -> float:
    return LEAST["fp32" if form == Form.ADAPTER else dtype]


def export_problem(model: ModelVersion, form: str) -> str:
    """Why this form of a model version may not leave now, as a sentence that says what to do; empty: it may."""
    problem = _of_kind(model, form) or next(iter(standing.hold_problems(model, standing.report_deciding(model))), "")
    if problem:
        return problem
    if form == Form.GGUF and not settings.GGUF_CONVERTER:
        return say(
            "No converter is set. The operator sets COUNTERSIGN_GGUF_CONVERTER to the path of a program such as "
            "convert_hf_to_gguf.py and starts web server and workers again."
        )
    if form != Form.ADAPTER and standing.promotion_of(model.project, model.pk) is None:
        return say("Not promoted: only a model version that a lead has promoted leaves as a whole model.")
    return ""


def _of_kind(model: ModelVersion, form: str) -> str:
    if model.is_external or not (model.adapter_path or model.model_path):
        return say("Nothing of it was trained here, so there is nothing to export.")
    if not _prompts(model):
        return say("It has no validation prompts, so an export could not be tested.")
    if form == Form.ADAPTER and not model.adapter_path:
        return say("It is a whole model and has no adapter.")
    return ""


@transaction.atomic
def export_request(
    *, model: ModelVersion, form: str, dtype: str, reason: str, requested_by: User, idempotency_key: UUID
) -> ModelExport:
    """Queues an export. A form sent twice gives the same one.

    Raises ApplicationError for people without the right, everything of ``export_problem``, an unknown form, and an
    adapter that nobody promoted without a reason.
    """
    Project.objects.select_for_update().get(pk=model.project_id)  # a recall waits for this lock, or this one for it
    known = ModelExport.objects.filter(idempotency_key=idempotency_key, model_version=model).first()
    if known is not None:
        return known
    is_promoted = _check(model, form, dtype, reason, requested_by)
    base_facts.base_model_check(model.base_model)
    card = ("" if is_promoted else NOT_PROMOTED) + card_text(model)
    export = ModelExport.objects.create(
        model_version=model,
        form=form,
        dtype=dtype,
        is_promoted=is_promoted,
        reason="" if is_promoted else reason.strip(),
        card=card,
        requested_by=requested_by,
        idempotency_key=idempotency_key,
    )
    export.run_dir = str(Path(settings.RUNS_DIR) / f"export-{export.pk}")
    export.job = jobs.enqueue(
        EXPORT_JOB,
        title=f"Export {model.label}"[:200],
        created_by=requested_by,
        kwargs={"export_id": export.pk},
        queue="training",
        project_slug=model.project.slug,
    )
    export.save(update_fields=["run_dir", "job"])
    _record(requested_by, "model.export", export, {"reason": export.reason})
    return export


def _check(model: ModelVersion, form: str, dtype: str, reason: str, by: User) -> bool:
    """Raises ApplicationError for what must not leave; returns whether the model version is promoted."""
    if not may(by, model.project, Permission.SIGN):
        raise ApplicationError(_("Only a lead of this project may export a model version."))
    if form not in Form.values or dtype not in Dtype.values:
        raise ApplicationError(_("Choose adapter, merged model or GGUF, in fp32 or bf16."))
    problem = export_problem(model, form)
    if problem:
        raise ApplicationError(problem)
    is_promoted = standing.promotion_of(model.project, model.pk) is not None
    if not is_promoted and not reason.strip():
        raise ApplicationError(_("Nobody promoted this model version. Say what its adapter is exported for."))
    return is_promoted


def export_config(export: ModelExport) -> tuple[ExportConfig, dict[str, str]]:
    """What the trainer is told, with the files that it needs."""
    model, base = export.model_version, export.model_version.base_model
    prompts = contract.jsonl_text(_prompts(model))
    spec, template = base_facts.model_spec(base), Template(**base.template)
    config = ExportConfig(
        form=export.form,  # type: ignore[arg-type]
        dtype=export.dtype,  # type: ignore[arg-type]
        base_path=spec.path,
        base_is_hub=spec.is_hub,
        base_revision=spec.revision,
        base_sha256=base.facts.get("weights_sha256", ""),
        adapter=model.adapter_path,
        model=model.model_path,
        weights_sha256=model.weights_sha256,
        template_sha256=model.template_sha256,
        prefix=template.prefix,
        separator=template.separator,
        use_chat_template=template.use_chat_template,
        prompts_rows=len(prompts.splitlines()),
        prompts_sha256=contract.text_sha256(prompts),
        card_sha256=contract.text_sha256(export.card),
        max_length=learned_length(model),
        min_agreement=least_agreement(export.form, export.dtype),
        converter=settings.GGUF_CONVERTER if export.form == Form.GGUF else "",
    )
    return config, {contract.PROMPTS_FILE: prompts, contract.CARD_FILE: export.card}


def _prompts(model: ModelVersion) -> list[dict[str, Any]]:
    """The first validation prompts of what it learned from; of a merge those of each parent in turn, each once."""
    runs = [model.run] if model.run is not None else runs_behind(model)
    firsts = [_first_prompts(run.version) for run in runs]
    found: dict[str, dict[str, Any]] = {}
    for row in filter(None, chain.from_iterable(zip_longest(*firsts))):
        found.setdefault(row["id"], row)
    return list(found.values())[:PROMPTS]


def _first_prompts(version: TrainingSetVersion) -> list[dict[str, Any]]:
    rows = version.examples.filter(split=Example.Split.VALIDATION).exclude(prompt="").order_by("position")
    found = rows.values_list("sample__external_id", "prompt")[:PROMPTS]
    return [{"id": key, "prompt": text} for key, text in found]


def export_keep(export: ModelExport, result: dict[str, Any]) -> ModelExport:
    """The folder of a passed export as one file named by its content. Checked once more: a recall may have come."""
    model = export.model_version
    problem = export_problem(model, export.form)
    if problem:
        raise JobFailed(problem)
    made = Path(export.run_dir) / contract.EXPORT_DIR
    for name, expected in result["files"].items():
        if contract.file_sha256(made / name) != expected:
            raise JobFailed(f"{name} was altered after its test. Nothing was published; ask for the export again.")
    try:
        values = _packed(export, made)
    except OSError as error:
        if error.errno == errno.ENOSPC:
            raise JobFailed("The disk is full. Make room, then retry this job.") from error
        raise
    values |= {"self_test": result["self_test"], "made_at": timezone.now()}
    with transaction.atomic():
        ModelExport.objects.filter(pk=export.pk).update(**values)
        export.refresh_from_db()
        data = {"file": export.file_name, "sha256": export.sha256, "agreement": result["self_test"]["agreement"]}
        _record(None, "model.exported", export, data)
    shutil.rmtree(made, ignore_errors=True)
    return export


def _packed(export: ModelExport, made: Path) -> dict[str, Any]:
    """A zip without times: the same content gives the same name and the same bytes."""
    model = export.model_version
    folder = Path(settings.MEDIA_ROOT) / "exports" / str(model.project_id)
    folder.mkdir(parents=True, exist_ok=True)
    mark = "" if export.is_promoted else "-not-promoted"
    kind = export.form if export.form == Form.ADAPTER else f"{export.form}-{export.dtype}"
    stem = f"{slugify(model.label) or 'model'}-v{model.number}-{kind}{mark}"
    name = f"{stem}-{packing.seal_folder(made)[:12]}"
    with tempfile.TemporaryDirectory(dir=folder) as work:
        packing.zip_folder(made, Path(work) / "export.zip", name)
        target = Path(shutil.move(Path(work) / "export.zip", folder / f"{name}.zip"))
    with target.open("rb") as handle:
        digest = hashlib.file_digest(handle, "sha256").hexdigest()
    return {"file_name": target.name, "stored_path": str(target), "sha256": digest, "size": target.stat().st_size}


def download_record(export: ModelExport, by: User) -> None:
    _record(by, "model.download", export, {"file": export.file_name, "sha256": export.sha256})


def _record(actor: User | None, action: str, export: ModelExport, data: dict[str, Any]) -> None:
    model = export.model_version
    audit.record(
        actor=actor,
        action=action,
        project=model.project.slug,
        target_type="modelversion",
        target_id=model.pk,
        data={"number": model.number, "form": export.form, "is_promoted": export.is_promoted, **data},
    )
