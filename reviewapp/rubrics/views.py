from __future__ import annotations

import json

from django.contrib import messages
from django.http import Http404, HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.utils.text import slugify
from django.utils.translation import gettext as _
from django.views.decorators.http import require_GET, require_http_methods, require_POST

from reviewapp.core.exceptions import ApplicationError
from reviewapp.core.http import AuthenticatedRequest
from reviewapp.projects.models import Project
from reviewapp.projects.permissions import Permission
from reviewapp.projects.selectors import project_for
from reviewapp.rubrics import selectors, services
from reviewapp.rubrics.changes import rubric_change
from reviewapp.rubrics.documents import KINDS
from reviewapp.rubrics.forms import (
    Document,
    document_blank,
    document_changed,
    document_from_form,
    document_of,
    focus_after,
    problems_by_place,
)
from reviewapp.rubrics.models import Criterion, Rubric, RubricVersion
from reviewapp.rubrics.schema import RubricInvalid, rubric_parse, rubric_read
from reviewapp.rubrics.sheets import sheets_of
from reviewapp.rubrics.templatetags.rubric_editor import counts_told
from reviewapp.words import named


@require_GET
def rubric_list(request: AuthenticatedRequest, slug: str) -> HttpResponse:
    project = project_for(request.user, slug)
    context = {
        "project": project,
        "rubrics": selectors.rubrics_of(project),
        "builtin": selectors.rubrics_builtin(),
        "kinds": Rubric.AppliesTo.choices,
    }
    return render(request, "rubrics/rubric_list.html", context)


@require_GET
def rubric_detail(request: AuthenticatedRequest, slug: str, rubric_id: int) -> HttpResponse:
    project = project_for(request.user, slug)
    rubric = get_object_or_404(selectors.rubrics_of(project), pk=rubric_id)
    number = request.GET.get("version", "")
    versions = list(rubric.versions.all())
    version = next((v for v in versions if str(v.number) == number), versions[0])
    document = selectors.version_document(version)
    context = {"project": project, "rubric": rubric, "version": version, "document": document, "versions": versions}
    return render(request, "rubrics/rubric_detail.html", context | {"sheets": sheets_of(document)})


@require_GET
def rubric_diff(request: AuthenticatedRequest, slug: str, rubric_id: int, old: int, new: int) -> HttpResponse:
    """What changed from one version to another, and which judgements that leaves comparable."""
    project = project_for(request.user, slug)
    rubric = get_object_or_404(selectors.rubrics_of(project), pk=rubric_id)
    versions = {version.number: version for version in rubric.versions.all()}
    if old not in versions or new not in versions:
        raise Http404("No such version.")
    change = rubric_change(*(selectors.version_document(versions[number]) for number in (old, new)))
    uses = selectors.version_uses([versions[old]])
    context = {"project": project, "rubric": rubric, "old": versions[old], "new": versions[new], "change": change}
    context |= {"redone": uses.redone(change), "total": uses.total, "versions": list(versions.values())}
    return render(request, "rubrics/rubric_diff.html", context)


@require_http_methods(["GET", "POST"])
def rubric_new(request: AuthenticatedRequest, slug: str) -> HttpResponse:
    """A rubric from a built-in one or from nothing; stored only when it is valid and saved."""
    project = project_for(request.user, slug, Permission.RUBRIC)
    if request.method == "POST":
        return _edited(request, project, None)
    builtin = selectors.rubrics_builtin().get(request.GET.get("builtin", ""))
    applies_to = request.GET.get("applies_to", Rubric.AppliesTo.SAMPLES.value)
    return _editor(request, project, None, document_of(builtin) if builtin else document_blank(applies_to))


@require_http_methods(["GET", "POST"])
def rubric_edit(request: AuthenticatedRequest, slug: str, rubric_id: int) -> HttpResponse:
    project = project_for(request.user, slug, Permission.RUBRIC)
    rubric = get_object_or_404(selectors.rubrics_of(project), pk=rubric_id)
    if request.method == "POST":
        return _edited(request, project, rubric)
    return _editor(request, project, rubric, document_of(selectors.version_document(rubric.versions.all()[0])))


@require_POST
def rubric_preview(request: AuthenticatedRequest, slug: str) -> HttpResponse:
    """What a reviewer would see of the form as it stands; stores nothing."""
    project_for(request.user, slug, Permission.RUBRIC)
    return render(request, "rubrics/rubric_edit.html#preview", _preview(document_from_form(request.POST.dict())))


