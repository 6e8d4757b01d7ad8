from __future__ import annotations

from typing import Any

from django.core.exceptions import PermissionDenied
from django.core.paginator import Paginator
from django.http import HttpResponse, StreamingHttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.views.decorators.http import require_GET, require_http_methods

from reviewapp.audit.services import Target, ViewKind, view_record
from reviewapp.core import queues
from reviewapp.core.exceptions import ApplicationError
from reviewapp.core.http import AuthenticatedRequest
from reviewapp.projects.models import Project
from reviewapp.projects.permissions import Permission
from reviewapp.projects.selectors import may, project_for
from reviewapp.samples import mapping_page, selectors, services
from reviewapp.samples.exporting import csv_lines
from reviewapp.samples.forms import UploadForm
from reviewapp.samples.models import ImportBatch

PAGE_SIZE = 20
ERRORS_SHOWN = 50


@require_GET
def import_list(request: AuthenticatedRequest, slug: str) -> HttpResponse:
    project = project_for(request.user, slug)
    page = Paginator(selectors.batches_of(project), PAGE_SIZE).get_page(request.GET.get("page"))
    return render(request, "samples/import_list.html", {"project": project, "page": page})


@require_http_methods(["GET", "POST"])
def import_create(request: AuthenticatedRequest, slug: str) -> HttpResponse:
    project = project_for(request.user, slug, Permission.IMPORT)
    may_heldout = may(request.user, project, Permission.HELDOUT)
    if request.method == "GET":
        form = UploadForm(initial=_wanted(request), project=project, may_heldout=may_heldout)
        return _upload_page(request, project, form)
    form = UploadForm(request.POST, request.FILES, project=project, may_heldout=may_heldout)
    if form.is_valid():
        try:
            return redirect("samples:import_map", slug, _receive(request, project, form).pk)
        except ApplicationError as refusal:
            form.add_error("file", refusal.message)
    return _upload_page(request, project, form)


def _receive(request: AuthenticatedRequest, project: Project, form: UploadForm) -> ImportBatch:
    data = form.cleaned_data
    source = data["file"] or services.import_file_from_path(data["path"]).open("rb")
    with source:
        return services.import_batch_create(
            project=project,
            uploaded_by=request.user,
            file_name=source.name,
            content=source,
            target=data.get("target") or ImportBatch.Target.POOL,
            heldout_set=form.chosen_set,
            new_set=form.new_set_name,
            idempotency_key=data["idempotency_key"],
        )


def _wanted(request: AuthenticatedRequest) -> dict[str, str]:
    """A link may name the held-out set to fill."""
    wanted = request.GET.get("heldout_set", "")
    return {"target": ImportBatch.Target.HELDOUT, "heldout_set": wanted} if wanted else {}


def _upload_page(request: AuthenticatedRequest, project: Project, form: UploadForm) -> HttpResponse:
    context = {"project": project, "form": form}
    return render(request, "samples/import_create.html", context, status=422 if form.errors else 200)


@require_http_methods(["GET", "POST"])
def import_map(request: AuthenticatedRequest, slug: str, batch_id: int) -> HttpResponse:
    project = project_for(request.user, slug, Permission.IMPORT)
    batch = _readable(request, _batch(project, batch_id))
    if batch.job is not None:
        return redirect("samples:import_detail", slug, batch_id)
    screen = mapping_page.screen_of(batch, request.POST or request.GET)
    if request.method == "POST" and screen.mapping is not None:
        try:
            services.import_batch_start(
                batch=batch, mapping=screen.mapping, encoding=screen.encoding, started_by=request.user
            )
            return redirect("samples:import_detail", slug, batch_id)
        except ApplicationError as refusal:
            screen = screen.refused(refusal.message)
    view_record(request=request, project=slug, target=Target.IMPORT, shown=batch.pk)
    context = {"project": project, "batch": batch, "screen": screen, "form": screen.form, "error": screen.error}
    is_refused = request.method == "POST" or bool(screen.error)
    return render(request, "samples/import_map.html", context, status=422 if is_refused else 200)


@require_GET
def import_detail(request: AuthenticatedRequest, slug: str, batch_id: int) -> HttpResponse:
    project = project_for(request.user, slug)
    batch = _batch(project, batch_id)
    if batch.job is None and may(request.user, project, Permission.IMPORT):
        return redirect("samples:import_map", slug, batch_id)
    return render(request, "samples/import_detail.html", _state(request, project, batch))


@require_GET
def import_live(request: AuthenticatedRequest, slug: str, batch_id: int) -> HttpResponse:
    """The part of the page that changes while a worker reads; 286 tells htmx to ask no more."""
    project = project_for(request.user, slug)
    batch = _batch(project, batch_id)
    is_over = batch.job is None or batch.job.is_terminal
    context = _state(request, project, batch)
    return render(request, "samples/import_detail.html#live", context, status=286 if is_over else 200)


@require_GET
def import_errors(request: AuthenticatedRequest, slug: str, batch_id: int) -> StreamingHttpResponse:
    """Every row error of a file with its reason, as CSV."""
    project = project_for(request.user, slug, Permission.IMPORT)
    batch = _readable(request, _batch(project, batch_id))
    view_record(request=request, project=slug, target=Target.IMPORT, shown=batch.pk, kind=ViewKind.DOWNLOAD)
    rows = batch.row_errors.order_by("line").values_list("line", "reason", "raw").iterator(chunk_size=500)
    lines = csv_lines(["file", "line", "reason", "row"], ([batch.file_name, *row] for row in rows))
    response = StreamingHttpResponse(lines, content_type="text/csv; charset=utf-8")
    response["Content-Disposition"] = f'attachment; filename="import-{batch.pk}-row-errors.csv"'
    return response


def _state(request: AuthenticatedRequest, project: Project, batch: ImportBatch) -> dict[str, Any]:
    is_shown = batch.target == ImportBatch.Target.POOL or may(request.user, project, Permission.HELDOUT)
    errors = batch.row_errors.order_by("line")
    page = Paginator(errors if is_shown else errors.none(), ERRORS_SHOWN).get_page(request.GET.get("page"))
    if page.object_list:
        view_record(request=request, project=project.slug, target=Target.IMPORT, shown=batch.pk)
    return {
        "project": project,
        "batch": batch,
        "job": batch.job,
        "wait": queues.job_wait(batch.job) if batch.job else None,
        "summary": selectors.batch_summary(batch),
        "page": page,
        "is_shown": is_shown,
    }


def _batch(project: Project, batch_id: int) -> ImportBatch:
    return get_object_or_404(selectors.batches_of(project), pk=batch_id)


def _readable(request: AuthenticatedRequest, batch: ImportBatch) -> ImportBatch:
    """Raises PermissionDenied when the file holds held-out prompts and this person may not read those."""
    if batch.target == ImportBatch.Target.HELDOUT and not may(request.user, batch.project, Permission.HELDOUT):
        raise PermissionDenied("This file holds held-out prompts. Your role here does not allow you to read them.")
    return batch
