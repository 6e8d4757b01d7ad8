"""Small parts every template may use without loading anything: icons, states, hashes, links that keep filters."""

from __future__ import annotations

import json
from functools import cache
from pathlib import Path
from typing import Any

from django import template
from django.http import QueryDict
from django.utils.html import format_html, format_html_join
from django.utils.safestring import SafeString

register = template.Library()

_STATE_ICONS = {
    "pass": "circle-check",
    "fail": "circle-x",
    "unknown": "help-circle",
    "wait": "clock",
    "warn": "alert-triangle",
    "run": "loader",
    "open": "circle-dashed",
}
_JOB_STATES = {
    "queued": "wait",
    "running": "run",
    "succeeded": "pass",
    "failed": "fail",
    "errored": "fail",
    "cancelled": "wait",
    "interrupted": "warn",
}


@cache
def _icons() -> dict[str, list[str]]:
    path = Path(__file__).resolve().parent.parent / "icons.json"
    icons: dict[str, list[str]] = json.loads(path.read_text(encoding="utf-8"))
    return icons


@register.simple_tag
def icon(name: str) -> SafeString:
    """An outline icon (Tabler icons, MIT) as inline SVG, hidden from screen readers. KeyError for unknown names."""
    paths = format_html_join("", '<path d="{}"></path>', ((d,) for d in _icons()[name]))
    return format_html(
        '<svg class="icon" viewBox="0 0 24 24" fill="none" stroke="currentColor" stroke-width="2"'
        ' stroke-linecap="round" stroke-linejoin="round" aria-hidden="true">{}</svg>',
        paths,
    )


@register.simple_tag
def state(kind: str, words: object) -> SafeString:
    """A state: icon and words together. ``kind``: pass, fail, unknown, wait, warn, run or open."""
    css = {"warn": "unknown"}.get(kind, kind)
    return format_html('<span class="cs-state" data-state="{}">{}{}</span>', css, icon(_STATE_ICONS[kind]), str(words))


@register.simple_tag
def job_state(job: Any) -> SafeString:
    """The state of a job row, with its progress while it runs; words for a missing job."""
    if job is None:
        return state("open", "Not started")
    words = job.get_state_display()
    if job.state == "running" and job.percent is not None:
        words = f"{words}, {job.percent}%"
    return state(_JOB_STATES[job.state], words)


@register.filter
def short_hash(value: str) -> str:
    """The first twelve characters of a hash; the whole one belongs in a title or a details element."""
    return (value or "")[:12]


@register.filter
def item(mapping: dict[Any, Any], key: Any) -> Any:
    """``mapping[key]``, or None: for tables whose columns are data."""
    return mapping.get(key) if mapping else None


@register.filter
def percent(value: float | None, digits: int = 1) -> str:
    """A share as a percentage; None is said in words, never shown as 0."""
    return "not known" if value is None else f"{100 * value:.{digits}f}%"


@register.filter
def figure(value: float | None, digits: int = 2) -> str:
    """A number with fixed digits; None is said in words, never shown as 0."""
    return "not known" if value is None else f"{value:.{digits}f}"


@register.filter
def duration(seconds: float | None) -> str:
    """Seconds as a person says them: 48 s, 12 min, 3 h 10 min."""
    if seconds is None:
        return "not known"
    whole = int(seconds)
    if whole < 60:
        return f"{whole} s"
    hours, minutes = divmod(whole // 60, 60)
    return f"{hours} h {minutes} min" if hours else f"{minutes} min"


@register.simple_tag(takes_context=True)
def query(context: dict[str, Any], **changes: Any) -> str:
    """The query string of this page with some keys changed (None removes one): filters live in the URL."""
    values: QueryDict = context["request"].GET.copy()
    for key, value in changes.items():
        if value is None or value == "":
            values.pop(key, None)
        else:
            values[key] = str(value)
    return f"?{values.urlencode()}"
