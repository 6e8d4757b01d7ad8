from __future__ import annotations

from django.conf import settings
from django.contrib.auth import login
from django.contrib.auth.decorators import login_not_required
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.views.decorators.http import require_GET, require_POST

from reviewapp.accounts.models import User
from reviewapp.demo.people import PEOPLE


def _only_in_the_demo() -> None:
    """Signing in without a password exists on a demonstration only, and never with DEBUG off."""
    if not (settings.DEMO and settings.DEBUG):
        raise Http404("There is no demo here.")


@login_not_required
@require_GET
def people(request: HttpRequest) -> HttpResponse:
    _only_in_the_demo()
    return render(request, "demo/people.html", {"people": [p for p in PEOPLE if not p.is_simulated]})


@login_not_required
@require_POST
def enter(request: HttpRequest, username: str) -> HttpResponse:
    _only_in_the_demo()
    known = {person.username for person in PEOPLE if not person.is_simulated}
    user = get_object_or_404(User, username=username if username in known else "")
    login(request, user, backend="django.contrib.auth.backends.ModelBackend")
    return redirect("home:start")
