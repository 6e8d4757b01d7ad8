"""Texts for synthetic samples from a model of the project: the trainer's ``generate``, once for each instruction.

A model rewrites prompts (or completions), or translates them and, in a second pass, back. What it wrote is checked
like any other variant. The run directories stay, so that every text can be traced to the weights that wrote it.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

from django.conf import settings

from reviewapp.core.exceptions import JobCancelled, JobFailed
from reviewapp.core.jobs import JobHandle
from reviewapp.curation import services as curation
from reviewapp.curation.augmenting.facts import Pair
from reviewapp.curation.augmenting.recipe import TEXT
from reviewapp.curation.augmenting.run import texts_check, texts_measure
from reviewapp.curation.models import Augmentation, SyntheticText
from reviewapp.projects.models import Project
from reviewapp.runs import base_facts, launcher, rundir, selectors
from reviewapp.runs.models import ModelVersion
from training import contract
from training.contract import Arm, ContractError, GenerateConfig, Template

LONGEST = 2_048  # tokens of prompt and answer together, or fewer where the model reads fewer
ARM = "writer"
UNREAD = "prompt_too_long"
_AT_ONCE = 100


def model_facts(version: ModelVersion) -> dict[str, Any]:
    """What a recipe keeps of the model: enough to find it again and to notice other weights."""
    weights = version.weights_sha256 or str(version.base_model.facts.get("weights_sha256", ""))
    return {"number": version.number, "label": version.label, "weights_sha256": weights}


def texts_rewrite(augmentation: Augmentation, handle: JobHandle) -> None:
    """Lets the model write what is not written yet; raises JobFailed with a sentence when it cannot."""
    curation.parents_begin(augmentation=augmentation)
    texts = list(augmentation.texts.select_related("parent", "parent_revision").order_by("pk"))
    if any(not text.outcome for text in texts):
        version = _version(augmentation)
        written = {text.pk: _part(augmentation, text) for text in texts}
        for step, instruction in enumerate(augmentation.recipe["steps"]):
            written = _pass(augmentation, version, step, instruction, written, handle)
        _keep(augmentation, [text for text in texts if not text.outcome], written)
    texts_measure(augmentation, handle)


def _part(augmentation: Augmentation, text: SyntheticText) -> str:
    revision = text.parent_revision
    return revision.completion if augmentation.recipe["part"] == "completion" else revision.prompt


def _version(augmentation: Augmentation) -> ModelVersion:
    """The model of the recipe, with the weights that it had; raises JobFailed otherwise."""
    wanted = augmentation.recipe["model"]
    version = models_able(augmentation.project).get(wanted["number"])
    if version is None:
        raise JobFailed(f"Model version {wanted['label']} does not run here any more. Choose another one.")
    base_facts.base_model_check(version.base_model)
    if model_facts(version) != wanted:
        raise JobFailed(f"Model version {wanted['label']} has other weights than when it was chosen. Ask again.")
    return version


def models_able(project: Project) -> dict[int, ModelVersion]:
    """Model versions that run here, by number, the newest first."""
    found = selectors.model_versions(project).filter(is_external=False, is_simulated=False).exclude(base_model__path="")
    return {version.number: version for version in found}


def _pass(
    augmentation: Augmentation,
    version: ModelVersion,
    step: int,
    instruction: str,
    texts: dict[int, str],
    handle: JobHandle,
) -> dict[int, str]:
    """Answers to one instruction by text; those that got none are left out. What is answered is not asked again."""
    rows = [
        {"id": str(key), "prompt": instruction.replace(TEXT, text), "reference": "", "facts": []}
        for key, text in texts.items()
        if text.strip()
    ]
    if not rows:
        return {}
    run_dir = Path(settings.RUNS_DIR) / f"augmentation-{augmentation.pk}-{step + 1}"
    lines = contract.jsonl_text(rows)
    rundir.write(run_dir, _config(augmentation, version, lines, len(rows)), {contract.PROMPTS_FILE: lines})
    _generate(run_dir, handle, base_facts.may_fetch(version.base_model))
    answers = contract.read_jsonl(run_dir / contract.OUTPUTS_FILE)
    return {int(row["prompt_id"]): row["text"] for row in answers if row["stop_reason"] != UNREAD}


def _config(augmentation: Augmentation, version: ModelVersion, lines: str, rows: int) -> GenerateConfig:
    base, recipe = version.base_model, augmentation.recipe
    context = int(base.facts.get("positions") or LONGEST)
    return GenerateConfig(
        model=base_facts.model_spec(base),
        arms=(Arm(name=ARM, adapter=version.adapter_path, model=version.model_path),),
        template=Template(**base.template),
        template_sha256=version.template_sha256,
        prompts_rows=rows,
        prompts_sha256=contract.text_sha256(lines),
        max_new_tokens=recipe["max_new_tokens"],
        max_length=min(LONGEST, context),
        seed=recipe["seed"],
    )


def _generate(run_dir: Path, handle: JobHandle, allow_hub: bool) -> None:
    """Runs the trainer until it has ended; a text that is answered is never asked again."""
    offset = 0

    def on_poll() -> None:
        nonlocal offset
        batch = rundir.read_events(run_dir, offset)
        offset = batch.offset
        steps = [event for event in batch.events if event.get("total_steps")]
        if steps:
            handle.progress(int(steps[-1].get("step") or 0), int(steps[-1]["total_steps"]), "texts written")
        handle.check_cancelled()

    outcome = launcher.run_when_free("generate", run_dir, on_poll=on_poll, allow_hub=allow_hub)
    if outcome.code == contract.EXIT_CANCELLED:
        raise JobCancelled("Stopped. Resume goes on with the texts that are left.")
    result = rundir.read_result(run_dir) if outcome.code == contract.EXIT_OK else None
    if result is None:
        raise JobFailed(rundir.last_failure(run_dir) or f"The writer ended with status {outcome.code}; see its log.")
    for name, expected in result["files"].items():
        if contract.file_sha256(run_dir / name) != expected:
            raise JobFailed(f"{name} was altered after it was written. Nothing was taken in; ask again.")


def _keep(augmentation: Augmentation, texts: list[SyntheticText], written: dict[int, str]) -> None:
    unread = [text for text in texts if text.pk not in written]
    for text in unread:
        text.outcome = "too_long"
    curation.texts_keep(texts=unread)
    is_completion = augmentation.recipe["part"] == "completion"

    def made(text: SyntheticText) -> Pair:
        parent = text.parent_revision
        new = written[text.pk]
        return Pair(parent.prompt, new) if is_completion else Pair(new, parent.completion)

    answered = [text for text in texts if text.pk in written]
    for start in range(0, len(answered), _AT_ONCE):
        texts_check(answered[start : start + _AT_ONCE], made)


def rewriting_execute(handle: JobHandle, augmentation_id: int) -> None:
    """The job: ends with a preview; called again it goes on where it stood, and a preview that is there stays."""
    row = Augmentation.objects.select_related("project", "requested_by").get(pk=augmentation_id)
    if row.state != Augmentation.State.PLANNING:
        return
    try:
        texts_rewrite(row, handle)
    except ContractError as error:
        raise JobFailed(str(error)) from error
    handle.progress(1, 1, f"{row.plan['n']:,} of {row.plan['asked']:,} texts are kept.")
