from __future__ import annotations

from django.http import HttpResponse
from django.shortcuts import render
from django.views.decorators.http import require_GET

from reviewapp.core.http import AuthenticatedRequest
from reviewapp.projects.selectors import project_for, projects_for


@require_GET
def start(request: AuthenticatedRequest) -> HttpResponse:
    return render(request, "home/start.html", {"projects": projects_for(request.user)})


@require_GET
def project(request: AuthenticatedRequest, slug: str) -> HttpResponse:
    project = project_for(request.user, slug)
    return render(request, "home/project.html", {"project": project})


@require_GET
def search(request: AuthenticatedRequest, slug: str) -> HttpResponse:
    project = project_for(request.user, slug)
    return render(request, "home/project.html", {"project": project})
