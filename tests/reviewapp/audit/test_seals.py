"""Record views sealed into the chain: whatever is done to a sealed row from outside is found."""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta
from io import StringIO
from typing import Any

import pytest
from django.core.management import CommandError, call_command
from django.db import connection, transaction
from django.utils import timezone
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from reviewapp.accounts.models import User
from reviewapp.audit.models import AuditEvent, RecordView, Target
from reviewapp.audit.services import chain_verify, seals, views_prune, views_seal, views_seal_due, views_verify
from reviewapp.core.exceptions import ApplicationError
from tests import factories

NAMES = ["Ana", "Renée \u2028 Ångström", '"quoted", \\ ', ""]


def views_make(n: int, *, days_ago: int = 0, **values: Any) -> list[RecordView]:
    person = User.objects.filter(username="viewer").first() or factories.user("viewer")
    at = timezone.now() - timedelta(days=days_ago)
    given = {"project_slug": "letters", "kind": "page", "page": "samples:sample_detail"} | values
    rows = [
        RecordView(
            at=at, person=person, person_name=NAMES[i % len(NAMES)], target_type=Target.SAMPLE, target_id=i + 1, **given
        )
        for i in range(n)
    ]
    for row in rows:
        row.save()
    return rows


def sql(text: str, *values: object) -> None:
    with connection.cursor() as cursor:
        cursor.execute(text, values)


def test_a_seal_holds_number_ends_and_hash_of_all_rows_since_the_last(db: None) -> None:
    first = views_make(3)
    assert views_seal() == 3
    second = views_make(2)
    assert views_seal() == 2
    assert views_seal() == 0

    one, two = AuditEvent.objects.filter(action="views.seal").order_by("seq")
    assert (one.data["count"], one.data["first"], one.data["last"]) == (3, first[0].pk, first[-1].pk)
    assert (two.data["count"], two.data["first"], two.data["last"]) == (2, second[0].pk, second[-1].pk)
    assert len(one.data["sha256"]) == 64
    assert one.data["sha256"] != two.data["sha256"]
    check = views_verify()
    assert (check.n, check.seals, check.unsealed, check.holds) == (5, 2, 0, True)
    assert chain_verify().holds


