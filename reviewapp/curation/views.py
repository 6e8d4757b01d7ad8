from __future__ import annotations

from collections.abc import Callable
from typing import Any

from django.contrib import messages
from django.core.paginator import Paginator
from django.http import HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.urls import reverse
from django.utils.http import url_has_allowed_host_and_scheme
from django.utils.translation import gettext as _
from django.views.decorators.http import require_GET, require_POST

from reviewapp.audit.services import Target, ViewKind, view_record
from reviewapp.core import queues
from reviewapp.core.exceptions import ApplicationError
from reviewapp.core.http import AuthenticatedRequest, wants_fragment
from reviewapp.core.kept import small
from reviewapp.curation import selectors, services
from reviewapp.curation.finding_page import FindingCard, comparison_of, texts_of
from reviewapp.curation.forms import ScanForm
from reviewapp.curation.labels.reading import Doubt, doubt_of
from reviewapp.curation.meaning import searching
from reviewapp.curation.meaning.embedded import space_of
from reviewapp.curation.meaning.encoder_page import vectors_context
from reviewapp.curation.models import Finding, Scan
from reviewapp.projects.models import Project
from reviewapp.projects.permissions import Permission
from reviewapp.projects.selectors import may, project_for
from reviewapp.samples.models import Sample
from reviewapp.samples.selectors import FILTERS, STATE_KINDS, state_tabs

FINDINGS_PER_PAGE, SCANS_PER_PAGE = 20, 15
STOP_POLLING = 286  # htmx swaps the answer in and asks no more


@require_GET
def finding_list(request: AuthenticatedRequest, slug: str) -> HttpResponse:
    project = project_for(request.user, slug)
    chosen = {name: request.GET.get(name, "")[:200] for name in selectors.FILTERS}
    chosen["state"] = chosen["state"] or Finding.State.OPEN
    found = selectors.findings_filtered(project, chosen)
    page = Paginator(found, FINDINGS_PER_PAGE).get_page(request.GET.get("page"))
    view_record(request=request, project=slug, target=Target.SAMPLE, shown=[finding.sample_id for finding in page])
    context = {
        "project": project,
        "page": page,
        "cards": [FindingCard(finding=finding) for finding in page],
        "counts": selectors.finding_counts(project, chosen),
        "chosen": chosen,
        "is_filtered": any(chosen[name] for name in ("check", "severity", "sample")),
        "scans": selectors.scans_of(project)[:1],
        "next_url": request.get_full_path(),
    }
    return render(request, "curation/finding_list.html", context)


@require_GET
def finding_detail(request: AuthenticatedRequest, slug: str, finding_id: int) -> HttpResponse:
    project = project_for(request.user, slug)
    return _detail(request, project, _finding(project, finding_id))


def _finding(project: Project, finding_id: int) -> Finding:
    return get_object_or_404(selectors.findings_in(project), pk=finding_id)


def _detail(request: AuthenticatedRequest, project: Project, finding: Finding, refusal: str = "") -> HttpResponse:
    view_record(request=request, project=project.slug, target=Target.SAMPLE, shown=finding.sample_id)
    may_read = finding.related_heldout is not None and may(request.user, project, Permission.HELDOUT)
    context = {
        "project": project,
        "card": FindingCard(finding=finding, refusal=refusal),
        "comparison": comparison_of(finding, may_read_heldout=may_read),
        "texts": texts_of(finding),
        "doubt": _doubt(request, project, finding),
        "next_url": _detail_url(project, finding),
    }
    return render(request, "curation/finding_detail.html", context, status=422 if refusal else 200)


def _doubt(request: AuthenticatedRequest, project: Project, finding: Finding) -> Doubt | None:
    """Of a label in doubt, with the texts like it that are shown beside it."""
    doubt = doubt_of(finding)
    if doubt is not None and doubt.seen:
        view_record(request=request, project=project.slug, target=Target.SAMPLE, shown=doubt.seen)
    return doubt


def _detail_url(project: Project, finding: Finding) -> str:
    return reverse("curation:finding_detail", args=[project.slug, finding.pk])


@require_POST
def finding_accept(request: AuthenticatedRequest, slug: str, finding_id: int) -> HttpResponse:
    project = project_for(request.user, slug, Permission.CURATE)
    finding = _finding(project, finding_id)
    return _settle(request, finding, lambda: services.finding_accept(finding=finding, accepted_by=request.user))


@require_POST
def finding_dismiss(request: AuthenticatedRequest, slug: str, finding_id: int) -> HttpResponse:
    project = project_for(request.user, slug, Permission.CURATE)
    finding = _finding(project, finding_id)
    reason = request.POST.get("reason", "")
    return _settle(
        request, finding, lambda: services.finding_dismiss(finding=finding, reason=reason, dismissed_by=request.user)
    )


