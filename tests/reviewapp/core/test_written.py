"""Queries whose SQL is written once answer what the same query would, on whichever database runs."""

from __future__ import annotations

from datetime import timedelta
from unittest.mock import patch
from uuid import UUID, uuid4

from django.db.models import Q, QuerySet
from django.db.models.sql.compiler import SQLCompiler
from django.utils import timezone

from reviewapp.core.written import written
from reviewapp.projects.models import Project
from reviewapp.reviews.models import Assignment
from reviewapp.samples.models import Sample
from tests import factories
from tests.reviewapp.reviews.reviewing import claim


@written
def samples_of(project: int, *, states: tuple[str, ...] = ()) -> QuerySet[Sample]:
    found = Sample.objects.filter(project=project).order_by("external_id")
    return found.filter(state__in=states) if states else found


@written
def held_since(key: UUID, holder: int, since: object) -> QuerySet[Assignment]:
    return Assignment.objects.filter(Q(key=key) | Q(holder=holder), leased_at__gte=since)


def test_values_take_their_places_and_forms_have_sql_of_their_own(project: Project) -> None:
    ready = factories.sample(project, external_id="a", metadata={"n": [1]})
    factories.sample(project, external_id="b", state=Sample.State.IMPORTED)
    other = factories.sample(factories.project("other"), external_id="c")

    assert [one.external_id for one in samples_of(project.pk)] == ["a", "b"]
    assert samples_of(project.pk, states=(Sample.State.READY,)) == [ready]
    assert samples_of(other.project_id) == [other]
    assert samples_of(project.pk)[0].metadata == {"n": [1]}, "columns come back as the model has them"


def test_keys_and_times_are_given_as_the_database_takes_them(project: Project) -> None:
    factories.rubric_version(project)
    factories.sample(project)
    ann = factories.member(project, "annotator")
    held = claim(project, ann)
    before, after = held.leased_at - timedelta(seconds=1), timezone.now() + timedelta(hours=1)

    assert held_since(held.key, 0, before) == [held] == held_since(uuid4(), ann.pk, before)
    assert held_since(held.key, ann.pk, after) == [] == held_since(uuid4(), 0, before)


def test_the_sql_is_written_once(project: Project) -> None:
    samples_of(project.pk)
    with patch.object(SQLCompiler, "as_sql", side_effect=AssertionError("written again")):
        assert samples_of(project.pk + 1) == []
