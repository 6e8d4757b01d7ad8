"""The key that makes a form sent twice count once."""

from __future__ import annotations

import uuid

from django.core.exceptions import BadRequest
from django.http import HttpRequest


def form_key(request: HttpRequest) -> uuid.UUID:
    """The idempotency key of a form; raises BadRequest where there is none."""
    try:
        return uuid.UUID(request.POST.get("idempotency_key", ""))
    except ValueError as error:
        raise BadRequest("The form has no key. Load the page again.") from error
