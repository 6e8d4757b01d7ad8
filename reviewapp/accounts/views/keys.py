from __future__ import annotations

from collections.abc import Mapping

from django.contrib import messages
from django.http import HttpResponse, HttpResponseRedirect
from django.shortcuts import redirect, render
from django.utils.http import url_has_allowed_host_and_scheme
from django.utils.translation import gettext as _
from django.views.decorators.http import require_GET, require_POST

from reviewapp.accounts import services
from reviewapp.accounts.keymap import KeysInvalid, key_rows
from reviewapp.accounts.models import User
from reviewapp.core.http import AuthenticatedRequest


@require_POST
def theme_set(request: AuthenticatedRequest) -> HttpResponse:
    """Keeps the chosen theme with the account and goes back to where the person was."""
    theme = request.POST.get("theme", "")
    if theme in User.Theme.values:
        User.objects.filter(pk=request.user.pk).update(theme=theme)
    return _back(request)


@require_POST
def language_set(request: AuthenticatedRequest) -> HttpResponse:
    """Keeps the chosen language with the account, or leaves it to the browser again."""
    language = request.POST.get("language")
    if language in User.Language.values:
        User.objects.filter(pk=request.user.pk).update(language=language)
    return _back(request)


def _back(request: AuthenticatedRequest) -> HttpResponse:
    """Where the person was, never another site."""
    to = request.POST.get("next", "/")
    safe = url_has_allowed_host_and_scheme(to, allowed_hosts={request.get_host()}, require_https=request.is_secure())
    return HttpResponseRedirect(to if safe else "/")


@require_GET
def keys_edit(request: AuthenticatedRequest) -> HttpResponse:
    """The person's own keys and breaks in the workbench."""
    return _keys_page(request, {}, {})


@require_POST
def keys_save(request: AuthenticatedRequest) -> HttpResponse:
    given = request.POST.dict()
    try:
        services.keys_save(user=request.user, given=given)
    except KeysInvalid as error:
        return _keys_page(request, given, error.problems, status=422)
    messages.success(request, _("Your keys are saved. They count from the next page on."))
    return redirect("accounts:keys_edit")


@require_POST
def keys_reset(request: AuthenticatedRequest) -> HttpResponse:
    services.keys_reset(user=request.user)
    messages.success(request, _("You have the usual keys again."))
    return redirect("accounts:keys_edit")


def _keys_page(
    request: AuthenticatedRequest, given: Mapping[str, str], problems: Mapping[str, str], status: int = 200
) -> HttpResponse:
    user = request.user
    context = {
        "pages": key_rows(user.keymap, given, problems),
        "problems": list(problems.values()),
        "is_single": "has_single_keys" in given if given else user.has_single_keys,
        "break_minutes": given.get("break_minutes", user.break_minutes),
        "break_items": given.get("break_items", user.break_items),
        "minutes_problem": problems.get("break_minutes", ""),
        "items_problem": problems.get("break_items", ""),
    }
    return render(request, "accounts/keys_edit.html", context, status=status)
