from __future__ import annotations

from django.core.paginator import Paginator
from django.http import HttpResponse
from django.shortcuts import get_object_or_404, render
from django.views.decorators.http import require_GET

from reviewapp.audit.services import Target, ViewKind, view_record
from reviewapp.core.http import AuthenticatedRequest
from reviewapp.projects.selectors import project_for
from reviewapp.samples import selectors
from reviewapp.samples.models import MOST_SAMPLES, Sample
from reviewapp.samples.sample_page import page_of
from reviewapp.samples.saved_views import listing_of

PAGE_SIZE = 50


@require_GET
def sample_list(request: AuthenticatedRequest, slug: str) -> HttpResponse:
    project = project_for(request.user, slug)
    listing = listing_of(project, request.user, request.GET)
    found = selectors.samples_filtered(project, listing.chosen)
    page = Paginator(found, PAGE_SIZE).get_page(request.GET.get("page"))
    kind = ViewKind.SEARCH if listing.chosen["q"] else ViewKind.LIST
    view_record(request=request, project=slug, target=Target.SAMPLE, shown=[row.pk for row in page], kind=kind)
    context = {
        "project": project,
        "page": page,
        "listing": listing,
        "chosen": listing.chosen,
        "is_filtered": any(listing.chosen.values()),
        "counts": selectors.state_tabs(project),
        "origins": Sample.Origin.choices,
        "priorities": Sample.Priority.choices,
        "kinds": selectors.STATE_KINDS,
        "most": MOST_SAMPLES,
    }
    return render(request, "samples/sample_list.html", context)


@require_GET
def sample_detail(request: AuthenticatedRequest, slug: str, sample_id: int) -> HttpResponse:
    project = project_for(request.user, slug)
    samples = Sample.objects.filter(project=project).select_related(
        "revision", "group", "batch", "project", "flagged_by", "withdrawn_by"
    )
    sample = get_object_or_404(samples, pk=sample_id)
    view_record(request=request, project=slug, target=Target.SAMPLE, shown=sample.pk)
    page = page_of(sample, request.GET.get("revision", ""))
    context = {"project": project, "sample": sample, "page": page, "kinds": selectors.STATE_KINDS}
    return render(request, "samples/sample_detail.html", context)
