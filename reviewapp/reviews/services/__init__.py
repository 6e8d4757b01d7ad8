"""Changes of reviews: leases of samples, decisions, adjudication."""

from __future__ import annotations

from reviewapp.reviews.services.adjudications import Cause, adjudication_claim, adjudication_submit
from reviewapp.reviews.services.assignments import (
    assignment_claim,
    assignment_flag,
    assignment_leave,
    assignment_prefetch,
    assignment_recuse,
    assignment_release,
    assignment_renew,
    assignment_skip,
)
from reviewapp.reviews.services.bulk import Chosen, bulk_act, bulk_undo
from reviewapp.reviews.services.decisions import review_submit, review_undo, sample_reopen
from reviewapp.reviews.services.findings import finding_accept, finding_dismiss, prompt_restore
from reviewapp.reviews.services.queueing import expertise_set, queue_order, queue_settings_update
from reviewapp.reviews.services.slots import assignments_expire, queue_repair

__all__ = [
    "Cause",
    "Chosen",
    "adjudication_claim",
    "adjudication_submit",
    "assignment_claim",
    "assignment_flag",
    "assignment_leave",
    "assignment_prefetch",
    "assignment_recuse",
    "assignment_release",
    "assignment_renew",
    "assignment_skip",
    "assignments_expire",
    "bulk_act",
    "bulk_undo",
    "expertise_set",
    "finding_accept",
    "finding_dismiss",
    "prompt_restore",
    "queue_order",
    "queue_repair",
    "queue_settings_update",
    "review_submit",
    "review_undo",
    "sample_reopen",
]
