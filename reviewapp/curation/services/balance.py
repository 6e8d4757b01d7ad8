"""Balance reports asked for and kept; what the corpus should look like and which terms are compared."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any
from uuid import UUID

from django.db import transaction
from django.db.models import Max
from django.utils import timezone
from django.utils.translation import gettext as _

from reviewapp.audit import services as audit
from reviewapp.core import jobs
from reviewapp.core.exceptions import ApplicationError
from reviewapp.core.models import Job
from reviewapp.curation.balance.reading import conditions_of, samples_counted, settings_of
from reviewapp.curation.bias.attributes import ATTRIBUTES
from reviewapp.curation.bias.terms import ListError, terms_read
from reviewapp.curation.models import BalanceSettings, BiasReport
from reviewapp.projects.models import Project
from training.contract import canonical_json

if TYPE_CHECKING:
    from reviewapp.accounts.models import User

Targets = Mapping[str, Mapping[str, float]]


@transaction.atomic
def bias_report_request(*, project: Project, requested_by: User, idempotency_key: UUID) -> BiasReport:
    """Asks a worker for a report on the samples as they are. The same key gives back the report it asked for.

    Raises ApplicationError when there are no samples, or while another report of the project waits or runs.
    """
    Project.objects.select_for_update(no_key=True).get(pk=project.pk)  # two requests at once make one
    known = BiasReport.objects.filter(project=project, idempotency_key=idempotency_key).first()
    if known is not None:
        return known
    if not samples_counted(project).exists():
        raise ApplicationError(_("There are no samples to look at yet. Import some first."))
    if project.bias_reports.filter(job__state__in=[Job.State.QUEUED, Job.State.RUNNING]).exists():
        raise ApplicationError(_("A balance report is already being made. Wait for it."))
    last = project.bias_reports.aggregate(last=Max("number"))["last"] or 0
    report = BiasReport.objects.create(
        project=project,
        number=last + 1,
        requested_by=requested_by,
        conditions=conditions_of(project),
        idempotency_key=idempotency_key,
    )
    report.job = jobs.enqueue(
        "reviewapp.curation.jobs.make_bias_report",
        title=f"Balance of {project.name}",
        created_by=requested_by,
        kwargs={"report_id": report.pk},
        project_slug=project.slug,
    )
    report.save(update_fields=["job"])
    _record(report, "bias_report.request", {"job": report.job.pk}, requested_by)
    return report


@transaction.atomic
def bias_report_finish(*, report: BiasReport, content: dict[str, Any], newest_revision: int) -> None:
    """Keeps what was found, with its hash, once: a report that is made stays as it is."""
    digest = content_hash(content, report.conditions)
    made = BiasReport.objects.filter(pk=report.pk, made_at=None).update(
        content=content,
        content_hash=digest,
        n=content["n"],
        newest_revision=newest_revision,
        made_at=timezone.now(),
    )
    if made:
        found = {name: content[name] for name in ("n", "groups", "tested", "n_open", "n_expected")}
        _record(report, "bias_report.finish", {"sha256": digest, **found}, report.requested_by)
    report.refresh_from_db()


def content_hash(content: Mapping[str, Any], conditions: str) -> str:
    """SHA-256 of a report with the list of terms that it was made with."""
    return hashlib.sha256(canonical_json({"content": content, "conditions": conditions}).encode()).hexdigest()


@transaction.atomic
def balance_settings_update(
    *, project: Project, targets: Targets, conditions: str, updated_by: User
) -> BalanceSettings:
    """Sets the wanted shares and the terms that the next report goes by. An empty list is the one that comes with it.

    Raises ApplicationError for shares that are no shares or a list that cannot be read.
    """
    _check_targets(targets)
    try:
        terms_read(conditions)
    except ListError as error:
        raise ApplicationError(str(error)) from error
    Project.objects.select_for_update(no_key=True).get(pk=project.pk)
    row = settings_of(project)
    before = {"targets": row.targets, "conditions": _short(row.conditions)}
    row.targets = {name: dict(values) for name, values in targets.items() if values}
    row.conditions = conditions.strip()
    row.changed_by, row.changed_at = updated_by, timezone.now()
    row.save()
    audit.record(
        actor=updated_by,
        action="balance.settings",
        project=project.slug,
        target_type="project",
        target_id=project.pk,
        data={"before": before, "targets": row.targets, "conditions": _short(row.conditions)},
    )
    return row


def _short(conditions: str) -> str:
    return hashlib.sha256(conditions.encode()).hexdigest()[:16] if conditions else ""


def _check_targets(targets: Targets) -> None:
    for name, values in targets.items():
        if name not in ATTRIBUTES:
            raise ApplicationError(_("There is no attribute %(name)s.") % {"name": name})
        if any(not 0 <= share <= 1 for share in values.values()) or sum(values.values()) > 1.0001:
            raise ApplicationError(
                _("The wanted shares of one attribute are from 0 to 100% and at most 100% together.")
            )


def _record(report: BiasReport, action: str, data: dict[str, Any], actor: User | None) -> None:
    audit.record(
        actor=actor,
        action=action,
        project=report.project.slug,
        target_type="bias_report",
        target_id=report.pk,
        data=data,
    )
