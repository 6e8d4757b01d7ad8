from __future__ import annotations

import json
from collections.abc import Callable
from types import SimpleNamespace
from typing import Any

import pytest
from django.core.files.uploadedfile import SimpleUploadedFile
from django.test import Client
from django.urls import reverse

from reviewapp.accounts.models import User
from reviewapp.projects.models import Project
from reviewapp.rubrics import selectors, services
from reviewapp.rubrics.forms import document_changed, document_of
from reviewapp.rubrics.models import RubricVersion
from reviewapp.rubrics.schema import rubric_parse
from tests.reviewapp.rubrics.kinds import every_kind
from tests.reviewapp.rubrics.test_forms import form_of
from tests.reviewapp.rubrics.test_versions import reviewed

NOTE = selectors.rubrics_builtin()["clinical_note"]
ClientFor = Callable[[User], Client]


@pytest.fixture
def version(project: Project, people: SimpleNamespace) -> RubricVersion:
    return services.rubric_create(project=project, document=NOTE, created_by=people.lead)


@pytest.fixture
def lead(client_for: ClientFor, people: SimpleNamespace) -> Client:
    return client_for(people.lead)


def url(name: str, *args: object) -> str:
    return reverse(f"rubrics:{name}", args=["letters", *args])


def test_the_list_shows_rubrics_and_a_way_to_begin(
    lead: Client, version: RubricVersion, django_assert_max_num_queries: Any
) -> None:
    with django_assert_max_num_queries(12):
        page = lead.get(url("rubric_list")).content.decode()
    assert NOTE.name in page and "Generic generation" in page and "Offered for new work" in page


def test_an_empty_list_says_so(lead: Client, project: Project) -> None:
    assert "No rubric yet" in lead.get(url("rubric_list")).content.decode()


def test_a_rubric_is_shown_as_the_reviewer_sees_it(lead: Client, version: RubricVersion) -> None:
    page = lead.get(url("rubric_detail", version.rubric_id)).content.decode()
    assert page.count("data-criterion ") == 4
    assert "Every statement traces to a turn of the prompt." in page
    assert page.count("disabled") >= 4


def test_the_editor_starts_from_a_builtin_rubric_and_stores_nothing(lead: Client, project: Project) -> None:
    page = lead.get(url("rubric_new"), {"builtin": "generic_generation"}).content.decode()
    assert 'value="Factual accuracy"' in page
    assert not project.rubrics.exists()


def test_a_rubric_is_made_in_the_editor(lead: Client, project: Project) -> None:
    answer = lead.post(url("rubric_new"), form_of(NOTE.as_json()) | {"action": "save"})
    version = selectors.version_current(project, "samples")
    assert version is not None and selectors.version_document(version) == NOTE
    assert answer.headers["Location"] == url("rubric_detail", version.rubric_id)


def test_a_button_that_changes_rows_stores_nothing(lead: Client, version: RubricVersion) -> None:
    form = form_of(NOTE.as_json()) | {"action": "remove:0", "name": "Typed name"}
    page = lead.post(url("rubric_edit", version.rubric_id), form).content.decode()
    assert 'value="Typed name"' in page and "Wrong age, dose" not in page
    assert selectors.version_document(RubricVersion.objects.get()) == NOTE


def test_a_rubric_without_criteria_is_refused_and_what_was_typed_stays(lead: Client, version: RubricVersion) -> None:
    form = form_of(NOTE.as_json() | {"criteria": [], "guidelines": "Typed."}) | {"action": "save"}
    answer = lead.post(url("rubric_edit", version.rubric_id), form)
    page = answer.content.decode()
    assert answer.status_code == 422
    assert "The rubric has no criteria" in page and "Typed." in page
    assert selectors.version_document(RubricVersion.objects.get()) == NOTE


def test_editing_a_used_version_makes_the_next(lead: Client, version: RubricVersion) -> None:
    services.rubric_version_use(version=version)
    assert "makes the next one" in lead.get(url("rubric_edit", version.rubric_id)).content.decode()
    lead.post(url("rubric_edit", version.rubric_id), form_of(NOTE.as_json() | {"guidelines": "New."}))
    assert list(version.rubric.versions.values_list("number", flat=True)) == [2, 1]
    page = lead.get(url("rubric_detail", version.rubric_id), {"version": "1"}).content.decode()
    assert "Used, so it never changes" in page


def test_the_newest_version_is_shown_and_edited(lead: Client, version: RubricVersion) -> None:
    services.rubric_version_use(version=version)
    lead.post(url("rubric_edit", version.rubric_id), form_of(NOTE.as_json() | {"guidelines": "Of the second."}))
    for name in ("rubric_edit", "rubric_detail"):
        assert "Of the second." in lead.get(url(name, version.rubric_id)).content.decode()
    page = lead.get(url("rubric_detail", version.rubric_id)).content.decode()
    assert url("rubric_diff", version.rubric_id, 1, 2) in page


