from __future__ import annotations

from django.conf import settings
from django.contrib import messages
from django.http import HttpResponse
from django.shortcuts import redirect, render
from django.utils.translation import gettext as _
from django.views.decorators.http import require_GET, require_POST

from reviewapp.accounts import selectors, services
from reviewapp.accounts.qr import qr_svg
from reviewapp.accounts.services.factors import CodeRefused
from reviewapp.accounts.signing_in import PROVEN
from reviewapp.core.http import AuthenticatedRequest

SECRET = "second_factor_secret"  # session: shown and not yet proven  # noqa: S105


@require_GET
def security(request: AuthenticatedRequest) -> HttpResponse:
    """The person's ways to sign in."""
    return _security_page(request, "")


@require_POST
def factor_begin(request: AuthenticatedRequest) -> HttpResponse:
    request.session[SECRET] = services.factor_begin()
    return redirect("accounts:factor_setup")


@require_GET
def factor_setup(request: AuthenticatedRequest) -> HttpResponse:
    """The secret as a QR code and as letters, and a field for the first code."""
    if SECRET not in request.session:
        return redirect("accounts:security")
    return _setup_page(request, "")


@require_POST
def factor_confirm(request: AuthenticatedRequest) -> HttpResponse:
    """The first code proves that the app has the secret; the answer shows the recovery codes, once."""
    secret = request.session.get(SECRET)
    if not secret:
        return redirect("accounts:security")
    try:
        codes = services.factor_confirm(user=request.user, secret=secret, code=request.POST.get("code", ""))
    except CodeRefused as refused:
        return _setup_page(request, refused.message, status=422)
    del request.session[SECRET]
    request.session[PROVEN] = "app"
    return render(request, "accounts/recovery_codes.html", {"codes": codes})


@require_POST
def recovery_renew(request: AuthenticatedRequest) -> HttpResponse:
    try:
        codes = services.recovery_renew(user=request.user, code=request.POST.get("code", ""))
    except CodeRefused as refused:
        return _security_page(request, refused.message, status=422)
    return render(request, "accounts/recovery_codes.html", {"codes": codes})


@require_POST
def factor_remove(request: AuthenticatedRequest) -> HttpResponse:
    try:
        services.factor_remove(user=request.user, code=request.POST.get("code", ""))
    except CodeRefused as refused:
        return _security_page(request, refused.message, status=422)
    request.session.pop(PROVEN, None)
    messages.success(request, _("Your second factor is removed."))
    return redirect("accounts:security")


def _setup_page(request: AuthenticatedRequest, error: str, status: int = 200) -> HttpResponse:
    secret = request.session[SECRET]
    address = services.factor_address(user=request.user, secret=secret)
    context = {
        "error": error,
        "qr": qr_svg(address, "QR code for your authenticator app; the letters below say the same"),
        "letters": " ".join(secret[at : at + 4] for at in range(0, len(secret), 4)),
    }
    return render(request, "accounts/factor_setup.html", context, status=status)


def _security_page(request: AuthenticatedRequest, error: str, status: int = 200) -> HttpResponse:
    user, oidc = request.user, settings.OIDC
    context = {
        "error": error,
        "has_factor": selectors.has_factor(user=user),
        "is_required": selectors.factor_is_required(user=user),
        "codes_left": selectors.recovery_codes_left(user=user),
        "sso_name": oidc.name if oidc.is_on else "",
        "linked_email": selectors.linked_email(user=user) if oidc.is_on else None,
    }
    return render(request, "accounts/security.html", context, status=status)
