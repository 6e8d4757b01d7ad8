"""Changes of reviews: leases of samples, decisions, adjudication."""

from __future__ import annotations

from reviewapp.reviews.services.adjudications import adjudication_claim, adjudication_submit
from reviewapp.reviews.services.assignments import (
    assignment_claim,
    assignment_flag,
    assignment_leave,
    assignment_release,
    assignment_renew,
    assignment_skip,
)
from reviewapp.reviews.services.decisions import review_submit, review_undo, sample_reopen
from reviewapp.reviews.services.findings import finding_accept, finding_dismiss, prompt_restore

__all__ = [
    "adjudication_claim",
    "adjudication_submit",
    "assignment_claim",
    "assignment_flag",
    "assignment_leave",
    "assignment_release",
    "assignment_renew",
    "assignment_skip",
    "finding_accept",
    "finding_dismiss",
    "prompt_restore",
    "review_submit",
    "review_undo",
    "sample_reopen",
]
