"""The signature of a webhook's request. Plain Python; the client has the same rule to verify it."""

from __future__ import annotations

import hashlib
import hmac


def signature_of(body: bytes, secret: str, at: int) -> str:
    """``t=<unix seconds>,v1=<hex>``: HMAC-SHA256 by the secret over ``<seconds>.<body>``."""
    digest = hmac.new(secret.encode(), f"{at}.".encode() + body, hashlib.sha256).hexdigest()
    return f"t={at},v1={digest}"
