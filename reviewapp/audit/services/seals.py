"""Record views sealed into the audit chain.

A seal is one event: the first and last id of the rows since the seal before, their number, and a sha256 over all they
hold. Who alters, removes or puts in a row afterwards is found, because the event cannot be changed with it.
"""

from __future__ import annotations

import hashlib
import json
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

from django.conf import settings
from django.db import connection, transaction
from django.db.models import QuerySet
from django.utils import timezone
from django.utils.translation import gettext as _

from reviewapp.accounts.models import User
from reviewapp.audit.models import AuditEvent, RecordView
from reviewapp.audit.services.chain import record
from reviewapp.core.exceptions import ApplicationError

SEAL, PRUNE, SEALED_TYPE = "views.seal", "views.prune", "record views"
ROWS_A_SEAL = 5_000  # a tenth of a second in which nobody else writes
LOCK_WAIT = "2s"
_FIELDS = (
    "id",
    "at",
    "person_id",
    "person_name",
    "project_slug",
    "kind",
    "page",
    "target_type",
    "target_id",
    "target_ids",
    "count",
    "client",
)


def seals() -> QuerySet[AuditEvent]:
    return AuditEvent.objects.filter(target_type=SEALED_TYPE, action=SEAL).order_by("seq")


def views_seal() -> int:
    """Seals every row that is not sealed yet; returns how many. A few events where there are many rows."""
    total = 0
    while n := _seal_once():
        total += n
    return total


def views_seal_due() -> int:
    """For the clock: seals when the oldest unsealed row has waited VIEW_LOG_SEAL_MINUTES; returns how many rows."""
    oldest = RecordView.objects.filter(pk__gt=_sealed_to()).order_by("pk").values_list("at", flat=True).first()
    if oldest is None or timezone.now() - oldest < timedelta(minutes=settings.VIEW_LOG_SEAL_MINUTES):
        return 0
    return views_seal()


@transaction.atomic
def _seal_once() -> int:
    _keep_writers_out()
    rows = _rows(_sealed_to(), None)[:ROWS_A_SEAL]
    sealed = _digest(rows)
    if sealed["count"]:
        record(
            actor=None,
            action=SEAL,
            target_type=SEALED_TYPE,
            target_id=f"{sealed['first']}-{sealed['last']}",
            data=sealed,
        )
    return int(sealed["count"])


def _keep_writers_out() -> None:
    """So that no row with a smaller id is still on its way. On SQLite the transaction itself does that."""
    if connection.vendor == "postgresql":
        with connection.cursor() as cursor:
            cursor.execute(f"SET LOCAL lock_timeout = '{LOCK_WAIT}'")
            cursor.execute("LOCK TABLE audit_recordview IN SHARE MODE")


def _sealed_to() -> int:
    """The last id that is sealed, 0 before the first seal."""
    last = seals().last()
    return int(last.data["last"]) if last else 0


def _rows(after: int, to: int | None) -> QuerySet[Any, Any]:
    """Values of the rows with after < id <= to, in order."""
    rows = RecordView.objects.filter(pk__gt=after).order_by("pk")
    return (rows if to is None else rows.filter(pk__lte=to)).values_list(*_FIELDS)


def _digest(rows: QuerySet[Any, Any]) -> dict[str, Any]:
    """count, first and last id, time of the newest row, and a sha256 over one JSON line a row."""
    whole, n, first, last, newest = hashlib.sha256(), 0, 0, 0, ""
    for row in rows.iterator(chunk_size=1_000):
        at = row[1].astimezone(UTC).isoformat()
        line = json.dumps([row[0], at, *row[2:]], separators=(",", ":"), ensure_ascii=False)
        whole.update(f"{line}\n".encode())
        n, first, last, newest = n + 1, first or row[0], row[0], max(newest, at)
    return {"count": n, "first": first, "last": last, "newest": newest, "sha256": whole.hexdigest()}


@dataclass(frozen=True)
class ViewsCheck:
    n: int  # rows that were compared with their seal
    seals: int
    removed: int  # rows that an operator removed after their time, as an event says
    unsealed: int  # rows that wait for their seal: nothing can be said about them yet
    broken_at: int | None  # seq of the first seal whose rows are not as they were

    @property
    def holds(self) -> bool:
        return self.broken_at is None


def views_verify() -> ViewsCheck:
    """Compares every sealed row with its seal, in order. The seals themselves are held by ``chain_verify``."""
    n = count = removed = 0
    broken: int | None = None
    pruned, after = _pruned_to(), 0
    for seal in seals().iterator(chunk_size=500):
        count += 1
        is_pruned = seal.data["last"] <= pruned
        if not _fits(seal, after, is_pruned=is_pruned):
            broken = seal.seq
            break
        n, removed = (n, removed + seal.data["count"]) if is_pruned else (n + seal.data["count"], removed)
        after = seal.data["last"]
    waiting = RecordView.objects.filter(pk__gt=_sealed_to()).count()
    return ViewsCheck(n=n, seals=count, removed=removed, unsealed=waiting, broken_at=broken)


def _fits(seal: AuditEvent, after: int, *, is_pruned: bool) -> bool:
    rows = _rows(after, seal.data["last"])
    return not rows.exists() if is_pruned else _digest(rows) == seal.data


def _pruned_to() -> int:
    """The last id that was removed after its time."""
    last = AuditEvent.objects.filter(target_type=SEALED_TYPE, action=PRUNE).order_by("seq").last()
    return int(last.data["last"]) if last else 0


@transaction.atomic
def views_prune(*, before: datetime, pruned_by: User | None = None) -> int:
    """Removes whole seals whose newest row is older than ``before``; returns how many rows.

    An event keeps their number and the hash of their seals. Raises ApplicationError, and removes nothing, when a row
    is not as it was sealed: what was tampered with is evidence.
    """
    start = after = _pruned_to()
    old: list[AuditEvent] = []
    for seal in seals():
        if seal.data["last"] <= start:
            continue
        if datetime.fromisoformat(seal.data["newest"]) >= before:
            break
        if not _fits(seal, after, is_pruned=False):
            raise ApplicationError(
                _("Rows of seal %(seq)s are not as they were sealed. Nothing was removed.") % {"seq": seal.seq}
            )
        old.append(seal)
        after = seal.data["last"]
    if not old:
        return 0
    data = _pruned(old)
    record(actor=pruned_by, action=PRUNE, target_type=SEALED_TYPE, target_id=f"{data['first']}-{after}", data=data)
    # a plain query set: the model's own refuses to delete
    QuerySet(model=RecordView).filter(pk__gt=start, pk__lte=after).delete()
    return int(data["count"])


def _pruned(old: list[AuditEvent]) -> dict[str, Any]:
    hashes = "".join(seal.data["sha256"] for seal in old)
    return {
        "count": sum(seal.data["count"] for seal in old),
        "first": old[0].data["first"],
        "last": old[-1].data["last"],
        "newest": max(seal.data["newest"] for seal in old),
        "seals": [old[0].seq, old[-1].seq],
        "sha256": hashlib.sha256(hashes.encode()).hexdigest(),
    }
