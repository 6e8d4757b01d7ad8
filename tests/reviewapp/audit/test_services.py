from __future__ import annotations

from django.db import connection

from reviewapp.audit import services
from reviewapp.audit.models import AuditEvent
from tests import factories


def _record(n: int) -> None:
    for i in range(n):
        services.record(actor=None, action="thing.do", target_type="thing", target_id=i, data={"i": i})


def test_events_form_a_chain_that_verifies(db: None) -> None:
    ana = factories.user("ana")
    services.record(actor=ana, action="thing.do", target_type="thing", target_id=1, project="letters")
    _record(3)

    first, second = AuditEvent.objects.order_by("seq")[:2]
    assert first.prev_hash == services.GENESIS
    assert second.prev_hash == first.hash
    assert first.actor_name == "Ana"
    assert services.chain_verify() == services.ChainCheck(n=4, broken_at=None)


def test_an_altered_event_is_found(db: None) -> None:
    _record(4)
    with connection.cursor() as cursor:
        cursor.execute("UPDATE audit_auditevent SET actor_name = 'nobody' WHERE seq = 2")

    assert services.chain_verify().broken_at == 2


def test_a_removed_event_is_found(db: None) -> None:
    _record(4)
    with connection.cursor() as cursor:
        cursor.execute("DELETE FROM audit_auditevent WHERE seq = 3")

    assert services.chain_verify().broken_at == 4
