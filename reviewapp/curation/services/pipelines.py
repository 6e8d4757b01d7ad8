"""The versions of a project's pipeline."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any
from uuid import UUID

from django.db import transaction
from django.utils.translation import gettext as _

from reviewapp.audit import services as audit
from reviewapp.core.exceptions import ApplicationError
from reviewapp.curation.models import PipelineVersion
from reviewapp.curation.pipeline import Pipeline, PipelineError, pipeline_read
from reviewapp.curation.selectors import pipeline_version
from reviewapp.projects.models import Project

if TYPE_CHECKING:
    from reviewapp.accounts.models import User


@transaction.atomic
def pipeline_save(
    *, project: Project, config: Mapping[str, Any], created_by: User, idempotency_key: UUID, note: str = ""
) -> PipelineVersion:
    """A new version of the project's pipeline; the next scan follows it.

    The same key gives back the version it made. Raises ApplicationError for a configuration that cannot be used, and
    when nothing differs from the version in use.
    """
    Project.objects.select_for_update().get(pk=project.pk)
    known: PipelineVersion | None = PipelineVersion.objects.filter(
        project=project, idempotency_key=idempotency_key
    ).first()
    if known is not None:
        return known
    try:
        pipeline = pipeline_read(config)
    except PipelineError as error:
        raise ApplicationError(str(error)) from error
    before = pipeline_version(project)
    in_use = pipeline_read(before.config) if before else Pipeline()
    if pipeline == in_use:
        raise ApplicationError(_("Nothing was changed, so the version in use stays. Change something, then save."))
    version: PipelineVersion = PipelineVersion.objects.create(
        project=project,
        number=before.number + 1 if before else 1,
        config=pipeline.as_json(),
        content_hash=pipeline.content_hash,
        note=note[:200],
        created_by=created_by,
        idempotency_key=idempotency_key,
    )
    audit.record(
        actor=created_by,
        action="pipeline.save",
        project=project.slug,
        target_type="pipeline",
        target_id=version.pk,
        data={
            "number": version.number,
            "content_hash": version.content_hash,
            "off": [one.check for one in pipeline.off],
        },
    )
    return version
