from __future__ import annotations

import uuid

from django.contrib import messages
from django.http import HttpResponse
from django.shortcuts import redirect, render
from django.views.decorators.http import require_POST

from reviewapp.core import leases
from reviewapp.core.exceptions import ApplicationError
from reviewapp.core.http import AuthenticatedRequest, wants_fragment
from reviewapp.projects.permissions import Permission
from reviewapp.projects.selectors import project_for
from reviewapp.reviews import judging
from reviewapp.reviews.selectors import labels
from reviewapp.reviews.selectors.reviews import assignment_get
from reviewapp.reviews.services.labels import suggestions_reveal as reveal


@require_POST
def suggestions_reveal(request: AuthenticatedRequest, slug: str, key: uuid.UUID) -> HttpResponse:
    """Shows what rules and model versions suggest, once the person has an answer of their own."""
    project = project_for(request.user, slug, Permission.REVIEW)
    assignment = assignment_get(project, str(key), request.user)
    draft = judging.draft_from_form(request.POST.dict())
    problem = ""
    try:
        assignment.draft = leases.draft_save(lease=assignment, changes=dict(draft)).draft
        reveal(assignment=assignment)
    except ApplicationError as error:
        problem = error.message
    version = labels.label_version(assignment)
    if version is None or not wants_fragment(request):
        if problem:
            messages.error(request, problem)
        return redirect("reviews:review_edit", slug, key)
    view = labels.label_view(version, assignment, assignment.draft)
    context = {"label": view, "project": project, "assignment": assignment, "problem": problem}
    return render(request, "reviews/label_suggestions.html", context)
