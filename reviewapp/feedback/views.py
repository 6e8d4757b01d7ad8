from __future__ import annotations

import json
import uuid
from typing import Any

from django.contrib import messages
from django.contrib.auth.decorators import login_not_required
from django.core.paginator import Paginator
from django.http import HttpRequest, HttpResponse, JsonResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.utils.translation import gettext
from django.views.decorators.csrf import csrf_exempt
from django.views.decorators.http import require_GET, require_http_methods, require_POST

from reviewapp.audit.services import Target, view_record
from reviewapp.core.bearer import bearer_of
from reviewapp.core.exceptions import ApplicationError
from reviewapp.core.http import AuthenticatedRequest
from reviewapp.evaluations.models import Output
from reviewapp.feedback import selectors, services
from reviewapp.feedback.forms import CorrectionForm, DismissForm, OutputFeedbackForm, TokenForm
from reviewapp.feedback.models import FeedbackItem, FeedbackToken
from reviewapp.projects.permissions import Permission
from reviewapp.projects.selectors import project_for

PAGE_SIZE = 50


@require_GET
def item_list(request: AuthenticatedRequest, slug: str) -> HttpResponse:
    project = project_for(request.user, slug, Permission.FEEDBACK)
    state = request.GET.get("state", "new")
    page = Paginator(selectors.items_for(project, state=state), PAGE_SIZE).get_page(request.GET.get("page"))
    view_record(request=request, project=slug, target=Target.FEEDBACK, shown=[item.pk for item in page])
    counts = selectors.item_counts(project)
    tabs = [(value, label, counts[value]) for value, label in FeedbackItem.State.choices]
    return render(request, "feedback/item_list.html", {"project": project, "page": page, "tabs": tabs, "chosen": state})


@require_GET
def item_detail(request: AuthenticatedRequest, slug: str, item_id: int) -> HttpResponse:
    project = project_for(request.user, slug, Permission.FEEDBACK)
    item = get_object_or_404(selectors.items_for(project), pk=item_id)
    return _item_page(request, item)


def _item_page(request: AuthenticatedRequest, item: FeedbackItem, error: str = "") -> HttpResponse:
    view_record(request=request, project=item.project.slug, target=Target.FEEDBACK, shown=item.pk)
    context = {
        "project": item.project,
        "item": item,
        "is_heldout": services.feedback_is_heldout(item),
        "correction_form": CorrectionForm(initial={"correction": item.correction}),
        "dismiss_form": DismissForm(),
        "error": error,
        "form": None,
    }
    return render(request, "feedback/item_detail.html", context, status=422 if error else 200)


@require_POST
def item_correct(request: AuthenticatedRequest, slug: str, item_id: int) -> HttpResponse:
    project = project_for(request.user, slug, Permission.PROMOTE)
    item = get_object_or_404(selectors.items_for(project), pk=item_id)
    try:
        services.feedback_correct(item=item, correction=request.POST.get("correction", ""), corrected_by=request.user)
    except ApplicationError as refusal:
        return _item_page(request, item, refusal.message)
    messages.success(request, gettext("The correction is saved."))
    return redirect("feedback:item_detail", slug, item_id)


@require_POST
def item_promote(request: AuthenticatedRequest, slug: str, item_id: int) -> HttpResponse:
    project = project_for(request.user, slug, Permission.PROMOTE)
    item = get_object_or_404(selectors.items_for(project), pk=item_id)
    try:
        sample = services.feedback_promote(item=item, promoted_by=request.user)
    except ApplicationError as refusal:
        return _item_page(request, item, refusal.message)
    messages.success(
        request,
        gettext("Sample %(external_id)s was made. It goes through checks and review like any other.")
        % {"external_id": sample.external_id},
    )
    return redirect("feedback:item_detail", slug, item_id)


@require_POST
def item_dismiss(request: AuthenticatedRequest, slug: str, item_id: int) -> HttpResponse:
    project = project_for(request.user, slug, Permission.PROMOTE)
    item = get_object_or_404(selectors.items_for(project), pk=item_id)
    try:
        services.feedback_dismiss(item=item, reason=request.POST.get("reason", ""), dismissed_by=request.user)
    except ApplicationError as refusal:
        return _item_page(request, item, refusal.message)
    messages.success(request, gettext("Dismissed. It stays readable here."))
    return redirect("feedback:item_list", slug)


