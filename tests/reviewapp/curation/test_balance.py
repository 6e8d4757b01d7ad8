"""Reports and mitigations as a lead uses them: asked for, made by a worker, previewed, applied, undone, exported."""

from __future__ import annotations

import json
import uuid
from collections.abc import Callable
from types import SimpleNamespace
from typing import Any

import pytest
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext
from django.urls import reverse

from reviewapp.audit.models import AuditEvent, RecordView
from reviewapp.core import jobs
from reviewapp.core.exceptions import ApplicationError
from reviewapp.core.models import Job
from reviewapp.curation import services
from reviewapp.curation.balance.forms import targets_read, targets_text
from reviewapp.curation.balance.reading import samples_changed
from reviewapp.curation.models import BalanceSettings, BiasReport, CounterfactualCopy, Finding, Mitigation
from reviewapp.curation.services.balance import content_hash
from reviewapp.projects.models import Project
from reviewapp.samples.models import HeldoutPrompt, Revision, Sample, SampleTag
from tests import factories

Clients = Callable[[Any], Client]
ANXIETY = {"attribute": "gender", "first": "female", "second": "male", "term": "anxiety", "kind": "condition"}
STATES = Sample.State


def url(name: str, *args: object) -> str:
    return reverse(f"curation:{name}", args=["letters", *args])


def body(response: Any) -> str:
    return " ".join(response.content.decode().split())


