"""One act on many samples, in one transaction with one event; and taking it back."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any
from uuid import UUID

from django.db import transaction
from django.utils import timezone
from django.utils.translation import gettext as _

from reviewapp.audit import services as audit
from reviewapp.core.exceptions import ApplicationError
from reviewapp.projects.models import Project
from reviewapp.reviews.bulk import ACTS, EXPERTISE, PRIORITY, TAG, UNTAG, WITHDRAW, parted
from reviewapp.reviews.ranking import tags_of
from reviewapp.reviews.selectors.bulk import chunks, standing_of
from reviewapp.reviews.services.bulk_kinds import DO, UNDO
from reviewapp.reviews.services.queueing import queue_order
from reviewapp.samples.models import MOST_SAMPLES, BulkAct, Sample
from reviewapp.samples.selectors import samples_matching
from reviewapp.words import grouped

if TYPE_CHECKING:
    from reviewapp.accounts.models import User

MAX_TAG = 60  # characters of one tag


@dataclass(frozen=True, kw_only=True)
class Chosen:
    """Samples by their ids, or (None) all that match the filters of the list; ``n`` is what the person was told."""

    n: int
    ids: Sequence[int] | None = None
    filters: Mapping[str, str] = field(default_factory=dict)


def bulk_act(
    *, project: Project, act: str, chosen: Chosen, given: str, done_by: User, idempotency_key: UUID
) -> BulkAct:
    """Does one of ACTS to the chosen samples; those that cannot take it are counted, named and left alone.

    The same key gives back what it did. ``given`` is the field of the act as it was typed. Raises ApplicationError
    when it is not right, for more than 5,000 samples, or when other samples match than the person was told.
    """
    values = values_of(act, given)
    with transaction.atomic():
        # One bulk act of a project at a time: a second click waits here and then finds the first.
        project = Project.objects.select_for_update(no_key=True).get(pk=project.pk)
        stored = BulkAct.objects.filter(idempotency_key=idempotency_key).first()
        if stored is not None:
            return _same(stored, project)
        samples = samples_lock(ids_chosen(project, chosen))
        if len(samples) != chosen.n:
            raise ApplicationError(
                _(
                    "You were asked about %(n)s samples, and now it would be %(n_samples)s. Nothing was done; "
                    "look at the list again."
                )
                % {"n": grouped(chosen.n), "n_samples": grouped(len(samples))}
            )
        taken, left = parted(act, samples, values, standing_of(project, samples, with_tags=act in (TAG, UNTAG)))
        made = BulkAct(project=project, act=act, values=values, filters=dict(chosen.filters), done_by=done_by)
        made.asked, made.done, made.left, made.idempotency_key = len(samples), len(taken), left, idempotency_key
        made.before = {str(pk): had for pk, had in DO[act](taken, made).items()} if taken else {}
        made.save()
        _record(made, "samples.bulk", done_by, [sample.pk for sample in taken])
    _order_again(made)
    return made


def ids_chosen(project: Project, chosen: Chosen) -> list[int]:
    """Raises ApplicationError for more than one act may take."""
    matching = samples_matching(project, chosen.filters if chosen.ids is None else {})
    if chosen.ids is not None:
        matching = matching.filter(pk__in=list(chosen.ids)[: MOST_SAMPLES + 1])
    ids = list(matching.order_by("pk").values_list("pk", flat=True)[: MOST_SAMPLES + 1])
    if len(ids) > MOST_SAMPLES:
        raise ApplicationError(
            _(
                "These are more than %(most_samples)s samples, which is the most for one act. Filter "
                "further, for example by import or group, and do it in parts."
            )
            % {"most_samples": grouped(MOST_SAMPLES)}
        )
    return ids


def samples_lock(ids: Sequence[int]) -> list[Sample]:
    """The samples, locked in the order of their ids as everywhere, so that nobody waits in a circle."""
    locked: list[Sample] = []
    for some in chunks(ids):
        locked += Sample.objects.filter(pk__in=some).order_by("pk").select_for_update()
    return locked


def values_of(act: str, given: str) -> dict[str, Any]:
    """What was typed, read for its act. Raises ApplicationError with what is missing or wrong."""
    if act not in ACTS:
        raise ApplicationError(_("Choose what to do with these samples."))
    given = given.strip()
    if act == PRIORITY:
        if given not in {str(value) for value in Sample.Priority.values}:
            raise ApplicationError(_("Choose a priority: first, normal or last."))
        return {"priority": int(given)}
    if act == WITHDRAW:
        if not given:
            raise ApplicationError(_("Say why these samples are withdrawn. Others will read it on each of them."))
        return {"reason": given[:2000]}
    return _tag_values(act, given) if act in (TAG, UNTAG, EXPERTISE) else {}


def _tag_values(act: str, given: str) -> dict[str, Any]:
    try:
        tags = tags_of(given)
    except ValueError as error:
        raise ApplicationError(str(error)) from error
    if act == EXPERTISE:
        return {"expertise": tags}
    if not tags:
        raise ApplicationError(_("Write at least one tag."))
    names = tags.split(",")
    if any(len(name) > MAX_TAG for name in names):
        raise ApplicationError(_("A tag is at most %(max_tag)s characters long.") % {"max_tag": MAX_TAG})
    return {"tags": names}


@transaction.atomic
def _undo(act: BulkAct, undone_by: User) -> BulkAct:
    Project.objects.select_for_update(no_key=True).get(pk=act.project_id)
    act = BulkAct.objects.select_for_update(of=("self",)).select_related("project").get(pk=act.pk)
    if act.undone_at is not None:
        return act
    samples = samples_lock(sorted(int(pk) for pk in act.before))
    put_back = UNDO[act.act](samples, act)
    act.undone, act.undone_at, act.undone_by = len(put_back), timezone.now(), undone_by
    act.save(update_fields=["undone", "undone_at", "undone_by"])
    _record(act, "samples.bulk_undo", undone_by, put_back)
    return act


def bulk_undo(*, act: BulkAct, undone_by: User) -> BulkAct:
    """Puts back what the act changed, where nobody changed it since; a second time it does nothing.

    Raises ApplicationError for an act without an undo.
    """
    if not ACTS[act.act].is_undoable:
        raise ApplicationError(_("This has no undo: the samples are in review again. Settle them there."))
    undone = _undo(act, undone_by)
    _order_again(undone)
    return undone


def _same(stored: BulkAct, project: Project) -> BulkAct:
    if stored.project_id != project.pk:
        raise ApplicationError(_("This form was already used elsewhere. Reload the list and start again."))
    return stored


def _order_again(act: BulkAct) -> None:
    """Samples that lost their place in the queue get one at once: waiting for the next reviewer could be too late."""
    if act.act in (PRIORITY, WITHDRAW):
        queue_order(project=act.project)


def _record(act: BulkAct, action: str, by: User, ids: Sequence[int]) -> None:
    """One event with the count, the ids' hash and, in the row it points to, each id with what it had before."""
    digest = hashlib.sha256(",".join(str(pk) for pk in sorted(ids)).encode()).hexdigest()
    left = {row["reason"]: row["n"] for row in act.left}
    audit.record(
        actor=by,
        action=action,
        project=act.project.slug,
        target_type="bulk_act",
        target_id=act.pk,
        data={"act": act.act, "values": act.values, "n": len(ids), "ids_sha256": digest, "left_alone": left},
    )
