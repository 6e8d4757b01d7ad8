"""What a person may do to a job of their project, whatever kind of work it is."""

from __future__ import annotations

from django.db import transaction

from reviewapp.accounts.models import User
from reviewapp.audit import services as audit
from reviewapp.core import jobs
from reviewapp.core.exceptions import ApplicationError
from reviewapp.core.models import Job


@transaction.atomic
def job_retry(*, job: Job, changed_by: User) -> None:
    """Puts a job that ended without success back into its queue. Raises ApplicationError for any other."""
    if not jobs.retry(job=job):
        raise ApplicationError(f"Job {job.pk} cannot be tried again: it is waiting, running or done.")
    _record("job.retry", job, changed_by)


@transaction.atomic
def job_cancel(*, job: Job, changed_by: User) -> None:
    """Takes a waiting job out of its queue, or asks a running one to stop; raises ApplicationError after its end."""
    if not jobs.cancel_request(job=job):
        raise ApplicationError(f"Job {job.pk} has ended already.")
    _record("job.cancel", job, changed_by)


def _record(action: str, job: Job, changed_by: User) -> None:
    audit.record(
        actor=changed_by,
        action=action,
        project=job.project_slug,
        target_type="job",
        target_id=job.pk,
        data={"title": job.title},
    )
