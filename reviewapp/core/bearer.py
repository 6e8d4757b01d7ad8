"""Secrets that another program sends with each request: made once, shown once, kept as a hash."""

from __future__ import annotations

import hashlib
import secrets

from django.http import HttpRequest


def secret_make(prefix: str = "") -> str:
    """A new secret of 256 random bits; ``prefix`` tells a person, and a scanner of leaked secrets, what it is."""
    return prefix + secrets.token_urlsafe(32)


def secret_hash(secret: str) -> str:
    """What is stored of a secret. It is random and long, so a plain SHA-256 gives nothing away."""
    return hashlib.sha256(secret.encode()).hexdigest()


def bearer_of(request: HttpRequest) -> str:
    """The secret in ``Authorization: Bearer <secret>``; '' when there is none."""
    scheme, _, secret = request.headers.get("Authorization", "").partition(" ")
    return secret.strip() if scheme.casefold() == "bearer" else ""
