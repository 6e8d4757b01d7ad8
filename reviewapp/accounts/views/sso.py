from __future__ import annotations

import logging

from django.conf import settings
from django.contrib import messages
from django.contrib.auth.decorators import login_not_required
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.utils.translation import gettext as _
from django.views.decorators.http import require_GET, require_POST

from reviewapp.accounts import services
from reviewapp.accounts.models import User
from reviewapp.accounts.oidc_words import Identity, SsoRefused
from reviewapp.accounts.signing_in import enter
from reviewapp.core.exceptions import ApplicationError
from reviewapp.core.http import AuthenticatedRequest

logger = logging.getLogger(__name__)


@login_not_required
@require_POST
def sso_start(request: HttpRequest) -> HttpResponse:
    """Leaves for the provider to sign in."""
    return _leave(request, "sign_in", request.POST.get("next", ""))


@require_POST
def sso_link(request: AuthenticatedRequest) -> HttpResponse:
    """Leaves for the provider to tie its identity to the person who is signed in."""
    return _leave(request, "link", "")


@require_POST
def sso_unlink(request: AuthenticatedRequest) -> HttpResponse:
    _only_with_a_provider()
    services.identity_unlink(user=request.user)
    messages.success(request, _("The link is removed. From now on you sign in with your password."))
    return redirect("accounts:security")


@login_not_required
@require_GET
def sso_callback(request: HttpRequest) -> HttpResponse:
    """Where the provider sends the browser back to. A state that works once stands in for the form's token."""
    from reviewapp.accounts import oidc  # requests and jwt: only a sign-in needs them

    _only_with_a_provider()
    process, identity, has_left = "sign_in", None, oidc.has_started(request)
    try:
        begun = oidc.started(request)
        process = begun.process
        identity = oidc.identity(request, begun)
        if process == "link":
            return _linked(request, begun.user_id, identity)
        user = services.identity_user(identity=identity)
    except SsoRefused as refused:
        return _refused(request, refused, process, identity, is_recorded=has_left)
    return enter(request, user, how="sso", to=begun.to)


def _leave(request: HttpRequest, process: str, to: str) -> HttpResponse:
    from reviewapp.accounts import oidc  # requests and jwt: only a sign-in needs them

    _only_with_a_provider()
    try:
        address = oidc.start(request, process=process, to=to)
    except SsoRefused as refused:
        return _refused(request, refused, process, None, is_recorded=True)
    # A redirect would break the page policy's form-action, which holds for where a form ends up.
    return render(request, "accounts/sso_leave.html", {"address": address, "sso_name": settings.OIDC.name})


def _linked(request: HttpRequest, user_id: int | None, identity: Identity) -> HttpResponse:
    user = request.user
    if not isinstance(user, User) or user.pk != user_id:
        raise SsoRefused("state", _("You signed out or changed the account while linking. Begin again."))
    services.identity_link(user=user, identity=identity)
    messages.success(request, _("You can sign in with %(oidc_name)s from now on.") % {"oidc_name": settings.OIDC.name})
    return redirect("accounts:security")


def _refused(
    request: HttpRequest, refused: SsoRefused, process: str, identity: Identity | None, *, is_recorded: bool
) -> HttpResponse:
    user = request.user if isinstance(request.user, User) else None
    logger.warning("%s refused (%s): %s", process, refused.reason, refused.__cause__ or refused.message)
    if is_recorded:
        services.identity_refuse(user=user, refused=refused, process=process, identity=identity)
    context = {"message": refused.message, "process": process}
    return render(request, "accounts/sso_refused.html", context, status=503 if refused.is_outage else 403)


def _only_with_a_provider() -> None:
    if not settings.OIDC.is_on:
        raise ApplicationError(_("Single sign-on is not set up here. Sign in with your password."))
