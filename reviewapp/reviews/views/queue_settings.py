from __future__ import annotations

from django.contrib import messages
from django.http import HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.utils.translation import gettext as _
from django.views.decorators.http import require_http_methods, require_POST

from reviewapp.core.exceptions import ApplicationError
from reviewapp.core.http import AuthenticatedRequest
from reviewapp.curation.learning.learned import learning_state
from reviewapp.projects.models import Project
from reviewapp.projects.permissions import Permission
from reviewapp.projects.selectors import members_with, project_for
from reviewapp.reviews import services
from reviewapp.reviews.forms import QueueForm
from reviewapp.reviews.models import QueueFigure


@require_http_methods(["GET", "POST"])
def queue_settings(request: AuthenticatedRequest, slug: str) -> HttpResponse:
    """How many reviewers, in which order, what is shown, and who is expert in what."""
    project = project_for(request.user, slug, Permission.MANAGE)
    form = QueueForm(request.POST or None, instance=Project.objects.get(pk=project.pk))
    if request.method == "POST" and form.is_valid():
        services.queue_settings_update(project=project, updated_by=request.user, **form.cleaned_data)
        messages.success(request, _("Saved. Samples are handed out this way from now on; reviews that are in stay."))
        return redirect("reviews:queue_settings", slug)
    figure = QueueFigure.objects.filter(project=project).first()
    context = {
        "project": project,
        "form": form,
        "members": members_with(project, Permission.REVIEW),
        "learning": learning_state(project),
        "asked_for": [tags.replace(",", ", ") for tags in figure.expertise] if figure else [],
    }
    return render(request, "reviews/queue_settings.html", context, status=422 if form.errors else 200)


@require_POST
def expertise_set(request: AuthenticatedRequest, slug: str, user_id: int) -> HttpResponse:
    project = project_for(request.user, slug, Permission.MANAGE)
    member = get_object_or_404(project.memberships.select_related("user"), user_id=user_id)
    given = request.POST.get("expertise", "")
    try:
        services.expertise_set(project=project, user=member.user, expertise=given, set_by=request.user)
        messages.success(request, _("Saved what %(user)s is expert in.") % {"user": member.user})
    except ApplicationError as error:
        messages.error(request, error.message)
    return redirect("reviews:queue_settings", slug)