def fill(project: Project, n: int = 160, **values: Any) -> list[Sample]:
    """Notes of women, two in five of them with anxiety, and of men, one in ten; pairs of the same patient."""
    made = []
    for place in range(n):
        is_woman = (place // 2) % 2 == 0
        person, pronoun, told = ("woman", "She", "her") if is_woman else ("man", "He", "him")
        has = (place // 4) % 10 < (5 if is_woman else 1)
        made.append(
            factories.sample(
                project,
                prompt=f"Doctor: What is it?\nPatient: Case {place}.",
                completion=f"{30 + place % 30}-year-old {person}. {pronoun} has {'anxiety' if has else 'a cough'},"
                f" which bothers {told} at night. Case {place}.",
                group_key=f"patient-{place // 2}",
                external_id=f"n-{place}",
                language="en",
                **values,
            )
        )
    return made


def made(row: BiasReport | Mitigation) -> Any:
    assert row.job is not None
    jobs.execute(row.job.pk)
    row.refresh_from_db()
    assert row.job is not None
    job = Job.objects.get(pk=row.job.pk)
    assert job.state == Job.State.SUCCEEDED, (job.message, job.traceback)
    return row


def report_of(project: Project, lead: Any) -> BiasReport:
    found: BiasReport = made(
        services.bias_report_request(project=project, requested_by=lead, idempotency_key=uuid.uuid4())
    )
    return found


def planned(report: BiasReport, lead: Any, kind: str = "copies", limit: int = 100) -> Mitigation:
    asked = services.mitigation_plan(
        report=report, kind=kind, association=ANXIETY, limit=limit, requested_by=lead, idempotency_key=uuid.uuid4()
    )
    found: Mitigation = made(asked)
    return found


# ---- the report


def test_a_report_is_made_kept_and_hashed(project: Project, people: SimpleNamespace) -> None:
    fill(project)
    report = report_of(project, people.lead)
    assert report.n == 160 and report.made_at is not None
    assert report.content_hash == content_hash(report.content, report.conditions)
    row = next(row for row in report.content["associations"] if row["term"] == "anxiety")
    assert row["standing"] == "open" and row["first"] == "female"
    before = report.content_hash
    services.bias_report_finish(report=report, content={**report.content, "n": 1}, newest_revision=9)
    assert report.content_hash == before and report.n == 160
    assert AuditEvent.objects.filter(action="bias_report.finish").count() == 1


def test_the_same_corpus_gives_the_same_report(project: Project, people: SimpleNamespace) -> None:
    fill(project, 60)
    assert report_of(project, people.lead).content_hash == report_of(project, people.lead).content_hash


def test_what_changed_since_is_counted(project: Project, people: SimpleNamespace) -> None:
    samples = fill(project, 40)
    report = report_of(project, people.lead)
    assert samples_changed(report) == 0
    fresh = factories.revision(samples[0], completion="Another.", number=2)
    Sample.objects.filter(pk=samples[0].pk).update(revision=fresh)
    factories.sample(project)
    assert samples_changed(report) == 2


def test_rejected_and_held_out_samples_are_no_part_of_it(project: Project, people: SimpleNamespace) -> None:
    fill(project, 20)
    factories.sample(project, state=STATES.REJECTED)
    factories.sample(project, split=Sample.Split.HELDOUT)
    assert report_of(project, people.lead).n == 20


def test_a_request_without_samples_or_while_one_runs_is_refused(project: Project, people: SimpleNamespace) -> None:
    with pytest.raises(ApplicationError, match="no samples"):
        services.bias_report_request(project=project, requested_by=people.lead, idempotency_key=uuid.uuid4())
    fill(project, 4)
    key = uuid.uuid4()
    first = services.bias_report_request(project=project, requested_by=people.lead, idempotency_key=key)
    again = services.bias_report_request(project=project, requested_by=people.lead, idempotency_key=key)
    assert first == again
    with pytest.raises(ApplicationError, match="already being made"):
        services.bias_report_request(project=project, requested_by=people.lead, idempotency_key=uuid.uuid4())


# ---- copies


def test_copies_are_previewed_made_and_measured(project: Project, people: SimpleNamespace) -> None:
    fill(project)
    report = report_of(project, people.lead)
    row = planned(report, people.lead)
    assert row.state == Mitigation.State.PLANNED and Sample.objects.count() == 160
    assert row.plan["effect"]["reduction"] >= 0.8
    n = len(row.plan["chosen"])
    assert row.plan["after"]["n"] == 160 + n and row.plan["before"]["n"] == 160
    services.mitigation_apply(mitigation=row, applied_by=people.lead)
    row.refresh_from_db()
    assert (row.state, row.done["n"], row.done["left"]) == ("applied", n, 0)
    again = report_of(project, people.lead)
    after = next(row for row in again.content["associations"] if row["term"] == "anxiety")
    assert after["standing"] != "open" and again.n == 160 + n


def test_a_copy_is_marked_and_stays_with_its_parent(project: Project, people: SimpleNamespace) -> None:
    fill(project)
    row = planned(report_of(project, people.lead), people.lead, limit=5)
    services.mitigation_apply(mitigation=row, applied_by=people.lead)
    copies = list(CounterfactualCopy.objects.select_related("sample__revision", "parent__revision"))
    assert len(copies) == 5
    for copy in copies:
        sample, parent = copy.sample, copy.parent
        assert (sample.origin, sample.state) == (Sample.Origin.COPY, STATES.IMPORTED)
        assert (sample.group_id, sample.split, sample.language) == (parent.group_id, parent.split, "en")
        assert sample.metadata["copy_of"] == parent.external_id and sample.metadata["synthetic"] is True
        assert sample.revision is not None and sample.revision.reason == Revision.Reason.COPY
        assert copy.parent_revision == parent.revision and copy.changes == 3
        assert "woman" not in sample.revision.completion and "bothers him" in sample.revision.completion
        assert [tag.name for tag in sample.tags.all()] == ["synthetic"]
    assert services.mitigation_apply(mitigation=row, applied_by=people.lead).done["n"] == 5
    assert Sample.objects.count() == 165


def test_a_scan_opens_copies_and_their_parent_is_no_duplicate(project: Project, people: SimpleNamespace) -> None:
    fill(project)
    row = planned(report_of(project, people.lead), people.lead, limit=3)
    services.mitigation_apply(mitigation=row, applied_by=people.lead)
    scan = services.scan_request(project=project, requested_by=people.lead)
    assert scan.job is not None
    jobs.execute(scan.job.pk)
    pairs = set(CounterfactualCopy.objects.values_list("sample", "parent"))
    assert set(Sample.objects.filter(origin="copy").values_list("state", flat=True)) == {STATES.READY}
    seen = set(Finding.objects.filter(check_name="near_duplicates").values_list("sample", "related_sample"))
    assert seen and not seen & (pairs | {(parent, copy) for copy, parent in pairs})


def test_the_lineage_names_parent_and_copy(project: Project, people: SimpleNamespace, client_for: Clients) -> None:
    fill(project)
    row = planned(report_of(project, people.lead), people.lead, limit=1)
    services.mitigation_apply(mitigation=row, applied_by=people.lead)
    made_one = CounterfactualCopy.objects.select_related("sample", "parent").get()
    client = client_for(people.lead)
    of_copy = body(client.get(reverse("lineage:sample", args=["letters", made_one.sample.pk])))
    assert "Synthetic: turned from" in of_copy and made_one.parent.external_id in of_copy
    of_parent = body(client.get(reverse("lineage:sample", args=["letters", made_one.parent.pk])))
    assert made_one.sample.external_id in of_parent and "turned from this one by mitigation 1" in of_parent


def test_what_changed_since_the_preview_is_left_alone(project: Project, people: SimpleNamespace) -> None:
    fill(project)
    row = planned(report_of(project, people.lead), people.lead, limit=4)
    gone, edited = (Sample.objects.get(pk=chosen[0]) for chosen in row.plan["chosen"][:2])
    Sample.objects.filter(pk=gone.pk).update(state=STATES.REJECTED)
    Sample.objects.filter(pk=edited.pk).update(revision=factories.revision(edited, completion="x", number=2))
    services.mitigation_apply(mitigation=row, applied_by=people.lead)
    row.refresh_from_db()
    assert row.done == {"n": 2, "left": 2}


def test_nothing_of_a_held_out_group_and_nothing_labelled_is_copied(project: Project, people: SimpleNamespace) -> None:
    fill(project)
    row = planned(report_of(project, people.lead), people.lead, limit=3)
    first = Sample.objects.select_related("group").get(pk=row.plan["chosen"][0][0])
    HeldoutPrompt.objects.create(
        heldout_set=factories.heldout_set(project, prompts=0, sealed=False),
        external_id="h",
        group=first.group,
        prompt="Doctor: Well?",
        reference="Well.",
        facts=[],
        row_hash=factories.sha("h"),
    )
    again = planned(report_of(project, people.lead), people.lead, limit=3)
    assert first.pk not in [chosen[0] for chosen in again.plan["chosen"]]
    assert again.plan["left"]["labelled, or of a held-out group"] >= 1
    services.mitigation_apply(mitigation=row, applied_by=people.lead)
    row.refresh_from_db()
    assert row.done["left"] == 1


def test_undoing_withdraws_the_copies_and_keeps_them(project: Project, people: SimpleNamespace) -> None:
    fill(project)
    row = planned(report_of(project, people.lead), people.lead, limit=4)
    services.mitigation_apply(mitigation=row, applied_by=people.lead)
    held = CounterfactualCopy.objects.all()[0].sample
    Sample.objects.filter(pk=held.pk).update(state=STATES.READY)
    held.refresh_from_db()
    factories.assignment(held, people.reviewer, factories.rubric_version(project))
    services.mitigation_undo(mitigation=row, undone_by=people.lead)
    row.refresh_from_db()
    assert (row.state, row.undone) == ("withdrawn", {"n": 3, "left": 1})
    assert Sample.objects.count() == 164
    assert Sample.objects.filter(state=STATES.REJECTED, withdrawn_reason__contains="undone").count() == 3
    assert services.mitigation_undo(mitigation=row, undone_by=people.lead).undone["n"] == 3
    with pytest.raises(ApplicationError, match="no preview to apply"):
        services.mitigation_apply(mitigation=row, applied_by=people.lead)


# ---- counter-examples and weights


def test_counter_examples_come_first_and_go_back(project: Project, people: SimpleNamespace) -> None:
    samples = fill(project)
    row = planned(report_of(project, people.lead), people.lead, kind="queue", limit=3)
    services.mitigation_apply(mitigation=row, applied_by=people.lead)
    first = list(Sample.objects.filter(priority=Sample.Priority.FIRST).select_related("revision"))
    assert len(first) == 3
    assert all(sample.revision and "man. He has anxiety" in sample.revision.completion for sample in first)
    Sample.objects.filter(pk=first[0].pk).update(priority=Sample.Priority.LAST)
    services.mitigation_undo(mitigation=row, undone_by=people.lead)
    row.refresh_from_db()
    assert row.undone == {"n": 2, "left": 1}
    assert Sample.objects.filter(priority=Sample.Priority.NORMAL).count() == len(samples) - 1


def test_weights_are_tags_and_a_file(project: Project, people: SimpleNamespace, client_for: Clients) -> None:
    fill(project)
    row = planned(report_of(project, people.lead), people.lead, kind="weights")
    assert abs(row.plan["effect"]["after"]) < 0.05 and row.plan["effective"] < 160
    services.mitigation_apply(mitigation=row, applied_by=people.lead)
    assert SampleTag.objects.filter(name__startswith="weight-").count() == 160
    lines = client_for(people.lead).get(url("mitigation_export", row.number)).content.decode().split()
    assert lines[0] == "sample,weight" and len(lines) == 161
    services.mitigation_undo(mitigation=row, undone_by=people.lead)
    assert not SampleTag.objects.filter(name__startswith="weight-").exists()


@pytest.mark.parametrize(
    ("change", "says"),
    [
        ({"association": {**ANXIETY, "term": "nothing"}}, "Choose an association"),
        ({"kind": "prayer"}, "Choose what to do"),
        ({"limit": 0}, "from 1 to 1000"),
        ({"limit": 2_000}, "from 1 to 1000"),
    ],
)
def test_a_plan_that_cannot_be_is_refused(
    project: Project, people: SimpleNamespace, change: dict[str, Any], says: str
) -> None:
    fill(project, 80)
    values = {"kind": "copies", "association": ANXIETY, "limit": 5} | change
    report = report_of(project, people.lead)
    with pytest.raises(ApplicationError, match=says):
        services.mitigation_plan(report=report, requested_by=people.lead, idempotency_key=uuid.uuid4(), **values)


def test_what_medicine_expects_is_never_mitigated(project: Project, people: SimpleNamespace) -> None:
    fill(project, 80)
    text = "anxiety = anxiety [female]"
    services.balance_settings_update(project=project, targets={}, conditions=text, updated_by=people.lead)
    report = report_of(project, people.lead)
    with pytest.raises(ApplicationError, match="Medicine expects"):
        services.mitigation_plan(
            report=report,
            kind="copies",
            association=ANXIETY,
            limit=5,
            requested_by=people.lead,
            idempotency_key=uuid.uuid4(),
        )


# ---- pages


def test_the_page_says_how_to_begin(project: Project, people: SimpleNamespace, client_for: Clients) -> None:
    client = client_for(people.lead)
    assert "Nothing to look at yet" in body(client.get(url("balance")))
    fill(project, 4)
    shown = body(client.get(url("balance")))
    assert "No balance report yet" in shown and "Make the report" in shown
    assert "No mitigation yet" in body(client.get(url("mitigation_list")))


def test_asking_twice_makes_one_report(project: Project, people: SimpleNamespace, client_for: Clients) -> None:
    fill(project, 4)
    client, key = client_for(people.lead), str(uuid.uuid4())
    for _ in range(2):
        assert client.post(url("balance_request"), {"idempotency_key": key}).status_code == 302
    assert BiasReport.objects.count() == 1
    assert client.post(url("balance_request"), {"idempotency_key": "no"}).status_code == 422
    live = client.get(url("balance_live"), headers={"HX-Request": "true"})
    assert live.status_code == 200 and "job-panel" in body(live)
    made(BiasReport.objects.get())
    assert client.get(url("balance_live"), headers={"HX-Request": "true"}).status_code == 286


def test_the_report_reads_well_and_filters(project: Project, people: SimpleNamespace, client_for: Clients) -> None:
    fill(project)
    targets = {"gender": {"female": 0.9, "male": 0.1}}
    services.balance_settings_update(project=project, targets=targets, conditions="", updated_by=people.lead)
    report_of(project, people.lead)
    client = client_for(people.lead)
    with CaptureQueriesContext(
        connection,
    ) as queries:
        shown = body(client.get(url("balance")))
    assert len(queries) <= 25
    assert "anxiety" in shown and "women and girls" in shown and "Below" in shown and "Mitigate" in shown
    assert "No sample has changed since." in shown
    assert "anxiety" not in body(client.get(url("balance"), {"kind": "stereotype"})).split("What is said of whom")[1]
    assert client.get(url("balance"), {"attribute": "x" * 500, "page": "junk"}).status_code == 200
    observer = body(client_for(people.observer).get(url("balance")))
    assert "Mitigate" not in observer and "Make a new report" not in observer


def test_exports_hold_figures_and_no_texts(project: Project, people: SimpleNamespace, client_for: Clients) -> None:
    fill(project)
    report = report_of(project, people.lead)
    client = client_for(people.lead)
    found = json.loads(client.get(url("balance_export", report.number, "json")).content)
    assert found["content_hash"] == report.content_hash and found["content"]["n"] == 160
    table = client.get(url("balance_export", report.number, "csv"))
    assert table.content.decode().startswith("attribute,first,second,term") and "anxiety" in body(table)
    assert "Case 1" not in body(table) + json.dumps(found)
    assert client.get(url("balance_export", report.number, "exe")).status_code == 404
    assert client.get(url("balance_export", 99, "csv")).status_code == 404


def test_a_mitigation_from_the_form_to_the_ledger(
    project: Project, people: SimpleNamespace, client_for: Clients
) -> None:
    fill(project)
    report_of(project, people.lead)
    client = client_for(people.lead)
    assert "Work out a preview" in body(client.get(url("mitigation_create"), ANXIETY))
    query = "?" + "&".join(f"{name}={value}" for name, value in ANXIETY.items())
    bad = client.post(url("mitigation_create") + query, {"what": "copies", "limit": "many"})
    assert bad.status_code == 422 and "Work out a preview" in body(bad)
    given = {"what": "copies", "limit": "100", "idempotency_key": str(uuid.uuid4())}
    for _ in range(2):
        answer = client.post(url("mitigation_create") + query, given)
    row = Mitigation.objects.get()
    assert answer.url == url("mitigation_detail", row.number)
    assert "Being worked out" in body(client.get(answer.url))
    made(row)
    preview = body(client.get(answer.url))
    assert "What it costs" in preview and "turned from" in preview and "80% or more" in preview
    assert RecordView.objects.filter(target_type="sample").exists()
    assert client.post(url("mitigation_undo", row.number)).status_code == 422
    assert client.post(url("mitigation_apply", row.number)).status_code == 302
    shown = body(client.get(answer.url))
    assert "Applied by Lead" in shown and "see the copies" in shown
    ledger = body(client.get(url("mitigation_list")))
    assert "applied by Lead" in ledger and "anxiety, women and girls against men and boys" in ledger
    assert client.post(url("mitigation_undo", row.number)).status_code == 302
    assert "Undone by Lead" in body(client.get(answer.url))


def test_an_association_that_is_not_there_leads_back(
    project: Project, people: SimpleNamespace, client_for: Clients
) -> None:
    client = client_for(people.lead)
    assert client.get(url("mitigation_create"), ANXIETY).url == url("balance")
    fill(project, 40)
    report_of(project, people.lead)
    assert client.get(url("mitigation_create"), {**ANXIETY, "term": "x"}).url == url("balance")


def test_settings_are_read_and_bad_ones_refused(project: Project, people: SimpleNamespace, client_for: Clients) -> None:
    client = client_for(people.lead)
    shown = body(client.get(url("balance_settings")))
    assert "anxiety = anxiety, anxious*" in shown
    for targets, conditions, says in (
        ("gender 50", "", "Line 1 of the wanted shares"),
        ("gender: female = 80%\ngender: male = 80%", "", "at most 100% together"),
        ("shoe size: 43 = 10%", "", "no attribute"),
        ("", "a = b = c", "Line 1"),
    ):
        answer = client.post(url("balance_settings"), {"targets": targets, "conditions": conditions})
        assert answer.status_code == 422 and says in body(answer), targets
        assert targets.split("\n")[0] in body(answer)
    assert not BalanceSettings.objects.exists()
    good = {"targets": "gender: female = 50%\nage: 65 and over = 30 %", "conditions": "lupus = lupus"}
    assert client.post(url("balance_settings"), good).status_code == 302
    row = BalanceSettings.objects.get()
    assert row.targets == {"gender": {"female": 0.5}, "age": {"65 and over": 0.3}} and row.conditions == "lupus = lupus"
    assert targets_read(targets_text(row.targets)) == row.targets
