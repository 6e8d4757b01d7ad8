"""The log of views, read."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from datetime import date, datetime, time, timedelta
from typing import TYPE_CHECKING

from django.db.models import Q, QuerySet
from django.utils import timezone

from reviewapp.audit.models import RecordView

if TYPE_CHECKING:
    from reviewapp.accounts.models import User

Targets = Mapping[str, Iterable[int]]  # ids by type


def views_filtered(
    project: str, *, person: str = "", kind: str = "", day: date | None = None, target: str = ""
) -> QuerySet[RecordView]:
    """The views of a project, newest first; ``person`` is a username, ``target`` a type, ``day`` in the site's zone."""
    found = RecordView.objects.filter(project_slug=project).select_related("person")
    given = {"person__username": person, "kind": kind, "target_type": target}
    found = found.filter(**{name: value for name, value in given.items() if value})
    if day is not None:
        begin = timezone.make_aware(datetime.combine(day, time()))
        end = timezone.make_aware(datetime.combine(day + timedelta(days=1), time()))
        found = found.filter(at__gte=begin, at__lt=end)
    return found


def shows(target: str, target_id: int, within: Targets | None = None) -> Q:
    """Rows that show one object: alone, in a list, or inside what else holds its text (``within``)."""
    where = Q(target_type=target, target_id=target_id)
    where |= Q(target_type=target, target_ids__contains=f",{target_id},")
    for holder, ids in (within or {}).items():
        where |= Q(target_type=holder, target_id__in=list(ids))
    return where


def views_of_person(person: User) -> QuerySet[RecordView]:
    """What one person was shown, in every project, newest first."""
    return RecordView.objects.filter(person=person)
