"""Every sample that is out, with its reason, who took it out and when; ticked ones are put back."""

from __future__ import annotations

from django.contrib import messages
from django.core.paginator import Paginator
from django.http import HttpResponse
from django.shortcuts import redirect, render
from django.utils.translation import gettext as _
from django.utils.translation import ngettext
from django.views.decorators.http import require_GET, require_POST

from reviewapp.audit.services import Target, ViewKind, view_record
from reviewapp.core.http import AuthenticatedRequest
from reviewapp.curation import services
from reviewapp.curation.removed.reading import reasons_counted, samples_of_reason, samples_removed
from reviewapp.projects.models import Project
from reviewapp.projects.permissions import Permission
from reviewapp.projects.selectors import project_for
from reviewapp.words import grouped

PER_PAGE = 20


@require_GET
def removed_list(request: AuthenticatedRequest, slug: str) -> HttpResponse:
    return _list(request, project_for(request.user, slug))


def _list(request: AuthenticatedRequest, project: Project, error: str = "") -> HttpResponse:
    reason, name = (request.GET.get(key, "")[:500].replace("\0", "").strip() for key in ("reason", "q"))
    found = samples_of_reason(project, reason) if reason else samples_removed(project)
    if name:
        found = found.filter(external_id__icontains=name)
    page = Paginator(found, PER_PAGE).get_page(request.GET.get("page"))
    shown = [sample.pk for sample in page]
    view_record(request=request, project=project.slug, target=Target.SAMPLE, shown=shown, kind=ViewKind.LIST)
    context = {
        "project": project,
        "page": page,
        "reasons": reasons_counted(project).most_common(50),
        "chosen": reason,
        "q": name,
        "error": error,
    }
    return render(request, "curation/removed_list.html", context, status=422 if error else 200)


@require_POST
def removed_put_back(request: AuthenticatedRequest, slug: str) -> HttpResponse:
    project = project_for(request.user, slug, Permission.WITHDRAW)
    ticked = [int(pk) for pk in request.POST.getlist("sample") if pk.isdecimal() and len(pk) < 19]
    if not ticked:
        return _list(request, project, _("Tick the samples first."))
    done = services.samples_put_back(project=project, sample_ids=ticked, put_back_by=request.user)
    words = ngettext("%(n)s sample is open for review again.", "%(n)s samples are open for review again.", len(done))
    messages.success(request, words % {"n": grouped(len(done))})
    return redirect("curation:removed_list", slug)
