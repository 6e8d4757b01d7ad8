from __future__ import annotations

from datetime import datetime

from django import template
from django.utils.dateparse import parse_datetime

from reviewapp.evaluations.models import GradingRound
from reviewapp.reports import localised
from reviewapp.reports.looks import LookState, looks_state

register = template.Library()


@register.simple_tag
def looks_of(round: GradingRound) -> LookState | None:
    """The looks that were declared and taken on a round; None where there are none."""
    return looks_state(round)


@register.filter
def share(value: float | None) -> str:
    """A share as the report words it: 'below 0.1%' rather than 0 for what is not 0."""
    return localised.percent(value)


@register.filter
def moment(value: str | None) -> datetime | None:
    """A time of the frozen data, to be formatted by ``date``."""
    return parse_datetime(value) if value else None
