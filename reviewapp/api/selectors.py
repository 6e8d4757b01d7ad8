"""Tokens, webhooks and deliveries of a project."""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING

from django.db.models import QuerySet
from django.utils import timezone

from reviewapp.api.models import ApiToken, Delivery, Webhook
from reviewapp.core.bearer import secret_hash
from reviewapp.projects.models import Project

if TYPE_CHECKING:
    from reviewapp.accounts.models import User


def token_for(secret: str) -> ApiToken | None:
    """The live token with this secret, of a person who is still active and in a project that is not archived."""
    return (
        ApiToken.objects.select_related("owner", "project")
        .filter(
            token_hash=secret_hash(secret),
            revoked_at=None,
            expires_at__gt=timezone.now(),
            owner__is_active=True,
            project__archived_at=None,
        )
        .first()
    )


def tokens_of(project: Project, user: User, *, may_manage: bool) -> QuerySet[ApiToken]:
    """A person's own tokens in the project; of everybody for who manages it."""
    tokens = ApiToken.objects.filter(project=project).select_related("owner", "project")
    return tokens if may_manage else tokens.filter(owner=user)


def webhooks_of(project: Project) -> QuerySet[Webhook]:
    return Webhook.objects.filter(project=project, removed_at=None).select_related("created_by", "project")


def webhooks_live(slugs: Iterable[str]) -> list[Webhook]:
    """Webhooks of these projects that were not removed, paused ones too: what they miss waits for them."""
    found = Webhook.objects.filter(project__slug__in=set(slugs), removed_at=None, project__archived_at=None)
    return list(found.select_related("project"))


def deliveries_of(webhook: Webhook) -> QuerySet[Delivery]:
    return Delivery.objects.filter(webhook=webhook)


def deliveries_due() -> QuerySet[Delivery]:
    """Deliveries whose time has come and that no job has in hand, the oldest first."""
    due = Delivery.objects.filter(state=Delivery.State.WAITING, due_at__lte=timezone.now())
    live = due.filter(webhook__paused_at=None, webhook__removed_at=None)
    return live.exclude(job__state__in=["queued", "running"]).select_related("webhook__project").order_by("id")
