"""Generation runs: base and candidate answer the held-out prompts, or a candidate's outputs come from a file."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any
from uuid import UUID

from django.conf import settings
from django.db import transaction
from django.db.models import Max
from django.utils.translation import gettext

from reviewapp.audit import services as audit
from reviewapp.core import jobs
from reviewapp.core.exceptions import ApplicationError
from reviewapp.core.models import Job
from reviewapp.evaluations import importing
from reviewapp.evaluations.facts import slot_results
from reviewapp.evaluations.figures import slot_figures
from reviewapp.evaluations.models import GenerationRun, Output
from reviewapp.evaluations.services.opponents import baseline_of, beside_check
from reviewapp.projects.models import Project
from reviewapp.runs import base_facts
from reviewapp.runs import services as runs
from reviewapp.runs.ancestry import learned_length
from reviewapp.runs.models import ModelVersion
from reviewapp.samples.models import HeldoutPrompt, HeldoutSet
from reviewapp.words import named
from training import contract
from training.contract import Arm, ContractError, GenerateConfig, Template

if TYPE_CHECKING:
    from reviewapp.accounts.models import User

JOB = "reviewapp.evaluations.jobs.execute_generation"
BASELINE, CANDIDATE = Output.Arm.BASELINE, Output.Arm.CANDIDATE
AGAIN = "baseline_again"  # the base asked once more; its answers stay in the run directory
SETTINGS = frozenset({"base_twice", "max_new_tokens", "max_length", "batch_size", "seed", "overlap_tokens"})
UNREAD = "prompt_too_long"  # the trainer's stop reason for a prompt that gets no answer


@dataclass(frozen=True, kw_only=True)
class IngestCounts:
    """What became of the lines: each is an output written now, known before, or a prompt nobody could answer."""

    written: int
    known: int
    unanswered: int


def prompt_rows(heldout_set: HeldoutSet) -> list[dict[str, Any]]:
    """The lines of prompts.jsonl, in the order of the set."""
    return [
        {"id": prompt.external_id, "prompt": prompt.prompt, "reference": prompt.reference, "facts": prompt.facts}
        for prompt in heldout_set.prompts.order_by("id")
    ]


@transaction.atomic
def generation_run_request(
    *,
    project: Project,
    heldout_set: HeldoutSet,
    candidate: ModelVersion,
    requested_by: User,
    idempotency_key: UUID,
    values: Mapping[str, Any] | None = None,
    baseline: ModelVersion | None = None,
) -> GenerationRun:
    """Queues a job in which the candidate and its base answer every prompt of a sealed held-out set.

    ``baseline``: another model version made from the same base, which then answers instead of the base alone.
    ``values``: keys of SETTINGS. Raises ApplicationError for a set that is open or empty, a model version that does
    not run here, weights that changed, and settings that contradict each other. A form sent twice gives the same run.
    """
    known = GenerationRun.objects.filter(idempotency_key=idempotency_key).first()
    if known is not None:
        return known
    heldout_check(project, heldout_set)
    alone = baseline_of(project, candidate)
    if baseline is not None:
        beside_check(candidate, baseline)
    config = generation_config(heldout_set, candidate, values or {}, baseline=baseline)
    run = run_add(
        project,
        heldout_set=heldout_set,
        baseline=baseline or alone,
        candidate=candidate,
        config=contract.config_to_json(config),
        requested_by=requested_by,
        idempotency_key=idempotency_key,
    )
    run.run_dir = str(Path(settings.RUNS_DIR) / f"generation-{run.pk}")
    run.job = jobs.enqueue(
        JOB,
        title=f"Generation run {run.number}",
        created_by=requested_by,
        kwargs={"run_id": run.pk},
        queue="training",
        project_slug=project.slug,
    )
    run.save(update_fields=["run_dir", "job"])
    _record(requested_by, "generation_run.request", run, {"config_hash": contract.config_sha256(config)})
    return run


def run_add(project: Project, **values: Any) -> GenerationRun:
    """A generation run with the next number of its project."""
    Project.objects.select_for_update().get(pk=project.pk)  # numbers are given one after the other
    number = (GenerationRun.objects.filter(project=project).aggregate(n=Max("number"))["n"] or 0) + 1
    return GenerationRun.objects.create(project=project, number=number, **values)


def heldout_check(project: Project, heldout_set: HeldoutSet) -> None:
    """Raises ApplicationError for a set of another project, an open one, and an empty one."""
    if heldout_set.project_id != project.pk:
        raise ApplicationError(gettext("Choose a held-out set of this project."))
    if heldout_set.sealed_at is None:
        raise ApplicationError(
            gettext("%(heldout_set)s is not sealed. Seal it, so that nothing can be added after the answers.")
            % {"heldout_set": heldout_set}
        )
    if not heldout_set.prompts.exists():
        raise ApplicationError(gettext("%(heldout_set)s has no prompts.") % {"heldout_set": heldout_set})


def generation_config(
    heldout_set: HeldoutSet,
    candidate: ModelVersion,
    values: Mapping[str, Any],
    *,
    baseline: ModelVersion | None = None,
) -> GenerateConfig:
    """What the trainer is told; raises ApplicationError for settings it would refuse. No baseline: the base alone."""
    unknown = sorted(set(values) - SETTINGS)
    if unknown:
        raise ApplicationError(
            gettext("Unknown setting %(setting)s; a generation run takes %(known)s.")
            % {"setting": f"{unknown[0]!r}", "known": ", ".join(sorted(SETTINGS))}
        )
    base = candidate.base_model
    rows = prompt_rows(heldout_set)
    chosen = {"max_length": learned_length(candidate), **values}
    first = {"adapter": baseline.adapter_path, "model": baseline.model_path} if baseline else {}
    again = (Arm(name=AGAIN, **first),) if chosen.pop("base_twice", True) else ()
    try:
        return GenerateConfig(
            model=base_facts.model_spec(base),
            arms=(
                Arm(name=BASELINE, **first),
                Arm(name=CANDIDATE, adapter=candidate.adapter_path, model=candidate.model_path),
                *again,
            ),
            template=Template(**base.template),
            template_sha256=candidate.template_sha256,
            prompts_rows=len(rows),
            prompts_sha256=hashlib.sha256(contract.jsonl_text(rows).encode()).hexdigest(),
            encoder=settings.ENCODER_MODEL,
            **chosen,
        )
    except (ContractError, TypeError) as error:
        raise ApplicationError(str(error)) from error


def outputs_ingest(
    *, run: GenerationRun, lines: Sequence[Mapping[str, Any]], metrics: dict[str, Any], result: dict[str, Any]
) -> IngestCounts:
    """Writes the trainer's outputs; again with the same lines it adds nothing.

    Raises ApplicationError unless every prompt has exactly one line an arm: nothing is written then.
    """
    prompts = {prompt.external_id: prompt for prompt in run.heldout_set.prompts.all()}
    lines = [line for line in lines if line.get("arm") != AGAIN]
    _reconcile(lines, set(prompts))
    answered = [line for line in lines if line.get("stop_reason") != UNREAD]
    unanswered: dict[str, list[str]] = {arm: [] for arm in Output.Arm.values}
    for line in lines:
        if line.get("stop_reason") == UNREAD:
            unanswered[line["arm"]].append(line["prompt_id"])
    with transaction.atomic():
        before = run.outputs.count()
        versions = {BASELINE.value: run.baseline, CANDIDATE.value: run.candidate}
        rows = [output_row(run, prompts[line["prompt_id"]], versions[line["arm"]], line) for line in answered]
        Output.objects.bulk_create(sorted(rows, key=anywhere), ignore_conflicts=True, batch_size=500)
        run.metrics, run.result = metrics, {**result, "unanswered": unanswered}
        run.save(update_fields=["metrics", "result"])
        written = run.outputs.count() - before
        counts = IngestCounts(
            written=written, known=len(answered) - written, unanswered=sum(map(len, unanswered.values()))
        )
        if written or not before:
            _record(run.requested_by, "generation_run.ingest", run, {"outputs": written, "unanswered": unanswered})
    return counts


def _reconcile(lines: Sequence[Mapping[str, Any]], prompts: set[str]) -> None:
    found = [(line.get("arm"), line.get("prompt_id")) for line in lines]
    expected = {(arm, prompt) for arm in Output.Arm.values for prompt in prompts}
    missing, foreign = expected - set(found), set(found) - expected
    if missing or foreign or len(found) != len(expected):
        raise ApplicationError(
            gettext(
                "The outputs do not fit the held-out set: %(n_missing)s missing, %(n_foreign)s foreign, "
                "%(n_value)s doubled. Nothing was taken in; start a new generation run."
            )
            % {"n_missing": len(missing), "n_foreign": len(foreign), "n_value": len(found) - len(set(found))}
        )


def output_row(run: GenerationRun, prompt: HeldoutPrompt, version: ModelVersion, line: Mapping[str, Any]) -> Output:
    """A line of outputs.jsonl as a row, not saved yet."""
    text = str(line["text"])
    return Output(
        generation_run=run,
        heldout_prompt=prompt,
        model_version=version,
        arm=line["arm"],
        text=text,
        tokens=line.get("tokens"),
        seconds=line.get("seconds"),
        stop_reason=str(line.get("stop_reason", ""))[:12],
        metrics=dict(line.get("metrics") or {}),
        content_hash=hashlib.sha256(text.encode()).hexdigest(),
    )


def anywhere(output: Output) -> str:
    """Rows are written in no order, so that the number of a row does not tell a grader which model wrote it."""
    return hashlib.sha256(f"{output.generation_run_id}:{output.arm}:{output.heldout_prompt_id}".encode()).hexdigest()


@transaction.atomic
def outputs_import(
    *,
    project: Project,
    baseline_run: GenerationRun,
    label: str,
    content: bytes,
    imported_by: User,
    idempotency_key: UUID,
    is_simulated: bool = False,
) -> GenerationRun:
    """A generation run whose candidate is an external system; the baseline's outputs are those of ``baseline_run``.

    Raises ApplicationError with ``extra["problems"]`` (lines with reasons) and writes nothing when a line is wrong.
    Prompts without a line are missing outputs: listed, counted, and no verdict is better for their absence.
    """
    known = GenerationRun.objects.filter(idempotency_key=idempotency_key).first()
    if known is not None:
        return known
    heldout_set = baseline_run.heldout_set
    heldout_check(project, heldout_set)
    read = _read_import(content, heldout_set)
    candidate = runs.external_version_add(
        project=project,
        base=baseline_run.baseline.base_model,
        label=label,
        added_by=imported_by,
        is_simulated=is_simulated,
    )
    run = run_add(
        project,
        heldout_set=heldout_set,
        baseline=baseline_run.baseline,
        candidate=candidate,
        is_imported=True,
        requested_by=imported_by,
        idempotency_key=idempotency_key,
        config={"baseline_run": baseline_run.number, "file_sha256": hashlib.sha256(content).hexdigest()},
    )
    _write_import(run, baseline_run, read)
    _record(
        imported_by,
        "generation_run.import",
        run,
        {"label": label, "is_simulated": is_simulated, "outputs": len(read.texts), "missing": list(read.missing)},
    )
    return run


def _write_import(run: GenerationRun, baseline_run: GenerationRun, read: importing.ImportedOutputs) -> None:
    prompts = run.heldout_set.prompts.order_by("id")
    lines = [
        (prompt, imported_line(prompt, read.texts[prompt.external_id]))
        for prompt in prompts
        if prompt.external_id in read.texts
    ]
    imported = [output_row(run, prompt, run.candidate, line) for prompt, line in lines]
    Output.objects.bulk_create(sorted([*_copied(run, baseline_run), *imported], key=anywhere), batch_size=500)
    figures = slot_figures([line for _, line in lines])
    base_figures = baseline_run.metrics.get("arms", {}).get(BASELINE, {})
    run.metrics = {"arms": {BASELINE.value: base_figures, CANDIDATE.value: figures}}
    run.result = {"imported": len(lines), "unanswered": {CANDIDATE.value: list(read.missing)}}
    run.save(update_fields=["metrics", "result"])


def _read_import(content: bytes, heldout_set: HeldoutSet) -> importing.ImportedOutputs:
    if len(content) > importing.MAX_BYTES:
        raise ApplicationError(
            gettext("The file is larger than 100 MB. Split the held-out set, or shorten the outputs.")
        )
    read = importing.outputs_read(content, heldout_set.prompts.order_by("id").values_list("external_id", flat=True))
    if read.problems:
        raise ApplicationError(
            gettext("%(n_problems)s lines cannot be used, so nothing was imported.")
            % {"n_problems": len(read.problems)},
            problems=[f"Line {problem.line}: {problem.reason}" for problem in read.problems],
        )
    if not read.texts:
        raise ApplicationError(gettext("The file is empty. It needs one line a prompt, with prompt_id and text."))
    return read


def imported_line(prompt: HeldoutPrompt, text: str, arm: str = CANDIDATE.value) -> dict[str, Any]:
    """An output from a file as a line of the trainer's outputs.jsonl, with the facts that it states rightly."""
    slots = [{"slot": found.slot, "right": found.is_right} for found in slot_results(text, prompt.facts)]
    right = sum(slot["right"] is True for slot in slots)
    metrics: dict[str, Any] = {"slots": slots, "slot_accuracy": right / len(slots)} if slots else {}
    return {"prompt_id": prompt.external_id, "arm": arm, "text": text, "metrics": metrics}


