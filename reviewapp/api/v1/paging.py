"""Pages by key: the next page begins behind the last thing of this one, whatever came in meanwhile."""

from __future__ import annotations

from typing import TypeVar

from django.db.models import Model, QuerySet
from ninja import Field, Schema

M = TypeVar("M", bound=Model)


class Window(Schema):
    """Which part of a list is asked for."""

    after: int = Field(0, ge=0, le=2**63 - 1, description="The `next` of the page before; 0 for the first page.")
    limit: int = Field(50, ge=1, le=200, description="How many things at most.")


class Page(Schema):
    """What every list has: ``next`` is null on the last page."""

    next: int | None


def window_rows(rows: QuerySet[M], window: Window, *, is_newest_first: bool = False) -> tuple[list[M], int | None]:
    """The rows of a page, by id, and where the next one begins. One query."""
    if is_newest_first:
        rows = rows.order_by("-pk")
        rows = rows.filter(pk__lt=window.after) if window.after else rows
    else:
        rows = rows.order_by("pk").filter(pk__gt=window.after)
    found = list(rows[: window.limit + 1])
    shown = found[: window.limit]
    return shown, int(shown[-1].pk) if len(found) > window.limit else None