def test_the_preview_follows_the_form(lead: Client, project: Project) -> None:
    page = lead.post(url("rubric_preview"), form_of(NOTE.as_json())).content.decode()
    assert page.count("data-criterion ") == 4 and "<html" not in page
    page = lead.post(url("rubric_preview"), {"name": "X", "applies_to": "samples"}).content.decode()
    assert "1 thing to mend" in page and "no criteria" in page


def test_what_is_exported_is_what_was_stored(lead: Client, version: RubricVersion) -> None:
    answer = lead.get(url("rubric_export", version.rubric_id, 1))
    assert json.loads(answer.content) == NOTE.as_json()
    assert answer.headers["Content-Disposition"] == 'attachment; filename="clinical-note-from-dialogue-v1.json"'


def test_a_file_is_imported(lead: Client, project: Project) -> None:
    file = SimpleUploadedFile("rubric.json", json.dumps(NOTE.as_json()).encode())
    answer = lead.post(url("rubric_import"), {"file": file}, follow=True)
    assert "Clinical note from dialogue, version 1 was imported." in answer.content.decode()


@pytest.mark.parametrize(("content", "message"), [(b"{", "The file is not JSON"), (b"[]", "one JSON object")])
def test_a_bad_file_is_refused_in_words(lead: Client, project: Project, content: bytes, message: str) -> None:
    answer = lead.post(url("rubric_import"), {"file": SimpleUploadedFile("rubric.json", content)}, follow=True)
    assert message in answer.content.decode() and not project.rubrics.exists()
    assert "Choose a JSON file first" in lead.post(url("rubric_import"), follow=True).content.decode()


def test_text_of_a_rubric_is_never_markup(lead: Client, project: Project, people: SimpleNamespace) -> None:
    hostile = NOTE.as_json() | {"guidelines": "<script>alert(1)</script>", "name": "<b>Bold</b>"}
    lead.post(url("rubric_new"), form_of(hostile))
    rubric = project.rubrics.get()
    for page in (url("rubric_detail", rubric.pk), url("rubric_edit", rubric.pk), url("rubric_list")):
        content = lead.get(page).content.decode()
        assert "<script>alert" not in content and "<b>Bold" not in content


def test_only_leads_change_rubrics(client_for: ClientFor, people: SimpleNamespace, version: RubricVersion) -> None:
    rubric_id = version.rubric_id
    for person, code in ((people.reviewer, 403), (people.observer, 403), (people.outsider, 404)):
        client = client_for(person)
        assert client.get(url("rubric_new")).status_code == code
        assert client.get(url("rubric_edit", rubric_id)).status_code == code
        for name, args in (("rubric_preview", ()), ("rubric_import", ()), ("rubric_activate", (rubric_id,))):
            assert client.post(url(name, *args)).status_code == code
    assert client_for(people.observer).get(url("rubric_detail", rubric_id)).status_code == 200
    assert client_for(people.outsider).get(url("rubric_export", rubric_id, 1)).status_code == 404


def test_a_rubric_of_another_project_is_not_found(lead: Client, project: Project, people: SimpleNamespace) -> None:
    elsewhere = Project.objects.get(slug="elsewhere")
    other = services.rubric_create(project=elsewhere, document=NOTE, created_by=people.outsider)
    for name, args in (("rubric_detail", ()), ("rubric_edit", ()), ("rubric_export", (1,))):
        assert lead.get(url(name, other.rubric_id, *args)).status_code == 404


def test_the_preview_shows_what_can_be_read_while_something_is_missing(lead: Client, project: Project) -> None:
    document = every_kind()
    document["criteria"][1]["levels"][0]["anchor"] = ""
    page = lead.post(url("rubric_preview"), form_of(document)).content.decode()
    assert "Criterion 2 (Clear), level 1: anchor is empty." in page and "3 things to count." in page


def test_every_kind_is_shown_as_those_who_judge_see_it(lead: Client, project: Project) -> None:
    page = lead.post(url("rubric_preview"), form_of(every_kind())).content.decode()
    assert "What a grader sees" in page and "What somebody sees who compares two outputs" in page
    assert "How many omissions" in page and "All errors are marked" in page and "+6 points" in page
    both = lead.post(url("rubric_preview"), form_of(every_kind("both"))).content.decode()
    assert "What a reviewer sees" in both and "Made up, major, weighs 5" in both


@pytest.mark.parametrize("applies_to", ["outputs", "samples", "both"])
def test_a_rubric_of_every_kind_is_made_in_the_editor(lead: Client, project: Project, applies_to: str) -> None:
    lead.post(url("rubric_new"), form_of(every_kind(applies_to)))
    version = RubricVersion.objects.get()
    document = selectors.version_document(version)
    assert document == rubric_parse(every_kind(applies_to))
    # Opened and saved again it is the same.
    lead.post(url("rubric_edit", version.rubric_id), form_of(document_of(document)))
    assert RubricVersion.objects.get().content_hash == version.content_hash
    for name in ("rubric_detail", "rubric_edit"):
        assert lead.get(url(name, version.rubric_id)).status_code == 200


