"""Every operation as each role, and every answer against the published document."""

from __future__ import annotations

import copy
import json
import re
from collections.abc import Iterator
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import jsonschema
import pytest
from django.db import transaction
from django.test import Client, override_settings

from reviewapp.api.models import Announcer, Webhook
from reviewapp.api.services.announcing import events_announce
from reviewapp.api.v1.app import openapi, operations
from reviewapp.projects.models import Membership
from reviewapp.projects.permissions import GRANTED
from tests import factories
from tests.reviewapp.api.asking import ALL, ask, code_of, secret_for
from tests.reviewapp.api.endpoint_rows import ENDPOINTS, Endpoint
from tests.reviewapp.permission_rows import SLUG, world_make

ROLES = tuple(Membership.Role.values)
KEYS = sorted(ENDPOINTS)
IN_PROJECT = [key for key in KEYS if ENDPOINTS[key].needs is not None]


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("world")


@pytest.fixture(autouse=True)
def _own_state(settings: Any, folder: Path) -> None:
    for name, value in factories.settings_for(folder).items():
        setattr(settings, name, value)


@pytest.fixture(scope="module")
def cast(folder: Path, django_db_setup: None, django_db_blocker: Any) -> Iterator[tuple[Any, Any, dict[str, str]]]:
    """People, world and a token of every scope for each person; made once, rolled back after each test."""
    with django_db_blocker.unblock(), override_settings(**factories.settings_for(folder)), transaction.atomic():
        project = factories.project(SLUG, name="Clinic letters")
        people = factories.members(project)
        world = world_make(project, people)
        yield people, world, {role: secret_for(getattr(people, role), project) for role in ROLES}
        transaction.set_rollback(True)


@pytest.fixture
def world(cast: Any, db: None) -> SimpleNamespace:
    return copy.deepcopy(cast[1])  # type: ignore[no-any-return]


@pytest.fixture
def people(cast: Any, db: None) -> SimpleNamespace:
    return cast[0]  # type: ignore[no-any-return]


@pytest.fixture
def secrets(cast: Any, db: None) -> dict[str, str]:
    return cast[2]  # type: ignore[no-any-return]


def _ask(secret: str, key: tuple[str, str], world: SimpleNamespace) -> Any:
    row: Endpoint = ENDPOINTS[key]
    url = key[1].format(slug=SLUG, **row.arguments(world))
    return ask(
        secret, url, key[0], row.body, headers=row.headers, **({} if key[0] == "get" else {"content_type": row.kind})
    )


def test_every_operation_has_its_row() -> None:
    found = {(method, url) for url, method, _ in operations(openapi())}

    assert found == set(ENDPOINTS), "keep tests/reviewapp/api/endpoint_rows.py in step"


@pytest.mark.parametrize("key", IN_PROJECT, ids=" ".join)
def test_each_role_gets_what_it_may_and_no_more(
    key: tuple[str, str], world: SimpleNamespace, secrets: dict[str, str]
) -> None:
    for role in ROLES:
        response = _ask(secrets[role], key, world)
        if ENDPOINTS[key].needs in GRANTED[role]:
            assert response.status_code in {200, 201, 202}, f"{role} got {response.status_code}"
        else:
            assert (response.status_code, code_of(response)) == (403, "forbidden"), role


@pytest.mark.parametrize("key", IN_PROJECT, ids=" ".join)
def test_a_scope_that_is_missing_is_named(
    key: tuple[str, str], world: SimpleNamespace, people: SimpleNamespace
) -> None:
    scope = ENDPOINTS[key].scope
    others = [each for each in ALL if each != scope]

    response = _ask(secret_for(people.lead, world.project, *others), key, world)

    assert (response.status_code, code_of(response)) == (403, "scope_missing")
    assert str(scope) in response.content.decode()


@pytest.mark.parametrize("key", IN_PROJECT, ids=" ".join)
def test_a_token_of_another_project_finds_nothing(
    key: tuple[str, str], world: SimpleNamespace, people: SimpleNamespace
) -> None:
    elsewhere = people.outsider.memberships.get().project
    factories.Membership.objects.create(project=elsewhere, user=people.lead, role="lead")

    response = _ask(secret_for(people.lead, elsewhere), key, world)

    assert (response.status_code, code_of(response)) == (404, "not_found")


