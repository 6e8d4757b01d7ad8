from __future__ import annotations

from typing import Any

from django.conf import settings
from django.contrib.auth.decorators import login_not_required
from django.contrib.auth.forms import AuthenticationForm
from django.contrib.auth.views import LoginView, LogoutView
from django.http import HttpRequest, HttpResponse
from django.http.response import HttpResponseBase
from django.shortcuts import redirect, render
from django.views.decorators.http import require_http_methods, require_POST

from reviewapp.accounts import services
from reviewapp.accounts.models import User
from reviewapp.accounts.services.factors import CodeRefused
from reviewapp.accounts.signing_in import PasswordForm, enter, finish, waiting
from reviewapp.audit import services as audit
from reviewapp.core.http import AuthenticatedRequest


class _SignIn(LoginView):
    """Django's page, with the second step and a line in the audit log."""

    template_name = "accounts/sign_in.html"
    authentication_form = PasswordForm
    redirect_authenticated_user = True
    is_for_operator = False

    def get_context_data(self, **kwargs: Any) -> dict[str, Any]:
        oidc = settings.OIDC
        shown = {
            "is_demo": settings.DEMO and settings.DEBUG,
            "sso_name": oidc.name if oidc.is_on else "",
            "has_password": self.is_for_operator or not oidc.is_only_way,
            "has_operator_way": oidc.is_only_way and bool(oidc.password_accounts) and not self.is_for_operator,
        }
        return super().get_context_data(**kwargs, **shown)

    def form_valid(self, form: AuthenticationForm) -> HttpResponse:
        user = form.get_user()
        assert isinstance(user, User)  # noqa: S101  # for the reader of types: AUTH_USER_MODEL
        return enter(self.request, user, how="password", to=self.get_redirect_url())

    def form_invalid(self, form: AuthenticationForm) -> HttpResponse:
        # what was typed as a name may be a password; only names that exist are written down
        user = User.objects.filter(username=form.data.get("username", "")).first()
        if not getattr(self.request, "axes_locked_out", False):
            target = str(user.pk) if user else "unknown"
            data = {"how": "password", "reason": "sso_only" if form.has_error("__all__", "sso_only") else "wrong"}
            audit.record(actor=None, action="sign_in.refused", target_type="user", target_id=target, data=data)
        return super().form_invalid(form)


@login_not_required
def sign_in(request: HttpRequest) -> HttpResponseBase:
    """Name and password, single sign-on, or both, as the operator set it up."""
    return _SignIn.as_view()(request)


@login_not_required
def sign_in_operator(request: HttpRequest) -> HttpResponseBase:
    """The password form where single sign-on is the only way, for the accounts that are named for it."""
    if not settings.OIDC.is_only_way:
        return redirect("accounts:sign_in")
    return _SignIn.as_view(is_for_operator=True)(request)


@login_not_required
@require_http_methods(["GET", "POST"])
def sign_in_code(request: HttpRequest) -> HttpResponse:
    """The second step: a code of the app or a recovery code."""
    found = waiting(request)
    if found is None:
        return redirect("accounts:sign_in")
    user, how, to = found
    if request.method == "GET":
        return render(request, "accounts/sign_in_code.html", {"error": ""})
    try:
        factor = services.code_check(user=user, code=request.POST.get("code", ""))
    except CodeRefused as refused:
        return render(request, "accounts/sign_in_code.html", {"error": refused.message}, status=422)
    return finish(request, user, how=how, factor=factor, to=to)


@require_POST
def sign_out(request: AuthenticatedRequest) -> HttpResponse:
    user = request.user
    audit.record(actor=user, action="sign_out.done", target_type="user", target_id=user.pk)
    return LogoutView.as_view()(request)
