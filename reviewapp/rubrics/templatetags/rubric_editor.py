"""Fields of the rubric editor: their names, what is wrong with them, and where the focus goes."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from django import template
from django.utils.html import format_html, format_html_join
from django.utils.safestring import SafeString

from reviewapp.core.templatetags.parts import icon

register = template.Library()


@register.simple_tag(takes_context=True)
def field_attrs(context: dict[str, Any], *parts: object) -> SafeString:
    """id and name of a field, told invalid and described by its problem, focused where the last press leads."""
    place = place_of(parts)
    wrong = format_html(' aria-invalid="true" aria-describedby="{}-problem"', place) if place in _wrong(context) else ""
    return format_html('id="{}" name="{}"{}{}', place, place, wrong, _focus(context, place))


@register.simple_tag(takes_context=True)
def button_attrs(context: dict[str, Any], *parts: object) -> SafeString:
    """id of a button, focused where the last press leads."""
    place = place_of(parts)
    return format_html('id="{}"{}', place, _focus(context, place))


@register.simple_tag(takes_context=True)
def field_problem(context: dict[str, Any], *parts: object) -> SafeString:
    """The sentences beside a field that say what to mend; nothing where it is well."""
    place = place_of(parts)
    texts = _wrong(context).get(place, ())
    if not texts:
        return SafeString("")
    lines = format_html_join(SafeString("<br>"), "{}", ((text,) for text in texts))
    mark = icon("alert-triangle")
    return format_html('<p class="cs-field-error" id="{}-problem">{}<span>{}</span></p>', place, mark, lines)


@register.filter
def counts_told(counts: Mapping[str, int]) -> str:
    """{"reviews": 12, "grades": 1} -> "12 reviews and 1 grade"."""
    return " and ".join(f"{n} {noun if n != 1 else noun.removesuffix('s')}" for noun, n in counts.items())


def place_of(parts: tuple[object, ...]) -> str:
    """The name of a field from its parts: ("c", 0, "weight") -> "c-0-weight"."""
    return "-".join(str(part) for part in parts)


def _wrong(context: dict[str, Any]) -> dict[str, list[str]]:
    wrong: dict[str, list[str]] = context["wrong"]
    return wrong


def _focus(context: dict[str, Any], place: str) -> SafeString | str:
    return SafeString(" autofocus") if context["focus"] == place else ""
