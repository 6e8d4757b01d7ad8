"""Tokens and requests made the short way."""

from __future__ import annotations

import json
from typing import Any

from django.test import Client

from reviewapp.accounts.models import User
from reviewapp.api.models import ApiToken
from reviewapp.api.services.tokens import token_create
from reviewapp.projects.models import Project

ALL = tuple(ApiToken.Scope.values)


def secret_for(owner: User, project: Project, *scopes: str) -> str:
    return token_create(project=project, owner=owner, name="Nightly", scopes=scopes or ALL, days=30)[1]


def ask(secret: str, path: str, method: str = "get", body: bytes = b"", **values: Any) -> Any:
    """The response to a request with a token; ``path`` is what follows /api/v1/."""
    headers = {"Authorization": f"Bearer {secret}", **values.pop("headers", {})}
    url = path if path.startswith("/") else f"/api/v1/{path}"
    kind = values.pop("content_type", "application/json")
    if method == "get":
        return Client().get(url, values or None, headers=headers)
    return Client().post(url, body, content_type=kind, headers=headers)


def told(response: Any) -> Any:
    assert response.status_code < 300, response.content
    return json.loads(response.content)


def code_of(response: Any) -> str:
    """The code of an error, in the one shape that errors have."""
    error = json.loads(response.content)["error"]
    assert set(error) == {"code", "message", "details"}
    assert error["message"]
    return str(error["code"])
