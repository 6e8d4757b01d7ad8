"""Suite runs: base and tuned model are asked the items of chosen suites; figures are kept with the run."""

from __future__ import annotations

import dataclasses
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
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
from reviewapp.curation.identifiers.tagging import tagger_of
from reviewapp.evaluations.models import GenerationRun, Output, SuiteRun
from reviewapp.evaluations.selectors.outputs import OF_BASE
from reviewapp.evaluations.selectors.prompt_sets import prompt_sets_in_force, prompt_sets_named
from reviewapp.evaluations.services import generations
from reviewapp.evaluations.services.opponents import baseline_of
from reviewapp.evaluations.suites import bias, held_out
from reviewapp.evaluations.suites.contents import (
    ARMS,
    HeldOut,
    Material,
    SuiteItem,
    Trained,
    answers_of,
    item_of,
)
from reviewapp.evaluations.suites.table import SUITES, figures_of, items_of
from reviewapp.projects.models import Project
from reviewapp.runs import base_facts
from reviewapp.runs.ancestry import learned_length, versions_behind
from reviewapp.runs.models import ModelVersion
from reviewapp.samples.models import HeldoutSet
from reviewapp.trainingsets.selectors import version_content
from reviewapp.words import named
from training import contract
from training.contract import Arm, ContractError, SuitesConfig, Template

if TYPE_CHECKING:
    from reviewapp.accounts.models import User

JOB = "reviewapp.evaluations.jobs.execute_suites"
SETTINGS = frozenset({"most", "max_new_tokens", "max_length", "batch_size", "seed"})
GIVEN_ITEMS, GIVEN_ANSWERS = "given_items.jsonl", "given_answers.jsonl"


@dataclass(frozen=True)
class Asked:
    """All items of a run. ``given``: rows of answers, of both models, to those that a generation run has answered."""

    items: list[SuiteItem]
    given: list[dict[str, Any]]

    @cached_property
    def open(self) -> list[SuiteItem]:
        known = {row["id"] for row in self.given}
        return [item for item in self.items if item.id not in known]

    @cached_property
    def closed(self) -> list[SuiteItem]:
        known = {row["id"] for row in self.given}
        return [item for item in self.items if item.id in known]


@transaction.atomic
def suite_run_request(
    *,
    project: Project,
    candidate: ModelVersion,
    heldout_set: HeldoutSet | None,
    suites: Sequence[str],
    requested_by: User,
    idempotency_key: UUID,
    values: Mapping[str, Any] | None = None,
) -> SuiteRun:
    """Queues a job in which the candidate and its base are asked what the chosen suites ask.

    ``values``: keys of SETTINGS. Raises ApplicationError for no suite, one that needs a held-out set where none is
    given, a set that is open or empty, a model version that cannot be asked, and settings out of range. A form sent
    twice gives the same run. Greedy answers of a finished generation run on the same set are taken over.
    """
    known = SuiteRun.objects.filter(idempotency_key=idempotency_key, project=project).first()
    if known is not None:
        return known
    in_force = prompt_sets_in_force(project)
    _check_suites(project, suites, heldout_set)
    baseline = baseline_of(project, candidate)
    if candidate.run is not None and candidate.run.config.get("objective") == "classes":
        raise ApplicationError(gettext("Suites ask for text; this model version chooses among classes."))
    config = _settings(candidate, values or {})
    Project.objects.select_for_update().get(pk=project.pk)  # numbers are given one after the other
    run = SuiteRun.objects.create(
        project=project,
        number=(SuiteRun.objects.filter(project=project).aggregate(n=Max("number"))["n"] or 0) + 1,
        baseline=baseline,
        candidate=candidate,
        heldout_set=heldout_set,
        generation_run=_answered_before(candidate, heldout_set, config),
        suites=[key for key in SUITES if key in suites],
        config=config,
        sets=list(in_force.values_list("pk", flat=True)),
        requested_by=requested_by,
        idempotency_key=idempotency_key,
    )
    _enqueue(run, requested_by)
    _record(requested_by, "suite_run.request", run, {"suites": run.suites, **config})
    return run


def _enqueue(run: SuiteRun, requested_by: User) -> None:
    run.run_dir = str(Path(settings.RUNS_DIR) / f"suites-{run.pk}")
    run.job = jobs.enqueue(
        JOB,
        title=str(run),
        created_by=requested_by,
        kwargs={"run_id": run.pk},
        queue="training",
        project_slug=run.project.slug,
    )
    run.save(update_fields=["run_dir", "job"])


