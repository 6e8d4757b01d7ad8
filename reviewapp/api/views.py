from __future__ import annotations

from collections.abc import Callable

from django.contrib import messages
from django.contrib.auth.decorators import login_not_required
from django.core.paginator import Paginator
from django.http import HttpRequest, HttpResponse, HttpResponseBase
from django.shortcuts import get_object_or_404, redirect, render
from django.views.decorators.cache import never_cache
from django.views.decorators.csrf import csrf_exempt
from django.views.decorators.http import require_GET, require_http_methods, require_POST

from reviewapp.api import selectors
from reviewapp.api.forms import TokenForm, WebhookForm
from reviewapp.api.models import Delivery
from reviewapp.api.services import deliveries, tokens, webhooks
from reviewapp.core.exceptions import ApplicationError
from reviewapp.core.http import AuthenticatedRequest
from reviewapp.projects.permissions import Permission
from reviewapp.projects.selectors import may, project_for

PAGE_SIZE = 50


# no cookie signs in here, so there is nothing that another site could forge
@csrf_exempt
@login_not_required
@never_cache
def call(request: HttpRequest, rest: str) -> HttpResponseBase:
    """Every address below /api/v1/. Its libraries take half a second to load, so the first request loads them."""
    from reviewapp.api.v1.app import answer

    return answer(request, rest)


@require_GET
def reference(request: AuthenticatedRequest, slug: str) -> HttpResponse:
    from reviewapp.api.v1.app import endpoints

    project = project_for(request.user, slug)
    return render(request, "api/reference.html", {"project": project, "endpoints": endpoints()})


@require_http_methods(["GET", "POST"])
def token_list(request: AuthenticatedRequest, slug: str) -> HttpResponse:
    project = project_for(request.user, slug)
    form, secret = TokenForm(request.POST or None), ""
    if request.method == "POST" and form.is_valid():
        try:
            _, secret = tokens.token_create(project=project, owner=request.user, **form.cleaned_data)
            form = TokenForm()
        except ApplicationError as refusal:
            form.add_error(None, refusal.message)
    shown = selectors.tokens_of(project, request.user, may_manage=may(request.user, project, Permission.MANAGE))
    page = Paginator(shown, PAGE_SIZE).get_page(request.GET.get("page"))
    context = {"project": project, "page": page, "form": form, "secret": secret}
    return render(request, "api/token_list.html", context, status=422 if form.errors else 200)


@require_POST
def token_revoke(request: AuthenticatedRequest, slug: str, token_id: int) -> HttpResponse:
    project = project_for(request.user, slug)
    shown = selectors.tokens_of(project, request.user, may_manage=may(request.user, project, Permission.MANAGE))
    token = get_object_or_404(shown, pk=token_id)
    return _done(
        request,
        lambda: tokens.token_revoke(token=token, revoked_by=request.user),
        f"The token {token.name} no longer works.",
        redirect("api:token_list", slug),
    )


@require_http_methods(["GET", "POST"])
def webhook_list(request: AuthenticatedRequest, slug: str) -> HttpResponse:
    project = project_for(request.user, slug, Permission.MANAGE)
    form, secret = WebhookForm(request.POST or None), ""
    if request.method == "POST" and form.is_valid():
        try:
            _, secret = webhooks.webhook_create(project=project, created_by=request.user, **form.cleaned_data)
            form = WebhookForm()
        except ApplicationError as refusal:
            form.add_error(None, refusal.message)
    context = {"project": project, "webhooks": selectors.webhooks_of(project), "form": form, "secret": secret}
    return render(request, "api/webhook_list.html", context, status=422 if form.errors else 200)


@require_GET
def webhook_detail(request: AuthenticatedRequest, slug: str, webhook_id: int) -> HttpResponse:
    """The log of what was sent, the newest first."""
    project = project_for(request.user, slug, Permission.MANAGE)
    webhook = get_object_or_404(selectors.webhooks_of(project), pk=webhook_id)
    page = Paginator(selectors.deliveries_of(webhook), PAGE_SIZE).get_page(request.GET.get("page"))
    kinds = {"waiting": "wait", "delivered": "pass", "failed": "fail"}
    context = {"project": project, "webhook": webhook, "page": page, "kinds": kinds}
    return render(request, "api/webhook_detail.html", context)


@require_POST
def webhook_pause(request: AuthenticatedRequest, slug: str, webhook_id: int) -> HttpResponse:
    project = project_for(request.user, slug, Permission.MANAGE)
    webhook = get_object_or_404(selectors.webhooks_of(project), pk=webhook_id)
    return _done(
        request,
        lambda: webhooks.webhook_pause(webhook=webhook, paused_by=request.user),
        "Paused. What happens meanwhile waits.",
        redirect("api:webhook_detail", slug, webhook_id),
    )


@require_POST
def webhook_resume(request: AuthenticatedRequest, slug: str, webhook_id: int) -> HttpResponse:
    project = project_for(request.user, slug, Permission.MANAGE)
    webhook = get_object_or_404(selectors.webhooks_of(project), pk=webhook_id)
    return _done(
        request,
        lambda: webhooks.webhook_resume(webhook=webhook, resumed_by=request.user),
        "It goes on. What waited is sent within seconds.",
        redirect("api:webhook_detail", slug, webhook_id),
    )


@require_POST
def webhook_remove(request: AuthenticatedRequest, slug: str, webhook_id: int) -> HttpResponse:
    project = project_for(request.user, slug, Permission.MANAGE)
    webhook = get_object_or_404(selectors.webhooks_of(project), pk=webhook_id)
    return _done(
        request,
        lambda: webhooks.webhook_remove(webhook=webhook, removed_by=request.user),
        "Removed. Nothing more is sent there.",
        redirect("api:webhook_list", slug),
    )


@require_POST
def delivery_redeliver(request: AuthenticatedRequest, slug: str, delivery_id: int) -> HttpResponse:
    project = project_for(request.user, slug, Permission.MANAGE)
    rows = Delivery.objects.filter(webhook__project=project, webhook__removed_at=None)
    delivery = get_object_or_404(rows.select_related("webhook__project"), pk=delivery_id)
    return _done(
        request,
        lambda: deliveries.delivery_redeliver(delivery=delivery, asked_by=request.user),
        "It is sent again within seconds.",
        redirect("api:webhook_detail", slug, delivery.webhook_id),
    )


def _done(request: AuthenticatedRequest, act: Callable[[], None], words: str, then: HttpResponse) -> HttpResponse:
    """Does it and says so, or says why not; then goes on to the page."""
    try:
        act()
        messages.success(request, words)
    except ApplicationError as refusal:
        messages.error(request, refusal.message)
    return then
