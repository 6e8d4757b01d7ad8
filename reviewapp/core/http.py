"""Typed requests, so that ``request.user`` and ``request.htmx`` are what they are."""

from __future__ import annotations

from typing import TYPE_CHECKING

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
