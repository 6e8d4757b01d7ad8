from __future__ import annotations

from django.conf import settings
from django.contrib.auth.decorators import login_not_required
from django.contrib.auth.views import LoginView, LogoutView
from django.http import HttpResponse, HttpResponseRedirect
from django.utils.http import url_has_allowed_host_and_scheme
from django.views.decorators.http import require_POST

from reviewapp.accounts.models import User
from reviewapp.core.http import AuthenticatedRequest

sign_in = login_not_required(
    LoginView.as_view(
        template_name="accounts/sign_in.html",
        redirect_authenticated_user=True,
        extra_context={"is_demo": settings.DEMO and settings.DEBUG},
    )
)
sign_out = LogoutView.as_view()


@require_POST
def theme_set(request: AuthenticatedRequest) -> HttpResponse:
    """Keeps the chosen theme with the account and goes back to where the person was."""
    theme = request.POST.get("theme", "")
    if theme in User.Theme.values:
        User.objects.filter(pk=request.user.pk).update(theme=theme)
    to = request.POST.get("next", "/")
    safe = url_has_allowed_host_and_scheme(to, allowed_hosts={request.get_host()}, require_https=request.is_secure())
    return HttpResponseRedirect(to if safe else "/")
