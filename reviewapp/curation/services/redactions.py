"""Acts on identifiers: mask, made-up words, shifted dates, rejection; asked for, done by a worker, taken back."""

from __future__ import annotations

import hashlib
import hmac
from collections import Counter
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any
from uuid import UUID

from django.conf import settings
from django.db import transaction
from django.utils import timezone
from django.utils.translation import gettext as _

from reviewapp.audit import services as audit
from reviewapp.core import jobs
from reviewapp.core.exceptions import ApplicationError
from reviewapp.core.models import Job
from reviewapp.curation.identifiers.redacting import dates_of_group, identifiers_open, places_of, samples_redacted
from reviewapp.curation.models import Finding, InventedWords, RedactedSample, Redaction
from reviewapp.curation.redaction.spans import KINDS
from reviewapp.curation.redaction.surrogates import MASK, Surrogates, redact, surrogates_for
from reviewapp.curation.services.following import findings_follow
from reviewapp.projects.models import Project
from reviewapp.samples.models import UNRANKED, Revision, Sample
from reviewapp.samples.services import revision_add, sample_state_set

if TYPE_CHECKING:
    from reviewapp.accounts.models import User

State, Action = Finding.State, Redaction.Action
_WORKING = (Job.State.QUEUED, Job.State.RUNNING)
CHANGED, SUGGESTED, LEFT = "changed", "suggested", "left"


@transaction.atomic
def redaction_request(
    *,
    project: Project,
    action: str,
    kinds: Sequence[str],
    requested_by: User,
    sample: Sample | None = None,
    idempotency_key: UUID | None = None,
) -> Redaction:
    """Asks a worker to do it to every open finding of these kinds; no kinds are all of them.

    The same key gives back the act it made. Raises ApplicationError when there is nothing open, and while another act
    of the project waits or runs.
    """
    Project.objects.select_for_update(no_key=True).get(pk=project.pk)
    known = project.redactions.filter(idempotency_key=idempotency_key).first() if idempotency_key else None
    if known is not None:
        return known
    if action not in Action.values or not set(kinds) <= set(KINDS):
        raise ApplicationError(_("Choose what to do, and with which kinds of identifiers."))
    if project.redactions.filter(job__state__in=_WORKING).exists():
        raise ApplicationError(_("Another redaction of this project waits or runs. Wait for it."))
    if not samples_redacted(project, kinds, sample).exists():
        raise ApplicationError(_("No identifier of these kinds is open. Run the checks first."))
    row = Redaction.objects.create(
        project=project, action=action, kinds=list(kinds), sample=sample, requested_by=requested_by,
        idempotency_key=idempotency_key,
    )  # fmt: skip
    row.job = _enqueue(
        row, "execute_redaction", f"{row.get_action_display()}: identifiers of {project.name}", requested_by
    )
    row.save(update_fields=["job"])
    _record(row, "redaction.request", {"action": action, "kinds": list(kinds), "job": row.job.pk}, requested_by)
    return row


@transaction.atomic
def redaction_undo_request(*, redaction: Redaction, requested_by: User) -> None:
    """Asks a worker to take it back. Raises ApplicationError before it is done, and when that was asked before."""
    row = Redaction.objects.select_for_update().get(pk=redaction.pk)
    if row.finished_at is None:
        raise ApplicationError(_("This redaction has not ended, so there is nothing to take back yet."))
    if row.undo_job_id is not None:
        raise ApplicationError(_("Taking this redaction back was asked for already."))
    row.undone_by = requested_by
    row.undo_job = _enqueue(row, "undo_redaction", f"Take back redaction {row.pk} of {row.project.name}", requested_by)
    row.save(update_fields=["undone_by", "undo_job"])
    _record(row, "redaction.undo", {"job": row.undo_job.pk}, requested_by)


def _enqueue(row: Redaction, work: str, title: str, by: User) -> Job:
    return jobs.enqueue(
        f"reviewapp.curation.jobs.{work}", title=title, created_by=by, kwargs={"redaction_id": row.pk},
        project_slug=row.project.slug,
    )  # fmt: skip


def project_key(project: Project) -> bytes:
    """The key of a project's made-up words, from SECRET_KEY: the database alone leads nobody back."""
    return hmac.new(settings.SECRET_KEY.encode(), f"surrogates:{project.pk}".encode(), hashlib.sha256).digest()


def surrogates_of(sample: Sample) -> Surrogates:
    """The made-up words of the sample's group."""
    return surrogates_for(project_key(sample.project), sample.group.key, dates_of_group(sample), sample.language)


@transaction.atomic
def sample_redact(*, redaction: Redaction, sample: Sample) -> str:
    """Does it to one sample; returns whether it was changed, got suggestions, or was left as it was.

    A sample that somebody decided about, or holds, keeps its text: its findings get the words as suggestions.
    """
    row = (
        Sample.objects.select_for_update(of=("self",)).select_related("project", "group", "revision").get(pk=sample.pk)
    )
    findings = list(identifiers_open().filter(sample=row, revision=row.revision_id).order_by("field", "start", "-end"))
    findings = [one for one in findings if not redaction.kinds or one.kind in redaction.kinds]
    if row.revision is None or not findings or redaction.samples.filter(sample=row).exists():
        return LEFT
    is_free = row.state in (Sample.State.IMPORTED, Sample.State.READY) and not _is_touched(row)
    if redaction.action == Action.REJECT:
        return _reject(redaction, row, len(findings)) if is_free else LEFT
    try:
        with transaction.atomic():
            return _change(redaction, row, findings, is_free)
    except ApplicationError:  # its completion is written from labels, or passages of it are marked
        return LEFT


