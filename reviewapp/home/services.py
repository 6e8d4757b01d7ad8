"""What a person may do to a job of their project, whatever kind of work it is; the log of views, handed out."""

from __future__ import annotations

from collections.abc import Iterator

from django.db import transaction
from django.utils.translation import gettext as _

from reviewapp.accounts.models import User
from reviewapp.audit import services as audit
from reviewapp.core import jobs
from reviewapp.core.exceptions import ApplicationError
from reviewapp.core.models import Job
from reviewapp.home import view_log
from reviewapp.projects.models import Project
from reviewapp.samples.exporting import csv_lines


@transaction.atomic
def job_retry(*, job: Job, changed_by: User) -> None:
    """Puts a job that ended without success back into its queue. Raises ApplicationError for any other."""
    if not jobs.retry(job=job):
        raise ApplicationError(
            _("Job %(job_pk)s cannot be tried again: it is waiting, running or done.") % {"job_pk": job.pk}
        )
    _record("job.retry", job, changed_by)


@transaction.atomic
def job_cancel(*, job: Job, changed_by: User) -> None:
    """Takes a waiting job out of its queue, or asks a running one to stop; raises ApplicationError after its end."""
    if not jobs.cancel_request(job=job):
        raise ApplicationError(_("Job %(job_pk)s has ended already.") % {"job_pk": job.pk})
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


@transaction.atomic
def view_log_export(*, project: Project, chosen: dict[str, str], exported_by: User) -> Iterator[str]:
    """Lines of a formula-safe CSV file with the views that the filters leave; the event holds filters and number."""
    views = view_log.views_chosen(project, chosen)
    audit.record(
        actor=exported_by,
        action="views.export",
        project=project.slug,
        target_type="project",
        target_id=project.pk,
        data={"filters": {name: value for name, value in chosen.items() if value}, "count": views.count()},
    )
    return csv_lines(view_log.HEADER, view_log.cells_of(views))
