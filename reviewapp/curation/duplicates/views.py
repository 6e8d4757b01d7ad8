"""Pages about samples that are alike: clusters, decisions and their undo, and the limit from which on they count."""

from __future__ import annotations

import uuid
from typing import Any

from django.contrib import messages
from django.core.exceptions import PermissionDenied
from django.core.paginator import Paginator
from django.http import Http404, HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.urls import reverse
from django.utils.translation import gettext as _
from django.views.decorators.http import require_GET, require_POST

from reviewapp.audit.services import Target, view_record
from reviewapp.core.exceptions import ApplicationError
from reviewapp.core.http import AuthenticatedRequest, form_key
from reviewapp.curation import selectors, services
from reviewapp.curation.duplicates import clusters as duplicates
from reviewapp.curation.duplicates import page as duplicate_page
from reviewapp.curation.duplicates.clusters import Cluster
from reviewapp.curation.duplicates.limits import LIMITS, Measured
from reviewapp.curation.services.duplicates import ConfirmationNeeded
from reviewapp.projects.models import Project
from reviewapp.projects.permissions import Permission
from reviewapp.projects.selectors import may, project_for
from reviewapp.samples.selectors import STATE_KINDS

PAGE_SIZE = 20
KINDS = (duplicates.EXACT, duplicates.NEAR)


@require_GET
def duplicate_list(request: AuthenticatedRequest, slug: str) -> HttpResponse:
    project = project_for(request.user, slug)
    chains = duplicates.chains_of(project)
    kind = request.GET.get("kind", "")
    shown = [chain for chain in chains if duplicates.kind_of(chain) == kind] if kind in KINDS else chains
    page = Paginator(shown, PAGE_SIZE).get_page(request.GET.get("page"))
    rows = duplicate_page.rows_of(duplicates.clusters_in(list(page)))
    seen = [sample.pk for row in rows for sample in row.samples]
    view_record(request=request, project=slug, target=Target.SAMPLE, shown=seen)
    context = {
        "project": project,
        "page": page,
        "rows": rows,
        "counts": {each: sum(duplicates.kind_of(chain) == each for chain in chains) for each in KINDS},
        "kind": kind,
        "limit": duplicates.near_limit(project),
        "is_checked": selectors.scan_finished(project) is not None,
        "decided": duplicates.decisions_of(project)[:5],
    }
    return render(request, "curation/duplicate_list.html", context)


@require_GET
def duplicate_detail(request: AuthenticatedRequest, slug: str, sample_id: int) -> HttpResponse:
    project = project_for(request.user, slug)
    chains = duplicates.chains_of(project)
    cluster = duplicates.cluster_among(chains, sample_id)
    if cluster is None:
        if not project.samples.filter(pk=sample_id).exists():
            raise Http404
        messages.info(request, _("Nothing open says that this sample is like another."))
        return redirect("curation:duplicate_list", slug)
    return _detail(request, project, cluster, duplicates.next_after(chains, cluster))


def _detail(
    request: AuthenticatedRequest,
    project: Project,
    cluster: Cluster,
    next_key: int | None,
    refusal: ApplicationError | None = None,
) -> HttpResponse:
    start = request.GET.get("start", "")
    page = duplicate_page.page_of(
        cluster, next_key, request.GET.get("keep", ""), int(start) if start.isdecimal() and len(start) < 7 else 0
    )
    shown = [page.keep.pk, *(other.sample.pk for other in page.others)]
    view_record(request=request, project=project.slug, target=Target.SAMPLE, shown=shown)
    asking = refusal if isinstance(refusal, ConfirmationNeeded) else None
    context = {
        "project": project,
        "page": page,
        "kinds": STATE_KINDS,
        "error": refusal.message if refusal and not asking else "",
        "asking": asking,
        "going": duplicate_page.going_said(asking.samples) if asking else [],
        "kept": _kept_ids(request) or list(cluster.members),
        "posted_key": request.POST.get("idempotency_key", ""),
    }
    return render(request, "curation/duplicate_detail.html", context, status=422 if refusal else 200)


def _kept_ids(request: AuthenticatedRequest) -> list[int] | None:
    """Which to keep, by the button that was pressed; None for all."""
    if request.POST.get("act") == "all":
        return None
    only = request.POST.get("only", "")
    wanted = [only] if only else request.POST.getlist("keep")
    return [int(value) for value in wanted if value.isdecimal() and len(value) < 19]


def _key_of(request: AuthenticatedRequest) -> uuid.UUID:
    key = form_key(request.POST)
    if key is None:
        raise ApplicationError(_("This form was out of date. Decide again."))
    return key


@require_POST
def duplicate_decide(request: AuthenticatedRequest, slug: str, sample_id: int) -> HttpResponse:
    """Keeps one, the chosen or all of the cluster, and goes on to the next."""
    project = project_for(request.user, slug, Permission.CURATE)
    keep = _kept_ids(request)
    if keep is not None:
        project_for(request.user, slug, Permission.WITHDRAW)
    cluster, following = _cluster_and_next(project, sample_id)
    try:
        made = services.duplicates_decide(
            project=project, sample_id=sample_id, seal=request.POST.get("seal", ""), keep=keep, decided_by=request.user,
            idempotency_key=_key_of(request), is_confirmed=request.POST.get("confirmed") == "1",
        )  # fmt: skip
    except ApplicationError as refusal:
        if cluster is not None:
            return _detail(request, project, cluster, following, refusal)
        messages.error(request, refusal.message)
        return redirect("curation:duplicate_list", slug)
    messages.success(request, duplicate_page.decided_said(len(made.withdrawn)))
    return _to_cluster(slug, following)


