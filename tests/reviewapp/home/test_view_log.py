"""Who opened what: the page, its filters, its file, and one's own record."""

from __future__ import annotations

import csv
import html
import io
from datetime import timedelta
from types import SimpleNamespace
from typing import Any

import pytest
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext
from django.urls import reverse
from django.utils import timezone

from reviewapp.accounts.models import User
from reviewapp.audit.models import AuditEvent, RecordView, Target
from reviewapp.audit.services import views_seal
from reviewapp.evaluations.services import grades
from reviewapp.projects.models import Project
from tests import factories
from tests.reviewapp.evaluations.world import generated, opened_round


def seen(person: User, target: str, target_id: int | None, **values: Any) -> RecordView:
    given = {"project_slug": "letters", "kind": "page", "page": "samples:sample_detail", "at": timezone.now()} | values
    row = RecordView(person=person, person_name=str(person), target_type=target, target_id=target_id, **given)
    row.save()
    return row


@pytest.fixture
def lead(people: SimpleNamespace, client_for: Any) -> Client:
    client: Client = client_for(people.lead)
    return client


URL = "/projects/letters/opened/"


def shown(client: Client, **query: object) -> list[int]:
    answer = client.get(URL, query)
    assert answer.status_code == 200
    return [row.view.pk for row in answer.context["rows"]]


def test_filters_by_person_object_day_and_kind(lead: Client, people: SimpleNamespace) -> None:
    old = seen(people.annotator, Target.SAMPLE, 7, at=timezone.now() - timedelta(days=3))
    new = seen(people.annotator, Target.SAMPLE, 8, kind="download")
    other = seen(people.reviewer, Target.OUTPUT, 7)
    listed = seen(people.reviewer, Target.SAMPLE, None, target_ids=",17,7,", count=2, kind="list")
    seen(people.outsider, Target.SAMPLE, 7, project_slug="elsewhere")

    assert shown(lead) == [listed.pk, other.pk, new.pk, old.pk]
    assert shown(lead, person="annotator") == [new.pk, old.pk]
    assert shown(lead, type="sample", id=7) == [listed.pk, old.pk]
    assert shown(lead, type="sample", id=1) == []  # no part of another number
    assert shown(lead, type="output") == [other.pk]
    assert shown(lead, kind="download") == [new.pk]
    assert shown(lead, day=(timezone.now() - timedelta(days=3)).date().isoformat()) == [old.pk]


@pytest.mark.parametrize("query", [{"day": "soon"}, {"type": "x"}, {"kind": "x"}, {"id": "9" * 30}, {"id": "-1"}])
def test_a_filter_without_sense_is_left_out(lead: Client, people: SimpleNamespace, query: dict[str, str]) -> None:
    row = seen(people.annotator, Target.SAMPLE, 7)

    assert shown(lead, **query) == [row.pk]


def test_the_history_of_a_sample_has_its_versions_and_its_file(
    lead: Client, project: Project, people: SimpleNamespace
) -> None:
    batch = factories.import_batch(project)
    sample = factories.sample(project, batch=batch, state="accepted")
    version = factories.version(project, [sample])
    wanted = [
        seen(people.annotator, Target.SAMPLE, sample.pk),
        seen(people.engineer, Target.VERSION, version.pk, kind="download", count=1),
        seen(people.engineer, Target.IMPORT, batch.pk),
    ]
    seen(people.engineer, Target.VERSION, version.pk + 1)
    page = html.unescape(lead.get(reverse("samples:sample_detail", args=["letters", sample.pk])).content.decode())
    assert f'href="{URL}?type=sample&id={sample.pk}"' in page

    got = shown(lead, type="sample", id=sample.pk)
    assert got[1:] == [row.pk for row in reversed(wanted)]  # and, newest, the lead's own look at the page


def test_the_history_of_an_output_has_the_graders_who_saw_it(
    lead: Client, project: Project, people: SimpleNamespace
) -> None:
    taken = grades.grade_claim(
        round=opened_round(generated(project, prompts=2), people.lead), user=people.reviewer
    )  # fmt: skip
    assert taken is not None
    row = seen(people.reviewer, Target.GRADING, taken.pk)

    assert shown(lead, type="output", id=taken.item.output_id) == [row.pk]


def test_the_number_of_queries_does_not_grow(lead: Client, people: SimpleNamespace) -> None:
    counts = []
    for more in (1, 60):
        for i in range(more):
            seen(people.annotator, Target.SAMPLE, i + 1)
        with CaptureQueriesContext(connection) as queries:
            shown(lead)
        counts.append(len(queries))
    assert counts[0] == counts[1] <= 8


def test_the_file_is_safe_and_taking_it_is_an_event(lead: Client, people: SimpleNamespace) -> None:
    seen(people.annotator, Target.SAMPLE, 7, client="=cmd()")
    seen(people.reviewer, Target.SAMPLE, None, target_ids=",7,9,", count=2, kind="list")
    answer: Any = lead.post(f"{reverse('home:view_log_export', args=['letters'])}?type=sample&id=7")

    rows = list(csv.reader(io.StringIO(answer.getvalue().decode().lstrip("\ufeff"))))
    assert rows[0][:4] == ["at", "person", "what", "id"]
    assert [row[1:7] for row in rows[1:]] == [
        ["Reviewer", "Sample", "", "2", "7 9", "List"],
        ["Annotator", "Sample", "7", "1", "", "Page"],
    ]
    assert rows[2][8] == "'=cmd()"
    event = AuditEvent.objects.get(action="views.export")
    assert (event.actor, event.data) == (people.lead, {"filters": {"type": "sample", "id": "7"}, "count": 2})


def test_everybody_sees_their_own_record_and_nobody_elses(people: SimpleNamespace, client_for: Any) -> None:
    mine = seen(people.annotator, Target.SAMPLE, 7)
    elsewhere = seen(people.annotator, Target.OUTPUT, 3, project_slug="elsewhere")
    seen(people.lead, Target.SAMPLE, 7)

    answer = client_for(people.annotator).get("/opened/")
    assert [row.view.pk for row in answer.context["rows"]] == [elsewhere.pk, mine.pk]
    assert 'href="/opened/"' in answer.content.decode()


def test_a_sealed_row_that_was_changed_is_told_in_the_audit_log(lead: Client, people: SimpleNamespace) -> None:
    row = seen(people.annotator, Target.SAMPLE, 7)
    views_seal()
    assert "The record views hold: 1 in 1 seal" in lead.get("/projects/letters/audit/?verify=1").content.decode()
    with connection.cursor() as cursor:
        cursor.execute("DELETE FROM audit_recordview WHERE id = %s", [row.pk])

    assert "do not fit their seal, event 1" in lead.get("/projects/letters/audit/?verify=1").content.decode()
