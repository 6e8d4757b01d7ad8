"""Labelling functions: saved, switched, run by a worker; what they say is put before experts as a suggestion only."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any
from uuid import UUID

from django.db import transaction
from django.db.models import F, Max
from django.utils import timezone
from django.utils.translation import gettext as _

from reviewapp.audit import services as audit
from reviewapp.core import jobs
from reviewapp.core.exceptions import ApplicationError
from reviewapp.core.models import Job
from reviewapp.curation.models import (
    LabellingAnswer,
    LabellingFunction,
    LabellingFunctionVersion,
    LabellingRun,
    LabellingVote,
)
from reviewapp.curation.programmatic.asked import Field, class_names, functions_declared, samples_asked
from reviewapp.curation.programmatic.conditions import Condition, ConditionInvalid, condition_check, content_hash
from reviewapp.labelling.services import suggestions_programmatic
from reviewapp.projects.models import Project
from reviewapp.samples.models import Sample

if TYPE_CHECKING:
    from reviewapp.accounts.models import User

MOST_FUNCTIONS = 200  # of one field
KEPT = 3  # runs of a field whose votes stay
MAJORITY, MODEL = "majority", "model"
_WORKING = (Job.State.QUEUED, Job.State.RUNNING)
_BATCH = 500


@transaction.atomic
def labelling_function_save(
    *,
    project: Project,
    field: Field,
    name: str,
    target: str,
    condition: Condition,
    saved_by: User,
    function: LabellingFunction | None = None,
    idempotency_key: UUID | None = None,
) -> LabellingFunctionVersion:
    """A new function, or the next version of one; the same content gives back the version that is there.

    The same key gives back the function it made. Raises ApplicationError for a name that is taken, a class that is
    none, a condition that cannot be used, and one function too many.
    """
    Project.objects.select_for_update(no_key=True).get(pk=project.pk)
    mine = LabellingFunction.objects.filter(project=project)
    if function is None and idempotency_key is not None:
        known = mine.filter(idempotency_key=idempotency_key).first()
        if known is not None:
            return _newest(known)
    _check(mine, function, field, name, target, condition)
    if function is None:
        function = LabellingFunction.objects.create(
            project=project, name=name, field=field.key, created_by=saved_by, idempotency_key=idempotency_key
        )
    elif function.name != name:
        LabellingFunction.objects.filter(pk=function.pk).update(name=name)
        function.name = name
    return _version(function, target, condition, saved_by)


def _check(
    mine: Any, function: LabellingFunction | None, field: Field, name: str, target: str, condition: Condition
) -> None:
    if mine.filter(name=name).exclude(pk=function.pk if function else None).exists():
        raise ApplicationError(
            _("This project already has a labelling function named “%(name)s”. Choose another name.") % {"name": name}
        )
    if function is None and mine.filter(field=field.key).count() >= MOST_FUNCTIONS:
        raise ApplicationError(
            _("There are %(most)s functions of this field already. Change one of them instead.")
            % {"most": MOST_FUNCTIONS}
        )
    if not class_names(field.version, field.key, [target]):
        raise ApplicationError(
            _("“%(target)s” is no class of “%(field)s”. Choose one of the list.")
            % {"target": target, "field": field.name}
        )
    try:
        condition_check(condition)
    except ConditionInvalid as error:
        raise ApplicationError(str(error)) from error


def _newest(function: LabellingFunction) -> LabellingFunctionVersion:
    found: LabellingFunctionVersion = LabellingFunctionVersion.objects.filter(function=function).order_by("-number")[0]
    return found


def _version(
    function: LabellingFunction, target: str, condition: Condition, saved_by: User
) -> LabellingFunctionVersion:
    mine = LabellingFunctionVersion.objects.filter(function=function)
    last: LabellingFunctionVersion | None = mine.order_by("-number").first()
    digest = content_hash(target, condition)
    if last is not None and last.content_hash == digest:
        return last
    version = LabellingFunctionVersion.objects.create(
        function=function, number=last.number + 1 if last else 1, target=target, condition=condition.as_json(),
        content_hash=digest, made_by=saved_by,
    )  # fmt: skip
    data = {"name": function.name, "number": version.number, "content_hash": digest, "target": target}
    _record(function.project, "labelling_function.save", "labelling_function", function.pk, data, saved_by)
    return version


@transaction.atomic
def labelling_function_switch(*, function: LabellingFunction, is_on: bool, switched_by: User) -> None:
    """Lets a function take part in the next runs, or not; what was computed with it stays."""
    LabellingFunction.objects.filter(pk=function.pk).update(is_on=is_on)
    data = {"name": function.name, "is_on": is_on}
    _record(function.project, "labelling_function.switch", "labelling_function", function.pk, data, switched_by)


@transaction.atomic
def labelling_run_request(
    *, project: Project, field: Field, requested_by: User, idempotency_key: UUID | None = None, files: bool = False
) -> LabellingRun:
    """Asks a worker to ask all functions about all samples. The same key gives back the run it made.

    ``files``: the operator has set a folder of Python files, so a run without a function of the browser is worth it.
    Raises ApplicationError without samples or functions, or while another run of the project waits or runs.
    """
    Project.objects.select_for_update(no_key=True).get(pk=project.pk)
    mine = LabellingRun.objects.filter(project=project)
    known = mine.filter(idempotency_key=idempotency_key).first() if idempotency_key else None
    if known is not None:
        return known
    functions = functions_declared(project, field)
    if not samples_asked(project).exists():
        raise ApplicationError(_("There are no samples to look at yet. Import some first."))
    if not functions and not files:
        raise ApplicationError(_("There is no function that is on. Write one, or switch one on."))
    if mine.filter(job__state__in=_WORKING).exists():
        raise ApplicationError(_("A labelling run of this project is already waiting or running. Wait for it."))
    run = LabellingRun.objects.create(
        project=project, number=(mine.aggregate(last=Max("number"))["last"] or 0) + 1, field=field.key,
        schema_version=field.version, schema_hash=field.version.content_hash, functions=functions,
        requested_by=requested_by, idempotency_key=idempotency_key,
    )  # fmt: skip
    run.job = jobs.enqueue(
        "reviewapp.curation.programmatic.jobs.label_samples",
        title=f"Ask the labelling functions of {project.name}",
        created_by=requested_by,
        kwargs={"run_id": run.pk},
        project_slug=project.slug,
    )
    run.save(update_fields=["job"])
    _record_run(run, "labelling_run.request", {"job": run.job.pk, "functions": len(functions)}, requested_by)
    return run


@transaction.atomic
def labelling_run_cancel(*, run: LabellingRun, cancelled_by: User) -> None:
    """Asks the worker to stop after the samples it is at. Raises ApplicationError when it has ended."""
    if run.job is None or run.job.is_terminal:
        raise ApplicationError(_("This run has ended; there is nothing to cancel."))
    jobs.cancel_request(job=run.job)
    _record_run(run, "labelling_run.cancel", {"job": run.job.pk}, cancelled_by)


@transaction.atomic
def labelling_run_begin(*, run: LabellingRun, files: Sequence[Mapping[str, Any]]) -> None:
    """Sets the Python files that take part, and begins at the first sample."""
    LabellingVote.objects.filter(run=run).delete()
    LabellingAnswer.objects.filter(run=run).delete()
    run.functions = [one for one in run.functions if one["origin"] != "file"] + list(files)
    run.has_files, run.stopped, run.done_upto = True, {}, 0
    run.save(update_fields=["functions", "has_files", "stopped", "done_upto"])


@transaction.atomic
def labelling_votes_write(
    *,
    run: LabellingRun,
    votes: Sequence[LabellingVote],
    answers: Sequence[LabellingAnswer],
    stopped: Mapping[str, Mapping[str, str]],
) -> None:
    """The votes of some samples, and that they were asked about: together, so that a killed run repeats nothing."""
    LabellingVote.objects.bulk_create(votes, batch_size=_BATCH)
    LabellingAnswer.objects.bulk_create(answers, batch_size=_BATCH)
    run.done_upto = max(answer.sample_id for answer in answers)
    run.stopped = {place: dict(why) for place, why in stopped.items()}
    run.save(update_fields=["done_upto", "stopped"])


@transaction.atomic
def labelling_run_finish(*, run: LabellingRun, answers: Sequence[LabellingAnswer], figures: Mapping[str, Any]) -> None:
    """Writes one answer a sample and the figures; votes of stopped functions go, and those of runs long past."""
    LabellingVote.objects.filter(run=run, place__in=[int(place) for place in run.stopped]).delete()
    for answer in answers:
        answer.pk = None  # found by run and sample alone
    LabellingAnswer.objects.bulk_create(
        answers, batch_size=_BATCH, update_conflicts=True, unique_fields=["run", "sample"],
        update_fields=["fired", "is_conflict", "majority", "share", "model", "chance"],
    )  # fmt: skip
    run.n, run.figures, run.made_at = len(answers), dict(figures), timezone.now()
    run.save(update_fields=["n", "figures", "made_at"])
    for old in LabellingRun.objects.filter(project=run.project, field=run.field, has_votes=True)[KEPT:]:
        LabellingVote.objects.filter(run=old).delete()
        LabellingAnswer.objects.filter(run=old).delete()
        LabellingRun.objects.filter(pk=old.pk).update(has_votes=False)
    data = {"n": run.n, "covered": run.figures["covered"], "stopped": len(run.stopped)}
    _record_run(run, "labelling_run.finish", data, run.requested_by)


@transaction.atomic
def labelling_run_suggest(*, run: LabellingRun, method: str, least: float, suggested_by: User) -> int:
    """Lets the form show what a run says, after the expert's own answer; ``least``: the surest ones only, 0 to 1.

    Samples that are decided, and texts that changed since the run, get none. What an earlier run suggested goes.
    Returns how many there are. Raises ApplicationError for a run that is not made or whose votes are gone.
    """
    if run.made_at is None or not run.has_votes:
        raise ApplicationError(_("This run has no answers to suggest. Run the functions again."))
    if method not in (MAJORITY, MODEL) or not 0 <= least <= 1:
        raise ApplicationError(_("Choose majority or label model, and a share from 0 to 1."))
    score = "share" if method == MAJORITY else "chance"
    settled = (Sample.State.ACCEPTED, Sample.State.REJECTED)
    rows = LabellingAnswer.objects.filter(run=run, **{f"{score}__gte": least}, sample__revision=F("revision"))
    rows = rows.exclude(**{method: ""}).exclude(sample__state__in=settled)
    named = "majority" if method == MAJORITY else "Dawid and Skene"
    n = suggestions_programmatic(
        version=run.schema_version, field=run.field, source=f"run {run.number}, {named}",
        values=rows.values_list("sample__external_id", method, score), set_by=suggested_by,
    )  # fmt: skip
    LabellingRun.objects.filter(project=run.project, field=run.field).exclude(suggested={}).update(suggested={})
    run.suggested = {"method": method, "least": least, "n": n}
    run.save(update_fields=["suggested"])
    return n


@transaction.atomic
def labelling_run_unsuggest(*, run: LabellingRun, taken_by: User) -> None:
    """Takes the suggestions of a run back; the form shows nothing of it any more."""
    if run.suggested:
        suggestions_programmatic(
            version=run.schema_version, field=run.field, source=f"run {run.number}", values=(), set_by=taken_by
        )
        run.suggested = {}
        run.save(update_fields=["suggested"])


def _record_run(run: LabellingRun, action: str, data: dict[str, Any], actor: User | None) -> None:
    _record(run.project, action, "labelling_run", run.pk, {"number": run.number, "field": run.field} | data, actor)


def _record(project: Project, action: str, kind: str, pk: int, data: dict[str, Any], actor: User | None) -> None:
    audit.record(actor=actor, action=action, project=project.slug, target_type=kind, target_id=pk, data=data)
