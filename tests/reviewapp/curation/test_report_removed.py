"""Nothing is deleted: every way in which curation takes a sample out leaves it with its reason, and brings it back."""

from __future__ import annotations

import uuid
from collections.abc import Callable
from types import SimpleNamespace
from typing import Any

import pytest
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext
from django.utils import timezone

from reviewapp.audit.models import AuditEvent
from reviewapp.curation import services
from reviewapp.curation.duplicates import clusters
from reviewapp.curation.models import CounterfactualCopy, Finding
from reviewapp.curation.removed.reading import reasons_counted, samples_of_reason
from reviewapp.projects.models import Project
from reviewapp.reviews.services import bulk
from reviewapp.samples.models import Revision, Sample
from tests import factories
from tests.reviewapp.curation import test_balance, test_phi_services
from tests.reviewapp.curation.test_dups_services import cluster
from tests.reviewapp.curation.test_dups_services import scan as scanned
from tests.reviewapp.curation.test_views import body, url

Clients = Callable[[Any], Client]
Undo = Callable[[], Any]
OUT = Sample.State.REJECTED


def duplicate_by_hand(project: Project, people: SimpleNamespace) -> Undo:
    one, _two = (factories.sample(project, external_id=f"d-{n}") for n in range(2))
    scanned(project, people.engineer)
    made = services.duplicates_decide(
        project=project, sample_id=one.pk, seal=cluster(one).seal, keep=[one.pk], decided_by=people.lead,
        idempotency_key=uuid.uuid4(),
    )  # fmt: skip
    return lambda: services.duplicates_undo(decision=made, undone_by=people.lead)


def duplicate_in_bulk(project: Project, people: SimpleNamespace) -> Undo:
    for n in range(3):
        factories.sample(project, external_id=f"d-{n}")
    scanned(project, people.engineer)
    rows, _total = clusters.exact_preview(project)
    made = services.exact_keep_first(
        project=project, n=sum(len(row.go) for row in rows), decided_by=people.lead, idempotency_key=uuid.uuid4()
    )
    return lambda: services.duplicates_undo(decision=made, undone_by=people.lead)


def identifiers(project: Project, people: SimpleNamespace) -> Undo:
    test_phi_services.checked(project)
    row = test_phi_services.redacted(project, "reject")
    return lambda: test_phi_services.undone(row)


def synthetic_copies(project: Project, people: SimpleNamespace) -> Undo:
    """Undoing a mitigation has no undo of its own: its copies are put back from the page."""
    test_balance.fill(project)
    row = test_balance.planned(test_balance.report_of(project, people.lead), people.lead, limit=3)
    services.mitigation_apply(mitigation=row, applied_by=people.lead)
    copy = CounterfactualCopy.objects.all()[0].sample
    factories.finding(copy)
    services.mitigation_undo(mitigation=row, undone_by=people.lead)
    assert not Finding.objects.filter(sample=copy, state="open").exists()
    out = list(Sample.objects.filter(project=project, state=OUT).values_list("pk", flat=True))
    return lambda: services.samples_put_back(project=project, sample_ids=out, put_back_by=people.lead)


def act_on_many(project: Project, people: SimpleNamespace) -> Undo:
    one = factories.sample(project, external_id="b-1")
    done = bulk.bulk_act(
        project=project, act="withdraw", chosen=bulk.Chosen(n=1, ids=[one.pk]), given="Not ours.",
        done_by=people.lead, idempotency_key=uuid.uuid4(),
    )  # fmt: skip
    return lambda: bulk.bulk_undo(act=done, undone_by=people.lead)


WAYS = [duplicate_by_hand, duplicate_in_bulk, identifiers, synthetic_copies, act_on_many]


