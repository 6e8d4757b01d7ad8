"""The tagger of names: trained again from corrections, compared, taken into use, taken back; words marked by hand."""

from __future__ import annotations

import hashlib
from typing import TYPE_CHECKING, Any

from django.db import transaction
from django.db.models import Max
from django.utils import timezone
from django.utils.translation import gettext as _

from reviewapp.audit import services as audit
from reviewapp.core import jobs
from reviewapp.core.exceptions import ApplicationError
from reviewapp.core.models import Job
from reviewapp.curation.drafts import fingerprint_of
from reviewapp.curation.identifiers.tagging import (
    MARKED,
    corrections_of,
    figures_of,
    tagger_is_whole,
    tagger_path,
    use_current,
)
from reviewapp.curation.models import Finding, TaggerUse, TaggerVersion
from reviewapp.curation.redaction.measure import GAP_MOST, Figures, is_worse
from reviewapp.curation.redaction.spans import KINDS
from reviewapp.projects.models import Project
from reviewapp.samples.models import Sample
from reviewapp.words import figure_said

if TYPE_CHECKING:
    from reviewapp.accounts.models import User

_WORKING = (Job.State.QUEUED, Job.State.RUNNING)
MOST_REASON, LONGEST_WORDS = 1_000, 200


@transaction.atomic
def tagger_request(*, project: Project, requested_by: User) -> TaggerVersion:
    """Asks a worker to train the tagger again. Raises ApplicationError without corrections, and while one trains."""
    Project.objects.select_for_update(no_key=True).get(pk=project.pk)
    if project.tagger_versions.filter(job__state__in=_WORKING).exists():
        raise ApplicationError(_("The tagger is already being trained. Wait for it."))
    if not corrections_of(project).texts:
        raise ApplicationError(
            _("There is nothing to learn from yet. Accept or dismiss some findings of names, or mark what was missed.")
        )
    last = project.tagger_versions.aggregate(last=Max("number"))["last"] or 0
    version = TaggerVersion.objects.create(project=project, number=last + 1, requested_by=requested_by)
    version.job = jobs.enqueue(
        "reviewapp.curation.jobs.train_tagger",
        title=f"Train the tagger of {project.name}",
        created_by=requested_by,
        kwargs={"version_id": version.pk},
        project_slug=project.slug,
    )
    version.save(update_fields=["job"])
    _record(version, "tagger.request", {"job": version.job.pk}, requested_by)
    return version


@transaction.atomic
def tagger_finish(*, version: TaggerVersion, model: bytes, figures: Figures, counts: dict[str, int]) -> None:
    """Keeps the trained file and what was measured of it. It is not in use by that."""
    path = tagger_path(version)
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(model)
    version.size, version.sha256 = len(model), hashlib.sha256(model).hexdigest()
    version.figures, version.counts, version.n_corrections = figures.to_json(), counts, sum(counts.values())
    version.made_at = timezone.now()
    version.save()
    data = {"f1": figures.f1, "gap": figures.gap, "corrections": version.n_corrections, "sha256": version.sha256}
    _record(version, "tagger.finish", data, version.requested_by)


@transaction.atomic
def tagger_take(*, project: Project, version: TaggerVersion | None, taken_by: User, reason: str = "") -> TaggerUse:
    """From now on the checks use this version; None is the tagger that came along.

    Raises ApplicationError where it is not trained or its file is gone; where it is worse on the fixed test than the
    one in use, unless it was in use before; and, without a reason, where it does not find the names of all origins
    alike.
    """
    Project.objects.select_for_update(no_key=True).get(pk=project.pk)
    current, reason = use_current(project.pk), reason.strip()
    now = current.version if current else None
    if (now.pk if now else None) == (version.pk if version else None):
        raise ApplicationError(_("This tagger is in use already."))
    if version is not None:
        _may_be_taken(version, now)
    _is_fair(figures_of(version), reason)
    use = TaggerUse.objects.create(project=project, version=version, taken_by=taken_by, reason=reason)
    audit.record(
        actor=taken_by, action="tagger.take", project=project.slug, target_type="tagger",
        target_id=version.pk if version else 0,
        data={"number": version.number if version else 0, "before": now.number if now else 0, "reason": reason},
    )  # fmt: skip
    return use


