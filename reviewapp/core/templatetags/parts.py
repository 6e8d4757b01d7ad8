"""Small parts every template may use without loading anything: icons, states, hashes, links that keep filters."""

from __future__ import annotations

import json
import re
from functools import cache
from pathlib import Path
from typing import Any, cast

from django import forms, template
from django.conf import settings
from django.forms import BoundField
from django.http import QueryDict
from django.template import defaultfilters
from django.utils.html import format_html, format_html_join, json_script
from django.utils.safestring import SafeString
from django.utils.translation import get_language, gettext
from django.utils.translation.trans_real import DjangoTranslation
from django.views.i18n import JavaScriptCatalog

from reviewapp.core.kept import kept_said, small
from reviewapp.words import figure_said, named

register = template.Library()
register.filter(small)

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
    "paused": "wait",
}


@cache
def script_catalogue(language: str) -> dict[str, Any]:
    """English text -> its translation, or its two forms where something is counted; empty for English."""
    if language == "en":
        return {}
    catalogue = JavaScriptCatalog()
    paths = [str(path) for path in settings.LOCALE_PATHS]
    catalogue.translation = DjangoTranslation(language, domain="djangojs", localedirs=paths)
    found: dict[str, Any] = catalogue.get_catalog()
    return found


@cache
def _icons() -> dict[str, list[str]]:
    path = Path(__file__).resolve().parent.parent / "icons.json"
    icons: dict[str, list[str]] = json.loads(path.read_text(encoding="utf-8"))
    return icons


@register.filter
def said(text: object) -> str:
    """A fixed text of Python code (a label, a refusal) in the reader's language; what is not in the catalogue stays."""
    if hasattr(text, "NAMES"):
        return named(text)
    words = str(text)
    if not words or get_language() == "en":
        return words
    told = gettext(words)
    return kept_said(words) if told == words else told


@register.filter(expects_localtime=True, is_safe=False)
def date(value: Any, form: str | None = None) -> Any:
    """Django's filter, with the parts in the order and with the points of the reader's language."""
    return defaultfilters.date(value, gettext(form) if form and " " in form else form)


@register.filter
def control(field: BoundField) -> SafeString:
    """The control of a form field. Options that the form's class declares are fixed texts; others are people's data."""
    declared: forms.Field | None = getattr(field.form, "base_fields", {}).get(field.name)
    if isinstance(field.field, forms.ModelChoiceField):
        field.field.label_from_instance = named  # type: ignore[method-assign,assignment]
        if field.field.empty_label:
            field.field.empty_label = said(field.field.empty_label)
    elif isinstance(declared, forms.ChoiceField):
        widget = cast("forms.Select", field.field.widget)
        if list(declared.widget.choices) == list(widget.choices):
            widget.choices = [(value, said(label)) for value, label in widget.choices]
    return SafeString(field)


@register.filter
def language_tag(code: str) -> str:
    """A sample's language as ``lang`` takes it; empty, which says that it is not known, for anything else."""
    return code if re.fullmatch("[A-Za-z]{2,3}(-[A-Za-z0-9]{2,8})*", code) else ""


@register.filter
def within(row: object) -> str:
    """The name of a row inside a sentence: "the gates of grading round 3"."""
    return named(row, is_within=True)


@register.simple_tag
def words() -> SafeString:
    """The catalogue of the scripts as data in the page; English needs none, the texts in the scripts are it."""
    catalogue = script_catalogue(get_language() or "en")
    return json_script(catalogue, "words") if catalogue else SafeString("")


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
    return format_html('<span class="cs-state" data-state="{}">{}{}</span>', css, icon(_STATE_ICONS[kind]), said(words))


@register.simple_tag
def job_state(job: Any) -> SafeString:
    """The state of a job row, with its progress while it runs; words for a missing job."""
    if job is None:
        return state("open", gettext("Not started"))
    words = said(job.get_state_display())
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
    return gettext("not known") if value is None else figure_said(f"{100 * value:.{digits}f}%")


@register.filter
def figure(value: float | None, digits: int = 2) -> str:
    """A number with fixed digits; None is said in words, never shown as 0."""
    return gettext("not known") if value is None else figure_said(f"{value:.{digits}f}")


@register.filter
def duration(seconds: float | None) -> str:
    """Seconds as a person says them: 48 s, 12 min, 3 h 10 min."""
    if seconds is None:
        return gettext("not known")
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
