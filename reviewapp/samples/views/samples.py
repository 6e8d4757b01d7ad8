from __future__ import annotations

from django.core.paginator import Paginator
from django.http import HttpResponse
from django.shortcuts import get_object_or_404, render
from django.views.decorators.http import require_GET

from reviewapp.core.http import AuthenticatedRequest
from reviewapp.projects.selectors import project_for
from reviewapp.samples import selectors
from reviewapp.samples.models import Sample
from reviewapp.samples.sample_page import page_of

PAGE_SIZE = 50


@require_GET
def sample_list(request: AuthenticatedRequest, slug: str) -> HttpResponse:
    project = project_for(request.user, slug)
    chosen = {name: request.GET.get(name, "") for name in (*selectors.FILTERS, "q")}
    page = Paginator(selectors.samples_filtered(project, chosen), PAGE_SIZE).get_page(request.GET.get("page"))
    context = {
        "project": project,
        "page": page,
        "chosen": chosen,
        "is_filtered": any(chosen.values()),
        "counts": selectors.state_tabs(project),
        "origins": Sample.Origin.choices,
        "languages": selectors.languages_of(project),
        "batches": selectors.pool_batches_of(project),
        "kinds": selectors.STATE_KINDS,
    }
    return render(request, "samples/sample_list.html", context)


@require_GET
def sample_detail(request: AuthenticatedRequest, slug: str, sample_id: int) -> HttpResponse:
    project = project_for(request.user, slug)
    samples = Sample.objects.filter(project=project).select_related("revision", "group", "batch", "project")
    sample = get_object_or_404(samples, pk=sample_id)
    page = page_of(sample, request.GET.get("revision", ""))
    context = {"project": project, "sample": sample, "page": page, "kinds": selectors.STATE_KINDS}
    return render(request, "samples/sample_detail.html", context)
