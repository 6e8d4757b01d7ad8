"""Bringing samples in, through the import that the screens use."""

from __future__ import annotations

import uuid
from datetime import datetime
from typing import Annotated, BinaryIO, cast

from django.http import Http404
from django.utils.text import slugify
from ninja import Field, Query, Router, Schema, Status
from ninja.params.functions import Header

from reviewapp.api.v1.access import Scope, TokenRequest, project_in, view_note
from reviewapp.api.v1.paging import Page, Window, window_rows
from reviewapp.audit.services import Target
from reviewapp.projects.models import Project
from reviewapp.projects.permissions import Permission
from reviewapp.projects.selectors import may
from reviewapp.samples import services
from reviewapp.samples.mapping import Mapping, mapping_guess
from reviewapp.samples.models import ImportBatch
from reviewapp.samples.selectors import batches_of

router = Router(tags=["Imports"])

_KEYS = uuid.UUID("6d7f0f0e-5a0f-4a7e-9f65-3c1d7f1f2a10")  # the name space of keys that callers choose
_BODY = {
    "requestBody": {
        "required": True,
        "description": "JSON Lines in UTF-8: one object a line.",
        "content": {"application/x-ndjson": {"schema": {"type": "string"}}},
    }
}


class ImportOut(Schema):
    id: int
    file_name: str
    target: str
    state: str = Field(description="unmapped, or the state of its job: queued, running, succeeded, failed ...")
    message: str
    rows: int
    created: int
    known: int = Field(description="Rows that were there already.")
    failed: int = Field(description="Rows with an error; see row-errors.")
    file_sha256: str
    created_at: datetime


class ImportPage(Page):
    items: list[ImportOut]


class RowErrorOut(Schema):
    line: int
    reason: str
    raw: str


class RowErrorPage(Page):
    items: list[RowErrorOut]


class MappingIn(Schema):
    """Which key of a line is what. With neither prompt nor messages the keys are guessed by their names."""

    name: str = Field("api", max_length=80, description="What the import is called.")
    prompt: str = ""
    completion: str = ""
    messages: str = ""
    instruction: str = ""
    group: str = ""
    language: str = ""
    external_id: str = ""


@router.post(
    "projects/{slug}/imports",
    response={200: ImportOut, 202: ImportOut},
    url_name="import_create",
    summary="Import samples",
    description="202 when a worker will read it; 200 when this key came before, with what became of it.",
    openapi_extra=_BODY,
)
def import_create(
    request: TokenRequest,
    slug: str,
    mapping: Query[MappingIn],
    idempotency_key: Annotated[str, Header(alias="Idempotency-Key", min_length=8, max_length=200)],
) -> Status[ImportOut]:
    project, owner = project_in(request, slug, Scope.IMPORT, Permission.IMPORT), request.auth.owner
    batch = services.import_batch_create(
        project=project,
        uploaded_by=owner,
        file_name=f"{slugify(mapping.name) or 'api'}.jsonl",
        content=cast(BinaryIO, request),  # read in blocks, never held whole
        idempotency_key=uuid.uuid5(_KEYS, f"{project.pk}:{idempotency_key}"),
    )
    is_new = batch.job_id is None
    if is_new:
        services.import_batch_start(batch=batch, mapping=_mapping(batch, mapping), encoding="", started_by=owner)
    return Status(202 if is_new else 200, _import(_batch(project, batch.pk)))


@router.get("projects/{slug}/imports", response=ImportPage, url_name="imports", summary="Imports, the newest first")
def imports(request: TokenRequest, slug: str, window: Query[Window]) -> ImportPage:
    rows, following = window_rows(batches_of(project_in(request, slug)), window, is_newest_first=True)
    return ImportPage(items=[_import(row) for row in rows], next=following)


@router.get("projects/{slug}/imports/{int:import_id}", response=ImportOut, url_name="import", summary="One import")
def import_detail(request: TokenRequest, slug: str, import_id: int) -> ImportOut:
    return _import(_batch(project_in(request, slug), import_id))


@router.get(
    "projects/{slug}/imports/{int:import_id}/row-errors",
    response=RowErrorPage,
    url_name="row_errors",
    summary="Rows that could not be imported, with line and reason",
)
def row_errors(request: TokenRequest, slug: str, import_id: int, window: Query[Window]) -> RowErrorPage:
    project = project_in(request, slug, Scope.READ, Permission.IMPORT)
    batch = _batch(project, import_id)
    if batch.target == ImportBatch.Target.HELDOUT and not may(request.auth.owner, project, Permission.HELDOUT):
        raise Http404("This file holds held-out prompts, which your role does not read.")
    rows, following = window_rows(batch.row_errors.all(), window)
    view_note(request, Target.IMPORT, batch.pk)
    items = [RowErrorOut(line=row.line, reason=row.reason, raw=row.raw) for row in rows]
    return RowErrorPage(items=items, next=following)


def _batch(project: Project, import_id: int) -> ImportBatch:
    batch = batches_of(project).filter(pk=import_id).first()
    if batch is None:
        raise Http404("No such import in this project.")
    return batch


def _mapping(batch: ImportBatch, asked: MappingIn) -> Mapping:
    if not (asked.prompt or asked.messages):
        return mapping_guess(batch.columns)
    return Mapping.from_json(asked.dict(exclude={"name"}))


def _import(row: ImportBatch) -> ImportOut:
    return ImportOut(
        id=row.pk,
        file_name=row.file_name,
        target=row.target,
        state=row.job.state if row.job else "unmapped",
        message=row.job.message if row.job else "",
        rows=row.rows_read,
        created=row.rows_created,
        known=row.rows_known,
        failed=row.rows_failed,
        file_sha256=row.file_sha256,
        created_at=row.created_at,
    )
