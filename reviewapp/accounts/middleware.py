"""Leads people who must have a second factor to set it up before anything else."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from django.conf import settings
from django.contrib import messages
from django.contrib.auth import logout
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect
from django.utils.deprecation import MiddlewareMixin

from reviewapp.accounts.models import User
from reviewapp.accounts.selectors import factor_is_required, has_factor
from reviewapp.accounts.signing_in import PROVEN

ALLOWED = {
    "sign_in",
    "sign_in_code",
    "sign_out",
    "security",
    "theme_set",
    "factor_begin",
    "factor_setup",
    "factor_confirm",
}


class SecondFactorMiddleware(MiddlewareMixin):
    """No query where nobody is asked for a factor, nor in a session that has proven one."""

    def process_view(
        self, request: HttpRequest, view: Callable[..., Any], args: list[Any], kwargs: dict[str, Any]
    ) -> HttpResponse | None:
        user = request.user
        if not settings.SECOND_FACTOR_FOR or not isinstance(user, User) or request.session.get(PROVEN):
            return None
        match = request.resolver_match
        if match and match.app_name == "accounts" and match.url_name in ALLOWED:
            return None
        if not factor_is_required(user=user):
            return None
        if has_factor(user=user):  # this session is older than the factor
            logout(request)
            return redirect("accounts:sign_in")
        messages.warning(request, "Your operator asks for a second factor. Set it up, then everything opens again.")
        return redirect("accounts:security")