def test_a_problem_stands_beside_its_field_and_what_was_typed_stays(lead: Client, project: Project) -> None:
    document = every_kind()
    document["criteria"][1]["levels"][2]["anchor"] = ""
    document["criteria"][3]["most"] = "plenty"
    answer = lead.post(url("rubric_new"), form_of(document))
    page = answer.content.decode()
    assert answer.status_code == 422 and not project.rubrics.exists()
    assert 'id="c-1-l-2-anchor-problem"' in page and 'aria-describedby="c-3-most-problem"' in page
    assert "Most must be a whole number." in page and 'value="plenty"' in page


def test_weights_that_sum_to_nothing_are_refused(lead: Client, project: Project) -> None:
    document = NOTE.as_json()
    for one in document["criteria"]:
        one["weight"] = 0
    page = lead.post(url("rubric_new"), form_of(document)).content.decode()
    assert 'id="criteria-problem"' in page and "All weights are 0" in page


@pytest.mark.parametrize(
    ("action", "focus"),
    [
        ("add-count", 'id="c-4-name" name="c-4-name" autofocus'),
        ("up:2", 'id="c-1-up" autofocus'),
        ("up:1", 'id="c-0-down" autofocus'),
        ("remove:3", 'id="c-2-name" name="c-2-name" autofocus'),
        ("add-level:1", 'id="c-1-l-0-label" name="c-1-l-0-label" autofocus'),
        ("level-down:1:1", 'id="c-1-l-2-down" autofocus'),
        ("remove-level:1:1", 'id="c-1-add-level" autofocus'),
    ],
)
def test_the_focus_follows_what_was_moved(lead: Client, version: RubricVersion, action: str, focus: str) -> None:
    form = form_of(document_of(NOTE)) | {"action": action}
    page = lead.post(url("rubric_edit", version.rubric_id), form).content.decode()
    assert focus in page and page.count(" autofocus") == 1


def test_a_structural_change_asks_and_keeps_the_form(
    lead: Client, version: RubricVersion, people: SimpleNamespace
) -> None:
    services.rubric_version_use(version=version)
    reviewed(version, people.reviewer, "faithful")
    form = form_of(document_changed(document_of(NOTE), "remove:1")) | {"based_on": version.content_hash}
    answer = lead.post(url("rubric_edit", version.rubric_id), form)
    page = answer.content.decode()
    assert answer.status_code == 422 and version.rubric.versions.count() == 1
    assert "Faithful to the dialogue: 1 review would have to be judged anew" in page
    confirmed = form | {"action": "save-confirmed", "asked_about": version.content_hash}
    assert lead.post(url("rubric_edit", version.rubric_id), confirmed).status_code == 302
    assert version.rubric.versions.count() == 2
    page = lead.get(url("rubric_diff", version.rubric_id, 1, 2)).content.decode()
    assert "1 criterion cannot be compared" in page and "1 review by version 1 would have to be judged anew" in page
    assert "Removed: its judgements stay with their version" in page


def test_a_change_of_wording_is_shown_word_by_word(lead: Client, version: RubricVersion) -> None:
    services.rubric_version_use(version=version)
    document = NOTE.as_json()
    document["criteria"][0]["name"] = "Wrong age, dose, date, laterality or negation"
    lead.post(url("rubric_edit", version.rubric_id), form_of(document))
    page = lead.get(url("rubric_diff", version.rubric_id, 1, 2)).content.decode()
    assert '<del class="cs-del">side</del><ins class="cs-ins">laterality</ins>' in page
    assert "Judgements of both versions can be compared" in page
    assert "What changed" in lead.get(url("rubric_detail", version.rubric_id)).content.decode()
    assert lead.get(url("rubric_diff", version.rubric_id, 1, 9)).status_code == 404


def test_what_somebody_else_saved_meanwhile_is_said(
    lead: Client, version: RubricVersion, people: SimpleNamespace
) -> None:
    form = form_of(NOTE.as_json() | {"guidelines": "Mine, typed."}) | {"based_on": version.content_hash}
    theirs = rubric_parse(NOTE.as_json() | {"guidelines": "Theirs."})
    services.rubric_save(rubric=version.rubric, document=theirs, saved_by=people.lead2)
    page = lead.post(url("rubric_edit", version.rubric_id), form).content.decode()
    assert "Somebody else saved" in page and "Mine, typed." in page
    assert selectors.version_document(RubricVersion.objects.get()) == theirs


def test_an_import_that_changes_the_structure_asks(
    lead: Client, version: RubricVersion, people: SimpleNamespace
) -> None:
    services.rubric_version_use(version=version)
    reviewed(version, people.reviewer, "faithful")
    document = NOTE.as_json()
    del document["criteria"][1]
    content = json.dumps(document).encode()
    page = lead.post(url("rubric_import"), {"file": SimpleUploadedFile("r.json", content)}, follow=True)
    assert "Nothing was imported" in page.content.decode() and version.rubric.versions.count() == 1
    again = {"file": SimpleUploadedFile("r.json", content), "confirmed": "on"}
    assert "version 2 was imported" in lead.post(url("rubric_import"), again, follow=True).content.decode()
