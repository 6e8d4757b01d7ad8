"""Golden examples: marked on a sample's page, listed, and the limit of relevance that a judged handful gives."""

from __future__ import annotations

from django.contrib import messages
from django.core.paginator import Paginator
from django.http import HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.urls import reverse
from django.utils.http import url_has_allowed_host_and_scheme
from django.utils.translation import gettext as _
from django.views.decorators.http import require_GET, require_POST

from reviewapp.audit.services import Target, view_record
from reviewapp.core.exceptions import ApplicationError
from reviewapp.core.http import AuthenticatedRequest, wants_fragment
from reviewapp.curation import services
from reviewapp.curation.meaning.embedded import space_of
from reviewapp.curation.meaning.files import Vectors
from reviewapp.curation.meaning.searching import index_state
from reviewapp.curation.models import GoldenExample
from reviewapp.curation.selections.asked import golden_of, limit_current, limit_holds
from reviewapp.curation.selections.forms import LimitForm
from reviewapp.curation.selections.golden_page import limit_page, relevance_by_sample
from reviewapp.curation.selections.page import row_of_sample
from reviewapp.projects.models import Project
from reviewapp.projects.permissions import Permission
from reviewapp.projects.selectors import project_for
from reviewapp.samples.models import Sample

PER_PAGE = 20
JUDGED = "belongs-"  # with the sample's number: the name of an answer


@require_GET
def golden_list(request: AuthenticatedRequest, slug: str) -> HttpResponse:
    return _list(request, project_for(request.user, slug))


def _list(request: AuthenticatedRequest, project: Project, error: str = "") -> HttpResponse:
    page = Paginator(golden_of(project), PER_PAGE).get_page(request.GET.get("page"))
    state = index_state(project)
    space = space_of(project, state.index) if state.index is not None else None
    limit = limit_page(project, space.vectors if space is not None and page.object_list else None)
    shown = [golden.sample_id for golden in page] + [each.sample.pk for each in limit.handful]
    view_record(request=request, project=project.slug, target=Target.SAMPLE, shown=shown)
    context = {
        "project": project,
        "page": page,
        "index": state,
        "space": space,
        "limit": limit,
        "limit_holds": limit_holds(limit.limit, space.encoder_sha256) if space else True,
        "form": LimitForm(initial={"limit": limit.limit.limit if limit.limit else None}),
        "error": error,
    }
    return render(request, "curation/golden_list.html", context, status=422 if error else 200)


def _sample(project: Project, sample_id: int) -> Sample:
    return get_object_or_404(Sample.objects.filter(project=project).select_related("project"), pk=sample_id)


@require_GET
def golden_card(request: AuthenticatedRequest, slug: str, sample_id: int) -> HttpResponse:
    """Whether one sample is a golden example, with the button, and what the last selection made of it.

    A part of its page to htmx, else its page.
    """
    project = project_for(request.user, slug)
    sample = _sample(project, sample_id)
    if not wants_fragment(request):
        return redirect("samples:sample_detail", slug, sample.pk)
    golden = GoldenExample.objects.filter(sample=sample).select_related("marked_by").first()
    row = row_of_sample(sample)
    context = {"project": project, "sample": sample, "golden": golden, "row": row}
    return render(request, "curation/golden_card.html", context)


@require_POST
def golden_mark(request: AuthenticatedRequest, slug: str, sample_id: int) -> HttpResponse:
    project = project_for(request.user, slug, Permission.ADJUDICATE)
    sample = _sample(project, sample_id)
    try:
        services.golden_mark(sample=sample, marked_by=request.user)
        messages.success(request, _("%(sample)s is a golden example now.") % {"sample": sample})
    except ApplicationError as refusal:
        messages.error(request, refusal.message)
    return redirect(_next(request, project, sample))


@require_POST
def golden_unmark(request: AuthenticatedRequest, slug: str, sample_id: int) -> HttpResponse:
    project = project_for(request.user, slug, Permission.ADJUDICATE)
    sample = _sample(project, sample_id)
    services.golden_unmark(sample=sample, unmarked_by=request.user)
    messages.success(request, _("%(sample)s is no golden example any more.") % {"sample": sample})
    return redirect(_next(request, project, sample))


def _next(request: AuthenticatedRequest, project: Project, sample: Sample) -> str:
    wanted = request.POST.get("next", "")
    hosts, is_secure = {request.get_host()}, request.is_secure()
    if wanted and url_has_allowed_host_and_scheme(wanted, allowed_hosts=hosts, require_https=is_secure):
        return wanted
    return reverse("samples:sample_detail", args=[project.slug, sample.pk])


@require_POST
def relevance_limit_keep(request: AuthenticatedRequest, slug: str) -> HttpResponse:
    """Keeps what was judged with the limit it suggests, or a limit set by hand with what was judged before."""
    project = project_for(request.user, slug, Permission.ADJUDICATE)
    state = index_state(project)
    if state.index is None or state.row is None:
        return _list(request, project, _("There is no index of the texts. Make a selection or build the index first."))
    form = LimitForm(request.POST) if "limit" in request.POST else None
    if form is not None and not form.is_valid():
        return _list(request, project, _("The limit is a number from 0 to 1."))
    space = space_of(project, state.index)
    judged = _judged(project, space.vectors, _answers(request, project))
    try:
        services.limit_keep(
            project=project, judged=judged, limit=form.cleaned_data["limit"] if form else None, made_by=request.user,
            golden=golden_of(project).count(), index_number=state.row.number, encoder_sha256=space.encoder_sha256,
        )  # fmt: skip
    except ApplicationError as refusal:
        return _list(request, project, refusal.message)
    messages.success(request, _("The limit is kept. New selections propose it."))
    return redirect("curation:golden_list", slug)


def _judged(project: Project, index: Vectors, answers: dict[int, bool]) -> dict[int, tuple[float, bool]]:
    """By sample: how relevant it is, and whether a person said that it belongs."""
    relevance = relevance_by_sample(project, index, list(answers))
    return {sample: (relevance[sample], answers[sample]) for sample in relevance}


def _answers(request: AuthenticatedRequest, project: Project) -> dict[int, bool]:
    """What was judged before, unless it is begun anew, and what this form says."""
    limit = limit_current(project) if request.POST.get("anew") != "yes" else None
    known = {int(row["sample"]): bool(row["belongs"]) for row in limit.judged} if limit else {}
    for name, value in request.POST.items():
        number = name.removeprefix(JUDGED)
        if name.startswith(JUDGED) and number.isdecimal() and len(number) < 19 and value in ("yes", "no"):
            known[int(number)] = value == "yes"
    ours = Sample.objects.filter(project=project, pk__in=list(known)).order_by("pk").values_list("pk", flat=True)
    return {sample: known[sample] for sample in ours}