def _is_touched(sample: Sample) -> bool:
    return Sample.objects.filter(pk=sample.pk).exclude(reviews=None, assignments=None).exists()


def _change(redaction: Redaction, sample: Sample, findings: list[Finding], is_free: bool) -> str:
    before, made = sample.revision, surrogates_of(sample)
    if before is None:
        return LEFT
    texts, words, actions = {}, [], []
    for field in ("prompt", "completion"):
        places = places_of([one for one in findings if one.field == field])
        done = redact(getattr(before, field), [span for _, span in places], redaction.action, made)
        texts[field] = done.text
        words += [(one, word) for (one, _), word in zip(places, done.words, strict=True)]
        if places:
            actions.append({"action": f"identifiers: {redaction.action}", "field": field, "count": len(places)})
    _invent(sample, [word for _, word in words if not word.startswith("[")])
    if not is_free or not texts["prompt"].strip():
        return _suggest(words) if redaction.action != MASK else SUGGESTED
    by = redaction.requested_by
    after = revision_add(
        sample=sample, prompt=texts["prompt"], completion=texts["completion"], reason=Revision.Reason.FINDING,
        created_by=by, actions=actions,
    )  # fmt: skip
    _keep(redaction, sample, before, after, len(words))
    findings_follow(sample=sample, before=before, after=after, by=by, touched=State.FIXED)
    return CHANGED


def _suggest(words: list[tuple[Finding, str]]) -> str:
    """A finding keeps its fingerprint: the next scan knows it again, and leaves the suggestion."""
    for finding, word in words:
        finding.suggestion = word
    Finding.objects.bulk_update([finding for finding, _ in words], ["suggestion"], batch_size=200)
    return SUGGESTED


def _invent(sample: Sample, words: list[str]) -> None:
    if words:
        row, _made = InventedWords.objects.get_or_create(sample=sample)
        row.words = sorted({*row.words, *words})
        row.save(update_fields=["words"])
        sample.invented = row


def _reject(redaction: Redaction, sample: Sample, n: int) -> str:
    if sample.revision is None:
        return LEFT
    _keep(redaction, sample, sample.revision, sample.revision, n)
    sample.withdrawn_at, sample.withdrawn_by = redaction.created_at, redaction.requested_by
    sample.withdrawn_reason = _("It holds identifiers of people.")
    sample.save(update_fields=["withdrawn_at", "withdrawn_by", "withdrawn_reason"])
    sample_state_set(sample=sample, state=Sample.State.REJECTED)
    findings_follow(sample=sample, before=sample.revision, after=sample.revision, by=redaction.requested_by)
    return CHANGED


def _keep(redaction: Redaction, sample: Sample, before: Revision, after: Revision, n: int) -> None:
    RedactedSample.objects.create(
        redaction=redaction, sample=sample, before=before, after=after, state_before=sample.state, n=n
    )


@transaction.atomic
def sample_unredact(*, row: RedactedSample, by: User | None) -> bool:
    """The former text as a new revision, or the rejection lifted; False where somebody changed the sample since."""
    sample = Sample.objects.select_for_update(of=("self",)).select_related("project", "revision").get(pk=row.sample_id)
    if sample.revision is None or sample.revision_id != row.after_id or _is_touched(sample):
        return False
    if row.before_id == row.after_id:
        return _unreject(row, sample, by)
    InventedWords.objects.filter(sample=sample).delete()
    actions = [{"action": "identifiers: taken back", "detail": f"redaction {row.redaction_id}"}]
    after = revision_add(
        sample=sample, prompt=row.before.prompt, completion=row.before.completion, reason=Revision.Reason.FINDING,
        created_by=by, actions=actions,
    )  # fmt: skip
    findings_follow(sample=sample, before=row.after, after=after, by=by, touched=State.GONE)
    return True


def _unreject(row: RedactedSample, sample: Sample, by: User | None) -> bool:
    if sample.withdrawn_at != row.redaction.created_at or sample.revision is None:
        return False
    sample.withdrawn_at, sample.withdrawn_by, sample.withdrawn_reason = None, None, ""
    sample.queue_rank = UNRANKED
    sample.save(update_fields=["withdrawn_at", "withdrawn_by", "withdrawn_reason", "queue_rank"])
    sample_state_set(sample=sample, state=row.state_before)
    findings_follow(sample=sample, before=sample.revision, after=sample.revision, by=by, touched=State.GONE)
    return True


@transaction.atomic
def redaction_finish(*, redaction: Redaction, outcomes: Counter[str]) -> None:
    """Writes what was done; samples that an interrupted attempt changed count as well."""
    done = list(redaction.samples.values_list("n", flat=True))
    counts = {CHANGED: len(done), "identifiers": sum(done), SUGGESTED: outcomes[SUGGESTED], LEFT: outcomes[LEFT]}
    redaction.counts, redaction.finished_at = counts, timezone.now()
    redaction.save(update_fields=["counts", "finished_at"])
    _record(redaction, "redaction.finish", counts, redaction.requested_by)


@transaction.atomic
def redaction_undone(*, redaction: Redaction, taken_back: int, left: int) -> None:
    redaction.counts = {**redaction.counts, "taken_back": taken_back, "not_taken_back": left}
    redaction.undone_at = timezone.now()
    redaction.save(update_fields=["counts", "undone_at"])
    _record(redaction, "redaction.undone", {"taken_back": taken_back, "left": left}, redaction.undone_by)


def _record(redaction: Redaction, action: str, data: dict[str, Any], actor: User | None) -> None:
    audit.record(
        actor=actor, action=action, project=redaction.project.slug, target_type="redaction", target_id=redaction.pk,
        data=data,
    )  # fmt: skip
