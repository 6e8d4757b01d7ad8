"""Who asks, and what they may: a live token, its scopes, and the role of the person it acts for."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from django.http import Http404, HttpRequest
from ninja.security import HttpBearer

from reviewapp.api.models import ApiToken
from reviewapp.api.selectors import token_for
from reviewapp.api.services.tokens import token_use
from reviewapp.audit.services import ViewKind, view_record
from reviewapp.core.bearer import bearer_of
from reviewapp.projects.models import Project
from reviewapp.projects.permissions import Permission
from reviewapp.projects.selectors import project_for

Scope = ApiToken.Scope


class Refused(Exception):
    """An answer other than the one asked for, in the one shape of errors."""

    def __init__(self, status: int, code: str, message: str, **headers: str) -> None:
        super().__init__(message)
        self.status = status
        self.code = code
        self.message = message
        self.headers = {name.replace("_", "-"): value for name, value in headers.items()}


class TokenRequest(HttpRequest):
    """What an endpoint gets: the token was found already."""

    auth: ApiToken


class TokenBearer(HttpBearer):
    """``Authorization: Bearer cs_...``. Counts the request; raises Refused with 401 or 429."""

    def __call__(self, request: HttpRequest) -> Any:
        return self.authenticate(request, bearer_of(request))

    def authenticate(self, request: HttpRequest, token: str) -> ApiToken:
        found = token_for(token) if token else None
        if found is None:
            words = "Send a live token: Authorization: Bearer <token>."
            raise Refused(401, "unauthorized", words, WWW_Authenticate="Bearer")
        wait = token_use(token=found)
        if wait:
            words = f"This token has used up its requests of this minute. Wait {wait} seconds."
            raise Refused(429, "too_many_requests", words, Retry_After=str(wait))
        return found


def project_in(
    request: TokenRequest, slug: str, scope: Scope = Scope.READ, permission: Permission = Permission.VIEW
) -> Project:
    """The project, if token and person may do this in it.

    Raises Http404 outside the token's project and for who is no member any more, Refused for a missing scope,
    PermissionDenied when the person's role does not allow it.
    """
    token = request.auth
    if token.project.slug != slug:
        raise Http404("This token does not open such a project.")
    project = project_for(token.owner, slug, permission)
    if scope not in token.scopes:
        raise Refused(403, "scope_missing", f"This token lacks the scope {scope.value}. Make one that has it.")
    return project


def view_note(request: TokenRequest, target: str, shown: int | Iterable[int], count: int = 0) -> None:
    """Writes into the log of views that the token's owner was given these texts."""
    token = request.auth
    view_record(
        request=request,
        project=token.project.slug,
        target=target,
        shown=shown,
        kind=ViewKind.API,
        count=count,
        person=token.owner,
    )
