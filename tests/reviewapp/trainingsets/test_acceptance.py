"""A training-set version that must have a passed acceptance sample: shown on the draft, and in the way of signing."""

from __future__ import annotations

from decimal import Decimal
from types import SimpleNamespace
from typing import Any

import pytest
from django.test import Client
from django.urls import reverse

from reviewapp.core.exceptions import ApplicationError
from reviewapp.curation import services as curation
from reviewapp.projects.models import Project
from reviewapp.trainingsets.models import TrainingSetVersion
from reviewapp.trainingsets.services import version_draft, version_freeze, version_sign
from tests.reviewapp.curation.accepting import closed, drawn, samples


@pytest.fixture
def version(project: Project, people: SimpleNamespace) -> TrainingSetVersion:
    there = samples(project, 20, state="accepted")
    assert len({sample.group_id for sample in there}) == 20
    return version_draft(project=project, set_name="Main", drafted_by=people.engineer)


def require(project: Project, people: SimpleNamespace) -> None:
    curation.rule_set(
        project=project, target="overall", rate=Decimal("0.25"), confidence=Decimal("0.9"), set_by=people.lead
    )


def sign(version: TrainingSetVersion, who: Any) -> Any:
    return version_sign(version=version, signed_by=who, content_hash=version.content_hash, meaning="I looked.")


def page(client: Client, version: TrainingSetVersion) -> str:
    path = reverse("trainingsets:version_detail", args=["letters", version.pk])
    return " ".join(client.get(path).content.decode().split())


def test_nothing_is_asked_for_where_nothing_is_required(
    version: TrainingSetVersion, people: SimpleNamespace, client_for: Any
) -> None:
    assert "Required acceptance samples" not in page(client_for(people.lead), version)
    frozen = version_freeze(version=version, frozen_by=people.engineer)
    assert sign(frozen, people.lead).content_hash == frozen.content_hash


def test_a_version_is_not_signed_before_its_sample_has_passed(
    project: Project, version: TrainingSetVersion, people: SimpleNamespace, client_for: Any
) -> None:
    require(project, people)
    client = client_for(people.lead)
    told = page(client, version)
    assert "Required acceptance samples" in told and "No passed acceptance sample for “Overall quality”" in told
    assert "?target=overall&amp;population=eligible" in told
    frozen = version_freeze(version=version, frozen_by=people.engineer)  # a freeze is not in the way of the look
    assert "No passed acceptance sample" in page(client, frozen)
    with pytest.raises(ApplicationError, match="No passed acceptance sample"):
        sign(frozen, people.lead)
    closed(drawn(project, people.lead, population="eligible"), people.lead)
    assert "Met:" in page(client, frozen)
    sign(frozen, people.lead)


def test_a_failed_sample_is_none(project: Project, version: TrainingSetVersion, people: SimpleNamespace) -> None:
    require(project, people)
    frozen = version_freeze(version=version, frozen_by=people.engineer)
    closed(drawn(project, people.lead, population="eligible"), people.lead, defects=1)
    with pytest.raises(ApplicationError, match="No passed acceptance sample"):
        sign(frozen, people.lead)
