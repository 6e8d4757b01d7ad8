from __future__ import annotations

import json
from collections.abc import Iterable, Mapping

from django.contrib import messages
from django.http import HttpResponse, JsonResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.utils.text import slugify
from django.utils.translation import gettext as _
from django.views.decorators.http import require_GET, require_http_methods, require_POST

from reviewapp.core.exceptions import ApplicationError
from reviewapp.core.http import AuthenticatedRequest
from reviewapp.labelling import selectors, services
from reviewapp.labelling.bench import FieldRow, field_rows
from reviewapp.labelling.models import LabelClass, LabelSchema, LabelSchemaVersion
from reviewapp.labelling.schema import ClassDocument, SchemaDocument, SchemaInvalid, schema_loads
from reviewapp.projects.models import Project
from reviewapp.projects.permissions import Permission
from reviewapp.projects.selectors import project_for
from reviewapp.words import named

MAX_EDITED = 400_000  # characters of JSON that are edited in the browser; larger ones are exported and imported
BLANK = {"name": "", "guidelines": "", "suggestions": "answer_first", "fields": []}


@require_GET
def schema_list(request: AuthenticatedRequest, slug: str) -> HttpResponse:
    project = project_for(request.user, slug)
    starters = selectors.schemas_starters()
    context = {"project": project, "schemas": selectors.schemas_of(project), "starters": starters}
    return render(request, "labelling/schema_list.html", context)


@require_GET
def schema_detail(request: AuthenticatedRequest, slug: str, schema_id: int) -> HttpResponse:
    project = project_for(request.user, slug)
    schema = get_object_or_404(selectors.schemas_of(project), pk=schema_id)
    number = request.GET.get("version", "")
    versions = list(schema.versions.all())
    version = next((v for v in versions if str(v.number) == number), versions[0])
    document = selectors.workbench_document(version)
    context = {
        "project": project,
        "schema": schema,
        "version": version,
        "document": document,
        "counts": selectors.classes_count(version),
        "rows": _rows(document, {f.key: selectors.classes_listed(version, f.key) for f in document.fields}),
        "rules": "\n".join(map(str, selectors.rules_of(schema))),
    }
    return render(request, "labelling/schema_detail.html", context)


@require_http_methods(["GET", "POST"])
def schema_new(request: AuthenticatedRequest, slug: str) -> HttpResponse:
    """A schema from one to start from or from nothing; stored only when it is valid and saved."""
    project = project_for(request.user, slug, Permission.RUBRIC)
    if request.method == "POST":
        return _edited(request, project, None)
    starter = selectors.schemas_starters().get(request.GET.get("starter", ""))
    return _editor(request, project, None, _text(starter.as_json() if starter else BLANK))


@require_http_methods(["GET", "POST"])
def schema_edit(request: AuthenticatedRequest, slug: str, schema_id: int) -> HttpResponse:
    project = project_for(request.user, slug, Permission.RUBRIC)
    schema = get_object_or_404(selectors.schemas_of(project), pk=schema_id)
    if request.method == "POST":
        return _edited(request, project, schema)
    text = _text(selectors.version_document(schema.versions.all()[0]).as_json())
    if len(text) > MAX_EDITED:
        messages.info(
            request, _("This schema is too large to edit here. Export it, change the file, and import it again.")
        )
        return redirect("labelling:schema_detail", slug, schema.pk)
    return _editor(request, project, schema, text)


@require_POST
def schema_preview(request: AuthenticatedRequest, slug: str) -> HttpResponse:
    """What an expert would see of the text as it stands; stores nothing."""
    project = project_for(request.user, slug, Permission.RUBRIC)
    return render(
        request, "labelling/schema_edit.html#preview", {"project": project} | _preview(request.POST.get("text", ""))
    )


@require_POST
def schema_import(request: AuthenticatedRequest, slug: str) -> HttpResponse:
    project = project_for(request.user, slug, Permission.RUBRIC)
    file = request.FILES.get("file")
    try:
        if file is None:
            raise ApplicationError(_("Choose a JSON file first."))
        content = file.read(services.MAX_FILE_BYTES + 1)
        version = services.schema_import(project=project, content=content, imported_by=request.user)
    except ApplicationError as error:
        messages.error(request, _words(error))
        return redirect("labelling:schema_list", slug)
    messages.success(request, _("%(version)s was imported.") % {"version": named(version)})
    return redirect("labelling:schema_detail", slug, version.schema_id)


@require_GET
def schema_export(request: AuthenticatedRequest, slug: str, schema_id: int, number: int) -> HttpResponse:
    project = project_for(request.user, slug)
    schema = get_object_or_404(project.label_schemas, pk=schema_id)
    version = get_object_or_404(schema.versions.select_related("schema"), number=number)
    name = f"{slugify(schema.name) or 'labels'}-v{number}.json"
    headers = {"Content-Disposition": f'attachment; filename="{name}"'}
    text = _text(selectors.version_document(version).as_json())
    return HttpResponse(text, content_type="application/json; charset=utf-8", headers=headers)


