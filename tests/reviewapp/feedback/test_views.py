from __future__ import annotations

import json
from collections.abc import Callable
from types import SimpleNamespace
from typing import Any

import pytest
from django.test import Client

from reviewapp.accounts.models import User
from reviewapp.feedback import services
from reviewapp.feedback.models import FeedbackItem, FeedbackToken
from reviewapp.projects.models import Project
from tests import factories

ClientFor = Callable[[User], Client]
LIST = "/projects/letters/feedback/"
ENDPOINT = f"{LIST}endpoint/"
BODY = {"prompt": "Doctor: How old?", "answer": "16", "correction": "61", "group": "p9", "id": "portal-1"}


@pytest.fixture
def secret(project: Project, people: SimpleNamespace) -> str:
    return services.token_create(project=project, label="Portal", created_by=people.lead)[1]


def _post(client: Client, body: Any, secret: str) -> Any:
    data = body if isinstance(body, (str, bytes)) else json.dumps(body)
    return client.post(ENDPOINT, data, content_type="application/json", headers={"Authorization": f"Bearer {secret}"})


def test_another_system_sends_feedback_with_a_token(client: Client, project: Project, secret: str) -> None:
    response = _post(client, BODY, secret)

    item = FeedbackItem.objects.get()
    assert response.status_code == 201
    assert response.json() == {"id": item.pk, "state": "new"}
    assert (item.group_key, item.external_id, item.author_name) == ("p9", "portal-1", "Portal")


def test_the_same_body_twice_is_kept_once(client: Client, secret: str) -> None:
    assert _post(client, BODY, secret).status_code == 201
    assert _post(client, BODY, secret).status_code == 200
    assert FeedbackItem.objects.count() == 1


@pytest.mark.parametrize(
    ("body", "sentence"),
    [
        ("{", "not valid JSON"),
        (b"\xff\xfe", "not valid JSON"),
        ([1], "one JSON object"),
        ({"prompt": 5}, "all text"),
        ({"prompt": "x", "promt": "y"}, "Unknown keys: promt"),
        ({"correction": "y"}, "needs the prompt"),
        ({"prompt": "x", "correction": "y", "idempotency_key": "1"}, "must be a UUID"),
        ({"prompt": "x"}, "a correction, a remark"),
    ],
)
def test_a_bad_body_is_answered_with_what_to_do(client: Client, secret: str, body: Any, sentence: str) -> None:
    response = _post(client, body, secret)

    assert response.status_code == 422
    assert sentence in response.json()["error"]
    assert not FeedbackItem.objects.exists()


def test_without_a_token_nothing_is_taken(client: Client, project: Project) -> None:
    assert _post(client, BODY, "guess").status_code == 401
    assert client.post(ENDPOINT, "{}", content_type="application/json").status_code == 401


def test_a_revoked_token_is_refused(
    client: Client, client_for: ClientFor, people: SimpleNamespace, secret: str
) -> None:
    token = FeedbackToken.objects.get()

    client_for(people.lead).post(f"{LIST}tokens/{token.pk}/revoke/")

    assert _post(client, BODY, secret).status_code == 401


def test_a_token_opens_one_project_only(client: Client, secret: str) -> None:
    response = client.post(
        "/projects/elsewhere/feedback/endpoint/",
        json.dumps(BODY),
        content_type="application/json",
        headers={"Authorization": f"Bearer {secret}"},
    )

    assert response.status_code == 401


def test_a_new_token_is_shown_once(client_for: ClientFor, people: SimpleNamespace) -> None:
    client = client_for(people.lead)
    shown = client.post(f"{LIST}tokens/", {"label": "Portal"}).content
    later = client.get(f"{LIST}tokens/").content

    assert b"data-secret" in shown
    assert b"data-secret" not in later


def test_the_list_shows_what_waits(client_for: ClientFor, project: Project, people: SimpleNamespace) -> None:
    item = factories.feedback_item(project)

    page = client_for(people.annotator).get(LIST).content

    assert item.correction.encode() in page


def test_the_list_asks_the_database_a_fixed_number_of_times(
    client_for: ClientFor, project: Project, people: SimpleNamespace, django_assert_max_num_queries: Any
) -> None:
    for _ in range(30):
        factories.feedback_item(project)
    client = client_for(people.lead)

    with django_assert_max_num_queries(8):
        client.get(LIST)


def test_hostile_text_is_shown_as_text(client_for: ClientFor, project: Project, people: SimpleNamespace) -> None:
    item = factories.feedback_item(project, correction="<script>alert(1)</script>")

    page = client_for(people.lead).get(f"{LIST}{item.pk}/").content

    assert b"<script>alert" not in page
    assert b"&lt;script&gt;alert" in page


def test_promoting_leads_back_and_says_what_happened(
    client_for: ClientFor, project: Project, people: SimpleNamespace
) -> None:
    item = factories.feedback_item(project)

    page = client_for(people.reviewer).post(f"{LIST}{item.pk}/promote/", follow=True).content

    assert b"goes through checks and review" in page


def test_a_refusal_stays_on_the_page(client_for: ClientFor, project: Project, people: SimpleNamespace) -> None:
    item = factories.feedback_item(project, correction="")

    response = client_for(people.reviewer).post(f"{LIST}{item.pk}/promote/")

    assert response.status_code == 422
    assert b"Write one first" in response.content


def test_an_annotator_may_not_promote(client_for: ClientFor, project: Project, people: SimpleNamespace) -> None:
    item = factories.feedback_item(project)

    assert client_for(people.annotator).post(f"{LIST}{item.pk}/promote/").status_code == 403


def test_only_who_graded_an_answer_may_correct_it(
    client_for: ClientFor, project: Project, people: SimpleNamespace
) -> None:
    base = factories.base_model(project)
    model = factories.model_version(project, base)
    generation = factories.generation_run(project, factories.heldout_set(project), model, model)
    output = generation.outputs.first()
    assert output is not None

    assert client_for(people.reviewer).get(f"{LIST}outputs/{output.pk}/").status_code == 404
