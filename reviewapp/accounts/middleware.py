"""The language a person chose; and who must have a second factor is led to set it up before anything else."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from django.conf import settings
from django.contrib import messages
from django.contrib.auth import logout
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect
from django.utils import translation
from django.utils.deprecation import MiddlewareMixin
from django.utils.translation import gettext as _

from reviewapp.accounts.models import User
from reviewapp.accounts.selectors import factor_is_required, has_factor
from reviewapp.accounts.signing_in import PROVEN

ALLOWED = {
    "sign_in",
    "sign_in_code",
    "sign_out",
    "security",
    "theme_set",
    "language_set",
    "factor_begin",
    "factor_setup",
    "factor_confirm",
}


class OwnLanguageMiddleware(MiddlewareMixin):
    """After LocaleMiddleware, which has taken the browser's language: a person's own choice goes before it."""

    def process_request(self, request: HttpRequest) -> None:
        user = request.user
        if isinstance(user, User) and user.language:
            translation.activate(user.language)
            request.LANGUAGE_CODE = translation.get_language()


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
        messages.warning(request, _("Your operator asks for a second factor. Set it up, then everything opens again."))
        return redirect("accounts:security")