def _check_suites(project: Project, suites: Sequence[str], heldout_set: HeldoutSet | None) -> None:
    if heldout_set is not None:
        generations.heldout_check(project, heldout_set)
    unknown = sorted(set(suites) - set(SUITES))
    if unknown or not suites:
        known = ", ".join(SUITES)
        raise ApplicationError(gettext("Choose at least one suite of these: %(known)s.") % {"known": known})
    needing = [SUITES[key].name for key in suites if SUITES[key].needs_held_out]
    if needing and heldout_set is None:
        raise ApplicationError(
            gettext("%(suites)s: choose a sealed held-out set, whose prompts are asked.")
            % {"suites": ", ".join(needing)}
        )
    imported = prompt_sets_in_force(project).filter(suite=bias.SUITE)
    if list(suites) == [bias.SUITE] and heldout_set is None and not imported.exists():
        raise ApplicationError(
            gettext(
                "Bias has nothing to ask: choose a sealed held-out set, or import a prompt set such as CrowS-Pairs."
            )
        )


def _settings(candidate: ModelVersion, values: Mapping[str, Any]) -> dict[str, Any]:
    unknown = sorted(set(values) - SETTINGS)
    if unknown:
        raise ApplicationError(
            gettext("Unknown setting %(setting)s; a suite run takes %(known)s.")
            % {"setting": repr(unknown[0]), "known": ", ".join(sorted(SETTINGS))}
        )
    found = {
        "most": Material.most,
        "max_new_tokens": SuitesConfig.max_new_tokens,
        "max_length": learned_length(candidate),
        "batch_size": SuitesConfig.batch_size,
        "seed": SuitesConfig.seed,
        **values,
    }
    if any(isinstance(value, bool) or not isinstance(value, int) or value < 1 for value in found.values()):
        raise ApplicationError(gettext("Settings of a suite run are whole numbers from 1 on."))
    return found


def _answered_before(
    candidate: ModelVersion, heldout_set: HeldoutSet | None, config: Mapping[str, Any]
) -> GenerationRun | None:
    """The newest finished generation run of the same model and its base on the same set, with the same lengths."""
    if heldout_set is None:
        return None
    rows = GenerationRun.objects.filter(candidate=candidate, heldout_set=heldout_set, is_imported=False, **OF_BASE)
    for run in rows.filter(result__isnull=False).order_by("-number"):
        if all(run.config.get(key) == config[key] for key in ("max_new_tokens", "max_length")):
            return run
    return None


def material_of(run: SuiteRun) -> Material:
    """What the suites of this run are made from, read anew: the same each time, or the run directory refuses it."""
    most, seed = run.config["most"], run.config["seed"]
    return Material(
        held_out=held_out_rows(run.heldout_set) if run.heldout_set else (),
        trained=_trained(run.candidate),
        sets=prompt_sets_named(run.project, run.sets),
        most=most,
        seed=seed,
    )


def held_out_rows(heldout_set: HeldoutSet) -> tuple[HeldOut, ...]:
    return tuple(
        HeldOut(
            id=row.external_id,
            prompt=row.prompt,
            reference=row.reference,
            facts=tuple(row.facts),
            group=str(row.group_id),
            metadata=row.metadata,
        )
        for row in heldout_set.prompts.order_by("id")
    )


def _trained(candidate: ModelVersion) -> tuple[Trained, ...]:
    """The rows behind the model, also those of its parents; a pair of answers counts by the better one."""
    rows: dict[tuple[str, str], Trained] = {}
    for version in versions_behind(candidate):
        for line in version_content(version).train_jsonl.splitlines():
            row = json.loads(line)
            text = str(row.get("completion") or row.get("chosen") or "")
            rows[row["id"], text] = Trained(id=row["id"], prompt=str(row.get("prompt") or ""), completion=text)
    ids = [key for key, _ in rows]
    unique = len(set(ids)) == len(ids)
    return tuple(
        row if unique else dataclasses.replace(row, id=f"{row.id}#{number}")
        for number, row in enumerate(rows.values(), start=1)
    )


def items_asked(run: SuiteRun, material: Material) -> Asked:
    """All items of the chosen suites, and the answers that a generation run has given to some of them already."""
    items = items_of(run.suites, material)
    if run.generation_run is None:
        return Asked(items, [])
    outputs = {
        (output.heldout_prompt.external_id, output.arm): output
        for output in run.generation_run.outputs.filter(arm__in=ARMS).select_related("heldout_prompt")
    }
    plain = [item for item in held_out.plain_of(items) if item.max_new_tokens is None]
    rows = [_given(item, arm, outputs.get((item.about["held_out"], arm)), run) for item in plain for arm in ARMS]
    return Asked(items, rows)


