"""The language of a request; and who must have a second factor is led to set it up before anything else."""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Any

from django.conf import settings
from django.contrib import messages
from django.contrib.auth import logout
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect
from django.utils import translation
from django.utils.cache import patch_vary_headers
from django.utils.deprecation import MiddlewareMixin
from django.utils.translation import gettext as _
from django.utils.translation.trans_real import get_supported_language_variant, parse_accept_lang_header

from reviewapp.accounts.models import User
from reviewapp.accounts.selectors import factor_is_required, has_factor
from reviewapp.accounts.signing_in import PROVEN

_MACHINES = re.compile(r"/api/|/health/|/projects/[^/]+/feedback/endpoint/")  # what they are told is part of a contract
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


class LanguageMiddleware:
    """The language of one request, and of nothing else: workers, commands and machines are answered in English.

    A person's own choice goes first, then what the browser asks for, then the operator's default. It ends with the
    request, so that files which are streamed afterwards are the same for every reader.
    """

    def __init__(self, get_response: Callable[[HttpRequest], HttpResponse]) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponse:
        if _MACHINES.match(request.path_info):
            language = "en"
        else:
            chosen = request.user.language if isinstance(request.user, User) else ""
            language = chosen or _language_asked(request.headers.get("Accept-Language", ""))
        request.LANGUAGE_CODE = language
        with translation.override(language):
            response = self.get_response(request)
        response.headers.setdefault("Content-Language", language)
        patch_vary_headers(response, ("Accept-Language",))
        return response


def _language_asked(header: str) -> str:
    """The first language of an Accept-Language header that there is; the operator's default for none."""
    for code, _weight in parse_accept_lang_header(header):
        try:
            return get_supported_language_variant(code)
        except LookupError:
            continue
    return settings.READERS_LANGUAGE


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
