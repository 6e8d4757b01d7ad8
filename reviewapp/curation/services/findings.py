"""What a person decides about a finding: apply its suggestion, dismiss it, take that back."""

from __future__ import annotations

from typing import TYPE_CHECKING

from django.db import transaction
from django.utils import timezone
from django.utils.translation import gettext as _

from reviewapp.audit import services as audit
from reviewapp.core.exceptions import ApplicationError
from reviewapp.core.kept import small
from reviewapp.core.models import Lease
from reviewapp.curation.anchoring import text_replaced
from reviewapp.curation.drafts import fingerprint_of
from reviewapp.curation.models import Finding
from reviewapp.curation.services.following import findings_follow
from reviewapp.samples.models import Revision, Sample
from reviewapp.samples.services import revision_add
from reviewapp.words import grouped

if TYPE_CHECKING:
    from reviewapp.accounts.models import User

State = Finding.State
MAX_REASON = 1_000  # characters


@transaction.atomic
def finding_accept(*, finding: Finding, accepted_by: User) -> Revision:
    """Puts the suggestion in place of the span, as a new revision that becomes the current one, and returns it.

    The finding moves along and marks the new words; the other findings follow, and open ones whose words vanished are
    gone. An accepted sample is opened for review again, in a new round: nobody has approved its new text. Raises
    ApplicationError without a suggestion, for a settled finding, where the text is no longer the one it was about, and
    while somebody reviews the sample.
    """
    sample = _locked(finding)
    _is_open(finding)
    _not_rejected(sample)
    before = _current(finding, sample)
    start, end, suggestion = _place_to_change(finding, before)
    after = _revise(sample, finding, (start, end), suggestion, accepted_by, "suggestion applied")
    finding.start, finding.end = start, start + len(suggestion)
    _decide(finding, State.ACCEPTED, accepted_by, after)
    findings_follow(sample=sample, before=before, after=after, by=accepted_by, touched=State.GONE)
    data = {"sample": sample.pk, "check": finding.check_name, "before": before.pk, "after": after.pk}
    _record(finding, sample, accepted_by, "finding.accept", data)
    return after


@transaction.atomic
def finding_dismiss(*, finding: Finding, reason: str, dismissed_by: User) -> None:
    """Settles a finding without a change. Raises ApplicationError without a reason or when it is settled."""
    reason = reason.strip()
    if not reason:
        raise ApplicationError(_("Say in a few words why this finding can be dismissed."))
    if len(reason) > MAX_REASON:
        raise ApplicationError(
            _("Give the reason in at most %(max_reason)s characters.") % {"max_reason": grouped(MAX_REASON)}
        )
    sample = _locked(finding)
    _is_open(finding)
    _decide(finding, State.DISMISSED, dismissed_by, finding.revision, reason=reason)
    data = {"sample": sample.pk, "check": finding.check_name, "reason": reason}
    _record(finding, sample, dismissed_by, "finding.dismiss", data)


@transaction.atomic
def finding_reopen(*, finding: Finding, reopened_by: User) -> Revision:
    """Takes an accept or a dismissal back and returns the sample's current revision.

    An accepted finding's words are put back as a new revision; later changes elsewhere in the text stay. Raises
    ApplicationError when nothing was decided, and when that place of the text was changed since.
    """
    sample = _locked(finding)
    was = finding.state
    if was not in (State.ACCEPTED, State.DISMISSED):
        raise ApplicationError(_("Only an accepted or dismissed finding can be reopened."))
    _not_rejected(sample)
    before = after = _current(finding, sample)
    if was == State.ACCEPTED:
        start, end = _place_accepted(finding, before)
        after = _revise(sample, finding, (start, end), finding.excerpt, reopened_by, "suggestion taken back")
        finding.start, finding.end = start, start + len(finding.excerpt)
    _decide(finding, State.OPEN, None, after)
    findings_follow(sample=sample, before=before, after=after, by=reopened_by, touched=State.GONE)
    data = {"sample": sample.pk, "check": finding.check_name, "was": was, "before": before.pk, "after": after.pk}
    _record(finding, sample, reopened_by, "finding.reopen", data)
    return after