def test_many_rows_are_sealed_in_several_events(db: None, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(seals, "ROWS_A_SEAL", 4)
    views_make(10)

    assert views_seal() == 10
    assert [event.data["count"] for event in AuditEvent.objects.order_by("seq")] == [4, 4, 2]
    assert views_verify().holds


_CHANGES = {
    "at": timezone.now() + timedelta(days=1),
    "person_name": "nobody",
    "project_slug": "elsewhere",
    "kind": "list",
    "page": "x",
    "target_type": "output",
    "target_id": 999,
    "target_ids": ",1,",
    "count": 7,
    "client": "10.0.0.1",
}


def _alter(row: RecordView, field: str) -> None:
    sql(f"UPDATE audit_recordview SET {field} = %s WHERE id = %s", _CHANGES[field], row.pk)  # noqa: S608


def _remove(row: RecordView, field: str) -> None:
    sql("DELETE FROM audit_recordview WHERE id = %s", row.pk)


def _renumber(row: RecordView, field: str) -> None:
    sql("UPDATE audit_recordview SET id = %s WHERE id = %s", row.pk + 10_000, row.pk)


@given(
    sizes=st.lists(st.integers(1, 5), min_size=1, max_size=3),
    place=st.integers(0, 10_000),
    field=st.sampled_from(sorted(_CHANGES)),
    tamper=st.sampled_from([_alter, _alter, _alter, _remove, _renumber]),
)
@settings(max_examples=25, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_any_change_of_a_sealed_row_is_found_in_its_seal(
    db: None, sizes: list[int], place: int, field: str, tamper: Callable[[RecordView, str], None]
) -> None:
    with transaction.atomic():
        rows: list[RecordView] = []
        for size in sizes:
            rows += views_make(size)
            views_seal()
        assert views_verify().holds
        row = rows[place % len(rows)]
        tamper(row, field)

        found = views_verify().broken_at
        holder = next(e for e in AuditEvent.objects.order_by("seq") if e.data["first"] <= row.pk <= e.data["last"])
        assert found == holder.seq
        transaction.set_rollback(True)


def test_a_row_put_in_between_is_found(db: None) -> None:
    rows = views_make(4)
    sql("DELETE FROM audit_recordview WHERE id = %s", rows[2].pk)  # an id that was never used, as after a rollback
    views_seal()
    assert views_verify().holds
    forged = RecordView.objects.get(pk=rows[0].pk)
    forged.pk, forged._state.adding = rows[2].pk, True
    forged.save(force_insert=True)

    assert not views_verify().holds


def test_a_seal_that_is_rewritten_breaks_the_chain(db: None) -> None:
    views_make(2)
    views_seal()
    sql("UPDATE audit_auditevent SET data = %s WHERE seq = 1", '{"count": 0, "first": 0, "last": 0}')

    assert chain_verify().broken_at == 1


def test_the_clock_seals_when_the_oldest_row_has_waited(db: None, settings: Any) -> None:
    settings.VIEW_LOG_SEAL_MINUTES = 15
    views_make(1)
    assert views_seal_due() == 0
    views_make(1, days_ago=1)  # a later row with an earlier time: the order of ids decides
    assert views_seal_due() == 0

    settings.VIEW_LOG_SEAL_MINUTES = 0
    assert views_seal_due() == 2
    assert views_seal_due() == 0


def test_old_rows_are_removed_by_whole_seals_and_the_rest_still_holds(db: None) -> None:
    for days_ago in (400, 390, 10):
        views_make(3, days_ago=days_ago)
        views_seal()
    kept = views_make(1, days_ago=500)  # not sealed: never removed

    assert views_prune(before=timezone.now() - timedelta(days=365)) == 6
    event = AuditEvent.objects.get(action="views.prune")
    assert (event.data["count"], len(event.data["sha256"])) == (6, 64)
    assert RecordView.objects.count() == 4
    assert RecordView.objects.filter(pk=kept[0].pk).exists()
    check = views_verify()
    assert (check.n, check.seals, check.removed, check.unsealed, check.holds) == (3, 3, 6, 1, True)
    assert views_prune(before=timezone.now() - timedelta(days=365)) == 0
    assert views_prune(before=timezone.now()) == 3
    assert views_verify().holds
    assert chain_verify().holds


def test_rows_that_were_tampered_with_are_not_removed(db: None) -> None:
    rows = views_make(3, days_ago=400)
    views_seal()
    _alter(rows[1], "target_id")

    with pytest.raises(ApplicationError, match="Nothing was removed"):
        views_prune(before=timezone.now())
    assert RecordView.objects.count() == 3


def test_a_removed_row_that_comes_back_is_found(db: None) -> None:
    row = views_make(1, days_ago=400)[0]
    views_seal()
    views_prune(before=timezone.now())
    row._state.adding = True
    row.save(force_insert=True)

    assert not views_verify().holds


def _said(*command: str) -> str:
    out = StringIO()
    call_command(*command, stdout=out)
    return out.getvalue()


def test_the_commands_seal_verify_and_remove(db: None, settings: Any) -> None:
    rows = views_make(3, days_ago=2)
    assert "3 record views sealed" in _said("views_seal")
    assert "3 in 1 seals" in _said("audit_verify")
    settings.VIEW_LOG_KEEP_DAYS = 0
    assert "kept for ever" in _said("views_prune")
    assert RecordView.objects.count() == 3

    _alter(rows[0], "count")
    with pytest.raises(CommandError, match="Record views were changed"):
        _said("audit_verify")
    with pytest.raises(CommandError, match="Nothing was removed"):
        _said("views_prune", "--days", "1")
    sql("UPDATE audit_recordview SET count = 1 WHERE id = %s", rows[0].pk)
    assert "3 record views older than 1 days removed" in _said("views_prune", "--days", "1")
    sql("UPDATE audit_auditevent SET actor_name = 'nobody' WHERE seq = 2")
    with pytest.raises(CommandError, match="broken at event 2"):
        _said("audit_verify")
