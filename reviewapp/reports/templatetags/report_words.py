from __future__ import annotations

from datetime import datetime

from django import template
from django.utils.dateparse import parse_datetime

from reviewapp.reports import wording

register = template.Library()


@register.filter
def share(value: float | None) -> str:
    """A share as the report words it: 'below 0.1%' rather than 0 for what is not 0."""
    return wording.percent(value)


@register.filter
def moment(value: str | None) -> datetime | None:
    """A time of the frozen data, to be formatted by ``date``."""
    return parse_datetime(value) if value else None