@require_POST
def schema_activate(request: AuthenticatedRequest, slug: str, schema_id: int) -> HttpResponse:
    project = project_for(request.user, slug, Permission.RUBRIC)
    schema = get_object_or_404(project.label_schemas.select_related("project"), pk=schema_id)
    is_active = request.POST.get("offer", "1") == "1"
    services.schema_activate(schema=schema, is_active=is_active, changed_by=request.user)
    said = f"are now labelled by “{schema.name}”." if is_active else "are written by hand from now on."
    messages.success(request, _("Samples without a completion %(said)s") % {"said": said})
    return redirect("labelling:schema_detail", slug, schema.pk)


@require_http_methods(["GET", "POST"])
def rules_edit(request: AuthenticatedRequest, slug: str, schema_id: int) -> HttpResponse:
    project = project_for(request.user, slug, Permission.RUBRIC)
    schema = get_object_or_404(selectors.schemas_of(project), pk=schema_id)
    lines = request.POST.get("lines", "\n".join(map(str, selectors.rules_of(schema))))
    problems: tuple[str, ...] = ()
    if request.method == "POST":
        try:
            n_rules = services.rules_save(schema=schema, lines=lines, saved_by=request.user)
            messages.success(request, _("%(n_rules)s rules are saved.") % {"n_rules": n_rules})
            return redirect("labelling:schema_detail", slug, schema.pk)
        except ApplicationError as error:
            problems = (error.message, *error.extra.get("problems", ()))
    context = {"project": project, "schema": schema, "lines": lines, "problems": problems}
    return render(request, "labelling/rules_edit.html", context, status=422 if problems else 200)


@require_POST
def suggestions_import(request: AuthenticatedRequest, slug: str, schema_id: int) -> HttpResponse:
    project = project_for(request.user, slug, Permission.RUBRIC)
    schema = get_object_or_404(project.label_schemas.select_related("project"), pk=schema_id)
    file, source = request.FILES.get("file"), request.POST.get("source", "")
    try:
        if file is None:
            raise ApplicationError(_("Choose a JSON Lines file first."))
        content = file.read(services.MAX_FILE_BYTES + 1)
        counts = services.suggestions_import(schema=schema, content=content, source=source, imported_by=request.user)
    except ApplicationError as error:
        messages.error(request, _words(error))
    else:
        said = "{read} answers read: {suggested} can be suggested, {unreadable} are not written as labels.".format(
            **counts
        )
        messages.success(request, said)
    return redirect("labelling:schema_detail", slug, schema.pk)


@require_GET
def class_search(request: AuthenticatedRequest, slug: str, version_id: int) -> JsonResponse:
    """{"classes": [...]} for what somebody typed into the search of a field; at most selectors.SHOWN."""
    project = project_for(request.user, slug)
    version = get_object_or_404(LabelSchemaVersion, pk=version_id, schema__project=project)
    field, text = request.GET.get("field", ""), request.GET.get("q", "")[:200]
    found = selectors.classes_search(version, field, text, request.GET.get("parent"))
    rows = [{"key": c.key, "name": c.name, "path": c.path, "about": c.description, "leaf": c.is_leaf} for c in found]
    return JsonResponse({"classes": rows, "shown": selectors.SHOWN})


def _edited(request: AuthenticatedRequest, project: Project, schema: LabelSchema | None) -> HttpResponse:
    text = request.POST.get("text", "")
    try:
        document = schema_loads(text)
        if schema is None:
            version = services.schema_create(project=project, document=document, created_by=request.user)
        else:
            version = services.schema_save(schema=schema, document=document, saved_by=request.user)
    except SchemaInvalid as error:
        return _editor(request, project, schema, text, error.problems)
    except ApplicationError as error:
        return _editor(request, project, schema, text, (error.message,))
    messages.success(request, _("%(version)s is saved.") % {"version": named(version)})
    return redirect("labelling:schema_detail", project.slug, version.schema_id)


def _editor(
    request: AuthenticatedRequest,
    project: Project,
    schema: LabelSchema | None,
    text: str,
    problems: tuple[str, ...] = (),
) -> HttpResponse:
    used = schema is not None and schema.versions.all()[0].used_at is not None
    context = {"project": project, "schema": schema, "text": text, "problems": problems, "used": used}
    return render(request, "labelling/schema_edit.html", context | _preview(text), status=422 if problems else 200)


def _preview(text: str) -> dict[str, object]:
    try:
        document = schema_loads(text)
    except SchemaInvalid as error:
        return {"rows": (), "missing": error.problems[:20], "document": None}
    listed = {f.key: f.classes if len(f.classes) <= selectors.LISTED else () for f in document.fields}
    return {"rows": _rows(document, listed), "missing": (), "document": document}


def _rows(document: SchemaDocument, listed: Mapping[str, Iterable[ClassDocument | LabelClass]]) -> list[FieldRow]:
    texts = {key: [(c.key, c.name, c.description) for c in found] for key, found in listed.items()}
    shown = {one.key: ["First candidate completion.", "Second candidate completion."] for one in document.fields}
    return field_rows(document, {}, listed=texts, candidates=shown)


def _text(document: object) -> str:
    return json.dumps(document, ensure_ascii=False, indent=2)


def _words(error: ApplicationError) -> str:
    return " ".join([error.message, *error.extra.get("problems", ())[:20]])