def _locked(finding: Finding) -> Sample:
    """Locks the sample (reviews lock it first as well) and reads the finding as it is now."""
    sample = (
        Sample.objects.select_for_update(of=("self",)).select_related("project", "revision").get(pk=finding.sample_id)
    )
    finding.refresh_from_db()
    return sample


def _is_open(finding: Finding) -> None:
    if finding.state != State.OPEN:
        by = f" by {finding.decided_by}" if finding.decided_by else ""
        raise ApplicationError(
            _("This finding was already settled%(by)s: %(lower)s.")
            % {"by": by, "lower": small(_(finding.get_state_display()))}
        )


def _current(finding: Finding, sample: Sample) -> Revision:
    if sample.revision is None or finding.revision_id != sample.revision_id:
        raise ApplicationError(_("The text was changed since this finding was made. Look at the text as it is now."))
    return sample.revision


def _place_to_change(finding: Finding, current: Revision) -> tuple[int, int, str]:
    """Start, end and the new words; raises where there is nothing to apply or nothing to apply it to."""
    start, end, suggestion = finding.start, finding.end, finding.suggestion
    if suggestion is None or start is None or end is None:
        raise ApplicationError(_("This finding has no suggestion to apply. Mend the text in review, or dismiss it."))
    text: str = getattr(current, finding.field)
    if text[start:end] != finding.excerpt or suggestion == finding.excerpt:
        raise ApplicationError(_("The words of this finding are not in the text any more. Run the checks again."))
    if not text_replaced(text, start, end, suggestion).strip():
        raise ApplicationError(
            _("Nothing of the %(field)s would be left. Reject the sample in review instead.") % {"field": finding.field}
        )
    return start, end, suggestion


def _place_accepted(finding: Finding, current: Revision) -> tuple[int, int]:
    text: str = getattr(current, finding.field)
    start, end = finding.start, finding.end
    if start is None or end is None or text[start:end] != finding.suggestion:
        raise ApplicationError(_("This place was changed again since. Mend the text in review instead."))
    return start, end


def _not_rejected(sample: Sample) -> None:
    if sample.state == Sample.State.REJECTED:
        raise ApplicationError(_("This sample was rejected, so its text stays as it was judged."))


def _not_in_hand(sample: Sample) -> None:
    """The text must not change under somebody who is judging it."""
    holding = Sample.objects.filter(
        pk=sample.pk, assignments__state=Lease.State.LEASED, assignments__lease_expires_at__gt=timezone.now()
    )
    holder = holding.values_list("assignments__holder__display_name", flat=True).first()
    if holder is not None:
        raise ApplicationError(
            _("%(holder)s is reviewing this sample now. Settle it in that review, or wait for its end.")
            % {"holder": holder}
        )


def _review_again(sample: Sample) -> None:
    """An accepted sample whose text changes is judged again, in a new round."""
    if sample.state == Sample.State.ACCEPTED:
        sample.state, sample.state_at = Sample.State.READY, timezone.now()
        sample.save(update_fields=[*sample.round_begin(), "state", "state_at"])


def _revise(sample: Sample, finding: Finding, place: tuple[int, int], words: str, by: User, action: str) -> Revision:
    current = _current(finding, sample)
    _not_in_hand(sample)
    _review_again(sample)
    prompt, completion = current.prompt, current.completion
    if finding.field == Finding.Field.PROMPT:
        prompt = text_replaced(prompt, *place, words)
    else:
        completion = text_replaced(completion, *place, words)
    actions = [{"action": action, "field": finding.field, "detail": finding.kind}]
    return revision_add(
        sample=sample,
        prompt=prompt,
        completion=completion,
        reason=Revision.Reason.FINDING,
        created_by=by,
        actions=actions,
    )


def _decide(finding: Finding, state: str, by: User | None, revision: Revision, reason: str = "") -> None:
    finding.state, finding.reason = state, reason
    finding.decided_by, finding.decided_at = by, timezone.now() if by else None
    if finding.revision_id != revision.pk:
        finding.revision = revision
        finding.fingerprint = fingerprint_of(finding)
    finding.save()


def _record(finding: Finding, sample: Sample, actor: User, action: str, data: dict[str, object]) -> None:
    """The event names the finding, never its words: they may be what had to be removed."""
    audit.record(
        actor=actor,
        action=action,
        project=sample.project.slug,
        target_type="finding",
        target_id=finding.pk,
        data=data,
    )
