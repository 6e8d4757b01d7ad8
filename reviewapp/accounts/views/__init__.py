"""Signing in and out, the second factor, single sign-on, own settings."""

from __future__ import annotations

from reviewapp.accounts.views.factors import (
    factor_begin,
    factor_confirm,
    factor_remove,
    factor_setup,
    recovery_renew,
    security,
)
from reviewapp.accounts.views.keys import keys_edit, keys_reset, keys_save, language_set, theme_set
from reviewapp.accounts.views.sign_in import sign_in, sign_in_code, sign_in_operator, sign_out
from reviewapp.accounts.views.sso import sso_callback, sso_link, sso_start, sso_unlink

__all__ = [
    "factor_begin",
    "factor_confirm",
    "factor_remove",
    "factor_setup",
    "keys_edit",
    "keys_reset",
    "keys_save",
    "language_set",
    "recovery_renew",
    "security",
    "sign_in",
    "sign_in_code",
    "sign_in_operator",
    "sign_out",
    "sso_callback",
    "sso_link",
    "sso_start",
    "sso_unlink",
    "theme_set",
]
