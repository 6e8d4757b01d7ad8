"""The house style of a project: found, chosen by a lead, followed by the next scan; suggestions taken by a click."""

from __future__ import annotations

import uuid
from collections.abc import Callable
from types import SimpleNamespace
from typing import Any

import pytest
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext

from reviewapp.curation.models import CheckedRevision, Finding, PipelineVersion
from reviewapp.curation.pipeline import CITATIONS, Pipeline, PipelineError, pipeline_read
from reviewapp.projects.models import Project
from reviewapp.samples.models import Revision, Sample
from tests import factories
from tests.reviewapp.curation.test_jobs import fill, job_of, scan
from tests.reviewapp.curation.test_pipeline import form
from tests.reviewapp.curation.test_views import body, url

Clients = Callable[[Any], Client]
CITED = [
    ("What of the motion?", "It failed under 410 US 113 and 42 USC 1983, said the court of appeals."),
    ("And the appeal?", "It was heard again, see 410 U.S. l13 on standing, and was dismissed."),
]
NOTE = "HPI: knee pain number {}.\nPlan:\n- rest"


@pytest.fixture
def lead(people: SimpleNamespace, client_for: Clients) -> Client:
    return client_for(people.lead)


def choice(style: str, key: str = "") -> dict[str, str]:
    return {"style": style, "idempotency_key": key or str(uuid.uuid4())}


def test_the_page_shows_the_form_that_most_have_and_what_each_style_would_write(lead: Client, project: Project) -> None:
    fill(project, [*CITED, *((f"Prompt {n}", NOTE.format(n)) for n in range(25))])

    shown = body(lead.get(url("house_style")))

    assert "<code>Plan:</code>" in shown and "25 of 25" in shown
    assert "3 legal citations in 2 samples" in shown and "1 seems to be damaged by a scan" in shown
    assert "410 U.S. 113" in shown and "42 USC § 1983" in shown
    assert "checked" in shown and 'value="plain"' in shown


def test_an_empty_project_has_nothing_to_compare(lead: Client) -> None:
    assert "Nothing to compare yet" in body(lead.get(url("house_style")))


def test_a_lead_chooses_and_the_next_scan_follows(lead: Client, project: Project) -> None:
    first, second = fill(project, CITED)
    key = str(uuid.uuid4())

    answers = [lead.post(url("house_style_set"), choice("bluebook", key)) for _ in range(2)]

    assert [answer.status_code for answer in answers] == [302, 302]
    version = PipelineVersion.objects.get()
    assert pipeline_read(version.config).citation_style == "bluebook" and "Bluebook" in version.note
    done = scan(project)
    assert job_of(done).state == "succeeded", job_of(done).traceback
    first.refresh_from_db()
    assert first.revision is not None and first.revision.reason == Revision.Reason.CLEAN
    assert first.revision.completion.startswith("It failed under 410 U.S. 113 and 42 U.S.C. § 1983, said")
    assert first.revision.actions == [{"action": "citation_style", "field": "completion", "count": 2}]
    second.refresh_from_db()
    assert second.revision is not None and second.revision.number == 1, "damage is never mended by itself"
    found = Finding.objects.get(check_name=CITATIONS)
    assert (found.sample, found.kind, found.suggestion) == (second, "citation_damaged", "410 U.S. 113")
    assert scan(project).counts["cleaned"] == 0, "a second scan changes nothing"


def test_the_suggestion_of_a_finding_is_taken_with_one_click(
    client_for: Clients, people: SimpleNamespace, project: Project
) -> None:
    fill(project, CITED)
    scan(project)
    finding = Finding.objects.get(check_name=CITATIONS)
    annotator = client_for(people.annotator)

    page = body(annotator.get(url("finding_detail", finding.pk)))
    annotator.post(url("finding_accept", finding.pk))

    assert "410 U.S. l13</del>" in page and "410 U.S. 113</ins>" in page and url("house_style") in page
    text = Revision.objects.get(sample=finding.sample, number=2).completion
    assert text == CITED[1][1].replace("l13", "113")


