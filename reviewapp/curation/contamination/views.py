"""Declared benchmarks: listed, declared by a file of which only hashes are kept, removed."""

from __future__ import annotations

import uuid
from typing import Any

from django import forms
from django.contrib import messages
from django.http import HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.utils.translation import gettext as _
from django.utils.translation import ngettext
from django.views.decorators.http import require_GET, require_POST

from reviewapp.core.exceptions import ApplicationError
from reviewapp.core.http import AuthenticatedRequest
from reviewapp.curation import services
from reviewapp.curation.contamination.benchmarks import benchmarks_of
from reviewapp.projects.models import Project
from reviewapp.projects.permissions import Permission
from reviewapp.projects.selectors import project_for
from reviewapp.words import grouped


class BenchmarkForm(forms.Form):
    """A name and the file; the key makes two clicks one benchmark."""

    name = forms.CharField(label="Name", max_length=120, help_text="For example: GSM8K test.")
    file = forms.FileField(
        label="File",
        allow_empty_file=True,  # the parser says it better
        error_messages={"required": "Choose a file."},
        help_text="JSONL, JSON, CSV, TSV, Parquet, or TXT with one row a line; 50 MB and 50,000 rows at most.",
    )
    idempotency_key = forms.UUIDField(widget=forms.HiddenInput)

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.initial.setdefault("idempotency_key", uuid.uuid4())


@require_GET
def benchmark_list(request: AuthenticatedRequest, slug: str) -> HttpResponse:
    return _page(request, project_for(request.user, slug), BenchmarkForm())


def _page(request: AuthenticatedRequest, project: Project, form: BenchmarkForm) -> HttpResponse:
    context = {"project": project, "rows": benchmarks_of(project), "form": form}
    return render(request, "curation/benchmark_list.html", context, status=422 if form.is_bound else 200)


@require_POST
def benchmark_declare(request: AuthenticatedRequest, slug: str) -> HttpResponse:
    project = project_for(request.user, slug, Permission.MANAGE)
    form = BenchmarkForm(request.POST, request.FILES)
    if not form.is_valid():
        return _page(request, project, form)
    data = form.cleaned_data
    try:
        made = services.benchmark_declare(
            project=project, name=data["name"], file_name=data["file"].name, content=data["file"],
            declared_by=request.user, idempotency_key=data["idempotency_key"],
        )  # fmt: skip
    except ApplicationError as refusal:
        form.add_error("file", refusal.message)
        return _page(request, project, form)
    messages.success(request, _declared_said(made.rows))
    return redirect("curation:benchmark_list", slug)


def _declared_said(rows: int) -> str:
    told = ngettext(
        "%(n)s row is declared. The next scan compares with it.",
        "%(n)s rows are declared. The next scan compares with them.",
        rows,
    )
    return told % {"n": grouped(rows)}


@require_POST
def benchmark_remove(request: AuthenticatedRequest, slug: str, benchmark_id: int) -> HttpResponse:
    project = project_for(request.user, slug, Permission.MANAGE)
    benchmark = get_object_or_404(project.benchmarks.defer("fingerprints"), pk=benchmark_id)
    services.benchmark_remove(benchmark=benchmark, removed_by=request.user)
    messages.success(request, _("The benchmark is removed. The next scan compares with it no more."))
    return redirect("curation:benchmark_list", slug)