def _cluster_and_next(project: Project, sample_id: int) -> tuple[Cluster | None, int | None]:
    chains = duplicates.chains_of(project)
    cluster = duplicates.cluster_among(chains, sample_id)
    return cluster, duplicates.next_after(chains, cluster) if cluster else None


def _to_cluster(slug: str, sample_id: int | None) -> HttpResponse:
    if sample_id is None:
        return redirect("curation:duplicate_list", slug)
    return redirect("curation:duplicate_detail", slug, sample_id)


@require_GET
def duplicate_exact(request: AuthenticatedRequest, slug: str) -> HttpResponse:
    """What "keep the first of each exact cluster" would do. Changes nothing."""
    return _exact(request, project_for(request.user, slug, Permission.WITHDRAW))


def _exact(request: AuthenticatedRequest, project: Project, error: str = "") -> HttpResponse:
    rows, total = duplicates.exact_preview(project)
    left: dict[str, int] = {}
    for row in rows:
        for why, some in row.left.items():
            left[why] = left.get(why, 0) + len(some)
    page = Paginator([row for row in rows if row.go], PAGE_SIZE).get_page(request.GET.get("page"))
    context = {
        "project": project,
        "page": page,
        "n": sum(len(row.go) for row in rows),
        "clusters": sum(bool(row.go) for row in rows),
        "total": total,
        "most": duplicates.MOST_CLUSTERS,
        "left": sorted(left.items()),
        "key": uuid.uuid4(),
        "error": error,
    }
    return render(request, "curation/duplicate_exact.html", context, status=422 if error else 200)


@require_POST
def duplicate_keep_first(request: AuthenticatedRequest, slug: str) -> HttpResponse:
    project = project_for(request.user, slug, Permission.WITHDRAW)
    n = request.POST.get("n", "")
    try:
        made = services.exact_keep_first(
            project=project, n=int(n) if n.isdecimal() and len(n) < 9 else -1, decided_by=request.user,
            idempotency_key=_key_of(request),
        )  # fmt: skip
    except ApplicationError as refusal:
        return _exact(request, project, refusal.message)
    messages.success(request, duplicate_page.decided_said(len(made.withdrawn)))
    return redirect("curation:duplicate_decisions", slug)


@require_GET
def duplicate_decisions(request: AuthenticatedRequest, slug: str) -> HttpResponse:
    project = project_for(request.user, slug)
    page = Paginator(duplicates.decisions_of(project), PAGE_SIZE).get_page(request.GET.get("page"))
    return render(request, "curation/duplicate_decisions.html", {"project": project, "page": page})


@require_POST
def duplicate_undo(request: AuthenticatedRequest, slug: str, decision_id: int) -> HttpResponse:
    project = project_for(request.user, slug, Permission.CURATE)
    decision = get_object_or_404(duplicates.decisions_of(project), pk=decision_id)
    if decision.withdrawn and not may(request.user, project, Permission.WITHDRAW):
        raise PermissionDenied(f"Your role here does not allow you to {Permission.WITHDRAW}.")
    done = services.duplicates_undo(decision=decision, undone_by=request.user)
    messages.success(
        request, _("Undone. %(n)s of %(all)s samples are back.") % {"n": done.undone, "all": len(done.withdrawn)}
    )
    return redirect("curation:duplicate_decisions", slug)


# ---- the limit


@require_GET
def duplicate_limit(request: AuthenticatedRequest, slug: str) -> HttpResponse:
    return _limit(request, project_for(request.user, slug))


def _limit(request: AuthenticatedRequest, project: Project, error: str = "") -> HttpResponse:
    used, row = duplicates.near_limit(project), duplicates.measurement_latest(project)
    measured = Measured.of_json(row.result) if row else None
    context: dict[str, Any] = {
        "project": project,
        "used": used,
        "choices": [(round(100 * limit), limit) for limit in LIMITS],
        "history": duplicates.limits_set(project)[:10],
        "row": row,
        "measured": measured,
        "key": uuid.uuid4(),
        "error": error,
    }
    if measured is not None:
        context["chart"] = duplicate_page.limits_chart(measured, used)
        context["kind_rows"] = duplicate_page.kind_rows(measured, used)
    return render(request, "curation/duplicate_limit.html", context, status=422 if error else 200)


@require_POST
def limit_measure(request: AuthenticatedRequest, slug: str) -> HttpResponse:
    project, key = project_for(request.user, slug, Permission.MANAGE), form_key(request.POST)
    if key is None:
        return _limit(request, project, _("This form was out of date. Measure again."))
    try:
        services.limit_measure(project=project, measured_by=request.user, idempotency_key=key)
    except ApplicationError as refusal:
        return _limit(request, project, refusal.message)
    return redirect("curation:duplicate_limit", slug)


@require_POST
def limit_set(request: AuthenticatedRequest, slug: str) -> HttpResponse:
    project = project_for(request.user, slug, Permission.MANAGE)
    given = request.POST.get("limit", "")  # per cent
    try:
        percent = int(given) if given.isdecimal() and len(given) < 4 else -1
        services.limit_set(project=project, limit=percent / 100, set_by=request.user)
    except ApplicationError as refusal:
        return _limit(request, project, refusal.message)
    messages.success(request, _("The next scan looks for near-duplicates from this limit on."))
    return redirect(reverse("curation:duplicate_limit", args=[slug]))
