from __future__ import annotations

import dataclasses
import json
from types import SimpleNamespace
from typing import Any

import pytest

from reviewapp.audit.models import AuditEvent
from reviewapp.core.exceptions import ApplicationError
from reviewapp.projects.models import Project
from reviewapp.rubrics import selectors, services
from reviewapp.rubrics.models import RubricVersion
from reviewapp.rubrics.schema import RubricDocument, content_hash

NOTE = selectors.rubrics_builtin()["clinical_note"]


@pytest.fixture
def version(project: Project, people: SimpleNamespace) -> RubricVersion:
    return services.rubric_create(project=project, document=NOTE, created_by=people.lead)


def changed(**values: Any) -> RubricDocument:
    return dataclasses.replace(NOTE, **values)


def test_a_stored_rubric_is_the_document(version: RubricVersion) -> None:
    assert selectors.version_document(version) == NOTE
    assert version.content_hash == content_hash(NOTE)
    assert AuditEvent.objects.get(action="rubric.create").data["content_hash"] == version.content_hash


def test_the_first_of_its_kind_is_offered(version: RubricVersion, people: SimpleNamespace) -> None:
    project = version.rubric.project
    other = services.rubric_create(project=project, document=changed(name="Other"), created_by=people.lead)
    assert selectors.version_current(project, "samples") == version
    assert selectors.version_current(project, "outputs") is None
    services.rubric_activate(rubric=other.rubric, activated_by=people.lead)
    assert selectors.version_current(project, "samples") == other


def test_a_name_is_used_once(version: RubricVersion, people: SimpleNamespace) -> None:
    with pytest.raises(ApplicationError, match="already has a rubric named"):
        services.rubric_create(project=version.rubric.project, document=NOTE, created_by=people.lead)


def test_an_unused_version_changes_in_place(version: RubricVersion, people: SimpleNamespace) -> None:
    document = changed(guidelines="Shorter.", criteria=NOTE.criteria[:2])
    saved = services.rubric_save(rubric=version.rubric, document=document, saved_by=people.lead)
    assert (saved.pk, saved.number) == (version.pk, 1)
    assert selectors.version_document(saved) == document


def test_a_used_version_stays_and_the_next_is_made(version: RubricVersion, people: SimpleNamespace) -> None:
    services.rubric_version_use(version=version)
    document = changed(guidelines="Shorter.")
    saved = services.rubric_save(rubric=version.rubric, document=document, saved_by=people.lead)
    assert (saved.number, saved.used_at) == (2, None)
    assert selectors.version_document(RubricVersion.objects.get(pk=version.pk)) == NOTE
    assert selectors.version_document(saved) == document


def test_the_time_of_the_first_use_is_kept(version: RubricVersion) -> None:
    services.rubric_version_use(version=version)
    first = RubricVersion.objects.get(pk=version.pk).used_at
    services.rubric_version_use(version=RubricVersion(pk=version.pk))
    assert first is not None and RubricVersion.objects.get(pk=version.pk).used_at == first


def test_the_same_content_makes_no_version(version: RubricVersion, people: SimpleNamespace) -> None:
    services.rubric_version_use(version=version)
    saved = services.rubric_save(rubric=version.rubric, document=changed(name="Renamed"), saved_by=people.lead)
    assert saved.pk == version.pk and saved.rubric.name == "Renamed"


def test_a_rubric_keeps_what_it_judges(version: RubricVersion, people: SimpleNamespace) -> None:
    with pytest.raises(ApplicationError, match="judges samples; make a new one for outputs"):
        services.rubric_save(rubric=version.rubric, document=changed(applies_to="outputs"), saved_by=people.lead)


def test_an_exported_rubric_is_imported_as_a_version(version: RubricVersion, people: SimpleNamespace) -> None:
    project = version.rubric.project
    services.rubric_version_use(version=version)
    content = json.dumps(changed(guidelines="Shorter.").as_json()).encode()
    imported = services.rubric_import(project=project, content=content, imported_by=people.lead)
    assert (imported.rubric, imported.number) == (version.rubric, 2)


@pytest.mark.parametrize("content", [b"", b"\xff", b'{"name": "X", "applies_to": "samples"}', b" " * 1_000_001])
def test_a_bad_file_stores_nothing(content: bytes, project: Project, people: SimpleNamespace) -> None:
    with pytest.raises(ApplicationError):
        services.rubric_import(project=project, content=content, imported_by=people.lead)
    assert not project.rubrics.exists()


def test_a_rubric_without_criteria_is_refused_with_its_reason(project: Project, people: SimpleNamespace) -> None:
    content = json.dumps(changed(criteria=()).as_json()).encode()
    with pytest.raises(ApplicationError) as caught:
        services.rubric_import(project=project, content=content, imported_by=people.lead)
    assert "no criteria" in caught.value.extra["problems"][0]


def test_a_builtin_rubric_is_taken_by_name(project: Project, people: SimpleNamespace) -> None:
    made = services.rubric_create_builtin(project=project, name="generic_generation", created_by=people.lead)
    assert selectors.version_current(project, "outputs") == made
    with pytest.raises(ApplicationError, match="no built-in rubric"):
        services.rubric_create_builtin(project=project, name="poem", created_by=people.lead)
