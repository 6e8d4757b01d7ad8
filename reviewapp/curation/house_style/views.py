"""The house style of a project: what most completions look like, and how citations are to be written."""

from __future__ import annotations

import uuid

from django.contrib import messages
from django.http import HttpResponse
from django.shortcuts import redirect, render
from django.utils.translation import gettext as _
from django.views.decorators.http import require_GET, require_POST

from reviewapp.audit.services import Target, view_record
from reviewapp.core.exceptions import ApplicationError
from reviewapp.core.http import AuthenticatedRequest, form_key
from reviewapp.curation import selectors, services
from reviewapp.curation.citations.style import STYLES
from reviewapp.curation.house_style.page import house_style_of
from reviewapp.curation.pipeline import CITATIONS
from reviewapp.projects.models import Project
from reviewapp.projects.permissions import Permission
from reviewapp.projects.selectors import project_for


@require_GET
def house_style(request: AuthenticatedRequest, slug: str) -> HttpResponse:
    return _page(request, project_for(request.user, slug))


def _page(request: AuthenticatedRequest, project: Project, error: str = "", chosen: str | None = None) -> HttpResponse:
    told = house_style_of(project)
    shown = [one.sample for one in told.citations.examples]
    view_record(request=request, project=project.slug, target=Target.SAMPLE, shown=shown)
    counts = selectors.finding_counts(project, {"state": "open"}).check
    in_use = selectors.pipeline_of(project.pk).citation_style
    context = {
        "project": project,
        "told": told,
        "styles": STYLES,
        "style": in_use if chosen is None else chosen,
        "in_use": dict(STYLES)[in_use],
        "n_layout": counts.get("section_format", 0),
        "n_citations": counts.get(CITATIONS, 0),
        "idempotency_key": uuid.uuid4(),
        "error": error,
    }
    return render(request, "curation/house_style.html", context, status=422 if error else 200)


@require_POST
def house_style_set(request: AuthenticatedRequest, slug: str) -> HttpResponse:
    """A new version of the pipeline with another style of citations."""
    project = project_for(request.user, slug, Permission.MANAGE)
    style, key = request.POST.get("style", ""), form_key(request.POST)
    try:
        if key is None or style not in dict(STYLES):
            raise ApplicationError(_("This page is out of date. Reload it and choose again."))
        config = selectors.pipeline_of(project.pk).with_option(CITATIONS, style).as_json()
        version = services.pipeline_save(
            project=project,
            config=config,
            created_by=request.user,
            idempotency_key=key,
            note=_("Style of citations: %(style)s") % {"style": _(dict(STYLES)[style])},
        )
    except ApplicationError as refusal:
        return _page(request, project, refusal.message, style)
    words = _("Saved as version %(number)s of the pipeline. The next scan follows it.") % {"number": version.number}
    messages.success(request, words)
    return redirect("curation:house_style", slug)
