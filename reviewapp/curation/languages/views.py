"""Languages: what samples are written in, the wanted mix, and the samples of one language."""

from __future__ import annotations

from typing import Any

from django.contrib import messages
from django.core.paginator import Paginator
from django.http import HttpResponse, QueryDict
from django.shortcuts import redirect, render
from django.utils.translation import gettext as _
from django.views.decorators.http import require_GET, require_POST

from reviewapp.core.exceptions import ApplicationError
from reviewapp.core.http import AuthenticatedRequest
from reviewapp.curation import services
from reviewapp.curation.language import NAMES
from reviewapp.curation.languages import page as words
from reviewapp.curation.languages.forms import shares_given, shares_shown
from reviewapp.curation.languages.reading import (
    bases_of,
    language_counts,
    language_mix,
    samples_unread,
    samples_written_in,
)
from reviewapp.projects.models import Project
from reviewapp.projects.permissions import Permission
from reviewapp.projects.selectors import project_for

PER_PAGE = 20


@require_GET
def language_list(request: AuthenticatedRequest, slug: str) -> HttpResponse:
    return _page(request, project_for(request.user, slug))


def _page(
    request: AuthenticatedRequest, project: Project, error: str = "", given: QueryDict | None = None
) -> HttpResponse:
    targets = language_mix(project)
    rows = words.mix_rows(language_counts(project), targets)
    codes = [row.code for row in rows if row.code in NAMES]
    shares = shares_shown(codes, targets, given)
    context = {
        "project": project,
        "rows": rows,
        "reach": words.reach_of(rows),
        "chart": words.mix_chart(rows),
        "bases": words.basis_rows(bases_of(project)),
        "unread": samples_unread(project),
        "fields": [(row, shares[row.code]) for row in rows if row.code in shares],
        "new_codes": sorted((words.language_said(code), code) for code in NAMES if code not in shares),
        "new": (given.get("new", "")[:2], given.get("share-new", "")[:12]) if given is not None else ("", ""),
        "error": error,
        **_samples(request, project, {row.key: row.title for row in rows}),
    }
    return render(request, "curation/language_list.html", context, status=422 if error else 200)


def _samples(request: AuthenticatedRequest, project: Project, titles: dict[str, str]) -> dict[str, Any]:
    """Of the language that the address names; no text is shown, so nothing is put on record."""
    chosen = request.GET.get("language", "")
    if chosen not in titles:
        return {"chosen": "", "page": None}
    found = samples_written_in(project, "" if chosen == words.UNKNOWN else chosen)
    page = Paginator(found, PER_PAGE).get_page(request.GET.get("page"))
    return {"chosen": chosen, "chosen_title": titles[chosen], "page": page}


@require_POST
def language_mix_set(request: AuthenticatedRequest, slug: str) -> HttpResponse:
    project = project_for(request.user, slug, Permission.MANAGE)
    try:
        wanted = services.language_mix_set(project=project, shares=shares_given(request.POST), set_by=request.user)
    except ApplicationError as refusal:
        return _page(request, project, refusal.message, request.POST)
    if wanted:
        messages.success(request, _("The mix is kept. New selections follow it unless you say otherwise."))
    else:
        messages.success(request, _("No mix of languages is wanted any more."))
    return redirect("curation:language_list", slug)