@require_http_methods(["GET", "POST"])
def output_feedback(request: AuthenticatedRequest, slug: str, output_id: int) -> HttpResponse:
    project = project_for(request.user, slug, Permission.GRADE)
    outputs = Output.objects.filter(generation_run__project=project).select_related("heldout_prompt__group")
    # a grader says something about what they graded; the blind stays up for everyone else
    output = get_object_or_404(outputs.filter(grades__grader=request.user).distinct(), pk=output_id)
    form = OutputFeedbackForm(
        request.POST or None, initial={"correction": output.text, "idempotency_key": uuid.uuid4()}
    )
    error = ""
    if request.method == "POST" and form.is_valid():
        try:
            item = services.feedback_on_output(project=project, output=output, author=request.user, **form.cleaned_data)
            return redirect("feedback:item_detail", slug, item.pk)
        except ApplicationError as refusal:
            error = refusal.message
    view_record(request=request, project=slug, target=Target.OUTPUT, shown=output.pk)
    context = {"project": project, "output": output, "form": form, "error": error}
    return render(request, "feedback/output_feedback.html", context, status=422 if error or form.errors else 200)


@csrf_exempt
@login_not_required
@require_POST
def endpoint(request: HttpRequest, slug: str) -> JsonResponse:
    """Takes feedback from another system: JSON, with ``Authorization: Bearer <token>`` (docs/feedback.md)."""
    secret = bearer_of(request)
    token = selectors.token_for(slug, secret) if secret else None
    if token is None:
        return JsonResponse({"error": "Send a valid token: Authorization: Bearer <token>."}, status=401)
    try:
        content, key = _endpoint_body(request.body, slug)
        item, is_new = services.feedback_record(
            project=token.project, content=content, token=token, idempotency_key=key
        )
    except ApplicationError as refusal:
        return JsonResponse({"error": refusal.message}, status=422)
    return JsonResponse({"id": item.pk, "state": item.state}, status=201 if is_new else 200)


_ENDPOINT_KEYS = {
    "prompt": "prompt",
    "answer": "answer",
    "correction": "correction",
    "remark": "remark",
    "group": "group_key",
    "id": "external_id",
    "model_version": "model_version",
}


def _endpoint_body(body: bytes, slug: str) -> tuple[services.Remark, uuid.UUID]:
    """Reads the posted JSON. Without an idempotency_key the content is its own key: sent twice, kept once."""
    try:
        values: Any = json.loads(body)
    except ValueError as error:
        raise ApplicationError(gettext("The body is not valid JSON in UTF-8.")) from error
    if not isinstance(values, dict) or not all(isinstance(v, str) for v in values.values()):
        raise ApplicationError(gettext("Send one JSON object whose values are all text."))
    unknown = sorted(set(values) - set(_ENDPOINT_KEYS) - {"idempotency_key"})
    if unknown:
        raise ApplicationError(
            gettext("Unknown keys: %(unknown)s. Known: %(known)s.")
            % {"unknown": ", ".join(unknown), "known": ", ".join(_ENDPOINT_KEYS)}
        )
    given = values.pop("idempotency_key", "")
    try:
        key = uuid.UUID(given) if given else uuid.uuid5(uuid.NAMESPACE_URL, slug + json.dumps(values, sort_keys=True))
    except ValueError as error:
        raise ApplicationError(gettext("idempotency_key must be a UUID.")) from error
    if not values.get("prompt"):
        raise ApplicationError(gettext("Feedback needs the prompt that was answered."))
    return services.Remark(**{_ENDPOINT_KEYS[name]: value for name, value in values.items()}), key


@require_http_methods(["GET", "POST"])
def token_list(request: AuthenticatedRequest, slug: str) -> HttpResponse:
    project = project_for(request.user, slug, Permission.MANAGE)
    form = TokenForm(request.POST or None)
    secret = ""
    if request.method == "POST" and form.is_valid():
        _, secret = services.token_create(project=project, label=form.cleaned_data["label"], created_by=request.user)
    tokens = FeedbackToken.objects.filter(project=project).select_related("created_by").order_by("-pk")
    context = {"project": project, "tokens": tokens, "form": form, "secret": secret}
    return render(request, "feedback/token_list.html", context, status=422 if form.errors else 200)


@require_POST
def token_revoke(request: AuthenticatedRequest, slug: str, token_id: int) -> HttpResponse:
    project = project_for(request.user, slug, Permission.MANAGE)
    token = get_object_or_404(FeedbackToken.objects.select_related("project").filter(project=project), pk=token_id)
    try:
        services.token_revoke(token=token, revoked_by=request.user)
        messages.success(
            request, gettext("The token of %(token_label)s no longer works.") % {"token_label": token.label}
        )
    except ApplicationError as refusal:
        messages.error(request, refusal.message)
    return redirect("feedback:token_list", slug)
