"""The pipeline as a configuration, and scans that follow it."""

from __future__ import annotations

import uuid
from collections.abc import Callable
from types import SimpleNamespace
from typing import Any

import pytest
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext
from hypothesis import given
from hypothesis import strategies as st

from reviewapp.audit.models import AuditEvent
from reviewapp.core import jobs
from reviewapp.core.exceptions import ApplicationError
from reviewapp.curation import services
from reviewapp.curation.checks.registry import CHECKS, OFF_AT_FIRST
from reviewapp.curation.models import Finding, PipelineVersion, Scan
from reviewapp.curation.pipeline import ALWAYS, SEVERITIES, Pipeline, PipelineError, Step, pipeline_read
from reviewapp.curation.summary import summary_of
from reviewapp.projects.models import Project
from reviewapp.samples.models import Revision, Sample
from tests import factories
from tests.reviewapp.curation.test_jobs import everything, fill, found, job_of, scan
from tests.reviewapp.curation.test_views import body, url

Clients = Callable[[Any], Client]
NAMES = [check.name for check in CHECKS]
FREE = sorted(set(NAMES) - ALWAYS)


def config(**changes: dict[str, Any]) -> dict[str, Any]:
    """The pipeline that comes with the product, with other values for some checks."""
    steps = [{"check": name, "is_on": name not in OFF_AT_FIRST} | changes.get(name, {}) for name in NAMES]
    return {"is_cleaning": True, "steps": steps}


def save(project: Project, config: dict[str, Any], key: uuid.UUID | None = None) -> PipelineVersion:
    lead = factories.member(project, "lead")
    return services.pipeline_save(
        project=project, config=config, created_by=lead, idempotency_key=key or uuid.uuid4(), note="less noise"
    )


def form(changes: dict[str, str] | None = None, *, off: set[str] = frozenset()) -> dict[str, Any]:  # type: ignore[assignment]
    given: dict[str, Any] = {"check": NAMES, "is_cleaning": "on", "size": "3", "idempotency_key": str(uuid.uuid4())}
    for number, name in enumerate(NAMES, start=1):
        given[f"place-{name}"] = str(number)
        if name not in off | OFF_AT_FIRST | ALWAYS:
            given[f"on-{name}"] = "on"
    return given | (changes or {})


# ---- the configuration


@st.composite
def pipelines(draw: st.DrawFn) -> Pipeline:
    steps = [
        Step(
            check=name,
            is_on=name in ALWAYS or draw(st.booleans()),
            severity="" if name in ALWAYS else draw(st.sampled_from(["", *SEVERITIES])),
        )
        for name in draw(st.permutations(NAMES))
    ]
    return Pipeline(is_cleaning=draw(st.booleans()), steps=tuple(steps))


@given(pipelines(), pipelines())
def test_a_pipeline_survives_its_json_and_its_hash_tells_two_apart(one: Pipeline, other: Pipeline) -> None:
    assert pipeline_read(one.as_json()) == one
    assert (one.content_hash == other.content_hash) == (one == other)
    assert set(one.on) | set(one.off) == set(one.steps)


def test_checks_that_came_later_run_last() -> None:
    known = {"steps": [{"check": "whitespace", "is_on": False}]}

    steps = pipeline_read(known).steps

    assert steps[0] == Step(check="whitespace", is_on=False)
    assert {step.check for step in steps} == set(NAMES) and all(
        step.is_on == (step.check not in OFF_AT_FIRST) for step in steps[1:]
    )


@pytest.mark.parametrize(
    ("row", "words"),
    [
        ({"check": "os.system"}, "There is no check “os.system”"),
        ({"check": "whitespace", "severity": "fatal"}, "Choose one of: low, medium, high"),
        ({"check": "heldout_overlap", "is_on": False}, "always runs"),
        ({"check": "heldout_overlap", "severity": "low"}, "always runs"),
    ],
)
def test_what_cannot_be_used_is_refused_in_words(row: dict[str, Any], words: str) -> None:
    with pytest.raises(PipelineError, match=words):
        pipeline_read({"steps": [row]})
    with pytest.raises(PipelineError, match="twice"):
        pipeline_read({"steps": [{"check": "whitespace"}] * 2})


def test_what_the_checks_of_a_text_are_decides_whether_texts_are_looked_at_again() -> None:
    plain = Pipeline()

    def changed(**change: dict[str, Any]) -> str:
        return pipeline_read(config(**change)).text_hash()

    assert changed() == plain.text_hash()
    assert changed(near_duplicates={"is_on": False}) == plain.text_hash(), "compares samples: texts stay looked at"
    assert changed(whitespace={"is_on": False}) != plain.text_hash()
    assert changed(whitespace={"severity": "high"}) != plain.text_hash()


# ---- versions


