"""The cast of every test: a project, its people by role, and an outsider."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import hypothesis
import pytest
from django.test import Client

from reviewapp.accounts.models import User
from reviewapp.projects.models import Membership, Project
from tests import factories

# a busy machine is not a fault of the code
hypothesis.settings.register_profile("busy", deadline=None)
hypothesis.settings.load_profile("busy")

SHARED_DATA = Path(__file__).resolve().parent.parent.parent / "shared" / "data"


@pytest.fixture(autouse=True)
def _own_state(settings: Any, tmp_path: Path) -> None:
    """No test writes beside the repository."""
    settings.STATE_DIR = tmp_path
    settings.MEDIA_ROOT = tmp_path / "files"
    settings.RUNS_DIR = tmp_path / "runs"
    # the beat comes from a thread of its own, which must not wait for a test's open transaction
    settings.JOB_HEARTBEAT_SECONDS = 3600


@pytest.fixture
def project(db: None) -> Project:
    return factories.project("letters", name="Clinic letters")


@pytest.fixture
def people(project: Project) -> SimpleNamespace:
    """One member a role (people.lead ...), a second lead, a second annotator and reviewer, and an outsider."""
    by_role = {role: factories.member(project, role, role) for role in Membership.Role.values}
    other = factories.project("elsewhere")
    return SimpleNamespace(
        **by_role,
        lead2=factories.member(project, "lead", "lead2"),
        annotator2=factories.member(project, "annotator", "annotator2"),
        reviewer2=factories.member(project, "reviewer", "reviewer2"),
        outsider=factories.member(other, "lead", "outsider"),
    )


@pytest.fixture
def client_for(db: None) -> Callable[[User], Client]:
    """A browser session of this user."""

    def make(user: User) -> Client:
        client = Client()
        client.force_login(user, backend="django.contrib.auth.backends.ModelBackend")
        return client

    return make


@pytest.fixture
def shared_data() -> Path:
    """Openly licensed real data, read in place; absent on machines that do not have it."""
    if not SHARED_DATA.is_dir():
        pytest.skip(f"no real data at {SHARED_DATA}")
    return SHARED_DATA
