"""Scans: a pass of cleaning and checks over all samples of a project, done by a worker."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any
from uuid import UUID

from django.db import transaction
from django.db.models import Count
from django.utils import timezone
from django.utils.translation import gettext as _

from reviewapp.audit import services as audit
from reviewapp.core import jobs
from reviewapp.core.exceptions import ApplicationError
from reviewapp.core.models import Job
from reviewapp.curation.models import Finding, Scan
from reviewapp.curation.pipeline import PipelineError, pipeline_read
from reviewapp.curation.selectors import pipeline_version
from reviewapp.projects.models import Project
from reviewapp.samples.models import Revision, Sample

if TYPE_CHECKING:
    from reviewapp.accounts.models import User

State = Finding.State
MOST_DRY = 2_000  # samples of a dry run
_AT_WORK = (Job.State.QUEUED, Job.State.RUNNING)


@transaction.atomic
def scan_request(*, project: Project, requested_by: User, idempotency_key: UUID | None = None) -> Scan:
    """Asks a worker to clean and check all samples of the project.

    The same key gives back the scan it made. Raises ApplicationError when there are no samples, or while another
    scan of the project waits or runs.
    """
    Project.objects.select_for_update().get(pk=project.pk)  # two requests at once make one scan
    known = Scan.objects.filter(project=project, idempotency_key=idempotency_key).first() if idempotency_key else None
    if known is not None:
        return known
    if not Sample.objects.filter(project=project).exists():
        raise ApplicationError(_("There are no samples to check yet. Import some first."))
    if Scan.objects.filter(project=project, dry_size=0, job__state__in=_AT_WORK).exists():
        raise ApplicationError(_("A scan of this project is already waiting or running. Wait for it, or cancel it."))
    scan = Scan.objects.create(
        project=project,
        requested_by=requested_by,
        idempotency_key=idempotency_key,
        pipeline=pipeline_version(project),
    )
    _begin(scan, f"Clean and check the samples of {project.name}")
    _record(scan, "scan.request", {"job": scan.job_id}, requested_by)
    return scan


@transaction.atomic
def dry_run_request(
    *, project: Project, config: Mapping[str, Any], size: int, requested_by: User, idempotency_key: UUID
) -> Scan:
    """Asks a worker what a pipeline would find in ``size`` samples; nothing is changed.

    The same key gives back the run it made. Raises ApplicationError for a pipeline that cannot be used, a size that
    is not from 1 to MOST_DRY, and when there are no samples.
    """
    known = Scan.objects.filter(project=project, idempotency_key=idempotency_key).first()
    if known is not None:
        return known
    if not 1 <= size <= MOST_DRY:
        raise ApplicationError(_("A dry run looks at 1 to %(most)s samples. Give such a number.") % {"most": MOST_DRY})
    if not Sample.objects.filter(project=project).exists():
        raise ApplicationError(_("There are no samples to check yet. Import some first."))
    try:
        config = pipeline_read(config).as_json()
    except PipelineError as error:
        raise ApplicationError(str(error)) from error
    scan = Scan.objects.create(
        project=project, requested_by=requested_by, idempotency_key=idempotency_key, dry_size=size, config=config
    )
    _begin(scan, f"Try the checks on {size:,} samples of {project.name}")
    _record(scan, "scan.dry_run", {"job": scan.job_id, "samples": size}, requested_by)
    return scan


def _begin(scan: Scan, title: str) -> None:
    scan.job = jobs.enqueue(
        "reviewapp.curation.jobs.execute_scan",
        title=title,
        created_by=scan.requested_by,
        kwargs={"scan_id": scan.pk},
        project_slug=scan.project.slug,
    )
    scan.save(update_fields=["job"])


@transaction.atomic
def scan_cancel(*, scan: Scan, cancelled_by: User) -> None:
    """Asks a scan to stop after the check it is at; what it found stays. Raises ApplicationError when it has ended."""
    if scan.job is None or scan.job.is_terminal:
        raise ApplicationError(_("This scan has ended; there is nothing to cancel."))
    jobs.cancel_request(job=scan.job)
    _record(scan, "scan.cancel", {"job": scan.job.pk}, cancelled_by)


@transaction.atomic
def scan_finish(*, scan: Scan, corpus_size: int) -> dict[str, Any]:
    """Writes what the scan came to, counted from the rows, so that a scan that was resumed counts the same."""
    findings = Finding.objects.filter(sample__project=scan.project)
    cleaned = Revision.objects.filter(
        sample__project=scan.project, reason=Revision.Reason.CLEAN, created_at__gte=scan.created_at
    )
    by_check = findings.filter(state=State.OPEN).order_by().values_list("check_name").annotate(n=Count("pk"))
    counts = {
        "samples": corpus_size,
        "cleaned": cleaned.count(),
        "new": findings.filter(created_at__gte=scan.created_at).count(),
        "gone": findings.filter(state=State.GONE, decided_at__gte=scan.created_at).count(),
        "open": dict(by_check),
    }
    scan.counts, scan.finished_at = counts, timezone.now()
    scan.save(update_fields=["counts", "finished_at"])
    _record(scan, "scan.finish", counts, scan.requested_by)
    return counts


def _record(scan: Scan, action: str, data: dict[str, Any], actor: User | None) -> None:
    audit.record(
        actor=actor,
        action=action,
        project=scan.project.slug,
        target_type="scan",
        target_id=scan.pk,
        data=data,
    )