def test_a_version_is_kept_and_recorded(project: Project) -> None:
    version = save(project, config(whitespace={"is_on": False}))

    assert (version.number, version.note) == (1, "less noise")
    event = AuditEvent.objects.get(action="pipeline.save")
    assert event.data == {
        "number": 1,
        "content_hash": version.content_hash,
        "off": ["unspoken_negations", "whitespace"],
    }
    assert save(project, config(whitespace={"is_on": False}, off_topic={"is_on": False})).number == 2


def test_the_same_form_twice_is_one_version(project: Project) -> None:
    key = uuid.uuid4()

    assert save(project, config(whitespace={"is_on": False}), key) == save(project, config(), key)


def test_saving_what_is_in_use_changes_nothing(project: Project) -> None:
    with pytest.raises(ApplicationError, match="Nothing was changed"):
        save(project, config())
    assert not PipelineVersion.objects.exists()


# ---- scans that follow it


def test_a_check_that_is_off_finds_nothing_and_closes_what_it_found(project: Project) -> None:
    fill(project)
    scan(project)
    save(project, config(identifiers={"is_on": False}))

    done = scan(project)

    assert done.pipeline is not None and done.pipeline.number == 1
    assert ("s-1", "identifiers", "gone") in found(project)
    assert Finding.objects.get(check_name="identifiers").reason == "The check was switched off."
    save(project, config())
    scan(project)
    assert ("s-1", "identifiers", "open") in found(project), "switched on again, it sees it again"


def test_another_severity_holds_for_what_was_found_before(project: Project) -> None:
    fill(project)
    scan(project)
    save(project, config(identifiers={"severity": "low"}))

    scan(project)

    assert Finding.objects.get(check_name="identifiers").severity == "low"


def test_without_cleaning_texts_stay_as_they_came(project: Project) -> None:
    fill(project)
    save(project, config() | {"is_cleaning": False})

    scan(project)

    assert not Revision.objects.filter(reason=Revision.Reason.CLEAN).exists()
    assert Finding.objects.filter(check_name="unicode").exists(), "what cleaning would mend is a finding then"


def test_only_new_and_changed_texts_are_looked_at_again(project: Project, monkeypatch: pytest.MonkeyPatch) -> None:
    samples = fill(project)
    scan(project)
    before = everything(project)
    looked_at: list[int] = []
    real = services.findings_write

    def write(**values: Any) -> int:
        looked_at.append(len(values["looked_at"]))
        return real(**values)

    monkeypatch.setattr(services, "findings_write", write)
    again = scan(project)
    assert looked_at == [] and everything(project) == before
    assert "5 samples are as they were and were passed over" in job_of(again).log
    samples[0].revision = factories.revision(samples[0], completion="A 54-year-old, ring 555-867-5309.", number=2)
    samples[0].save(update_fields=["revision"])
    scan(project)
    on = [check for check in CHECKS if check.name not in OFF_AT_FIRST]
    texts = sum(check.scope == "text" for check in on)
    assert sorted(looked_at) == [1] * texts + [5] * (len(on) - texts)


def test_a_sample_that_was_rejected_and_put_back_has_its_findings_again(project: Project) -> None:
    samples = fill(project)
    scan(project)
    before = found(project)
    for state in (Sample.State.REJECTED, Sample.State.READY):
        samples[1].refresh_from_db()
        samples[1].state = state
        samples[1].save()
        assert samples[1].revision is not None
        services.findings_follow(sample=samples[1], before=samples[1].revision, after=samples[1].revision, by=None)
        scan(project)

    assert found(project) == before


def test_replayed_on_the_same_rows_the_pipeline_gives_the_same_texts(project: Project) -> None:
    """The same import, cleaned and checked twice, in two projects: content hash by content hash."""

    def hashes(project: Project) -> list[tuple[str, str]]:
        fill(project)
        save(project, config(off_topic={"is_on": False}))
        scan(project)
        rows = Sample.objects.filter(project=project).order_by("external_id")
        return list(rows.values_list("external_id", "revision__content_hash"))

    assert hashes(project) == hashes(factories.project("again"))


# ---- dry runs


def tried(project: Project, size: int = 3) -> Scan:
    lead = factories.member(project, "lead")
    asked = services.dry_run_request(
        project=project, config=config(), size=size, requested_by=lead, idempotency_key=uuid.uuid4()
    )
    jobs.execute(job_of(asked).pk)
    asked.refresh_from_db()
    return asked