@pytest.mark.parametrize("key", IN_PROJECT, ids=" ".join)
def test_who_left_the_project_finds_nothing(
    key: tuple[str, str], world: SimpleNamespace, people: SimpleNamespace, secrets: dict[str, str]
) -> None:
    Membership.objects.filter(user=people.engineer).delete()

    assert _ask(secrets["engineer"], key, world).status_code == 404


@pytest.mark.parametrize("key", KEYS, ids=" ".join)
def test_without_a_token_nothing_is_told(key: tuple[str, str], world: SimpleNamespace) -> None:
    response = _ask("cs_guess", key, world)

    assert (response.status_code, code_of(response)) == (401, "unauthorized")
    assert response["WWW-Authenticate"] == "Bearer"


@pytest.mark.parametrize("key", KEYS, ids=" ".join)
def test_every_answer_is_what_the_document_says(
    key: tuple[str, str], world: SimpleNamespace, secrets: dict[str, str]
) -> None:
    document = openapi()
    response = _ask(secrets["lead"], key, world)
    told = document["paths"][key[1]][key[0]]["responses"][str(response.status_code)]["content"]
    if "application/json" not in told:
        assert list(told) == [response["Content-Type"]]
        assert [json.loads(line) for line in response.getvalue().splitlines()]
        return
    schema = {**told["application/json"]["schema"], "components": document["components"]}
    jsonschema.Draft202012Validator(schema).validate(json.loads(response.content))


def test_the_document_is_sound(client: Client, db: None) -> None:
    document = json.loads(client.get("/api/v1/openapi.json").content)

    assert document["openapi"].startswith("3.1")
    assert document["info"]["title"] == "Countersign"
    names = [operation["operationId"] for _, _, operation in operations(document)]
    assert len(names) == len(set(names))
    for reference in set(re.findall(r'"\$ref": "#/([^"]+)"', json.dumps(document))):
        place: Any = document
        for part in reference.split("/"):
            place = place[part]
    for schema in document["components"]["schemas"].values():
        jsonschema.Draft202012Validator.check_schema(schema)
    for url, _, operation in operations(document):
        told = {one["name"] for one in operation.get("parameters", []) if one["in"] == "path"}
        assert told == set(re.findall(r"\{(\w+)\}", url))
        assert operation["security"]
        assert operation["responses"]["default"]


@pytest.mark.parametrize(
    ("path", "method", "status", "code"),
    [
        ("nowhere", "get", 404, "not_found"),
        ("projects/letters/samples/999999999999999999999999", "get", 404, "not_found"),
        ("projects/letters/samples/x", "get", 404, "not_found"),
        ("me", "post", 405, "method_not_allowed"),
        ("projects/letters/samples?limit=0", "get", 422, "invalid"),
        ("projects/letters/samples?after=x", "get", 422, "invalid"),
        ("projects/letters/samples?q=%00", "get", 422, "invalid"),
        ("projects/letters/imports", "post", 422, "invalid"),
    ],
)
def test_errors_have_one_shape(secrets: dict[str, str], path: str, method: str, status: int, code: str) -> None:
    response = ask(secrets["lead"], path, method)

    assert (response.status_code, code_of(response)) == (status, code)


LISTS = [key for key in KEYS if key[0] == "get" and "{" not in key[1].replace("{slug}", "") and key in IN_PROJECT]


@pytest.mark.parametrize("key", [key for key in LISTS if key[1] != "/api/v1/projects/{slug}"], ids=" ".join)
def test_a_list_asks_the_database_a_fixed_number_of_times(
    key: tuple[str, str], world: SimpleNamespace, secrets: dict[str, str], django_assert_max_num_queries: Any
) -> None:
    with django_assert_max_num_queries(9):
        _ask(secrets["annotator" if "feedback" in key[1] else "observer"], key, world)


def test_what_the_services_wrote_is_what_webhooks_are_told(world: SimpleNamespace) -> None:
    """The audit events that are read are those of the real services."""
    hook = Webhook.objects.create(
        project=world.project, url="https://example.org/", events=Webhook.Event.values, created_at=factories.long_ago()
    )
    Announcer.objects.update_or_create(pk=1, defaults={"seq": 0})

    events_announce()

    told = {row.event: row.payload["object"] for row in hook.deliveries.all()}
    assert told["report.frozen"]["id"] == world.report.pk
    assert told["report.frozen"]["verdict"] == world.report.verdict
