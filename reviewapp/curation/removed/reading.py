"""Samples that are out, by the reason that they have. Reasons that differ in names and figures only are one."""

from __future__ import annotations

import re
from collections import Counter

from django.db.models import Count, QuerySet
from django.utils.translation import gettext_noop

from reviewapp.projects.models import Project
from reviewapp.samples.models import Sample

# names of samples and figures in a reason: without them reasons of one kind are one reason
_OWN = re.compile(r"\S*\d\S*")
_LEFT_OUT = "…"
BY_REVIEW, NO_REASON = gettext_noop("Rejected in review"), gettext_noop("No reason given")
_BLANK = r"^\s*$"


def samples_removed(project: Project) -> QuerySet[Sample]:
    """All that are out, those taken out last first."""
    rows = Sample.objects.filter(project=project, state=Sample.State.REJECTED)
    return rows.select_related("withdrawn_by", "group", "project").order_by("-state_at", "-pk")


def reasons_counted(project: Project) -> Counter[str]:
    """How many samples are out for each kind of reason."""
    rejected = Sample.objects.filter(project=project, state=Sample.State.REJECTED).order_by()
    counted: Counter[str] = Counter()
    counted[BY_REVIEW] = rejected.filter(withdrawn_at=None).count()
    withdrawn = rejected.exclude(withdrawn_at=None).values_list("withdrawn_reason").annotate(n=Count("pk"))
    for reason, n in withdrawn.iterator(chunk_size=2_000):
        counted[reason_kind(reason)] += n
    return +counted


def reason_kind(reason: str) -> str:
    return _OWN.sub(_LEFT_OUT, reason.strip()) or NO_REASON


def samples_of_reason(project: Project, kind: str) -> QuerySet[Sample]:
    """Those that ``reasons_counted`` counts under ``kind``, whatever names and figures their reasons have."""
    rows = samples_removed(project)
    if kind == BY_REVIEW:
        return rows.filter(withdrawn_at=None)
    withdrawn = rows.exclude(withdrawn_at=None)
    if kind == NO_REASON:
        return withdrawn.filter(withdrawn_reason__regex=_BLANK)
    own = r"\S*\d\S*"  # as _OWN; Python's and PostgreSQL's patterns agree on these
    parts = [re.escape(part) for part in kind.split(_LEFT_OUT)]
    return withdrawn.filter(withdrawn_reason__regex=rf"^\s*{own.join(parts)}\s*$")
