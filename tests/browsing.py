"""What the browser tests share: their marks, and a window of somebody who is signed in (``browser``: conftest.py)."""

from __future__ import annotations

from typing import Any

import pytest
from django.conf import settings
from django.contrib.auth import BACKEND_SESSION_KEY, HASH_SESSION_KEY, SESSION_KEY
from django.contrib.sessions.backends.db import SessionStore

from reviewapp.accounts.models import User
from tests.chromium import CHROMIUM

DESK = {"width": 1440, "height": 900}
IN_BROWSER = [
    pytest.mark.e2e,
    pytest.mark.django_db(transaction=True),
    pytest.mark.skipif(not CHROMIUM, reason="no chromium on this machine"),
]


def signed_in(browser: Any, base: str, user: User, **look: Any) -> Any:
    """A new browser context in which this user is signed in at ``base``; at a desk unless ``look`` says otherwise."""
    store = SessionStore()
    store[SESSION_KEY] = str(user.pk)
    store[BACKEND_SESSION_KEY] = "django.contrib.auth.backends.ModelBackend"
    store[HASH_SESSION_KEY] = user.get_session_auth_hash()
    store.save()
    context = browser.new_context(**({"viewport": DESK} | look))
    context.add_cookies([{"name": settings.SESSION_COOKIE_NAME, "value": str(store.session_key), "url": base}])
    return context
