"""Feedback: what came in, and sending more."""

from __future__ import annotations

import uuid
from datetime import datetime
from typing import Annotated

from django.http import Http404
from ninja import Field, Query, Router, Schema, Status
from ninja.params.functions import Header

from reviewapp.api.v1.access import Scope, TokenRequest, project_in, view_note
from reviewapp.api.v1.blinding import reads_heldout
from reviewapp.api.v1.paging import Page, Window, window_rows
from reviewapp.audit.services import Target
from reviewapp.feedback import selectors, services
from reviewapp.feedback.models import FeedbackItem
from reviewapp.projects.models import Project
from reviewapp.projects.permissions import Permission
from reviewapp.samples.models import HeldoutPrompt

router = Router(tags=["Feedback"])

_KEYS = uuid.UUID("0f1cb9a4-52d5-4d49-9a35-7d2d6c4d8e55")  # the name space of keys that callers choose


class FeedbackOut(Schema):
    id: int
    state: str
    author: str
    external_id: str
    group: str
    is_withheld: bool = Field(description="It is about a held-out prompt, and this person may not read those.")
    prompt: str
    answer: str
    correction: str
    remark: str
    model_version: int | None
    sample: int | None = Field(description="The sample it was promoted to.")
    created_at: datetime


class FeedbackPage(Page):
    items: list[FeedbackOut]


Text = Annotated[str, Field(pattern=r"^[^\x00]*$")]  # no database keeps a NUL


class FeedbackIn(Schema):
    """A correction, a remark, or both, about an answer to a prompt."""

    prompt: Text = Field(min_length=1)
    answer: Text = ""
    correction: Text = ""
    remark: Text = ""
    group: Text = Field("", max_length=200)
    external_id: Text = Field("", max_length=200)
    model_version: Text = Field("", max_length=20, description="Its number in the project, as text.")

    model_config = {"extra": "forbid"}


class FeedbackWindow(Window):
    state: str = Field("", description="new, promoted or dismissed; all when left out.")


@router.get("projects/{slug}/feedback", response=FeedbackPage, url_name="feedback", summary="Feedback, newest first")
def feedback(request: TokenRequest, slug: str, window: Query[FeedbackWindow]) -> FeedbackPage:
    project = project_in(request, slug, Scope.READ, Permission.FEEDBACK)
    rows, following = window_rows(selectors.items_for(project, state=window.state), window, is_newest_first=True)
    view_note(request, Target.FEEDBACK, [row.pk for row in rows])
    withheld = _withheld(request, project, rows)
    return FeedbackPage(items=[_item(row, is_withheld=row.pk in withheld) for row in rows], next=following)


@router.get(
    "projects/{slug}/feedback/{int:item_id}",
    response=FeedbackOut,
    url_name="feedback_item",
    summary="One item",
)
def feedback_item(request: TokenRequest, slug: str, item_id: int) -> FeedbackOut:
    project = project_in(request, slug, Scope.READ, Permission.FEEDBACK)
    row = selectors.items_for(project).filter(pk=item_id).first()
    if row is None:
        raise Http404("No such feedback in this project.")
    view_note(request, Target.FEEDBACK, row.pk)
    return _item(row, is_withheld=row.pk in _withheld(request, project, [row]))


@router.post(
    "projects/{slug}/feedback",
    response={200: FeedbackOut, 201: FeedbackOut},
    url_name="feedback_create",
    summary="Send feedback",
    description="201 when it is new; 200 when this key came before, with what was kept then.",
)
def feedback_create(
    request: TokenRequest,
    slug: str,
    body: FeedbackIn,
    idempotency_key: Annotated[str, Header(alias="Idempotency-Key", min_length=8, max_length=200)],
) -> Status[FeedbackOut]:
    project = project_in(request, slug, Scope.FEEDBACK, Permission.FEEDBACK)
    values = body.dict()
    values["group_key"] = values.pop("group")
    item, is_new = services.feedback_record(
        project=project,
        content=services.Remark(**values),
        idempotency_key=uuid.uuid5(_KEYS, f"{project.pk}:{idempotency_key}"),
        author=request.auth.owner,
    )
    return Status(201 if is_new else 200, _item(item, is_withheld=item.pk in _withheld(request, project, [item])))


def _withheld(request: TokenRequest, project: Project, rows: list[FeedbackItem]) -> set[int]:
    """Ids of items that descend from held-out prompts, where this person may not read those. One query."""
    if reads_heldout(request.auth.owner, project):
        return set()
    keys = {row.group_key for row in rows}
    held = set(
        HeldoutPrompt.objects.filter(group__project=project, group__key__in=keys).values_list("group__key", flat=True)
    )
    return {row.pk for row in rows if row.output_id is not None or row.group_key in held}


def _item(row: FeedbackItem, *, is_withheld: bool) -> FeedbackOut:
    return FeedbackOut(
        id=row.pk,
        state=row.state,
        author=row.author_name,
        external_id=row.external_id,
        group=row.group_key,
        is_withheld=is_withheld,
        prompt="" if is_withheld else row.prompt,
        answer="" if is_withheld else row.answer,
        correction="" if is_withheld else row.correction,
        remark="" if is_withheld else row.remark,
        model_version=row.model_version.number if row.model_version else None,
        sample=row.promoted_sample_id,
        created_at=row.created_at,
    )
