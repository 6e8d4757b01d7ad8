"""What a draft takes and leaves out: every sample under exactly one reason."""

from __future__ import annotations

import uuid
from types import SimpleNamespace
from typing import Any

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext

from reviewapp.curation.models import Finding
from reviewapp.projects.models import Project
from reviewapp.samples.models import Revision, Sample
from reviewapp.trainingsets import selectors
from reviewapp.trainingsets.freezing import straddling
from tests import factories
from tests.reviewapp.trainingsets import builders

pytestmark = pytest.mark.django_db

State = Sample.State


def finding(sample: Sample, **values: Any) -> None:
    base = {"check_name": "c", "kind": "k", "severity": "high", "field": "prompt", "message": "m"}
    Finding.objects.create(
        sample=sample, **{"revision": sample.revision, "fingerprint": uuid.uuid4().hex, **base, **values}
    )


def test_every_sample_is_counted_once_with_its_reason(project: Project, people: SimpleNamespace) -> None:
    builders.accepted(project, 6)
    for state in (State.IMPORTED, State.READY, State.IN_REVIEW, State.ADJUDICATE, State.RETURNED, State.REJECTED):
        factories.sample(project, state=state)
    factories.sample(project, state=State.ACCEPTED, split="heldout")
    factories.sample(project, state=State.ACCEPTED, completion=" \n")
    factories.sample(project, state=State.ACCEPTED, prompt="")
    flagged = factories.sample(project, state=State.ACCEPTED)
    finding(flagged)
    finding(flagged, check_name="d")
    held = factories.heldout_set(project, prompts=1).prompts.get()
    factories.sample(project, state=State.ACCEPTED, group_key=held.group.key)
    factories.sample(project, state=State.ACCEPTED, language="de")
    for sample in Sample.objects.exclude(language="de"):
        Sample.objects.filter(pk=sample.pk).update(language="en")
    version = builders.draft(project, people.lead, filters={"language": ["en"]})
    selection = selectors.samples_selected(version)
    assert selection.left_out == {
        selectors.OUTSIDE: 1,
        selectors.REJECTED: 1,
        selectors.IN_REVIEW: 3,
        selectors.NOT_REVIEWED: 2,
        selectors.HELD_OUT: 1,
        selectors.NO_COMPLETION: 2,
        selectors.OPEN_FINDINGS: 1,
        selectors.HELD_OUT_GROUP: 1,
    }
    assert [item.external_id for item in selection.chosen] == [f"c{n:04d}" for n in range(6)]
    assert selection.total == Sample.objects.filter(project=project).count() == 6 + selection.left_out_count


@pytest.mark.parametrize(
    "values",
    [{"severity": "medium"}, {"severity": "low"}, {"state": "dismissed"}, {"state": "accepted"}, {"state": "gone"}],
)
def test_findings_that_are_settled_or_mild_keep_nothing_out(
    project: Project, people: SimpleNamespace, values: dict[str, str]
) -> None:
    sample = builders.accepted(project, 4)[0]
    finding(sample, **values)
    assert selectors.samples_selected(builders.draft(project, people.lead)).left_out == {}


def test_findings_on_an_older_revision_keep_nothing_out(project: Project, people: SimpleNamespace) -> None:
    sample = builders.accepted(project, 4)[0]
    finding(sample)
    sample.revision = factories.revision(sample, reason=Revision.Reason.FIX)
    sample.save()
    assert selectors.samples_selected(builders.draft(project, people.lead)).left_out == {}


def test_filters_by_origin_and_batch(project: Project, people: SimpleNamespace) -> None:
    builders.accepted(project, 4)
    builders.accepted(project, 2, start=10, origin=Sample.Origin.FEEDBACK)
    version = builders.draft(project, people.lead, filters={"origin": ["feedback"]})
    assert len(selectors.samples_selected(version).chosen) == 2
    version.filters = {"batch": [77]}
    assert selectors.samples_selected(version).chosen == []
    version.filters = {"origin": []}
    assert len(selectors.samples_selected(version).chosen) == 6


def test_samples_of_other_projects_are_not_seen(project: Project, people: SimpleNamespace) -> None:
    other = factories.project()
    builders.accepted(other, 4)
    builders.accepted(project, 4, start=100)
    selection = selectors.samples_selected(builders.draft(project, people.lead))
    assert selection.total == 4 and {item.external_id for item in selection.chosen} >= {"c0100"}


def test_a_plan_divides_no_group_and_has_the_hash_of_the_freeze(project: Project, people: SimpleNamespace) -> None:
    builders.accepted(project, 40, per_group=3)
    version = builders.draft(project, people.lead)
    plan = selectors.version_plan(version)
    assert plan.content is not None and plan.problem == ""
    assert straddling((line.group, line.split) for line in plan.lines) == []
    assert plan.content.train_rows + plan.content.validation_rows == 40
    assert selectors.version_plan(version).content == plan.content


def test_the_same_text_in_two_groups_stays_in_one_split(project: Project, people: SimpleNamespace) -> None:
    builders.accepted(project, 30, per_group=1)
    long = "Doctor: " + " ".join(f"word{n}" for n in range(30))
    for number in range(8):
        factories.sample(
            project, prompt=long.upper() if number % 2 else long, completion=f"Note {number}.", state=State.ACCEPTED,
            group_key=f"copy {number}",
        )  # fmt: skip
    plan = selectors.version_plan(builders.draft(project, people.lead, validation_percent=30))
    assert len({plan.splits[f"copy {number}"] for number in range(8)}) == 1


def test_queries_do_not_grow_with_the_samples(project: Project, people: SimpleNamespace) -> None:
    def queries(version: Any) -> int:
        with CaptureQueriesContext(
            connection,
        ) as captured:
            selectors.version_plan(version)
        return len(captured)

    builders.accepted(project, 4)
    version = selectors.version_in(project, builders.draft(project, people.lead).pk)
    few = queries(version)
    builders.accepted(project, 30, start=50)
    assert queries(version) == few <= 6


def test_a_random_choice_is_stable_for_a_person_and_differs_between_people(
    project: Project, people: SimpleNamespace
) -> None:
    builders.accepted(project, 40)
    version = builders.frozen(project, people.lead)

    def chosen(person: int) -> list[int]:
        return [row.pk for row in selectors.examples_random(version, count=10, person=person)]

    assert chosen(1) == chosen(1) and len(set(chosen(1))) == 10
    assert chosen(1) != chosen(2)


def test_versions_wait_for_people_who_may_sign_them(project: Project, people: SimpleNamespace) -> None:
    version = builders.frozen(project, people.lead)
    builders.draft(project, people.lead)
    assert selectors.versions_to_sign(project, people.lead.pk) == []
    assert selectors.versions_to_sign(project, people.lead2.pk) == [version]
    assert selectors.versions_signed(project) == []
    builders.signed(project, people.engineer, people.lead2)
    assert [row.number for row in selectors.versions_signed(project)] == [3]
