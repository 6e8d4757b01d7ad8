"""Who may open what: one row for every URL, walked as each role, as an outsider and as a stranger."""

from __future__ import annotations

import copy
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from django.db import transaction
from django.test import Client, override_settings
from django.urls import URLPattern, URLResolver, get_resolver, reverse

from reviewapp.accounts.models import User
from reviewapp.projects.models import Membership
from reviewapp.projects.permissions import GRANTED, Permission
from tests import factories
from tests.reviewapp.permission_rows import ANYONE, OPEN, ROWS, Row, world_make

ROLES = tuple(Membership.Role.values)


@dataclass(frozen=True)
class Cast:
    world: SimpleNamespace
    clients: dict[str, Client]


def url_names(patterns: list[Any], prefix: str = "") -> Iterator[str]:
    for pattern in patterns:
        if isinstance(pattern, URLResolver):
            inner = f"{prefix}{pattern.namespace}:" if pattern.namespace else prefix
            yield from url_names(pattern.url_patterns, inner)
        elif isinstance(pattern, URLPattern):
            yield f"{prefix}{pattern.name}"


def test_every_url_has_its_row() -> None:
    names = set(url_names(get_resolver().url_patterns))

    assert names - set(ROWS) == set(), "add a row to tests/reviewapp/permission_rows.py"
    assert set(ROWS) - names == set(), "rows without a URL"


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("world")


@pytest.fixture(autouse=True)
def _own_state(settings: Any, folder: Path) -> None:
    """In the place of the common one: the world's files are made once, as its rows are."""
    for name, value in factories.settings_for(folder).items():
        setattr(settings, name, value)


@pytest.fixture(scope="module")
def cast(folder: Path, django_db_setup: None, django_db_blocker: Any) -> Iterator[Cast]:
    """People, signed in, and world, made once; what a test does to them is rolled back to its first savepoint."""
    with django_db_blocker.unblock(), override_settings(**factories.settings_for(folder)), transaction.atomic():
        project = factories.project("letters", name="Clinic letters")
        people = factories.members(project)
        yield Cast(
            world_make(project, people), {role: _entered(getattr(people, role)) for role in (*ROLES, "outsider")}
        )
        transaction.set_rollback(True)


def _entered(user: User) -> Client:
    client = Client()
    client.force_login(user, backend="django.contrib.auth.backends.ModelBackend")
    client.get("/")  # loads the middleware, which its copies share
    return client


@pytest.fixture
def world(cast: Cast, db: None) -> SimpleNamespace:
    """Its rows are asked for by their keys only, so that no test changes what another one reads here."""
    return cast.world


@pytest.fixture
def client_of(cast: Cast, db: None) -> Callable[[str], Client]:
    """A browser of this person, as it was before any test used it."""

    def of(role: str) -> Client:
        client = copy.copy(cast.clients[role])
        client.cookies = copy.deepcopy(client.cookies)
        return client

    return of


def _ask(client: Client, name: str, row: Row, world: SimpleNamespace) -> int:
    url = reverse(name, args=row.arguments(world))
    response = client.get(url) if row.method == "GET" else client.post(url, row.data)
    return response.status_code


PROJECT_ROWS = sorted(name for name, row in ROWS.items() if isinstance(row.needs, Permission))


@pytest.mark.parametrize("name", PROJECT_ROWS)
def test_each_role_gets_what_it_may_and_no_more(
    name: str, world: SimpleNamespace, client_of: Callable[[str], Client]
) -> None:
    row = ROWS[name]
    for role in ROLES:
        status = _ask(client_of(role), name, row, world)
        if not {row.needs, row.also} & GRANTED[role]:
            assert status == 403, f"{role} must not open {name}, got {status}"
        elif row.is_personal:  # somebody else's work: not theirs to open, whatever their role
            assert status in {200, 302, 404, 422}, f"{role} got {status} at {name}"
        else:
            assert status in {200, 204, 286, 302, 409, 422}, f"{role} got {status} at {name}"


@pytest.mark.parametrize("name", PROJECT_ROWS)
def test_an_outsider_finds_nothing(name: str, world: SimpleNamespace, client_of: Callable[[str], Client]) -> None:
    assert _ask(client_of("outsider"), name, ROWS[name], world) == 404


@pytest.mark.parametrize("name", sorted(name for name, row in ROWS.items() if row.needs is not OPEN))
def test_a_stranger_is_sent_to_the_sign_in(name: str, world: SimpleNamespace, client: Client) -> None:
    assert _ask(client, name, ROWS[name], world) == 302


@pytest.mark.parametrize("name", sorted(name for name, row in ROWS.items() if row.needs is ANYONE))
def test_anyone_signed_in_may_open_the_rest(
    name: str, world: SimpleNamespace, client_of: Callable[[str], Client]
) -> None:
    assert _ask(client_of("outsider"), name, ROWS[name], world) in {200, 302, 422}
