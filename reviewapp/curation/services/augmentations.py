"""Synthetic samples: asked for, written by a worker, shown as a preview, made by a lead, withdrawn all at once."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
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
from reviewapp.curation.augmenting.reading import augmentations_of, most_synthetic, parents_chosen
from reviewapp.curation.augmenting.reasons import KEPT
from reviewapp.curation.augmenting.recipe import recipe_hash, recipe_read
from reviewapp.curation.balance.reading import held_groups, samples_counted
from reviewapp.curation.models import Augmentation, AugmentationSettings, SyntheticText
from reviewapp.curation.services.withdrawing import samples_withdraw
from reviewapp.projects.models import Project
from reviewapp.samples.models import Sample
from reviewapp.samples.services import Copy, copies_create

if TYPE_CHECKING:
    from reviewapp.accounts.models import User

State = Augmentation.State
JOB = "reviewapp.curation.jobs.write_texts"
MODEL_JOB = "reviewapp.runs.jobs.execute_rewriting"
_CHUNK = 400


@transaction.atomic
def augmentation_request(
    *, project: Project, kind: str, values: Mapping[str, Any], requested_by: User, idempotency_key: UUID
) -> Augmentation:
    """Asks a worker for the preview of a recipe; no sample is made by it. The same key gives back its row.

    Raises ApplicationError for a recipe that cannot be used.
    """
    Project.objects.select_for_update(no_key=True).get(pk=project.pk)
    known = Augmentation.objects.filter(project=project, idempotency_key=idempotency_key).first()
    if known is not None:
        return known
    recipe = recipe_read(kind, values)
    last = project.augmentations.aggregate(last=Max("number"))["last"] or 0
    made = Augmentation.objects.create(
        project=project,
        number=last + 1,
        kind=kind,
        recipe=recipe,
        recipe_hash=recipe_hash(recipe),
        requested_by=requested_by,
        idempotency_key=idempotency_key,
    )
    title = f"Preview of augmentation {made.number} of {project.name}"
    told: dict[str, Any] = {"title": title, "created_by": requested_by, "project_slug": project.slug}
    if made.by_model:
        made.job = jobs.enqueue(MODEL_JOB, kwargs={"augmentation_id": made.pk}, queue="training", **told)
    else:
        made.job = jobs.enqueue(JOB, kwargs={"augmentation_id": made.pk}, **told)
    made.save(update_fields=["job"])
    _record(made, "augmentation.request", {"kind": kind, "recipe": made.recipe_hash}, requested_by)
    return made


@transaction.atomic
def augmentation_cancel(*, augmentation: Augmentation, cancelled_by: User) -> None:
    """Stops the writing; what is written stays for a resume. Raises ApplicationError when it has ended."""
    if augmentation.job is None or augmentation.job.is_terminal:
        raise ApplicationError(_("This preview is not being written any more; there is nothing to cancel."))
    jobs.cancel_request(job=augmentation.job)
    _record(augmentation, "augmentation.cancel", {"job": augmentation.job_id}, cancelled_by)


@transaction.atomic
def augmentation_resume(*, augmentation: Augmentation, resumed_by: User) -> None:
    """Goes on with the texts that are missing. Raises ApplicationError unless it was stopped before its end."""
    if augmentation.state != State.PLANNING or augmentation.job is None or not jobs.retry(job=augmentation.job):
        raise ApplicationError(_("This preview cannot be resumed: it is being written, or it is there already."))
    _record(augmentation, "augmentation.resume", {"job": augmentation.job_id}, resumed_by)


# ---- what the worker writes


@transaction.atomic
def parents_begin(*, augmentation: Augmentation) -> None:
    """Chooses the parents once and writes a row for each text that is to be made; a second time it does nothing."""
    row = Augmentation.objects.select_for_update().select_related("project").get(pk=augmentation.pk)
    if row.left is None:
        parents, row.left = parents_chosen(row.project, row.recipe)
        texts = [
            SyntheticText(augmentation=row, parent_id=pk, parent_revision_id=revision, variant=variant)
            for pk, revision in parents
            for variant in range(1, row.recipe["variants"] + 1)
        ]
        SyntheticText.objects.bulk_create(texts, batch_size=_CHUNK)
        row.save(update_fields=["left"])
    augmentation.left = row.left


def texts_keep(*, texts: Sequence[SyntheticText], fields: Sequence[str] = ("prompt", "completion", "outcome")) -> None:
    """Writes what was made of some rows."""
    SyntheticText.objects.bulk_update(texts, fields, batch_size=_CHUNK)


@transaction.atomic
def augmentation_planned(*, augmentation: Augmentation, plan: dict[str, Any]) -> None:
    """Keeps the preview; one that is there stays."""
    Augmentation.objects.filter(pk=augmentation.pk, state=State.PLANNING).update(plan=plan, state=State.PLANNED)
    augmentation.refresh_from_db()


# ---- making and withdrawing


@transaction.atomic
def augmentation_apply(*, augmentation: Augmentation, applied_by: User) -> Augmentation:
    """Makes the samples that the preview showed, for experts to review; a second time it does nothing.

    Of parents that changed, were rejected or are held out by now nothing is made, and how many is kept. Raises
    ApplicationError before there is a preview, after it was withdrawn, and when nothing would be made.
    """
    row = _locked(augmentation)
    if row.state == State.APPLIED:
        return row
    if row.state != State.PLANNED:
        raise ApplicationError(_("There is no preview to make samples from. Ask for a new one."))
    texts = list(row.texts.filter(outcome=KEPT))
    if not texts:
        raise ApplicationError(_("No text was kept, so there is nothing to make. The reasons are below."))
    made = _samples_make(row, texts, applied_by)
    row.done = {"n": made, "left": len(texts) - made}
    row.state, row.applied_by, row.applied_at = State.APPLIED, applied_by, timezone.now()
    row.save(update_fields=["state", "applied_by", "applied_at", "done"])
    _record(row, "augmentation.apply", {"recipe": row.recipe_hash, **row.done}, applied_by)
    return row


def _locked(augmentation: Augmentation) -> Augmentation:
    Project.objects.select_for_update(no_key=True).get(pk=augmentation.project_id)
    return augmentations_of(augmentation.project).select_for_update(of=("self",)).get(pk=augmentation.pk)


def _samples_make(row: Augmentation, texts: list[SyntheticText], by: User) -> int:
    parents = _parents(row.project, {text.parent_id for text in texts})
    able = [text for text in texts if _is_same(parents.get(text.parent_id), text)]
    copies = {_name(row, text, parents): text for text in able}
    pairs = copies_create(
        project=row.project,
        copies=[_copy(row, text, name, parents[text.parent_id]) for name, text in copies.items()],
        created_by=by,
    )
    for copy, sample in pairs:
        copies[copy.external_id].sample = sample
    texts_keep(texts=[copies[copy.external_id] for copy, _ in pairs], fields=["sample"])
    return len(pairs)


def _is_same(parent: Sample | None, text: SyntheticText) -> bool:
    return parent is not None and parent.revision_id == text.parent_revision_id


def _parents(project: Project, ids: Iterable[int]) -> dict[int, Sample]:
    """Parents as they are now; none that is rejected, held out, or of a group that is held out by now."""
    wanted, held = sorted(ids), held_groups(project)
    found: dict[int, Sample] = {}
    for start in range(0, len(wanted), _CHUNK):
        some = samples_counted(project).filter(pk__in=wanted[start : start + _CHUNK])
        found.update((sample.pk, sample) for sample in some if sample.group_id not in held)
    return found


def _name(row: Augmentation, text: SyntheticText, parents: Mapping[int, Sample]) -> str:
    return f"{parents[text.parent_id].external_id[:180]}-made{row.number}-{text.variant}"


def _copy(row: Augmentation, text: SyntheticText, name: str, parent: Sample) -> Copy:
    detail = f"augmentation {row.number} ({row.kind}), recipe {row.recipe_hash[:12]}, seed {row.recipe['seed']}"
    return Copy(
        parent=parent,
        external_id=name,
        prompt=text.prompt,
        completion=text.completion,
        metadata={
            **parent.metadata,
            "synthetic": True,
            "copy_of": parent.external_id,
            "augmentation": row.number,
            "recipe": row.recipe_hash,
        },
        actions=[{"action": "augmented", "detail": f"{detail}, variant {text.variant}"}],
    )


@transaction.atomic
def augmentation_withdraw(*, augmentation: Augmentation, withdrawn_by: User) -> Augmentation:
    """Withdraws every sample of it at once; a second time it does nothing.

    Those that somebody has in hand now are left and counted; frozen versions stay as they are. Raises
    ApplicationError for what was never made.
    """
    row = _locked(augmentation)
    if row.state == State.WITHDRAWN:
        return row
    if row.state != State.APPLIED:
        raise ApplicationError(_("No samples were made of this, so there is nothing to withdraw."))
    n = _samples_withdraw(row, withdrawn_by)
    row.undone = {"n": n, "left": row.done["n"] - n}
    row.state, row.withdrawn_by, row.withdrawn_at = State.WITHDRAWN, withdrawn_by, timezone.now()
    row.save(update_fields=["state", "withdrawn_by", "withdrawn_at", "undone"])
    _record(row, "augmentation.withdraw", row.undone, withdrawn_by)
    return row


def _samples_withdraw(row: Augmentation, by: User) -> int:
    now, n = timezone.now(), 0
    made = Sample.objects.filter(synthetic_text__augmentation=row).exclude(state=Sample.State.REJECTED)
    held = made.filter(assignments__state=Lease.State.LEASED, assignments__lease_expires_at__gt=now)
    ids = sorted(set(made.values_list("pk", flat=True)) - set(held.values_list("pk", flat=True)))
    for start in range(0, len(ids), _CHUNK):
        some = list(Sample.objects.filter(pk__in=ids[start : start + _CHUNK]).order_by("pk").select_for_update())
        reasons = {sample.pk: f"Augmentation {row.number} was withdrawn." for sample in some}
        samples_withdraw(samples=some, reasons=reasons, withdrawn_by=by, at=now)
        n += len(some)
    return n


@transaction.atomic
def synthetic_limit_set(*, project: Project, most: int, set_by: User) -> AugmentationSettings:
    """Sets how many per cent of a version's examples may be synthetic. Raises ApplicationError out of 0 to 100."""
    if not 0 <= most <= 100:
        raise ApplicationError(_("Give a share from 0 to 100 per cent."))
    before = most_synthetic(project)
    row, _made = AugmentationSettings.objects.update_or_create(
        project=project, defaults={"most_synthetic": most, "changed_by": set_by, "changed_at": timezone.now()}
    )
    audit.record(
        actor=set_by,
        action="augmentation.limit",
        project=project.slug,
        target_type="augmentationsettings",
        target_id=row.pk,
        data={"before": before, "after": most},
    )
    return row


def _record(row: Augmentation, action: str, data: dict[str, Any], actor: User | None) -> None:
    audit.record(
        actor=actor,
        action=action,
        project=row.project.slug,
        target_type="augmentation",
        target_id=row.pk,
        data=data,
    )
