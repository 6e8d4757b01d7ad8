"""The steps from a proven name to a session: straight in, or by way of the second factor."""

from __future__ import annotations

import time
from typing import Any

from django.conf import settings
from django.contrib.auth import login
from django.contrib.auth.forms import AuthenticationForm
from django.core.exceptions import ValidationError
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, resolve_url
from django.utils.http import url_has_allowed_host_and_scheme
from django.utils.translation import gettext as _

from reviewapp.accounts.models import User
from reviewapp.accounts.selectors import has_factor
from reviewapp.audit import services as audit

BACKEND = "django.contrib.auth.backends.ModelBackend"
WAITING = "waits_for_code"  # session: who has proven a password or an identity, and still owes a code
WAIT_SECONDS = 600
PROVEN = "second_factor"  # session: what proved it, "app", "recovery" or "provider"


class PasswordForm(AuthenticationForm):
    """The usual form; where single sign-on is the only way, a right password is not enough."""

    def confirm_login_allowed(self, user: Any) -> None:
        super().confirm_login_allowed(user)
        oidc = settings.OIDC
        if oidc.is_only_way and user.username not in oidc.password_accounts:
            raise ValidationError(
                _("Passwords are not used here. Go back and sign in with %(oidc_name)s.") % {"oidc_name": oidc.name},
                code="sso_only",
            )


def enter(request: HttpRequest, user: User, *, how: str, to: str) -> HttpResponse:
    """After a right password or identity: to the code page when there is a second factor to ask for, else in."""
    if how == "sso" and settings.OIDC.proves_second_factor:
        return finish(request, user, how=how, factor="provider", to=to)
    if not has_factor(user=user):
        return finish(request, user, how=how, factor="", to=to)
    request.session.cycle_key()
    request.session[WAITING] = {"user": user.pk, "how": how, "to": to, "at": time.time()}
    return redirect("accounts:sign_in_code")


def waiting(request: HttpRequest) -> tuple[User, str, str] | None:
    """(who, how, where to) of a sign-in that waits for its code, or None when there is none or it is too old."""
    kept = request.session.get(WAITING)
    if not kept or time.time() - kept["at"] > WAIT_SECONDS:
        return None
    user = User.objects.filter(pk=kept["user"], is_active=True).first()
    return (user, kept["how"], kept["to"]) if user else None


def finish(request: HttpRequest, user: User, *, how: str, factor: str, to: str) -> HttpResponse:
    """Signs in, writes it down and goes to ``to`` if that is a page of this site."""
    request.session.pop(WAITING, None)
    login(request, user, backend=BACKEND)
    if factor:
        request.session[PROVEN] = factor
    data = {"how": how, "second_factor": factor}
    audit.record(actor=user, action="sign_in.done", target_type="user", target_id=user.pk, data=data)
    return redirect(to if is_here(request, to) else resolve_url(settings.LOGIN_REDIRECT_URL))


def is_here(request: HttpRequest, to: str) -> bool:
    return url_has_allowed_host_and_scheme(to, allowed_hosts={request.get_host()}, require_https=request.is_secure())
