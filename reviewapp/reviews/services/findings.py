"""Findings while a sample is reviewed: a suggestion goes into the reviewer's draft, the decision settles the rest.

Other reviewers of the same sample see the text and its findings as they were; only the outcome moves them.
"""

from __future__ import annotations

from django.db import transaction
from django.utils.translation import gettext as _

from reviewapp.core.exceptions import ApplicationError
from reviewapp.curation import services as curation
from reviewapp.curation.anchoring import spans_moved, text_replaced
from reviewapp.curation.models import Finding
from reviewapp.reviews.judging import drafted_completion, drafted_prompt, text_to_form
from reviewapp.reviews.models import Assignment
from reviewapp.reviews.services.holding import assignment_lock, assignment_retake


@transaction.atomic
def finding_accept(*, assignment: Assignment, finding: Finding) -> None:
    """Puts a finding's suggestion into the reviewer's draft, in place of the words it is about.

    Raises ApplicationError when there is nothing to put, or the passage was changed already.
    """
    assignment = _held(assignment)
    shown = assignment.revision
    if finding.revision_id != shown.pk or finding.state != Finding.State.OPEN:
        raise ApplicationError(_("This finding was settled meanwhile; there is nothing left to do about it."))
    if finding.suggestion is None or finding.start is None or finding.end is None:
        raise ApplicationError(_("This finding suggests no words. Mend the text by hand, or dismiss the finding."))
    is_prompt = finding.field == Finding.Field.PROMPT
    text = shown.prompt if is_prompt else shown.completion
    written = (drafted_prompt if is_prompt else drafted_completion)(assignment.draft, text)
    span = spans_moved(text, written, [(finding.start, finding.end)])[0]
    if span is None:
        raise ApplicationError(_("You have changed this passage already, so the suggestion no longer fits."))
    mended = text_replaced(written, *span, finding.suggestion)
    assignment.draft = _prompt_draft(assignment, mended) if is_prompt else _completion_draft(assignment, mended)
    _save_draft(assignment)


@transaction.atomic
def prompt_restore(*, assignment: Assignment) -> None:
    """Takes back what this reviewer changed in the prompt."""
    assignment = _held(assignment)
    assignment.draft = {name: value for name, value in assignment.draft.items() if name != "prompt"}
    _save_draft(assignment)


@transaction.atomic
def finding_dismiss(*, assignment: Assignment, finding: Finding, reason: str) -> None:
    """Says that a finding is none. Raises ApplicationError without a reason, or when it is settled."""
    assignment = _held(assignment)
    curation.finding_dismiss(finding=finding, reason=reason, dismissed_by=assignment.holder)


def _held(assignment: Assignment) -> Assignment:
    assignment = assignment_lock(assignment.pk)
    if assignment.state == Assignment.State.SUBMITTED:
        raise ApplicationError(_("You have already decided about this sample. Undo the decision to change it."))
    assignment_retake(assignment)
    return assignment


def _prompt_draft(assignment: Assignment, mended: str) -> dict[str, str]:
    return {**assignment.draft, "prompt": mended}


def _completion_draft(assignment: Assignment, mended: str) -> dict[str, str]:
    rest = {
        name: value
        for name, value in assignment.draft.items()
        if name != "completion" and not name.startswith("block-")
    }
    return {**rest, **text_to_form(assignment.revision.completion, mended)}


def _save_draft(assignment: Assignment) -> None:
    assignment.draft_version += 1
    assignment.save(update_fields=["draft", "draft_version"])