@require_POST
def finding_reopen(request: AuthenticatedRequest, slug: str, finding_id: int) -> HttpResponse:
    project = project_for(request.user, slug, Permission.CURATE)
    finding = _finding(project, finding_id)
    return _settle(request, finding, lambda: services.finding_reopen(finding=finding, reopened_by=request.user))


def _settle(request: AuthenticatedRequest, finding: Finding, act: Callable[[], Any]) -> HttpResponse:
    """Does it, and shows the finding as it is then: its card alone to htmx, else the page that asked."""
    project, refusal = finding.sample.project, ""
    try:
        act()
    except ApplicationError as error:
        refusal = error.message
    finding = _finding(project, finding.pk)
    if wants_fragment(request):
        return _card(request, finding, refusal)
    if refusal:
        return _detail(request, project, finding, refusal)
    messages.success(request, _("The finding is %(lower)s.") % {"lower": small(_(finding.get_state_display()))})
    return redirect(_next_of(request, _detail_url(project, finding)))


def _card(request: AuthenticatedRequest, finding: Finding, refusal: str) -> HttpResponse:
    project = finding.sample.project
    view_record(request=request, project=project.slug, target=Target.SAMPLE, shown=finding.sample_id)
    here = request.htmx.current_url_abs_path or reverse("curation:finding_list", args=[project.slug])
    context = {"project": project, "card": FindingCard(finding=finding, refusal=refusal), "next_url": here}
    return render(request, "curation/finding_list.html#card", context, status=422 if refusal else 200)


def _next_of(request: AuthenticatedRequest, otherwise: str) -> str:
    wanted = request.POST.get("next", "")
    hosts, is_secure = {request.get_host()}, request.is_secure()
    return (
        wanted if url_has_allowed_host_and_scheme(wanted, allowed_hosts=hosts, require_https=is_secure) else otherwise
    )


@require_GET
def scan_list(request: AuthenticatedRequest, slug: str) -> HttpResponse:
    return _scans(request, project_for(request.user, slug))


def _scans(request: AuthenticatedRequest, project: Project, error: str = "") -> HttpResponse:
    scans = selectors.scans_of(project)
    latest = scans.first()
    running = latest if latest is not None and latest.job is not None and not latest.job.is_terminal else None
    page = Paginator(scans.exclude(pk=running.pk) if running else scans, SCANS_PER_PAGE)
    context = {
        "project": project,
        "page": page.get_page(request.GET.get("page")),
        "scan": latest,
        "is_running": running is not None,
        "form": ScanForm.fresh(),
        "error": error,
        **_counts_context(project),
        **_job_context(latest),
    }
    return render(request, "curation/scan_list.html", context, status=422 if error else 200)


def _counts_context(project: Project) -> dict[str, Any]:
    counts = selectors.finding_counts(project, {"state": Finding.State.OPEN})
    has_samples, unchecked = selectors.samples_unchecked(project)
    return {
        "finished": selectors.scan_finished(project),
        "has_samples": has_samples,
        "unchecked": unchecked,
        "checks": counts.checks,
        "n_open": sum(counts.check.values()),
    }


def _job_context(scan: Scan | None) -> dict[str, Any]:
    job = scan.job if scan else None
    return {"job": job, "wait": queues.job_wait(job) if job else None}


@require_POST
def scan_request(request: AuthenticatedRequest, slug: str) -> HttpResponse:
    project = project_for(request.user, slug, Permission.CURATE)
    form = ScanForm(request.POST)
    if not form.is_valid():
        return _scans(request, project, "This form was out of date. Start the scan again.")
    try:
        services.scan_request(project=project, requested_by=request.user, **form.cleaned_data)
    except ApplicationError as refusal:
        return _scans(request, project, refusal.message)
    return redirect("curation:scan_list", slug)


@require_GET
def scan_live(request: AuthenticatedRequest, slug: str, scan_id: int) -> HttpResponse:
    """The job panel alone, asked for while it runs; when it has ended, the whole page is loaded once more."""
    project = project_for(request.user, slug)
    scan = get_object_or_404(selectors.scans_of(project), pk=scan_id)
    if not wants_fragment(request) or scan.job is None:
        return redirect("curation:scan_list", slug)
    context = {"project": project, "scan": scan, **_job_context(scan)}
    response = render(request, "curation/scan_list.html#job", context)
    if scan.job.is_terminal:
        response.status_code = STOP_POLLING
        response["HX-Refresh"] = "true"
    return response