def _may_be_taken(version: TaggerVersion, now: TaggerVersion | None) -> None:
    if version.made_at is None or not tagger_is_whole(version):
        raise ApplicationError(_("The file of this version is missing or damaged. Train the tagger again."))
    was_in_use = TaggerUse.objects.filter(version=version).exists()
    if not was_in_use and is_worse(figures_of(version), figures_of(now)):
        raise ApplicationError(
            _("This version does worse on the fixed test than the one in use, so it cannot replace it.")
        )


def _is_fair(figures: Figures, reason: str) -> None:
    if len(reason) > MOST_REASON:
        raise ApplicationError(_("Give the reason in at most 1,000 characters."))
    if not figures.is_fair and not reason:
        raise ApplicationError(
            _("It finds names of some origins less often than others: the gap is %(gap)s, the limit %(most)s. "
              "Say why it may be used all the same.")
            % {"gap": figure_said(f"{figures.gap:.3f}"), "most": figure_said(f"{GAP_MOST:.2f}")}
        )  # fmt: skip


@transaction.atomic
def identifier_mark(*, project: Project, external_id: str, words: str, kind: str, marked_by: User) -> list[Finding]:
    """Writes a finding at every place of ``words`` in a sample that no finding has yet. Raises ApplicationError."""
    words = words.strip()
    if kind not in KINDS or not words or len(words) > LONGEST_WORDS:
        raise ApplicationError(_("Give the words as they stand in the sample (at most 200 characters) and their kind."))
    sample = Sample.objects.filter(project=project, external_id=external_id.strip()).select_related("revision").first()
    if sample is None or sample.revision is None:
        raise ApplicationError(_("There is no sample %(sample)s in this project.") % {"sample": external_id[:80]})
    texts = {field: getattr(sample.revision, field) for field in ("prompt", "completion")}
    places = [(field, start) for field, text in texts.items() for start in _places(text, words)]
    if not places:
        raise ApplicationError(
            _("These words do not stand in that sample. Copy them exactly as they are written there.")
        )
    found = [_marked(sample, field, start, words, kind) for field, start in places]
    known = set(Finding.objects.filter(revision=sample.revision).values_list("fingerprint", flat=True))
    new = [finding for finding in found if finding.fingerprint not in known and not _is_found(finding)]
    if not new:
        raise ApplicationError(_("There is a finding on these words already."))
    made = Finding.objects.bulk_create(new)
    audit.record(
        actor=marked_by, action="identifier.mark", project=project.slug, target_type="sample", target_id=sample.pk,
        data={"kind": kind, "places": len(made)},
    )  # fmt: skip
    return made


def _places(text: str, words: str) -> list[int]:
    places, last = [], text.find(words)
    while last >= 0:
        places.append(last)
        last = text.find(words, last + len(words))
    return places


def _marked(sample: Sample, field: str, start: int, words: str, kind: str) -> Finding:
    finding = Finding(
        revision=sample.revision, sample=sample, check_name=MARKED, kind=kind, severity=Finding.Severity.HIGH,
        field=field, start=start, end=start + len(words), excerpt=words, suggestion=KINDS[kind].mask,
        message=f"{KINDS[kind].words}. A person pointed it out. Mask it unless it is made up.",
    )  # fmt: skip
    finding.fingerprint = fingerprint_of(finding)
    return finding


def _is_found(finding: Finding) -> bool:
    """Whether a check has an open finding on exactly these words."""
    same = Finding.objects.filter(revision=finding.revision, field=finding.field, state=Finding.State.OPEN)
    return same.filter(start=finding.start, end=finding.end, kind=finding.kind).exists()


def _record(version: TaggerVersion, action: str, data: dict[str, Any], actor: User | None) -> None:
    audit.record(
        actor=actor, action=action, project=version.project.slug, target_type="tagger", target_id=version.pk, data=data
    )
