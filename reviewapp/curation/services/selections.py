"""Selections: asked for, made by a worker, made again with what a person keeps or drops by hand."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Sequence
from dataclasses import replace
from itertools import islice
from typing import TYPE_CHECKING, Any
from uuid import UUID

from django.db import models, transaction
from django.db.models import Max
from django.utils import timezone
from django.utils.translation import gettext as _

from reviewapp.audit import services as audit
from reviewapp.core import jobs
from reviewapp.core.exceptions import ApplicationError
from reviewapp.core.models import Job
from reviewapp.curation.models import Selection, SelectionEntry
from reviewapp.curation.selections import reasons
from reviewapp.curation.selections.asked import Config, Pin
from reviewapp.projects.models import Project
from reviewapp.samples.models import Sample
from reviewapp.words import named, say
from training.contract import canonical_json

if TYPE_CHECKING:
    from reviewapp.accounts.models import User

KEEP, DROP = "keep", "drop"
PINS_MOST = 5_000
_BATCH = 1_000


@transaction.atomic
def selection_request(
    *,
    project: Project,
    config: Config,
    requested_by: User,
    idempotency_key: UUID | None = None,
    base: Selection | None = None,
) -> Selection:
    """Asks a worker to make a selection. The same key gives back the selection it made.

    Raises ApplicationError without samples, for settings that no form sends, or while another one waits or runs.
    """
    Project.objects.select_for_update(no_key=True).get(pk=project.pk)  # two requests at once make one
    mine = Selection.objects.filter(project=project)
    known = mine.filter(idempotency_key=idempotency_key).first() if idempotency_key else None
    if known is not None:
        return known
    config.check()
    if not Sample.objects.filter(project=project).exists():
        raise ApplicationError(_("There are no samples to choose from yet. Import some first."))
    if mine.filter(job__state__in=[Job.State.QUEUED, Job.State.RUNNING]).exists():
        raise ApplicationError(_("A selection of this project is already being made. Wait for it, or cancel it."))
    number = (mine.aggregate(last=Max("number"))["last"] or 0) + 1
    selection = Selection.objects.create(
        project=project, number=number, config=config.to_json(), requested_by=requested_by, base=base,
        idempotency_key=idempotency_key,
    )  # fmt: skip
    selection.job = jobs.enqueue(
        "reviewapp.curation.jobs.make_selection",
        title=f"Select samples of {project.name}",
        created_by=requested_by,
        kwargs={"selection_id": selection.pk},
        project_slug=project.slug,
    )
    selection.save(update_fields=["job"])
    data = {"job": selection.job.pk, "config": selection.config, "base": base.number if base else None}
    _record(selection, "selection.request", data, requested_by)
    return selection


@transaction.atomic
def selection_cancel(*, selection: Selection, cancelled_by: User) -> None:
    """Asks the worker to stop. Raises ApplicationError when it has ended."""
    if selection.job is None or selection.job.is_terminal:
        raise ApplicationError(_("This selection has ended; there is nothing to cancel."))
    jobs.cancel_request(job=selection.job)
    _record(selection, "selection.cancel", {"job": selection.job.pk}, cancelled_by)


def selection_revise(
    *, selection: Selection, act: str, sample_ids: Sequence[int], revised_by: User, idempotency_key: UUID
) -> Selection:
    """Asks for another selection in which these samples are kept, or dropped, by this person's word.

    Raises ApplicationError for a selection that is not made, for no samples, and for samples that no person can keep.
    """
    if selection.made_at is None:
        raise ApplicationError(_("This selection is not made yet. Wait for it."))
    wanted = selection.entries.filter(sample__in=sample_ids).select_related("sample").order_by("pk")
    entries = [entry for entry in wanted if entry.is_kept != (act == KEEP)]
    if act not in (KEEP, DROP) or not entries:
        raise ApplicationError(_("Tick the samples first."))
    hard = [entry.sample.external_id for entry in entries if entry.reason in reasons.HARD]
    if act == KEEP and hard:
        raise ApplicationError(
            say(
                "%(names)s cannot be kept by hand: what keeps it out has to be settled first. Look at its reason.",
                names=", ".join(hard[:5]),
            )
        )
    config = _pinned(Config.of_json(selection.config), act, entries, str(revised_by))
    return selection_request(
        project=selection.project, config=config, requested_by=revised_by, idempotency_key=idempotency_key,
        base=selection,
    )  # fmt: skip


def _pinned(config: Config, act: str, entries: Sequence[SelectionEntry], by: str) -> Config:
    """The latest word about a sample counts."""
    new = tuple(Pin(sample=entry.sample_id, external_id=entry.sample.external_id, by=by) for entry in entries)
    now = {pin.sample for pin in new}
    keep = tuple(pin for pin in config.keep if pin.sample not in now) + (new if act == KEEP else ())
    drop = tuple(pin for pin in config.drop if pin.sample not in now) + (new if act == DROP else ())
    if len(keep) > PINS_MOST or len(drop) > PINS_MOST:
        raise ApplicationError(_("So many samples cannot be kept or dropped by hand. Change the settings instead."))
    return replace(config, keep=keep, drop=drop)


def selection_finish(*, selection: Selection, entries: Iterable[SelectionEntry], **facts: Any) -> None:
    """Writes the entries, then the row that makes them count. What lay there of an interrupted attempt goes."""
    # an unfinished selection is no record yet: its entries are not immutable before it is made
    models.QuerySet(SelectionEntry).filter(selection=selection).delete()
    rest = iter(entries)
    while some := list(islice(rest, _BATCH)):
        SelectionEntry.objects.bulk_create(some)
    with transaction.atomic():
        for name, value in facts.items():
            setattr(selection, name, value)
        selection.content_hash = content_hash_of(selection)
        selection.made_at = timezone.now()
        selection.save()
        data = {"counts": selection.counts, "content_hash": selection.content_hash}
        _record(selection, "selection.finish", data, selection.requested_by)


def content_hash_of(selection: Selection) -> str:
    """SHA-256 over [sample, hash of its text] of all that was kept, by sample: the same wherever it is worked out."""
    kept = selection.entries.filter(is_kept=True).order_by("sample__external_id")
    digest = hashlib.sha256()
    rows = kept.values_list("sample__external_id", "revision__content_hash")
    for pair in rows.iterator(chunk_size=_BATCH):
        digest.update(f"{canonical_json(list(pair))}\n".encode(errors="surrogatepass"))
    return digest.hexdigest()


def selection_exported(*, selection: Selection, form: str, exported_by: User) -> None:
    """Puts an export on record. Raises ApplicationError for a selection that is not made."""
    if selection.made_at is None:
        raise ApplicationError(say("%(selection)s is not made yet. Wait for it.", selection=named(selection)))
    _record(selection, "selection.export", {"form": form}, exported_by)


def _record(selection: Selection, action: str, data: dict[str, Any], actor: User | None) -> None:
    audit.record(
        actor=actor,
        action=action,
        project=selection.project.slug,
        target_type="selection",
        target_id=selection.pk,
        data=data,
    )
