"""Suggestions for labels: shown after the person's own answer, and remembered as shown."""

from __future__ import annotations

from django.utils.translation import gettext as _

from reviewapp.audit import services as audit
from reviewapp.core import leases
from reviewapp.core.exceptions import ApplicationError
from reviewapp.labelling.services import label_version_use
from reviewapp.reviews.judging import ReviewGiven
from reviewapp.reviews.models import Assignment
from reviewapp.reviews.selectors import labels


def labels_keep(given: ReviewGiven) -> None:
    """Closes the schema version that labels were given by; nothing to do for a review without labels.

    Raises ApplicationError when the version was changed since the page was opened.
    """
    if given.labels is None:
        return
    is_kept = label_version_use(
        content_hash=given.labels["schema"]["hash"], version_id=given.labels["schema"]["version"]
    )
    if not is_kept:
        raise ApplicationError(labels.STALE)


def suggestions_reveal(*, assignment: Assignment) -> None:
    """Notes on the lease that its holder sees the suggestions from now on.

    Raises ApplicationError while required fields have no answer, or when nothing is labelled here.
    """
    version = labels.label_version(assignment)
    if version is None:
        raise ApplicationError(_("This sample has a completion to review, so there is nothing to suggest."))
    problem = labels.reveal_problem(version, assignment)
    if problem:
        raise ApplicationError(problem)
    if labels.REVEALED in assignment.draft:
        return
    assignment.draft = leases.draft_save(lease=assignment, changes={labels.REVEALED: "1"}).draft
    audit.record(
        actor=assignment.holder,
        action="label.suggestions",
        project=assignment.sample.project.slug,
        target_type="sample",
        target_id=assignment.sample_id,
        data={"assignment": assignment.pk, "schema": version.content_hash},
    )