@pytest.mark.parametrize("way", WAYS)
def test_every_way_out_leaves_a_reason_and_leads_back(
    way: Callable[[Project, SimpleNamespace], Undo],
    project: Project,
    people: SimpleNamespace,
    client_for: Clients,
) -> None:
    undo = way(project, people)
    out = list(Sample.objects.filter(project=project, state=OUT))
    texts = set(Revision.objects.filter(sample__project=project).values_list("pk", "content_hash"))
    everybody = set(Sample.objects.filter(project=project).values_list("pk", flat=True))
    assert out and all(one.withdrawn_reason and one.withdrawn_by and one.withdrawn_at for one in out)

    page = body(client_for(people.annotator).get(url("removed_list")))
    assert all(one.external_id in page and one.withdrawn_reason in page for one in out)
    counted = reasons_counted(project)
    assert sum(counted.values()) == len(out)
    found = [one.pk for kind in counted for one in samples_of_reason(project, kind)]
    assert sorted(found) == sorted(one.pk for one in out), "each under its reason, once"

    undo()
    back = Sample.objects.filter(pk__in=[one.pk for one in out])
    assert all(one.state != OUT and not one.withdrawn_reason and one.withdrawn_at is None for one in back)
    assert set(Sample.objects.filter(project=project).values_list("pk", flat=True)) == everybody
    assert texts <= set(Revision.objects.filter(sample__project=project).values_list("pk", "content_hash"))
    assert not reasons_counted(project)


def withdrawn(project: Project, name: str, reason: str, by: Any) -> Sample:
    return factories.sample(
        project, external_id=name, state=OUT, withdrawn_at=timezone.now(), withdrawn_by=by, withdrawn_reason=reason
    )


def test_reasons_that_differ_in_names_and_figures_are_one(project: Project, people: SimpleNamespace) -> None:
    reasons = ["Copy of s-1.", "Copy of S_22.", "Copy (100%) of it", " ", "a.b+c [x]"]
    for number, reason in enumerate(reasons):
        withdrawn(project, f"w-{number}", reason, people.lead)
    factories.sample(project, external_id="r", state=OUT)
    counted = reasons_counted(project)
    assert counted["Copy of …"] == 2 and counted["Rejected in review"] == 1 and counted["No reason given"] == 1
    for kind, n in counted.items():
        assert samples_of_reason(project, kind).count() == n, kind


def test_put_back_is_judged_anew_and_its_findings_are_open(project: Project, people: SimpleNamespace) -> None:
    sample = withdrawn(project, "w", "x", people.lead)
    found = factories.finding(sample, state="gone", reason="The sample was rejected.")
    rejected = factories.sample(project, state=OUT)
    ids = [sample.pk, rejected.pk]
    assert services.samples_put_back(project=project, sample_ids=ids, put_back_by=people.lead) == [sample.pk]
    sample.refresh_from_db()
    found.refresh_from_db()
    assert (sample.state, sample.review_round, found.state) == ("ready", 2, "open")
    event = AuditEvent.objects.get(action="samples.put_back")
    assert event.data == {"reasons": {str(sample.pk): "x"}}
    assert services.samples_put_back(project=project, sample_ids=ids, put_back_by=people.lead) == []


def test_the_page_filters_puts_back_and_refuses(project: Project, people: SimpleNamespace, client_for: Clients) -> None:
    one, two = (withdrawn(project, name, reason, people.lead) for name, reason in (("w-1", "old"), ("w-2", "new")))
    client = client_for(people.lead)
    page = body(client.get(url("removed_list"), {"reason": "old"}))
    assert "w-1</a>" in page and "w-2</a>" not in page
    assert "w-2</a>" in body(client.get(url("removed_list"), {"q": "-2"}))
    assert "No sample fits" in body(client.get(url("removed_list"), {"reason": "(((", "q": "\0"}))
    refused = client.post(url("removed_put_back"))
    assert refused.status_code == 422 and "Tick the samples first" in body(refused)
    client.post(url("removed_put_back"), {"sample": [str(one.pk), "9" * 30, "x"]})
    two.refresh_from_db()
    assert Sample.objects.get(pk=one.pk).state == "ready" and two.state == OUT


def test_the_page_asks_few_questions(project: Project, people: SimpleNamespace, client_for: Clients) -> None:
    for number in range(12):
        withdrawn(project, f"w-{number}", f"Copy of s-{number}", people.lead)
    client = client_for(people.lead)
    with CaptureQueriesContext(connection) as queries:
        client.get(url("removed_list"))
    assert len(queries) <= 16
