"""From which similarity on samples count as near-duplicates: measured on planted variants, set by a lead."""

from __future__ import annotations

import random
from typing import TYPE_CHECKING, Any
from uuid import UUID

from django.db import transaction
from django.db.models import QuerySet
from django.utils.translation import gettext as _

from reviewapp.audit import services as audit
from reviewapp.core.exceptions import ApplicationError
from reviewapp.curation.checks.finding import Item
from reviewapp.curation.checks.near_duplicates import text_of
from reviewapp.curation.duplicates import clusters as duplicates
from reviewapp.curation.duplicates import limits
from reviewapp.curation.models import DuplicateLimit, LimitMeasurement
from reviewapp.projects.models import Project
from reviewapp.samples.models import Sample

if TYPE_CHECKING:
    from reviewapp.accounts.models import User

LOWEST, HIGHEST = 0.5, 0.95


@transaction.atomic
def limit_measure(*, project: Project, measured_by: User, idempotency_key: UUID) -> LimitMeasurement:
    """Plants variants among up to 500 of the project's samples and finds them at each limit; about a second.

    Samples with an open finding of a duplicate are left out. The same key gives back its measurement. Raises
    ApplicationError with fewer than 20 different samples.
    """
    known = LimitMeasurement.objects.filter(project=project, idempotency_key=idempotency_key).first()
    if known is not None:
        return known
    keys = list(_pool(project).order_by("pk").values_list("pk", flat=True))
    chosen = random.Random(limits.SEED).sample(keys, min(limits.TEXTS, len(keys)))  # noqa: S311 - no secret
    rows = Sample.objects.filter(pk__in=chosen).order_by("pk")
    texts = [
        text_of(Item(key=0, prompt=prompt, completion=completion))
        for prompt, completion in rows.values_list("revision__prompt", "revision__completion")
    ]
    try:
        result = limits.measure(texts, available=len(keys))
    except ValueError as error:
        raise ApplicationError(
            _("At least %(n)s different samples of 40 characters or more are needed to measure. Import some first.")
            % {"n": limits.MIN_TEXTS}
        ) from error
    made = LimitMeasurement.objects.create(
        project=project, measured_by=measured_by, result=result.as_json(), idempotency_key=idempotency_key
    )
    _record(project, "limit.measure", made.pk, {"n": result.n, "suggested": result.suggested}, measured_by)
    return made


@transaction.atomic
def limit_set(*, project: Project, limit: float, set_by: User) -> DuplicateLimit:
    """The next scan uses it. The same limit again changes nothing. Raises ApplicationError outside 0.5 to 0.95."""
    Project.objects.select_for_update(no_key=True).get(pk=project.pk)
    if not LOWEST <= limit <= HIGHEST:
        raise ApplicationError(_("Choose a limit between 50% and 95%."))
    current = duplicates.limits_set(project).first()
    if current is not None and current.limit == limit:
        return current
    before = duplicates.near_limit(project)
    made = DuplicateLimit.objects.create(
        project=project, limit=limit, set_by=set_by, measurement=duplicates.measurement_latest(project)
    )
    _record(project, "limit.set", made.pk, {"before": before, "limit": limit}, set_by)
    return made


def _pool(project: Project) -> QuerySet[Sample]:
    """Without those that are open duplicates of others: they would count as wrong. Where all were kept they stay."""
    known = duplicates.findings_open(project).values("sample")
    samples = Sample.objects.filter(project=project, revision__isnull=False)
    return samples.exclude(state=Sample.State.REJECTED).exclude(pk__in=known)


def _record(project: Project, action: str, key: int, data: dict[str, Any], by: User) -> None:
    audit.record(actor=by, action=action, project=project.slug, target_type="duplicate_limit", target_id=key, data=data)
