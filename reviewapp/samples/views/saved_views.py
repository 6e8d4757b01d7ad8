from __future__ import annotations

from typing import Any

from django.contrib import messages
from django.http import HttpResponse, QueryDict
from django.shortcuts import get_object_or_404, redirect
from django.urls import reverse
from django.utils.translation import gettext as _
from django.views.decorators.http import require_POST

from reviewapp.core.exceptions import ApplicationError
from reviewapp.core.http import AuthenticatedRequest
from reviewapp.projects.models import Project
from reviewapp.projects.permissions import Permission
from reviewapp.projects.selectors import may, project_for
from reviewapp.samples import services
from reviewapp.samples.forms import ViewForm
from reviewapp.samples.models import SavedView
from reviewapp.samples.saved_views import ALL, views_for
from reviewapp.samples.selectors import FILTERS


@require_POST
def view_save(request: AuthenticatedRequest, slug: str) -> HttpResponse:
    """Keeps the filters of the form under a name."""
    project = project_for(request.user, slug)
    filters = {name: request.POST.get(name, "")[:200] for name in (*FILTERS, "q")}
    form = ViewForm(request.POST)
    if not form.is_valid():
        return _refused(request, project, form, _query(filters))
    try:
        view = services.view_save(
            project=project,
            owner=request.user,
            filters=filters,
            may_share=may(request.user, project, Permission.MANAGE),
            **_given(form),
        )
    except ApplicationError as error:
        messages.error(request, error.message)
        return _to_list(project, _query(filters))
    messages.success(request, _("Saved as %(view_name)s.") % {"view_name": view.name})
    return _to_list(project, f"view={view.pk}")


@require_POST
def view_update(request: AuthenticatedRequest, slug: str, view_id: int) -> HttpResponse:
    project = project_for(request.user, slug)
    view = _own_view(request, project, view_id)
    form = ViewForm(request.POST)
    if not form.is_valid():
        return _refused(request, project, form, f"view={view.pk}")
    may_share = may(request.user, project, Permission.MANAGE)
    try:
        services.view_update(view=view, may_share=may_share, updated_by=request.user, **_given(form))
    except ApplicationError as error:
        messages.error(request, error.message)
    else:
        messages.success(request, _("Saved as %(view_name)s.") % {"view_name": view.name})
    return _to_list(project, f"view={view.pk}")


@require_POST
def view_delete(request: AuthenticatedRequest, slug: str, view_id: int) -> HttpResponse:
    project = project_for(request.user, slug)
    view = _own_view(request, project, view_id)
    services.view_delete(view=view, deleted_by=request.user)
    messages.success(request, _("Deleted the view %(view_name)s. No sample was touched.") % {"view_name": view.name})
    return _to_list(project, f"view={ALL}")


@require_POST
def default_view_set(request: AuthenticatedRequest, slug: str) -> HttpResponse:
    """Makes a view the one that opens first for this person; without one, the list of all samples."""
    project = project_for(request.user, slug)
    wanted = request.POST.get("view", "")
    view = get_object_or_404(views_for(project, request.user), pk=int(wanted)) if wanted.isdecimal() else None
    services.default_view_set(project=project, user=request.user, view=view)
    messages.success(request, f"Samples open with {view.name if view else 'all samples'} from now on.")
    return _to_list(project, f"view={view.pk}" if view else f"view={ALL}")


def _own_view(request: AuthenticatedRequest, project: Project, view_id: int) -> SavedView:
    """A view that this person may change: their own, or as a lead a shared one. Raises Http404."""
    seen = views_for(project, request.user).select_related("project")
    if not may(request.user, project, Permission.MANAGE):
        seen = seen.filter(owner=request.user)
    return get_object_or_404(seen, pk=view_id)


def _given(form: ViewForm) -> dict[str, Any]:
    return {"name": form.cleaned_data["name"], "is_shared": form.cleaned_data["is_shared"]}


def _refused(request: AuthenticatedRequest, project: Project, form: ViewForm, query: str) -> HttpResponse:
    for errors in form.errors.values():
        messages.error(request, str(errors[0]))
    return _to_list(project, query)


def _query(filters: dict[str, str]) -> str:
    query = QueryDict(mutable=True)
    query.update({name: value for name, value in filters.items() if value})
    return query.urlencode()


def _to_list(project: Project, query: str) -> HttpResponse:
    return redirect(f"{reverse('samples:sample_list', args=[project.slug])}?{query}")