@require_POST
def scan_cancel(request: AuthenticatedRequest, slug: str, scan_id: int) -> HttpResponse:
    project = project_for(request.user, slug, Permission.CURATE)
    scan = get_object_or_404(selectors.scans_of(project), pk=scan_id)
    try:
        services.scan_cancel(scan=scan, cancelled_by=request.user)
    except ApplicationError as refusal:
        return _scans(request, project, refusal.message)
    return redirect("curation:scan_list", slug)


@require_GET
def meaning_search(request: AuthenticatedRequest, slug: str) -> HttpResponse:
    """Samples by how near their text is to the words asked for, among those that the filters let through."""
    return _meant(request, project_for(request.user, slug))


def _meant(request: AuthenticatedRequest, project: Project, error: str = "") -> HttpResponse:
    chosen = {name: request.GET.get(name, "")[:200] for name in FILTERS}
    text, state = request.GET.get("q", "").strip()[:2_000], searching.index_state(project)
    found = searching.samples_meant(project, state.index, text, chosen) if state.index and text else None
    seen = [near.sample.pk for near in found or []]
    view_record(request=request, project=project.slug, target=Target.SAMPLE, shown=seen, kind=ViewKind.SEARCH)
    context = {
        "project": project,
        "chosen": chosen,
        "carried": [(name, chosen[name]) for name in ("origin", "batch", "language") if chosen[name]],
        "text": text,
        "found": found,
        "counts": state_tabs(project),
        "kinds": STATE_KINDS,
        "error": error,
        **_index_context(state),
        **vectors_context(project),
    }
    return render(request, "curation/meaning_search.html", context, status=422 if error else 200)


def _index_context(state: searching.IndexState) -> dict[str, Any]:
    return {"index": state, "job": state.job, "wait": queues.job_wait(state.job) if state.job else None}


@require_GET
def similar_list(request: AuthenticatedRequest, slug: str, sample_id: int) -> HttpResponse:
    """The samples nearest to one: a part of its page to htmx, else a page."""
    project = project_for(request.user, slug)
    samples = Sample.objects.filter(project=project).select_related("revision", "project")
    sample = get_object_or_404(samples, pk=sample_id)
    state = searching.index_state(project)
    space = space_of(project, state.index) if state.index else None
    found = searching.samples_similar(sample, state.index, space.vectors) if state.index and space else []
    view_record(request=request, project=slug, target=Target.SAMPLE, shown=[near.sample.pk for near in found])
    context = {
        "project": project,
        "sample": sample,
        "found": found,
        "kinds": STATE_KINDS,
        "index": state,
        "space": space,
    }
    part = "#part" if wants_fragment(request) else ""
    return render(request, f"curation/similar_list.html{part}", context)


@require_POST
def index_request(request: AuthenticatedRequest, slug: str) -> HttpResponse:
    project = project_for(request.user, slug, Permission.MANAGE)
    try:
        services.index_request(project=project, requested_by=request.user)
    except ApplicationError as refusal:
        return _meant(request, project, refusal.message)
    return redirect("curation:meaning_search", slug)


@require_POST
def index_remove(request: AuthenticatedRequest, slug: str) -> HttpResponse:
    project = project_for(request.user, slug, Permission.MANAGE)
    try:
        services.index_remove(project=project, removed_by=request.user)
    except ApplicationError as refusal:
        return _meant(request, project, refusal.message)
    messages.success(request, _("The index is removed. The samples are as they were."))
    return redirect("curation:meaning_search", slug)


@require_GET
def index_live(request: AuthenticatedRequest, slug: str) -> HttpResponse:
    """The job panel alone, asked for while the index is built; then the whole page is loaded once more."""
    project = project_for(request.user, slug)
    state = searching.index_state(project)
    if not wants_fragment(request) or state.job is None:
        return redirect("curation:meaning_search", slug)
    response = render(request, "curation/meaning_search.html#job", {"project": project, **_index_context(state)})
    if state.job.is_terminal:
        response.status_code = STOP_POLLING
        response["HX-Refresh"] = "true"
    return response


@require_POST
def learning_request(request: AuthenticatedRequest, slug: str) -> HttpResponse:
    """Asked for on the settings of the queue, which show what came of it."""
    project = project_for(request.user, slug, Permission.MANAGE)
    given = request.POST.get("random_percent", "")
    try:
        percent = int(given) if given.isdecimal() and len(given) < 4 else -1
        services.learning_request(project=project, requested_by=request.user, random_percent=percent)
        messages.success(request, _("A worker learns from the decisions. Look again in a moment."))
    except ApplicationError as refusal:
        messages.error(request, refusal.message)
    return redirect("reviews:queue_settings", slug)
