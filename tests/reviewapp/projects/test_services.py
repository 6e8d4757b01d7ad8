from __future__ import annotations

from types import SimpleNamespace

import pytest
from django.core.exceptions import ValidationError

from reviewapp.audit.models import AuditEvent
from reviewapp.core.exceptions import ApplicationError
from reviewapp.projects import services
from reviewapp.projects.models import Project
from reviewapp.projects.selectors import role_of
from tests import factories


def test_the_creator_leads_the_new_project(db: None) -> None:
    ana = factories.user("ana")

    made = services.project_create(slug="heart", name="Heart letters", created_by=ana)

    assert role_of(ana, made) == "lead"
    assert AuditEvent.objects.get(action="project.create").actor == ana


def test_a_taken_address_is_refused(project: Project) -> None:
    with pytest.raises(ApplicationError, match="letters"):
        services.project_create(slug="letters", name="Again", created_by=factories.user())


def test_a_role_can_be_changed(project: Project, people: SimpleNamespace) -> None:
    services.membership_set(project=project, user=people.annotator, role="reviewer", set_by=people.lead)

    assert role_of(people.annotator, project) == "reviewer"


def test_an_unknown_role_is_refused(project: Project, people: SimpleNamespace) -> None:
    with pytest.raises(ApplicationError, match="owner"):
        services.membership_set(project=project, user=people.annotator, role="owner", set_by=people.lead)


def test_the_last_lead_stays(project: Project, people: SimpleNamespace) -> None:
    services.membership_remove(project=project, user=people.lead2, removed_by=people.lead)

    with pytest.raises(ApplicationError, match="needs a lead"):
        services.membership_set(project=project, user=people.lead, role="observer", set_by=people.lead)
    with pytest.raises(ApplicationError, match="needs a lead"):
        services.membership_remove(project=project, user=people.lead, removed_by=people.lead)


def test_settings_outside_their_range_are_refused(project: Project, people: SimpleNamespace) -> None:
    with pytest.raises(ValidationError):
        services.project_update(project=project, signatures_required=10, updated_by=people.lead)
