from __future__ import annotations

from types import SimpleNamespace

import pytest
from django.core.exceptions import PermissionDenied
from django.http import Http404

from reviewapp.projects.models import Project
from reviewapp.projects.permissions import Permission
from reviewapp.projects.selectors import may, members_with, project_for, projects_for, role_of


def test_a_member_gets_the_project(project: Project, people: SimpleNamespace) -> None:
    assert project_for(people.observer, "letters") == project
    assert list(projects_for(people.observer)) == [project]


def test_an_outsider_does_not_learn_that_it_exists(project: Project, people: SimpleNamespace) -> None:
    with pytest.raises(Http404):
        project_for(people.outsider, "letters")
    assert role_of(people.outsider, project) == ""


def test_a_member_without_the_right_is_told_which(people: SimpleNamespace) -> None:
    with pytest.raises(PermissionDenied, match="observer.*sign"):
        project_for(people.observer, "letters", Permission.SIGN)


def test_only_leads_sign(project: Project, people: SimpleNamespace) -> None:
    assert {m.user for m in members_with(project, Permission.SIGN)} == {people.lead, people.lead2}
    assert may(people.lead, project, Permission.SIGN)
    assert not may(people.engineer, project, Permission.SIGN)
