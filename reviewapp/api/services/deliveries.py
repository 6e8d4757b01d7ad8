"""Sending what webhooks wait for: one job an attempt, again later when it fails, paused when it keeps failing."""

from __future__ import annotations

import json
import time
from datetime import timedelta
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

from django.db import transaction
from django.db.models import F
from django.utils import timezone
from django.utils.crypto import salted_hmac
from django.utils.translation import gettext as _

from reviewapp import __version__
from reviewapp.api import selectors
from reviewapp.api.models import Delivery, Webhook
from reviewapp.api.posting import Answer, post
from reviewapp.api.signing import signature_of
from reviewapp.audit import services as audit
from reviewapp.core.exceptions import ApplicationError
from reviewapp.core.jobs import enqueue

if TYPE_CHECKING:
    from reviewapp.accounts.models import User

# Seconds before each further attempt: after half a minute, two, ten, an hour, four, twelve. Then it is given up.
BACKOFF = (30, 120, 600, 3600, 4 * 3600, 12 * 3600)
PAUSE_AFTER = 20  # failures in a row, of whatever deliveries


def secret_of(webhook: Webhook) -> str:
    """The signing secret: worked out from the webhook's salt and the server's key, so the database alone has none."""
    return "whsec_" + salted_hmac("countersign.webhook", webhook.salt, algorithm="sha256").hexdigest()


def deliveries_enqueue() -> int:
    """A job for each delivery that is due; returns how many. Asked twice, the second finds them in hand."""
    n = 0
    for due in selectors.deliveries_due()[:200]:
        with transaction.atomic():
            row = Delivery.objects.select_for_update().get(pk=due.pk)
            if row.job_id != due.job_id or row.state != Delivery.State.WAITING:
                continue
            row.job = enqueue(
                "reviewapp.api.jobs.deliver",
                title=f"Tell {urlsplit(due.webhook.url).hostname}: {due.event}",
                created_by=None,
                kwargs={"delivery_id": row.pk},
                project_slug=due.webhook.project.slug,
            )
            row.save(update_fields=["job"])
            n += 1
    return n


def delivery_attempt(*, delivery: Delivery) -> Answer | None:
    """Sends it once and writes down how that went; None when it is not waiting, or its webhook is paused or gone."""
    webhook = delivery.webhook
    is_held = webhook.paused_at is not None or webhook.removed_at is not None
    if delivery.state != Delivery.State.WAITING or is_held:
        return None
    body = json.dumps({"delivery": delivery.pk, **delivery.payload}, sort_keys=True).encode()
    headers = {
        "Content-Type": "application/json",
        "User-Agent": f"Countersign/{__version__}",
        "Countersign-Event": delivery.event,
        "Countersign-Delivery": str(delivery.pk),
        "Countersign-Signature": signature_of(body, secret_of(webhook), int(time.time())),
    }
    answer = post(webhook.url, body, headers)
    _written(delivery, answer)
    return answer


@transaction.atomic
def _written(delivery: Delivery, answer: Answer) -> None:
    row = Delivery.objects.select_for_update().get(pk=delivery.pk)
    row.attempts += 1
    row.attempted_at = timezone.now()
    row.response_code, row.error = answer.code, answer.error
    if answer.is_ok:
        row.state = Delivery.State.DELIVERED
        Webhook.objects.filter(pk=row.webhook_id).update(failures=0)
    else:
        is_last = row.attempts > len(BACKOFF)
        row.state = Delivery.State.FAILED if is_last else Delivery.State.WAITING
        row.due_at = row.attempted_at + timedelta(seconds=0 if is_last else BACKOFF[row.attempts - 1])
        _failed(row.webhook_id)
    row.save(update_fields=["attempts", "attempted_at", "response_code", "error", "state", "due_at"])


def _failed(webhook_id: int) -> None:
    Webhook.objects.filter(pk=webhook_id).update(failures=F("failures") + 1)
    webhook = Webhook.objects.select_related("project").get(pk=webhook_id)
    if webhook.failures < PAUSE_AFTER or webhook.paused_at is not None:
        return
    Webhook.objects.filter(pk=webhook_id).update(paused_at=timezone.now())
    audit.record(
        actor=None,
        action="webhook.pause",
        project=webhook.project.slug,
        target_type="webhook",
        target_id=webhook_id,
        data={"failures": webhook.failures},
    )


@transaction.atomic
def delivery_redeliver(*, delivery: Delivery, asked_by: User) -> None:
    """Sends it once more, from the first attempt on. Raises ApplicationError while an attempt is in hand."""
    row = Delivery.objects.select_for_update().get(pk=delivery.pk)
    if row.job is not None and not row.job.is_terminal:
        raise ApplicationError(_("It is being sent now; look again in a moment."))
    if delivery.webhook.paused_at is not None:
        raise ApplicationError(_("This webhook is paused. Let it go on first."))
    row.state, row.attempts, row.due_at = Delivery.State.WAITING, 0, timezone.now()
    row.save(update_fields=["state", "attempts", "due_at"])
    audit.record(
        actor=asked_by,
        action="webhook.redeliver",
        project=delivery.webhook.project.slug,
        target_type="delivery",
        target_id=row.pk,
        data={"event": row.event},
    )
