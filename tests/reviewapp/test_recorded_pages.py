"""Every URL is opened: where text of samples or outputs comes back, a record view must have been written."""

from __future__ import annotations

import html
from types import SimpleNamespace
from typing import Any

import pytest
from django.http import HttpResponseBase, StreamingHttpResponse
from django.test import Client
from django.urls import get_resolver, reverse

from reviewapp.audit.models import RecordView, Target
from reviewapp.evaluations.services import grades
from reviewapp.projects.models import Project
from reviewapp.projects.permissions import Permission
from reviewapp.samples.models import ImportRowError
from tests import factories
from tests.reviewapp.api.asking import ask as ask_api
from tests.reviewapp.api.asking import secret_for
from tests.reviewapp.api.endpoint_rows import ENDPOINTS
from tests.reviewapp.curation.test_search_views import built, fill
from tests.reviewapp.evaluations.test_blindness import open_calibration
from tests.reviewapp.evaluations.test_pairs import opened_pairs
from tests.reviewapp.evaluations.world import generated, lock, opened_round
from tests.reviewapp.permission_rows import ROWS, Row, world_make
from tests.reviewapp.recorded_pages import LATE, RECORDED
from tests.reviewapp.samples.batches import upload
from tests.reviewapp.test_permission_table import url_names

# what the world of the permission table says in prompts, completions, references, outputs, feedback and row errors
TEXTS = ("My knee has hurt", "knee pain for three", "How old are you?", "I do not know.", "0-year-old", "1-year-old")
# reading first: what is changed would hide what is read
ASKED = sorted((row.method, name) for name, row in ROWS.items() if isinstance(row.needs, Permission))


def body(response: HttpResponseBase) -> str:
    if isinstance(response, StreamingHttpResponse):
        return response.getvalue().decode()
    return html.unescape(response.content.decode())  # type: ignore[attr-defined]


def ask(client: Client, name: str, row: Row, world: SimpleNamespace) -> str:
    url = reverse(name, args=row.arguments(world))
    return body(client.get(url, {"q": "knee"}) if row.method == "GET" else client.post(url, row.data))


def test_the_list_names_urls_that_exist() -> None:
    assert set(url_names(get_resolver().url_patterns)) >= RECORDED >= LATE


@pytest.fixture
def world(project: Project, people: SimpleNamespace) -> SimpleNamespace:
    made = world_make(project, people)
    made.batch.job = factories.job(project_slug=project.slug)
    made.batch.save()
    ImportRowError.objects.create(batch=made.batch, line=2, reason="Empty", raw=factories.PROMPT)
    return made


def test_no_page_shows_text_without_a_record(world: SimpleNamespace, people: SimpleNamespace, client_for: Any) -> None:
    """Each URL as the lead, and as those whose work it is."""
    clients = [client_for(getattr(people, name)) for name in ("lead", "lead2", "annotator2", "reviewer2")]
    silent, told = set(), set()
    for method, name in ASKED:
        for client in clients if ROWS[name].is_personal else clients[:1]:
            before = RecordView.objects.count()
            text = ask(client, name, ROWS[name], world)
            written = RecordView.objects.count() - before
            assert written <= 1, f"{name} writes {written} record views: one a page"
            told |= {name} if written and (method == "GET" or name in RECORDED) else set()
            silent |= {name} if not written and any(words in text for words in TEXTS) else set()
    assert not silent, "these show text and record nothing: call audit.services.view_record in their views"
    assert told == RECORDED - LATE, "keep tests/reviewapp/recorded_pages.py as it is in truth"


def recorded(client: Client, name: str, *args: object) -> RecordView:
    """Opens a page of the project that must be shown, and returns its one record view."""
    RecordView.objects.all()._raw_delete("default")
    assert client.get(reverse(name, args=["letters", *args])).status_code == 200
    row = RecordView.objects.get()
    assert row.page == name
    return row


def test_what_a_grader_opens_names_the_assignment_and_never_the_output(
    project: Project, people: SimpleNamespace, client_for: Any
) -> None:
    round = opened_round(generated(project, prompts=2), people.lead)
    taken = grades.grade_claim(round=round, user=people.reviewer)
    assert taken is not None
    reviewer = client_for(people.reviewer)
    seen = [recorded(reviewer, "evaluations:grade", taken.key)]
    grade = lock(taken)
    seen.append(recorded(reviewer, "evaluations:grade_locked", taken.key))
    grades.grade_reveal(grade=grade, revealed_by=people.reviewer)
    seen.append(recorded(reviewer, "evaluations:grade_revise", taken.key))

    assert {(row.target_type, row.target_id) for row in seen} == {(Target.GRADING, taken.pk)}
    said = recorded(reviewer, "feedback:output_feedback", grade.output_id)
    assert (said.target_type, said.target_id) == (Target.OUTPUT, grade.output_id)


def test_pairs_and_practice_record_the_assignment(project: Project, people: SimpleNamespace, client_for: Any) -> None:
    reviewer = client_for(people.reviewer)
    taken = grades.grade_claim(round=opened_pairs(project, people, prompts=2), user=people.reviewer)
    assert taken is not None
    assert recorded(reviewer, "evaluations:pair", taken.key).target_id == taken.pk
    calibration = open_calibration(project, people, practice=1, exam=2, gold=1)
    practised = grades.grade_claim(round=calibration, user=people.reviewer)
    assert practised is not None
    lock(practised)
    assert recorded(reviewer, "evaluations:grade_feedback", practised.key).target_id == practised.pk


def test_the_mapping_screen_records_the_file(project: Project, people: SimpleNamespace, client_for: Any) -> None:
    batch = upload(project)
    row = recorded(client_for(people.lead), "samples:import_map", batch.pk)
    assert (row.target_type, row.target_id) == (Target.IMPORT, batch.pk)


def test_the_api_records_what_it_gives_out(world: SimpleNamespace, people: SimpleNamespace) -> None:
    """Each reading operation with a token of the lead: text never comes without a row in the owner's name."""
    secret, silent, told = secret_for(people.lead, world.project), set(), set()
    for (method, path), endpoint in ENDPOINTS.items():
        if method == "get":
            before = RecordView.objects.count()
            answer = ask_api(secret, path.format(slug=world.project.slug, **endpoint.arguments(world)))
            written = RecordView.objects.count() - before
            told |= {path.rpartition("{slug}")[2]} if written else set()
            silent |= {path} if not written and any(words in body(answer) for words in TEXTS) else set()
    assert not silent
    assert {"/samples", "/samples/{sample_id}", "/feedback", "/training-set-versions/{version_id}/examples"} <= told
    rows = RecordView.objects.values_list("kind", "person", "project_slug").distinct().order_by()
    assert list(rows) == [("api", people.lead.pk, world.project.slug)]


def test_search_by_meaning_and_similar_samples_record_what_they_find(
    project: Project, people: SimpleNamespace, client_for: Any
) -> None:
    samples = fill(project)
    built(project)
    lead = client_for(people.lead)
    assert recorded(lead, "curation:similar_list", samples["knee"][0].pk).kind == "list"
    RecordView.objects.all()._raw_delete("default")
    lead.get(reverse("curation:meaning_search", args=["letters"]), {"q": "knee"})
    assert RecordView.objects.get().kind == "search"