def test_a_dry_run_says_what_would_be_found_and_changes_nothing(project: Project) -> None:
    fill(project)
    before = everything(project)

    done = tried(project, size=2_000)

    assert job_of(done).state == "succeeded", job_of(done).traceback
    assert everything(project) == before and not Finding.objects.exists()
    assert (done.counts["samples"], done.counts["of"], done.counts["would_clean"]) == (5, 5, 1)
    assert done.counts["found"]["exact_duplicates"]["examples"][0]["name"] == "s-3"
    assert set(Sample.objects.values_list("state", flat=True)) == {Sample.State.IMPORTED}
    assert tried(project).counts["samples"] == 3


@pytest.mark.parametrize("size", [0, -1, 2_001])
def test_a_dry_run_has_a_size(project: Project, size: int) -> None:
    fill(project)
    with pytest.raises(ApplicationError, match="1 to 2000"):
        tried(project, size)


def test_a_dry_run_is_no_scan(project: Project) -> None:
    fill(project)
    lead = factories.member(project, "lead")
    services.dry_run_request(project=project, config={}, size=3, requested_by=lead, idempotency_key=uuid.uuid4())

    assert services.scan_request(project=project, requested_by=lead).dry_size == 0, "it does not wait for a dry run"


# ---- the page


@pytest.fixture
def lead(people: SimpleNamespace, client_for: Clients) -> Client:
    return client_for(people.lead)


def test_the_page_lists_every_check_and_saves_a_version(lead: Client, project: Project) -> None:
    shown = body(lead.get(url("pipeline_edit")))
    assert all(f'name="on-{name}"' in shown for name in FREE) and 'name="on-heldout_overlap"' not in shown

    answer = lead.post(
        url("pipeline_save"),
        form({"place-whitespace": "1", "severity-unicode": "high", "note": "quieter"}, off={"off_topic"}),
    )

    assert answer.status_code == 302
    pipeline = pipeline_read(PipelineVersion.objects.get().config)
    assert pipeline.steps[1].check == "whitespace", "after the one that shared its place"
    assert [step.check for step in pipeline.off] == ["unspoken_negations", "off_topic"]
    assert "Version 1 is in use" in body(lead.get(url("pipeline_edit")))


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({}, "Nothing was changed"),
        ({"severity-unicode": "fatal"}, "is no severity"),
        ({"check": [*NAMES, "whitespace"]}, "twice"),
        ({"check": ["os.system"]}, "There is no check"),
        ({"idempotency_key": "x"}, "out of date"),
    ],
)
def test_bad_input_is_refused_and_nothing_is_saved(lead: Client, changes: dict[str, str], words: str) -> None:
    answer = lead.post(url("pipeline_save"), form(changes))

    assert answer.status_code == 422 and words in body(answer)
    assert not PipelineVersion.objects.exists()


def test_what_is_filled_in_is_tried_and_shown_again(lead: Client, project: Project) -> None:
    fill(project)

    answer = lead.post(url("pipeline_try"), form({"note": "quieter"}, off={"off_topic"}))

    asked = Scan.objects.get()
    assert answer.status_code == 200 and 'value="quieter"' in body(answer)
    assert asked.dry_size == 3 and not PipelineVersion.objects.exists()
    jobs.execute(job_of(asked).pk)
    panel = lead.get(url("dry_run_live", asked.pk), headers={"HX-Request": "true"})
    assert panel.status_code == 286 and "nothing was changed" in body(panel)
    assert lead.post(url("pipeline_try"), form({"size": "x"})).status_code == 422


def test_the_page_asks_few_questions(lead: Client, project: Project) -> None:
    fill(project)
    for number in range(5):
        save(project, config(whitespace={"severity": SEVERITIES[number % 3]}))
    with CaptureQueriesContext(connection) as queries:
        lead.get(url("pipeline_edit"))
    assert len(queries) <= 16


# ---- the summary


def test_the_summary_counts_what_came_in_was_mended_and_was_taken_out(lead: Client, project: Project) -> None:
    samples = fill(project)
    scan(project)
    rejected = Sample.objects.filter(pk=samples[3].pk)
    rejected.update(state=Sample.State.REJECTED, withdrawn_reason="Copy of s-2", withdrawn_at=samples[0].created_at)
    services.findings_sweep(project=project)

    told = summary_of(project).as_json()

    assert (told["samples"], told["removed"], told["kept"], told["cleaned"]) == (5, 1, 4, 1)
    assert (told["noisy"], told["noisy_settled"], told["removed_share"]) == (3, 1, 0.2)
    assert told["reasons"] == [["Copy of …", 1]]
    assert {row["check"]: row["open"] for row in told["checks"]}["identifiers"] == 1
    page = body(lead.get(url("summary_detail")))
    assert "20.0%" in page and "1 of 3 samples with findings are mended or out" in page


def test_an_empty_project_has_an_empty_summary(lead: Client, project: Project) -> None:
    assert "Nothing to sum up yet" in body(lead.get(url("summary_detail")))
    assert summary_of(project).as_json()["removed_share"] is None
