from __future__ import annotations

from django import template
from django.utils.html import escape
from django.utils.safestring import SafeString, mark_safe

register = template.Library()


@register.filter
def exact(text: str) -> SafeString:
    """Escaped text whose characters a browser counts as we do: parsers turn CR LF into LF, but not ``&#13;``."""
    return mark_safe(escape(text).replace("\r", "&#13;"))  # noqa: S308 - escaped first
