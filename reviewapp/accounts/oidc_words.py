"""What a talk with the provider ends in: an identity, or a refusal with words."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

from reviewapp.core.exceptions import ApplicationError


class SsoRefused(ApplicationError):
    """No sign-in. ``reason`` is one word for the audit log; ``is_outage``: the provider's fault, not the person's."""

    def __init__(self, reason: str, message: str, *, is_outage: bool = False) -> None:
        super().__init__(message)
        self.reason = reason
        self.is_outage = is_outage


@dataclass(frozen=True, kw_only=True)
class Identity:
    """Who the provider says this is."""

    issuer: str
    subject: str
    email: str = ""
    is_email_verified: bool = False
    name: str = ""
    username: str = ""
    claims: dict[str, Any] = field(default_factory=dict)
