"""Mitigations: worked out by a worker, shown as a preview, applied by a lead, undone again. Nothing is deleted."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any
from uuid import UUID

from django.db import transaction
from django.db.models import Max
from django.utils import timezone
from django.utils.translation import gettext as _

from reviewapp.audit import services as audit
from reviewapp.core import jobs
from reviewapp.core.exceptions import ApplicationError
from reviewapp.core.models import Lease
from reviewapp.curation.balance.reading import bars_of, held_groups, samples_counted
from reviewapp.curation.bias.planning import MOST_COPIES, declared_changed
from reviewapp.curation.bias.standing import EXPECTED, REST
from reviewapp.curation.bias.swapping import BARS, Swap, copy_of
from reviewapp.curation.models import BiasReport, CounterfactualCopy, Mitigation
from reviewapp.curation.services.withdrawing import samples_withdraw
from reviewapp.projects.models import Project
from reviewapp.samples.models import UNRANKED, Revision, Sample, SampleTag
from reviewapp.samples.services import Copy, copies_create

if TYPE_CHECKING:
    from reviewapp.accounts.models import User

Kind, State = Mitigation.Kind, Mitigation.State
_CHUNK = 400
_FIRST = Sample.Priority.FIRST


@transaction.atomic
def mitigation_plan(
    *, report: BiasReport, kind: str, association: dict[str, str], limit: int, requested_by: User, idempotency_key: UUID
) -> Mitigation:
    """Asks a worker to work out what a mitigation of one association would do; nothing is changed by it.

    ``association``: attribute, first, second, term and kind of a row of the report. The same key gives back its plan.
    Raises ApplicationError for an association that the report does not have or that medicine expects, for a kind that
    cannot be done with it, and for a limit out of range.
    """
    project = Project.objects.select_for_update(no_key=True).get(pk=report.project_id)
    known = Mitigation.objects.filter(project=project, idempotency_key=idempotency_key).first()
    if known is not None:
        return known
    _check(report, kind, association, limit)
    last = project.mitigations.aggregate(last=Max("number"))["last"] or 0
    made = Mitigation.objects.create(
        project=project,
        number=last + 1,
        report=report,
        kind=kind,
        attribute=association["attribute"],
        first=association["first"],
        second=association["second"],
        term=association["term"],
        term_kind=association["kind"],
        limit=limit,
        requested_by=requested_by,
        idempotency_key=idempotency_key,
    )
    made.job = jobs.enqueue(
        "reviewapp.curation.jobs.plan_mitigation",
        title=f"Preview of mitigation {made.number} of {project.name}",
        created_by=requested_by,
        kwargs={"mitigation_id": made.pk},
        project_slug=project.slug,
    )
    made.save(update_fields=["job"])
    _record(made, "mitigation.plan", {"kind": kind, **association, "limit": limit}, requested_by)
    return made


def association_find(report: BiasReport, association: dict[str, str]) -> dict[str, Any] | None:
    """The row of a report with this attribute, these groups, this term and kind."""
    names = ("attribute", "first", "second", "term", "kind")
    rows: list[dict[str, Any]] = report.content.get("associations", [])
    return next((row for row in rows if all(row[name] == association.get(name) for name in names)), None)


def _check(report: BiasReport, kind: str, association: dict[str, str], limit: int) -> None:
    row = association_find(report, association)
    if row is None:
        raise ApplicationError(_("Choose an association of the report to mitigate."))
    if row["standing"] == EXPECTED:
        raise ApplicationError(_("Medicine expects this association. It is shown, and never mitigated."))
    if kind not in Kind.values:
        raise ApplicationError(_("Choose what to do: copies, counter-examples first, or weights."))
    if kind == Kind.COPIES and row["attribute"] not in BARS:
        raise ApplicationError(_("Only gender, age and ethnicity can be swapped in a text. Choose another kind."))
    if kind == Kind.COPIES and row["attribute"] == "gender" and row["second"] == REST:
        raise ApplicationError(_("Copies turn women into men and men into women; here are more than two groups."))
    if not 1 <= limit <= MOST_COPIES:
        raise ApplicationError(_("Give a number of samples from 1 to %(most)s.") % {"most": MOST_COPIES})


@transaction.atomic
def mitigation_planned(*, mitigation: Mitigation, plan: dict[str, Any]) -> None:
    """Keeps the preview; a plan that is there stays."""
    waiting = Mitigation.objects.filter(pk=mitigation.pk, state=State.PLANNING)
    waiting.update(plan=plan, state=State.PLANNED)
    mitigation.refresh_from_db()


# ---- applying


@transaction.atomic
def mitigation_apply(*, mitigation: Mitigation, applied_by: User) -> Mitigation:
    """Does what the preview showed; what changed since is left alone and counted. A second time it does nothing.

    Raises ApplicationError before there is a preview, after it was undone, or when it would do nothing.
    """
    row = _locked(mitigation)
    if row.state == State.APPLIED:
        return row
    if row.state != State.PLANNED:
        raise ApplicationError(_("There is no preview to apply. Ask for a new one."))
    if not row.plan["chosen"]:
        raise ApplicationError(_("This would change nothing: no sample was found that it could use."))
    done = {Kind.COPIES: _copies_make, Kind.QUEUE: _first_set, Kind.WEIGHTS: _weights_set}[Kind(row.kind)](
        row, applied_by
    )
    row.state, row.applied_by, row.applied_at, row.done = State.APPLIED, applied_by, timezone.now(), done
    row.save(update_fields=["state", "applied_by", "applied_at", "done"])
    _record(row, "mitigation.apply", {"kind": row.kind, "done": done["n"], "left": done["left"]}, applied_by)
    return row


def _locked(mitigation: Mitigation) -> Mitigation:
    Project.objects.select_for_update(no_key=True).get(pk=mitigation.project_id)
    found = Mitigation.objects.select_for_update(of=("self",)).select_related("project", "report")
    return found.get(pk=mitigation.pk)


def _copies_make(row: Mitigation, by: User) -> dict[str, Any]:
    bars = bars_of(row.report.conditions, row.attribute)
    copies: list[tuple[Copy, Revision, str, int]] = []
    parents = _parents(row)
    for sample_id, revision_id, to in row.plan["chosen"]:
        parent = parents.get(sample_id)
        if parent is None or parent.revision is None or parent.revision_id != revision_id:
            continue
        swaps = copy_of(parent.revision.prompt, parent.revision.completion, row.attribute, to, bars)
        if not isinstance(swaps, str):
            copies.append((_copy(row, parent, swaps, to), parent.revision, to, sum(len(s.changes) for s in swaps)))
    made = dict(
        (copy.external_id, sample)
        for copy, sample in copies_create(project=row.project, copies=[copy for copy, *_ in copies], created_by=by)
    )
    lineage = [
        CounterfactualCopy(
            mitigation=row,
            parent=copy.parent,
            parent_revision=revision,
            sample=made[copy.external_id],
            value=to,
            changes=changes,
        )
        for copy, revision, to, changes in copies
        if copy.external_id in made
    ]
    CounterfactualCopy.objects.bulk_create(lineage, batch_size=_CHUNK)
    return {"n": len(lineage), "left": len(row.plan["chosen"]) - len(lineage)}


def _parents(row: Mitigation) -> dict[int, Sample]:
    """The samples to copy, as they are now; nothing of a group that is held out by now."""
    ids = [sample_id for sample_id, *_ in row.plan["chosen"]]
    held = held_groups(row.project)
    found: dict[int, Sample] = {}
    for start in range(0, len(ids), _CHUNK):
        some = samples_counted(row.project).filter(pk__in=ids[start : start + _CHUNK]).select_related("revision")
        found.update((sample.pk, sample) for sample in some if sample.group_id not in held)
    return found


def _copy(row: Mitigation, parent: Sample, swaps: tuple[Swap, Swap], to: str) -> Copy:
    n = sum(len(each.changes) for each in swaps)
    return Copy(
        parent=parent,
        external_id=f"{parent.external_id[:180]}-copy{row.number}",
        prompt=swaps[0].text,
        completion=swaps[1].text,
        metadata={
            **declared_changed(parent.metadata, row.attribute, to),
            "synthetic": True,
            "copy_of": parent.external_id,
            "mitigation": row.number,
        },
        actions=[{"action": "counterfactual_copy", "detail": f"{row.attribute} to {to}, {n} words changed"}],
    )


def _first_set(row: Mitigation, by: User) -> dict[str, Any]:
    before: dict[str, int] = {}
    for sample in _waiting(row, [chosen[0] for chosen in row.plan["chosen"]]):
        before[str(sample.pk)] = sample.priority
    _priority_write([int(pk) for pk in before], _FIRST)
    return {"n": len(before), "left": len(row.plan["chosen"]) - len(before), "before": before}


def _waiting(row: Mitigation, ids: Sequence[int]) -> list[Sample]:
    """Those that nobody has decided about yet, locked in the order of their ids."""
    states = [Sample.State.IMPORTED, Sample.State.READY, Sample.State.IN_REVIEW]
    waiting: list[Sample] = []
    for start in range(0, len(ids), _CHUNK):
        some = Sample.objects.filter(project=row.project, pk__in=ids[start : start + _CHUNK], state__in=states)
        waiting += some.order_by("pk").select_for_update()
    return waiting


def _priority_write(ids: Sequence[int], priority: int) -> None:
    for start in range(0, len(ids), _CHUNK):
        Sample.objects.filter(pk__in=ids[start : start + _CHUNK]).update(priority=priority, queue_rank=UNRANKED)


def _weights_set(row: Mitigation, by: User) -> dict[str, Any]:
    tags = [
        SampleTag(project=row.project, sample_id=pk, name=weight_tag(weight))
        for weight, ids in row.plan["chosen"]
        for pk in Sample.objects.filter(project=row.project).in_bulk(ids)
    ]
    SampleTag.objects.bulk_create(tags, batch_size=_CHUNK, ignore_conflicts=True)
    n_asked = sum(len(ids) for _weight, ids in row.plan["chosen"])
    return {"n": len(tags), "left": n_asked - len(tags)}


def weight_tag(weight: float) -> str:
    return f"weight-{weight:.2f}"


# ---- undoing


@transaction.atomic
def mitigation_undo(*, mitigation: Mitigation, undone_by: User) -> Mitigation:
    """Takes a mitigation back: copies are withdrawn, priorities and tags are as before. A second time it does nothing.

    What somebody holds now, or changed since, is left alone and counted. Frozen versions stay as they are. Raises
    ApplicationError for what was never applied.
    """
    row = _locked(mitigation)
    if row.state == State.WITHDRAWN:
        return row
    if row.state != State.APPLIED:
        raise ApplicationError(_("This was not applied, so there is nothing to undo."))
    undo = {Kind.COPIES: _copies_withdraw, Kind.QUEUE: _first_undo, Kind.WEIGHTS: _weights_undo}[Kind(row.kind)]
    row.undone = undo(row, undone_by)
    row.state, row.withdrawn_by, row.withdrawn_at = State.WITHDRAWN, undone_by, timezone.now()
    row.save(update_fields=["state", "withdrawn_by", "withdrawn_at", "undone"])
    _record(row, "mitigation.undo", {"kind": row.kind, "undone": row.undone}, undone_by)
    return row


def _copies_withdraw(row: Mitigation, by: User) -> dict[str, Any]:
    now = timezone.now()
    made = Sample.objects.filter(copied_from__mitigation=row).exclude(state=Sample.State.REJECTED)
    leased = set(
        made.filter(assignments__state=Lease.State.LEASED, assignments__lease_expires_at__gt=now).values_list(
            "pk", flat=True
        )
    )
    ids = sorted(set(made.values_list("pk", flat=True)) - leased)
    for start in range(0, len(ids), _CHUNK):
        some = list(Sample.objects.select_for_update(of=("self",)).filter(pk__in=ids[start : start + _CHUNK]))
        reasons = {sample.pk: f"Mitigation {row.number} was undone." for sample in some}
        samples_withdraw(samples=some, reasons=reasons, withdrawn_by=by, at=now)
    return {"n": len(ids), "left": row.done["n"] - len(ids)}


def _first_undo(row: Mitigation, by: User) -> dict[str, Any]:
    before: dict[str, int] = row.done["before"]
    groups: defaultdict[int, list[int]] = defaultdict(list)
    for sample in _waiting(row, [int(pk) for pk in before]):
        if sample.priority == _FIRST:
            groups[before[str(sample.pk)]].append(sample.pk)
    for priority, ids in groups.items():
        _priority_write(ids, priority)
    n = sum(len(ids) for ids in groups.values())
    return {"n": n, "left": len(before) - n}


def _weights_undo(row: Mitigation, by: User) -> dict[str, Any]:
    n = 0
    for weight, ids in row.plan["chosen"]:
        for start in range(0, len(ids), _CHUNK):
            tags = SampleTag.objects.filter(sample__in=ids[start : start + _CHUNK], name=weight_tag(weight))
            n += tags.delete()[0]
    return {"n": n, "left": row.done["n"] - n}


def _record(row: Mitigation, action: str, data: dict[str, Any], actor: User | None) -> None:
    audit.record(
        actor=actor,
        action=action,
        project=row.project.slug,
        target_type="mitigation",
        target_id=row.pk,
        data=data,
    )
