"""The pages of label schemas."""

from __future__ import annotations

import json
from types import SimpleNamespace
from typing import Any

import pytest
from django.core.files.uploadedfile import SimpleUploadedFile
from django.test import Client
from django.urls import reverse

from reviewapp.labelling.models import LabelRule, LabelSchema, LabelSchemaVersion, LabelSuggestion
from reviewapp.labelling.selectors import schemas_starters
from reviewapp.projects.models import Project
from reviewapp.samples.forms import MappingForm
from tests import factories
from tests.reviewapp.labelling import documents as d


@pytest.fixture
def lead(people: SimpleNamespace, client_for: Any) -> Client:
    return client_for(people.lead)  # type: ignore[no-any-return]


def url(name: str, *args: object) -> str:
    return reverse(f"labelling:{name}", args=["letters", *args])


def test_the_list_says_what_there_is(lead: Client, project: Project) -> None:
    assert "No label schema" in lead.get(url("schema_list")).text
    d.version(project)
    page = lead.get(url("schema_list")).text
    assert "Offered for new work" in page and "Not used yet" in page


@pytest.mark.parametrize("name", ["", *schemas_starters()])
def test_a_schema_is_made_from_what_the_editor_shows(lead: Client, project: Project, name: str) -> None:
    page = lead.get(url("schema_new") + f"?starter={name}")
    text = page.context["text"]
    if not name:
        assert "name is empty" in page.text
        text = json.dumps(d.document())
    answer = lead.post(url("schema_new"), {"text": text})
    assert answer.status_code == 302
    assert lead.get(answer["Location"]).status_code == 200
    assert LabelSchemaVersion.objects.get().document["name"] == json.loads(text)["name"]


def test_a_refused_schema_comes_back_as_typed_with_every_problem(lead: Client) -> None:
    text = json.dumps(d.document(d.one_class(key="", kind="stars")))
    page = lead.post(url("schema_new"), {"text": text})
    assert page.status_code == 422 and page.context["text"] == text
    assert "kind must be one of" in page.text and "key is empty" in page.text and not LabelSchema.objects.exists()


def test_the_preview_shows_the_form_or_what_is_missing(lead: Client) -> None:
    whole = json.dumps(d.document(d.one_class(), d.many_classes(), d.tree(), d.spans(), d.written(), d.ranking()))
    page = lead.post(url("schema_preview"), {"text": whole}).text
    for words in ("Reason", "Muscles and joints", "Medicine", "First candidate completion."):
        assert words in page
    assert "not JSON" in lead.post(url("schema_preview"), {"text": "{"}).text
    assert not LabelSchema.objects.exists()


def test_export_and_import_give_the_same_schema(lead: Client, project: Project) -> None:
    version = d.version(project, d.tree(), d.spans())
    content = lead.get(url("schema_export", version.schema_id, 1)).content
    LabelSchema.objects.all().delete()
    file = SimpleUploadedFile("labels.json", content)
    assert lead.post(url("schema_import"), {"file": file}).status_code == 302
    assert LabelSchemaVersion.objects.get().content_hash == version.content_hash


def test_an_import_that_fails_says_why(lead: Client, project: Project) -> None:
    answer = lead.post(url("schema_import"), {"file": SimpleUploadedFile("x.json", b"[]")}, follow=True)
    assert "one JSON object" in answer.text
    assert "Choose a JSON file first" in lead.post(url("schema_import"), follow=True).text


@pytest.mark.slow
def test_a_large_schema_is_not_edited_in_the_browser(lead: Client, project: Project) -> None:
    rows = [{"key": f"K{n}", "name": f"Condition {n}"} for n in range(10_000)]
    version = d.version(project, d.one_class(classes=rows))
    answer = lead.get(url("schema_edit", version.schema_id), follow=True)
    assert "too large to edit here" in answer.text and "10000" in answer.text


def test_the_pages_do_not_load_every_class(lead: Client, project: Project, django_assert_max_num_queries: Any) -> None:
    rows = [{"key": f"K{n}", "name": f"Condition {n}"} for n in range(10_000)]
    version = d.version(project, d.one_class(classes=rows))
    lead.get(url("schema_list"))
    with django_assert_max_num_queries(12):
        page = lead.get(url("schema_detail", version.schema_id))
    assert "Condition 7" not in page.text and len(page.content) < 60_000
    with django_assert_max_num_queries(6):
        found = lead.get(url("class_search", version.pk), {"field": "reason", "q": "condition 77"}).json()
    assert found["classes"][0] == {
        "key": "K77",
        "name": "Condition 77",
        "path": ["Condition 77"],
        "about": "",
        "leaf": True,
    }
    assert len(found["classes"]) == found["shown"] == 20


def test_classes_of_another_project_are_not_found(lead: Client) -> None:
    other = d.version(factories.project("faraway"))
    assert lead.get(url("class_search", other.pk), {"field": "reason"}).status_code == 404


def test_a_schema_is_offered_and_no_longer_offered(lead: Client, project: Project) -> None:
    schema = d.version(project).schema
    lead.post(url("schema_activate", schema.pk), {"offer": "0"})
    schema.refresh_from_db()
    assert not schema.is_active
    assert "labelled by" in lead.post(url("schema_activate", schema.pk), {"offer": "1"}, follow=True).text


def test_rules_are_kept_and_refused_ones_stay_on_the_page(lead: Client, project: Project) -> None:
    schema = d.version(project).schema
    page = lead.post(url("rules_edit", schema.pk), {"lines": "reason, joy: knee"})
    assert page.status_code == 422 and "“joy” is no class" in page.text and "reason, joy: knee" in page.text
    assert lead.post(url("rules_edit", schema.pk), {"lines": "reason, pain: knee"}).status_code == 302
    assert LabelRule.objects.get().text == "knee"
    assert "reason, pain: knee" in lead.get(url("rules_edit", schema.pk)).text


def test_answers_are_read_as_suggestions(lead: Client, project: Project) -> None:
    schema = d.version(project).schema
    file = SimpleUploadedFile("answers.jsonl", b'{"id": "s1", "output": "Skin"}\n{"id": "s2", "output": "?"}\n')
    page = lead.post(url("suggestions_import", schema.pk), {"file": file, "source": "Model 3"}, follow=True)
    assert "2 answers read: 1 can be suggested, 1 are not written as labels." in page.text
    assert LabelSuggestion.objects.get().source == "Model 3"
    page = lead.post(url("suggestions_import", schema.pk), {"source": "Model 3"}, follow=True)
    assert "Choose a JSON Lines file first" in page.text


def test_the_mapping_screen_says_that_a_completion_may_be_left_out(project: Project) -> None:
    batch = factories.import_batch(project)
    words = "rows without one are labelled in review"
    assert words not in MappingForm(batch=batch, columns=["text"], encoding="").fields["completion"].help_text
    d.version(project)
    assert words in MappingForm(batch=batch, columns=["text"], encoding="").fields["completion"].help_text
