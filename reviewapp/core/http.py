"""Typed requests, so that ``request.user`` and ``request.htmx`` are what they are."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING
from uuid import UUID

from django.http import HttpRequest
from django_htmx.middleware import HtmxDetails

if TYPE_CHECKING:
    from reviewapp.accounts.models import User


class AuthenticatedRequest(HttpRequest):
    """What a view gets: LoginRequiredMiddleware has already turned strangers away."""

    user: User
    htmx: HtmxDetails


def wants_fragment(request: AuthenticatedRequest) -> bool:
    """True when htmx asks for part of a page (a boosted link wants the whole page)."""
    return bool(request.htmx) and not request.htmx.boosted


def form_key(form: Mapping[str, str]) -> UUID | None:
    """The idempotency key that the page gave this form; None where it has none, as one from before an update."""
    try:
        return UUID(form.get("idempotency_key", ""))
    except ValueError:
        return None