@require_POST
def rubric_import(request: AuthenticatedRequest, slug: str) -> HttpResponse:
    project = project_for(request.user, slug, Permission.RUBRIC)
    file = request.FILES.get("file")
    try:
        if file is None:
            raise ApplicationError(_("Choose a JSON file first."))
        content = file.read(services.MAX_FILE_BYTES + 1)
        version = services.rubric_import(
            project=project, content=content, imported_by=request.user, is_confirmed="confirmed" in request.POST
        )
    except services.StructureChanged as error:
        messages.error(request, _import_asks(error))
        return redirect("rubrics:rubric_list", slug)
    except ApplicationError as error:
        messages.error(request, " ".join([error.message, *error.extra.get("problems", ())]))
        return redirect("rubrics:rubric_list", slug)
    messages.success(request, _("%(version)s was imported.") % {"version": named(version)})
    return redirect("rubrics:rubric_detail", slug, version.rubric_id)


@require_GET
def rubric_export(request: AuthenticatedRequest, slug: str, rubric_id: int, number: int) -> HttpResponse:
    project = project_for(request.user, slug)
    rubric = get_object_or_404(project.rubrics, pk=rubric_id)
    version = get_object_or_404(rubric.versions.select_related("rubric"), number=number)
    text = json.dumps(selectors.version_document(version).as_json(), ensure_ascii=False, indent=2)
    name = f"{slugify(rubric.name) or 'rubric'}-v{number}.json"
    headers = {"Content-Disposition": f'attachment; filename="{name}"'}
    return HttpResponse(text, content_type="application/json; charset=utf-8", headers=headers)


@require_POST
def rubric_activate(request: AuthenticatedRequest, slug: str, rubric_id: int) -> HttpResponse:
    project = project_for(request.user, slug, Permission.RUBRIC)
    rubric = get_object_or_404(project.rubrics.select_related("project"), pk=rubric_id)
    services.rubric_activate(rubric=rubric, activated_by=request.user)
    messages.success(
        request,
        _("New work on %(applies_to)s is now judged by “%(rubric_name)s”.")
        % {"applies_to": rubric.applies_to, "rubric_name": rubric.name},
    )
    return redirect("rubrics:rubric_detail", slug, rubric.pk)


def _import_asks(error: services.StructureChanged) -> str:
    anew = "; ".join(f"{name}: {counts_told(counts)}" for name, counts in error.redone)
    return (
        f"Nothing was imported: this file changes what was judged ({anew} would have to be judged anew). "
        "To make it the next version all the same, tick the box beside the file."
    )


def _edited(request: AuthenticatedRequest, project: Project, rubric: Rubric | None) -> HttpResponse:
    """One press of a button in the editor: save, or a change of the rows that stores nothing."""
    document = document_from_form(request.POST.dict())
    action = request.POST.get("action", "save")
    if action not in ("save", "save-confirmed"):
        changed = document_changed(document, action)
        return _editor(request, project, rubric, changed, focus=focus_after(action, changed))
    try:
        version = _save(request, project, rubric, document, is_confirmed=action == "save-confirmed")
    except RubricInvalid as error:
        return _editor(request, project, rubric, document, error.problems)
    except services.StructureChanged as error:
        return _editor(request, project, rubric, document, asking=error)
    except ApplicationError as error:
        return _editor(request, project, rubric, document, (error.message,))
    messages.success(request, _("%(version)s is saved.") % {"version": named(version)})
    return redirect("rubrics:rubric_detail", project.slug, version.rubric_id)


def _save(
    request: AuthenticatedRequest, project: Project, rubric: Rubric | None, document: Document, *, is_confirmed: bool
) -> RubricVersion:
    parsed = rubric_parse(document)
    if rubric is None:
        return services.rubric_create(project=project, document=parsed, created_by=request.user)
    return services.rubric_save(
        rubric=rubric,
        document=parsed,
        saved_by=request.user,
        based_on=request.POST.get("based_on", ""),
        confirmed_against=request.POST.get("asked_about", "") if is_confirmed else "",
    )


def _editor(
    request: AuthenticatedRequest,
    project: Project,
    rubric: Rubric | None,
    document: Document,
    problems: tuple[str, ...] = (),
    *,
    focus: str = "",
    asking: services.StructureChanged | None = None,
) -> HttpResponse:
    newest = rubric.versions.all()[0] if rubric else None
    context = {
        "project": project,
        "rubric": rubric,
        "form": document,
        "problems": problems,
        "wrong": problems_by_place(problems),
        "newest": newest,
        "used": newest is not None and newest.used_at is not None,
        "focus": focus,
        "asking": asking,
        "kinds": [Criterion.Kind(kind) for kind in KINDS],
    }
    status = 422 if problems or asking else 200
    return render(request, "rubrics/rubric_edit.html", context | _preview(document), status=status)


def _preview(document: Document) -> dict[str, object]:
    """The form's criteria as far as they can be read, and what is still missing."""
    parsed, missing = rubric_read(document)
    return {"sheets": sheets_of(parsed) if parsed else [], "missing": missing}
