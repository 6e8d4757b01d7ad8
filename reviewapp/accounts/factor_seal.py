"""Seals the secrets of second factors with a key made of SECRET_KEY: the database alone does not give them away."""

from __future__ import annotations

import base64
import hashlib

from allauth.mfa.adapter import DefaultMFAAdapter
from django.conf import settings

from reviewapp.core.exceptions import ApplicationError


class SealedFactors(DefaultMFAAdapter):  # type: ignore[misc]  # allauth has no types
    def encrypt(self, text: str) -> str:
        from cryptography.fernet import Fernet

        return Fernet(_key()).encrypt(text.encode()).decode()

    def decrypt(self, encrypted_text: str) -> str:
        from cryptography.fernet import Fernet, InvalidToken

        try:
            return Fernet(_key()).decrypt(encrypted_text.encode()).decode()
        except InvalidToken as error:
            text = (
                "Your second factor was set up under another SECRET_KEY of this server. Ask your operator to reset it."
            )
            raise ApplicationError(text) from error


def _key() -> bytes:
    return base64.urlsafe_b64encode(hashlib.sha256(b"second factor:" + settings.SECRET_KEY.encode()).digest())
