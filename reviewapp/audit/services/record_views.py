"""One row for each time that a person is shown the text of samples or outputs."""

from __future__ import annotations

from collections.abc import Iterable
from typing import cast

from django.conf import settings
from django.http import HttpRequest
from django.utils import timezone

from reviewapp.accounts.models import User
from reviewapp.audit.models import RecordView

Kind = RecordView.Kind


def view_record(
    *,
    request: HttpRequest,
    project: str,
    target: str,
    shown: int | Iterable[int],
    kind: str = "",
    count: int = 0,
    person: User | None = None,
) -> None:
    """Writes that the person of this request was shown ``shown``: one id, or the ids of a list. Costs one INSERT.

    Called by views, also for GET: that a page was read is the one thing a GET writes here, by purpose. It joins the
    transaction that is open, if any; where it cannot be written the page is not shown. ``count`` where more was shown
    than there are ids (a download of everything in one object); ``person`` where a token stands for one. An empty list
    shows nothing and writes nothing.
    """
    one, ids = (shown, []) if isinstance(shown, int) else (None, list(shown))
    if one is None and not ids:
        return
    match, who = request.resolver_match, person or cast("User", request.user)
    RecordView(
        at=timezone.now(),
        person=who,
        person_name=str(who),
        project_slug=project,
        kind=kind or _kind(request, is_list=one is None),
        page=match.view_name if match else "",
        target_type=target,
        target_id=one,
        target_ids=f",{','.join(map(str, ids[: RecordView.IDS_KEPT]))}," if ids else "",
        count=count or len(ids) or 1,
        client=_client(request),
    ).save(force_insert=True)


def _kind(request: HttpRequest, *, is_list: bool) -> str:
    if is_list:
        return Kind.LIST
    # the page's own script says Purpose, a browser that fetches ahead says Sec-Purpose
    purpose = request.headers.get("Sec-Purpose", "") or request.headers.get("Purpose", "")
    return Kind.PREFETCH if purpose.startswith("prefetch") else Kind.PAGE


def _client(request: HttpRequest) -> str:
    """What VIEW_LOG_CLIENT asks for. Behind a proxy the address is the last one that the proxy added."""
    if settings.VIEW_LOG_CLIENT == "request-id":
        return request.headers.get("X-Request-ID", "")[:64]
    if settings.VIEW_LOG_CLIENT != "address":
        return ""
    forwarded = request.headers.get("X-Forwarded-For", "") if settings.BEHIND_PROXY else ""
    address = forwarded.rpartition(",")[2].strip() or request.META.get("REMOTE_ADDR", "")
    return str(address)[:64]
