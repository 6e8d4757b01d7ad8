"""Rubric versions in use, remembered by each process: from their first use on they never change."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from functools import lru_cache

from reviewapp.rubrics.models import Criterion, RubricVersion
from reviewapp.rubrics.schema import RubricDocument
from reviewapp.rubrics.selectors import version_document


def rubric_document(version: RubricVersion) -> RubricDocument:
    """What a version says; no query once it is used and was read before."""
    if version.used_at is None:
        return version_document(version)
    return _document(version.pk, version.content_hash, version.created_at, version.rubric.name)


def criteria_by_key(version: RubricVersion) -> Mapping[str, Criterion]:
    """The criteria of a version; no query once it is used and was read before."""
    if version.used_at is None:
        return {criterion.key: criterion for criterion in version.criteria.all()}
    return _criteria(version.pk, version.content_hash, version.created_at)


# The whole key names one version for good: a number alone may be given again after a restore.
@lru_cache(maxsize=256)
def _document(pk: int, content_hash: str, created_at: datetime, name: str) -> RubricDocument:
    return version_document(RubricVersion.objects.select_related("rubric").get(pk=pk))


@lru_cache(maxsize=256)
def _criteria(pk: int, content_hash: str, created_at: datetime) -> Mapping[str, Criterion]:
    return {criterion.key: criterion for criterion in Criterion.objects.filter(version=pk)}
