from __future__ import annotations

import json
from collections.abc import Mapping

from django import template

register = template.Library()


@register.filter
def as_json(keymap: Mapping[str, Mapping[str, str]]) -> str:
    """A keymap for a data attribute; escaped like any text where it is put."""
    return json.dumps(keymap, separators=(",", ":"), ensure_ascii=False)