def _copied(run: GenerationRun, baseline_run: GenerationRun) -> list[Output]:
    """The baseline's outputs as rows of this run: the same texts and figures, not generated again."""
    return [
        Output(
            generation_run=run,
            heldout_prompt_id=output.heldout_prompt_id,
            model_version_id=output.model_version_id,
            arm=BASELINE,
            text=output.text,
            tokens=output.tokens,
            seconds=output.seconds,
            stop_reason=output.stop_reason,
            metrics=output.metrics,
            content_hash=output.content_hash,
        )
        for output in baseline_run.outputs.filter(arm=BASELINE)
    ]


@transaction.atomic
def generation_run_cancel(*, run: GenerationRun, cancelled_by: User) -> None:
    """Asks a generation run to stop; what it has answered is kept for a resume."""
    if run.job is None or run.job.is_terminal:
        raise ApplicationError(gettext("%(run)s is not running any more.") % {"run": named(run)})
    jobs.cancel_request(job=run.job)
    _record(cancelled_by, "generation_run.cancel", run, {})


@transaction.atomic
def generation_run_resume(*, run: GenerationRun, resumed_by: User) -> None:
    """Puts a run that ended without outputs back into the queue; it goes on where it stopped."""
    if run.job is None or not run.job.is_terminal:
        raise ApplicationError(gettext("%(run)s is waiting or running already.") % {"run": named(run)})
    if run.job.state == Job.State.SUCCEEDED:
        raise ApplicationError(
            gettext("%(run)s is finished. Request a new one to generate again.") % {"run": named(run)}
        )
    jobs.retry(job=run.job)
    _record(resumed_by, "generation_run.resume", run, {})


def _record(actor: User | None, action: str, run: GenerationRun, data: dict[str, Any]) -> None:
    audit.record(
        actor=actor,
        action=action,
        project=run.project.slug,
        target_type="generation_run",
        target_id=run.pk,
        data={"number": run.number, "candidate": run.candidate.number, **data},
    )
