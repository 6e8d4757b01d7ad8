"""Curation reports: made once, kept with their hash, handed out as files."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any
from uuid import UUID

from django.db import transaction
from django.db.models import Max
from django.utils import timezone
from django.utils.translation import gettext as _

from reviewapp.audit import services as audit
from reviewapp.core.exceptions import ApplicationError
from reviewapp.curation.models import CurationReport
from reviewapp.curation.report.facts import content_hash, facts_of
from reviewapp.projects.models import Project
from reviewapp.samples.models import Sample

if TYPE_CHECKING:
    from reviewapp.accounts.models import User


@transaction.atomic
def report_make(*, project: Project, made_by: User, idempotency_key: UUID) -> CurationReport:
    """Writes down what curation did to the project's samples by now. The same key gives back the report it made.

    Raises ApplicationError where there is no sample to report on.
    """
    Project.objects.select_for_update(no_key=True).get(pk=project.pk)  # two requests at once make one
    mine = CurationReport.objects.filter(project=project)
    known: CurationReport | None = mine.filter(idempotency_key=idempotency_key).first()
    if known is not None:
        return known
    if not Sample.objects.filter(project=project).exists():
        raise ApplicationError(_("There are no samples to report on yet. Import some first."))
    number, now = (mine.aggregate(last=Max("number"))["last"] or 0) + 1, timezone.now()
    facts = facts_of(project, number=number, made_by=str(made_by), made_at=now)
    report: CurationReport = CurationReport.objects.create(
        project=project, number=number, facts=facts, content_hash=content_hash(facts), made_by=made_by, made_at=now,
        idempotency_key=idempotency_key,
    )  # fmt: skip
    _record(report, "curation_report.make", {"content_hash": report.content_hash}, made_by)
    return report


def report_exported(*, report: CurationReport, form: str, exported_by: User) -> None:
    """Puts an export on record."""
    _record(report, "curation_report.export", {"form": form, "content_hash": report.content_hash}, exported_by)


def _record(report: CurationReport, action: str, data: dict[str, Any], actor: User) -> None:
    audit.record(
        actor=actor,
        action=action,
        project=report.project.slug,
        target_type="curation_report",
        target_id=report.pk,
        data=data,
    )
