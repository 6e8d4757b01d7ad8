"""What workers do for webhooks."""

from __future__ import annotations

from reviewapp.api.models import Delivery
from reviewapp.api.services.deliveries import delivery_attempt
from reviewapp.core.jobs import JobHandle


def deliver(handle: JobHandle, delivery_id: int) -> None:
    """One attempt. Run again after a kill it sends again, under the same delivery number, unless it had arrived."""
    delivery = Delivery.objects.select_related("webhook__project").get(pk=delivery_id)
    answer = delivery_attempt(delivery=delivery)
    if answer is None:
        return
    handle.log(f"Answered {answer.code}." if answer.is_ok else f"{answer.error} It is tried again later.")
