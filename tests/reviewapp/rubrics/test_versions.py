from __future__ import annotations

import dataclasses
import json
import uuid
from types import SimpleNamespace

import pytest

from reviewapp.audit.models import AuditEvent
from reviewapp.core.exceptions import ApplicationError
from reviewapp.projects.models import Project
from reviewapp.reviews.models import CriterionScore, Review
from reviewapp.rubrics import selectors, services
from reviewapp.rubrics.models import RubricVersion
from reviewapp.rubrics.schema import RubricDocument
from tests import factories

NOTE = selectors.rubrics_builtin()["clinical_note"]


def without(document: RubricDocument, key: str) -> RubricDocument:
    return dataclasses.replace(document, criteria=tuple(one for one in document.criteria if one.key != key))


def reviewed(version: RubricVersion, by: object, *keys: str) -> Review:
    """A review by this version with a score for each of these criteria."""
    review = factories.review(factories.sample(version.rubric.project), by, version)
    for criterion in version.criteria.filter(key__in=keys):
        CriterionScore.objects.create(review=review, criterion=criterion, value=4)
    return review


@pytest.fixture
def used(project: Project, people: SimpleNamespace) -> RubricVersion:
    """A version by which two reviews stand and one was taken back."""
    version = services.rubric_create(project=project, document=NOTE, created_by=people.lead)
    services.rubric_version_use(version=version)
    reviewed(version, people.reviewer, "faithful", "wording")
    reviewed(version, people.annotator, "faithful")
    gone = reviewed(version, people.annotator2, "faithful")
    Review.objects.create(
        assignment=gone.assignment,
        sample=gone.sample,
        revision_before=gone.revision_after,
        revision_after=gone.revision_before,
        reviewer=gone.reviewer,
        rubric_version=version,
        round=gone.round,
        decision="undone",
        supersedes=gone,
        idempotency_key=uuid.uuid4(),
    )
    return RubricVersion.objects.select_related("rubric").get(pk=version.pk)


def save(used: RubricVersion, document: RubricDocument, people: SimpleNamespace, **options: str) -> RubricVersion:
    return services.rubric_save(rubric=used.rubric, document=document, saved_by=people.lead, **options)


def test_judgements_that_stand_are_counted(used: RubricVersion) -> None:
    uses = selectors.version_uses([used])
    assert uses.total == {"reviews": 2}
    assert uses.by_key == {"faithful": {"reviews": 2}, "wording": {"reviews": 1}}


def test_a_structural_change_is_asked_about_first(used: RubricVersion, people: SimpleNamespace) -> None:
    with pytest.raises(services.StructureChanged) as caught:
        save(used, without(NOTE, "faithful"), people)
    assert caught.value.redone == [("Faithful to the dialogue", {"reviews": 2})]
    assert used.rubric.versions.count() == 1
    saved = save(used, without(NOTE, "faithful"), people, confirmed_against=caught.value.against)
    assert saved.number == 2
    assert AuditEvent.objects.get(action="rubric.save").data["structural"] == ["faithful"]
    # What was judged stays with the version that it was judged by.
    assert set(CriterionScore.objects.values_list("criterion__version__number", flat=True)) == {1}


def test_a_new_criterion_asks_about_all_earlier_work(used: RubricVersion, people: SimpleNamespace) -> None:
    extra = dataclasses.replace(NOTE.criteria[1], key="extra", name="Extra")
    with pytest.raises(services.StructureChanged) as caught:
        save(used, dataclasses.replace(NOTE, criteria=(*NOTE.criteria, extra)), people)
    assert caught.value.redone == [("Extra", {"reviews": 2})]


def test_a_change_of_wording_is_not_asked_about(used: RubricVersion, people: SimpleNamespace) -> None:
    worded = dataclasses.replace(NOTE.criteria[1], description="Clearer.", weight=5.0)
    saved = save(used, dataclasses.replace(NOTE, criteria=(NOTE.criteria[0], worded, *NOTE.criteria[2:])), people)
    assert saved.number == 2
    assert [one.number for one in selectors.versions_comparable(saved)] == [1, 2]
    third = without(NOTE, "wording")
    with pytest.raises(services.StructureChanged) as caught:
        save(used, third, people)
    assert caught.value.redone == [("Wording", {"reviews": 1})]  # of the first version, comparable with the second
    saved = save(used, third, people, confirmed_against=caught.value.against)
    assert [one.number for one in selectors.versions_comparable(saved)] == [2]  # nobody judged by it: in place


def test_a_criterion_that_nobody_judged_is_not_asked_about(used: RubricVersion, people: SimpleNamespace) -> None:
    assert save(used, without(NOTE, "complete"), people).number == 2


def test_a_confirmation_is_for_one_version_only(used: RubricVersion, people: SimpleNamespace) -> None:
    with pytest.raises(services.StructureChanged):
        save(used, without(NOTE, "faithful"), people, confirmed_against="0" * 64)


def test_what_somebody_else_saved_is_not_overwritten(used: RubricVersion, people: SimpleNamespace) -> None:
    mine = used.content_hash
    theirs = save(used, dataclasses.replace(NOTE, guidelines="Theirs."), people, based_on=mine)
    with pytest.raises(ApplicationError, match="Somebody else saved Clinical note from dialogue, version 2"):
        save(used, dataclasses.replace(NOTE, guidelines="Mine."), people, based_on=mine)
    again = save(used, dataclasses.replace(NOTE, guidelines="Mine."), people, based_on=theirs.content_hash)
    assert (again.number, again.guidelines) == (2, "Mine.")  # nobody judged by theirs yet


def test_an_import_asks_too(used: RubricVersion, people: SimpleNamespace) -> None:
    content = json.dumps(without(NOTE, "faithful").as_json()).encode()
    project = used.rubric.project
    with pytest.raises(services.StructureChanged):
        services.rubric_import(project=project, content=content, imported_by=people.lead)
    made = services.rubric_import(project=project, content=content, imported_by=people.lead, is_confirmed=True)
    assert made.number == 2