def _given(item: SuiteItem, arm: str, output: Output | None, run: SuiteRun) -> dict[str, Any]:
    if output is None:
        return {"id": item.id, "arm": arm, "error": f"{run.generation_run} has no output for this prompt."}
    return {
        "id": item.id,
        "arm": arm,
        "texts": [output.text],
        "tokens": [output.tokens or 0],
        "stop_reasons": [output.stop_reason],
        "seconds": output.seconds,
    }


def run_files(run: SuiteRun, asked: Asked) -> tuple[SuitesConfig, dict[str, str]]:
    """What the run directory holds before the trainer starts. Raises ApplicationError for a config it would refuse."""
    base = run.candidate.base_model
    lines = contract.jsonl_text([item.row() for item in asked.open])
    kept = {key: run.config[key] for key in ("max_new_tokens", "max_length", "batch_size", "seed")}
    try:
        config = SuitesConfig(
            model=base_facts.model_spec(base),
            arms=(
                Arm(name=ARMS[0]),
                Arm(name=ARMS[1], adapter=run.candidate.adapter_path, model=run.candidate.model_path),
            ),
            template=Template(**base.template),
            template_sha256=run.candidate.template_sha256,
            items_rows=len(asked.open),
            items_sha256=contract.text_sha256(lines),
            **kept,
        )
    except (ContractError, TypeError) as error:
        raise ApplicationError(str(error)) from error
    given = {
        GIVEN_ITEMS: contract.jsonl_text([item.row() for item in asked.closed]),
        GIVEN_ANSWERS: contract.jsonl_text(asked.given),
    }
    return config, {contract.SUITE_ITEMS_FILE: lines, **(given if asked.given else {})}


def read_items(run: SuiteRun) -> list[SuiteItem]:
    """Items as they were asked, in the order of the files; empty where the run directory is gone."""
    return [item_of(row) for row in _rows(run, contract.SUITE_ITEMS_FILE, GIVEN_ITEMS)]


def read_answers(run: SuiteRun) -> dict[str, Any]:
    return {arm: {} for arm in ARMS} | answers_of(_rows(run, contract.SUITE_ANSWERS_FILE, GIVEN_ANSWERS))


def _rows(run: SuiteRun, *names: str) -> list[dict[str, Any]]:
    paths = [Path(run.run_dir) / name for name in names]
    return [row for path in paths if path.is_file() for row in contract.read_jsonl(path)]


@transaction.atomic
def figures_keep(*, run: SuiteRun, material: Material, result: dict[str, Any]) -> int:
    """Computes the figures from what lies in the run directory and keeps them; returns how many there are."""
    figures = figures_of(run.suites, read_items(run), read_answers(run), material, tagger_of(run.project_id))
    given = [name for name in (GIVEN_ITEMS, GIVEN_ANSWERS) if (Path(run.run_dir) / name).is_file()]
    hashes = {name: contract.file_sha256(Path(run.run_dir) / name) for name in given}
    run.figures = {key: [dataclasses.asdict(figure) for figure in listed] for key, listed in figures.items()}
    run.result = {**result, "files": {**result.get("files", {}), **hashes}}
    run.save(update_fields=["figures", "result"])
    count = sum(len(listed) for listed in run.figures.values())
    _record(run.requested_by, "suite_run.finish", run, {"figures": count, "files": run.result["files"]})
    return count


@transaction.atomic
def suite_run_cancel(*, run: SuiteRun, cancelled_by: User) -> None:
    """Asks a suite run to stop; what it has answered is kept for a resume."""
    if run.job is None or run.job.is_terminal:
        raise ApplicationError(gettext("%(run)s is not running any more.") % {"run": named(run)})
    jobs.cancel_request(job=run.job)
    _record(cancelled_by, "suite_run.cancel", run, {})


@transaction.atomic
def suite_run_resume(*, run: SuiteRun, resumed_by: User) -> None:
    """Puts a run that ended without figures back into the queue; it goes on where it stopped."""
    if run.job is None or not run.job.is_terminal:
        raise ApplicationError(gettext("%(run)s is waiting or running already.") % {"run": named(run)})
    if run.job.state == Job.State.SUCCEEDED:
        raise ApplicationError(gettext("%(run)s is finished. Request a new one to ask again.") % {"run": named(run)})
    jobs.retry(job=run.job)
    _record(resumed_by, "suite_run.resume", run, {})


def _record(actor: User | None, action: str, run: SuiteRun, data: dict[str, Any]) -> None:
    audit.record(
        actor=actor,
        action=action,
        project=run.project.slug,
        target_type="suite_run",
        target_id=run.pk,
        data={"number": run.number, "candidate": run.candidate.number, **data},
    )
