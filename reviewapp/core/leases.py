"""What can happen to a lease, whichever kind: renew, release, expire, save a draft."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Any, TypeVar

from django.conf import settings
from django.db import transaction
from django.utils import timezone
from django.utils.translation import gettext as _

from reviewapp.core.exceptions import ApplicationError, LeaseLost
from reviewapp.core.models import Lease

L = TypeVar("L", bound=Lease)

DRAFT_MAX_BYTES = 2_000_000


def lease_end() -> datetime:
    """When a lease that is taken or renewed now runs out."""
    return timezone.now() + timedelta(minutes=settings.LEASE_MINUTES)


def lease_renew(*, lease: Lease) -> datetime:
    """Moves the end of a live lease; raises LeaseLost when it is no longer held."""
    end = lease_end()
    changed = type(lease).objects.filter(pk=lease.pk).live().update(lease_expires_at=end)
    if changed != 1:
        raise LeaseLost(_("Your lease on this item has run out. What you wrote is kept; take the item again to go on."))
    return end


def lease_release(*, lease: Lease) -> None:
    """Gives the item back; the draft stays on the row. Releasing twice is harmless."""
    type(lease).objects.filter(pk=lease.pk, state=Lease.State.LEASED).update(
        state=Lease.State.RELEASED, closed_at=timezone.now()
    )


def leases_expire(model: type[L]) -> int:
    """Closes every lease of this kind whose time ran out; returns how many."""
    return model.objects.all().due().update(state=Lease.State.EXPIRED, closed_at=timezone.now())


@transaction.atomic
def draft_save(*, lease: L, changes: dict[str, Any]) -> L:
    """Merges ``changes`` (only what changed; null removes a key) into the draft of a lease that is still open.

    An expired lease still takes the draft, as long as nobody submitted it: what a person wrote is never refused.
    """
    row: L = type(lease).objects.select_for_update().get(pk=lease.pk)
    if row.state == Lease.State.SUBMITTED:
        raise LeaseLost(_("This item was already submitted; undo the submission to change it."))
    merged = {key: value for key, value in (row.draft | changes).items() if value is not None}
    if len(str(merged)) > DRAFT_MAX_BYTES:
        raise ApplicationError(_("This draft is larger than 2 MB. Shorten the text, then it will be saved."))
    row.draft = merged
    row.draft_version += 1
    row.draft_saved_at = timezone.now()
    row.save(update_fields=["draft", "draft_version", "draft_saved_at"])
    return row