def test_texts_that_somebody_saw_keep_their_citations_and_get_findings(lead: Client, project: Project) -> None:
    seen = factories.sample(project, completion=CITED[0][1], state=Sample.State.ACCEPTED)
    lead.post(url("house_style_set"), choice("bluebook"))

    scan(project)

    seen.refresh_from_db()
    assert seen.revision is not None and seen.revision.number == 1
    rows = Finding.objects.filter(check_name=CITATIONS).order_by("start").values_list("suggestion", "severity")
    assert list(rows) == [("410 U.S. 113", "low"), ("42 U.S.C. § 1983", "low")]


@pytest.mark.parametrize(
    ("given", "words"),
    [(choice("", ""), "Nothing was changed"), ({"style": "x"}, "out of date"), (choice("apa"), "out of date")],
)
def test_bad_input_is_refused_and_nothing_is_saved(lead: Client, given: dict[str, str], words: str) -> None:
    answer = lead.post(url("house_style_set"), given)

    assert answer.status_code == 422 and words in body(answer)
    assert not PipelineVersion.objects.exists()


@pytest.mark.parametrize(
    ("who", "reads", "writes"), [("annotator", 200, 403), ("observer", 200, 403), ("outsider", 404, 404)]
)
def test_everybody_reads_and_a_lead_chooses(
    client_for: Clients, people: SimpleNamespace, project: Project, who: str, reads: int, writes: int
) -> None:
    fill(project, CITED)
    client = client_for(getattr(people, who))

    page = client.get(url("house_style"))

    assert page.status_code == reads and client.post(url("house_style_set"), choice("plain")).status_code == writes
    assert reads == 404 or "A lead chooses the style." in body(page)


def test_the_page_asks_few_questions(lead: Client, project: Project) -> None:
    fill(project, CITED * 20)
    with CaptureQueriesContext(connection) as queries:
        lead.get(url("house_style"))
    assert len(queries) <= 16


# ---- the configuration


def test_a_choice_is_part_of_the_configuration_and_of_its_hash() -> None:
    plain = Pipeline()
    chosen = plain.with_option(CITATIONS, "bluebook")

    assert pipeline_read(chosen.as_json()) == chosen and chosen.citation_style == "bluebook"
    assert chosen.content_hash != plain.content_hash and chosen.text_hash() != plain.text_hash()
    assert chosen.with_option(CITATIONS, "") == plain
    assert "option" not in str(plain.as_json()), "versions saved before there were choices keep their hash"
    with pytest.raises(PipelineError, match="no choice"):
        pipeline_read({"steps": [{"check": CITATIONS, "option": "apa"}]})


def test_the_pipelines_own_page_keeps_the_choice(lead: Client, project: Project) -> None:
    lead.post(url("pipeline_save"), form({f"option-{CITATIONS}": "plain"}))

    assert pipeline_read(PipelineVersion.objects.get().config).citation_style == "plain"
    shown = body(lead.get(url("pipeline_edit")))
    assert '<option value="plain" selected>' in shown


def test_a_change_of_style_looks_at_texts_again_and_not_at_comparisons(lead: Client, project: Project) -> None:
    fill(project, CITED)
    before = scan(project).corpus_hashes
    hashes = set(CheckedRevision.objects.values_list("checks_hash", flat=True))
    # what cleaning leaves alone: only findings differ, so nothing that compares samples runs again
    Sample.objects.update(state=Sample.State.ACCEPTED)
    lead.post(url("house_style_set"), choice("plain"))

    done = scan(project)

    assert done.corpus_hashes == before
    told = job_of(done).log
    assert "Legal citations: 2 seen, 2 new.\n" in told, told
    assert "Identifiers of people: 0 seen, 0 new. 2 samples are as they were" in told
    assert hashes.isdisjoint(CheckedRevision.objects.values_list("checks_hash", flat=True))
