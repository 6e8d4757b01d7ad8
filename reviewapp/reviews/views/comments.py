from __future__ import annotations

import uuid

from django.contrib import messages
from django.db.models import QuerySet
from django.http import HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.utils.translation import gettext as _
from django.views.decorators.http import require_http_methods

from reviewapp.core.exceptions import ApplicationError
from reviewapp.core.http import AuthenticatedRequest, wants_fragment
from reviewapp.projects.permissions import Permission
from reviewapp.projects.selectors import may, project_for
from reviewapp.reviews.models import CommentThread
from reviewapp.reviews.selectors.comments import threads_for
from reviewapp.reviews.services.comments import comment_add, thread_resolve
from reviewapp.samples.models import Sample


@require_http_methods(["GET", "POST"])
def comments(request: AuthenticatedRequest, slug: str, sample_id: int) -> HttpResponse:
    """The threads on a sample; POST begins or answers one (text, thread), or resolves one (resolve)."""
    project = project_for(request.user, slug, Permission.REVIEW)
    sample = get_object_or_404(project.samples.select_related("project", "revision"), pk=sample_id)
    may_adjudicate = may(request.user, project, Permission.ADJUDICATE)
    problem = text = ""
    if request.method == "POST":
        try:
            _act(request, sample, may_adjudicate)
        except ApplicationError as error:
            problem, text = error.message, request.POST.get("text", "")
        if not wants_fragment(request) and not problem:
            messages.success(request, _("Saved."))
            return redirect("reviews:comments", slug, sample_id)
    threads = threads_for(sample, request.user, may_adjudicate=may_adjudicate)
    context = {"project": project, "sample": sample, "threads": threads, "problem": problem, "text": text}
    context |= {"may_adjudicate": may_adjudicate, "idempotency_key": uuid.uuid4()}
    name = "reviews/comments.html#threads" if wants_fragment(request) else "reviews/comments.html"
    return render(request, name, context, status=422 if problem and not wants_fragment(request) else 200)


def _act(request: AuthenticatedRequest, sample: Sample, may_adjudicate: bool) -> None:
    """Raises ApplicationError with what is wrong; a thread that this person may not read does not exist for them."""
    seen = threads_for(sample, request.user, may_adjudicate=may_adjudicate)
    if "resolve" in request.POST:
        thread = _thread(seen, request.POST["resolve"])
        if thread is not None:
            thread_resolve(thread=thread, resolved_by=request.user, may_adjudicate=may_adjudicate)
        return
    try:
        key = uuid.UUID(request.POST.get("idempotency_key", ""))
    except ValueError as error:
        raise ApplicationError(_("This page is out of date. Send it once more.")) from error
    thread = _thread(seen, request.POST.get("thread", ""))
    text = request.POST.get("text", "")
    comment_add(sample=sample, author=request.user, text=text, idempotency_key=key, thread=thread)


def _thread(seen: QuerySet[CommentThread], number: str) -> CommentThread | None:
    if not number:
        return None
    found = next((thread for thread in seen if str(thread.pk) == number), None)
    if found is None:
        raise ApplicationError(_("This thread is no longer there."))
    return found
