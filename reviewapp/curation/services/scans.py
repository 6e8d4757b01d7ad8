"""Scans: a pass of cleaning and checks over all samples of a project, done by a worker."""

from __future__ import annotations

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
from reviewapp.projects.models import Project
from reviewapp.samples.models import Revision, Sample

if TYPE_CHECKING:
    from reviewapp.accounts.models import User

State = Finding.State


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
    if Scan.objects.filter(project=project, job__state__in=[Job.State.QUEUED, Job.State.RUNNING]).exists():
        raise ApplicationError(_("A scan of this project is already waiting or running. Wait for it, or cancel it."))
    scan = Scan.objects.create(project=project, requested_by=requested_by, idempotency_key=idempotency_key)
    scan.job = jobs.enqueue(
        "reviewapp.curation.jobs.execute_scan",
        title=f"Clean and check the samples of {project.name}",
        created_by=requested_by,
        kwargs={"scan_id": scan.pk},
        project_slug=project.slug,
    )
    scan.save(update_fields=["job"])
    _record(scan, "scan.request", {"job": scan.job.pk}, requested_by)
    return scan


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
