"""Webhooks: set up, paused, let go on, removed."""

from __future__ import annotations

import secrets
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from django.db import transaction
from django.utils import timezone
from django.utils.translation import gettext as _

from reviewapp.api.addresses import host_address, url_parts
from reviewapp.api.models import Webhook
from reviewapp.api.services.deliveries import secret_of
from reviewapp.audit import services as audit
from reviewapp.core.exceptions import ApplicationError
from reviewapp.projects.models import Project

if TYPE_CHECKING:
    from reviewapp.accounts.models import User

MAX_WEBHOOKS = 20


def webhook_create(*, project: Project, url: str, events: Sequence[str], created_by: User) -> tuple[Webhook, str]:
    """Sets up a webhook; returns it with the secret that its requests are signed with.

    Raises ApplicationError for an address that may not be reached, and for unknown events.
    """
    parts = url_parts(url)
    host_address(str(parts.hostname), parts.port or 443)  # also looked up before each request
    unknown = sorted(set(events) - set(Webhook.Event.values))
    if unknown or not events:
        raise ApplicationError(
            _("Choose at least one event of %(events)s.") % {"events": ", ".join(Webhook.Event.values)}
        )
    with transaction.atomic():
        Project.objects.select_for_update().get(pk=project.pk)
        if project.webhooks.filter(removed_at=None).count() >= MAX_WEBHOOKS:
            raise ApplicationError(
                _("A project has %(max_webhooks)s webhooks at most. Remove one first.") % {"max_webhooks": MAX_WEBHOOKS}
            )
        webhook = Webhook.objects.create(
            project=project,
            url=url.strip(),
            events=sorted(set(events)),
            salt=secrets.token_hex(32),
            created_by=created_by,
        )
        _record(created_by, "webhook.create", webhook, {"url": webhook.url, "events": webhook.events})
    return webhook, secret_of(webhook)


@transaction.atomic
def webhook_pause(*, webhook: Webhook, paused_by: User) -> None:
    """Sends nothing until it is let go on; what happens meanwhile waits."""
    if not Webhook.objects.filter(pk=webhook.pk, paused_at=None).update(paused_at=timezone.now()):
        raise ApplicationError(_("This webhook is paused already."))
    _record(paused_by, "webhook.pause", webhook, {})


@transaction.atomic
def webhook_resume(*, webhook: Webhook, resumed_by: User) -> None:
    """Lets a paused webhook go on; what waits is sent now."""
    paused = Webhook.objects.filter(pk=webhook.pk, paused_at__isnull=False)
    if not paused.update(paused_at=None, failures=0):
        raise ApplicationError(_("This webhook is not paused."))
    webhook.deliveries.filter(state="waiting").update(due_at=timezone.now())
    _record(resumed_by, "webhook.resume", webhook, {})


@transaction.atomic
def webhook_remove(*, webhook: Webhook, removed_by: User) -> None:
    """Nothing more is sent; the log of what was sent stays."""
    if not Webhook.objects.filter(pk=webhook.pk, removed_at=None).update(removed_at=timezone.now()):
        raise ApplicationError(_("This webhook was removed already."))
    _record(removed_by, "webhook.remove", webhook, {"url": webhook.url})


def _record(actor: User, action: str, webhook: Webhook, data: dict[str, Any]) -> None:
    audit.record(
        actor=actor,
        action=action,
        project=webhook.project.slug,
        target_type="webhook",
        target_id=webhook.pk,
        data=data,
    )
