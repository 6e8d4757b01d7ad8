"""The rubric editor's form: between fields named ``c-0-l-1-anchor`` and a rubric document.

The form works without JavaScript: buttons that add, move or remove a row send the whole form, and get it back
changed; nothing is stored until "save".
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

from reviewapp.rubrics.schema import MAX_CRITERIA, MAX_LEVELS

Document = dict[str, Any]
N_LEVELS_NEW = 4


def document_blank(applies_to: str) -> Document:
    """What the editor starts with when nothing is copied: one criterion, its levels still to be described."""
    document: Document = {"name": "", "applies_to": applies_to, "guidelines": "", "notice": "", "criteria": []}
    return document_changed(document, "add-levels")


def document_from_form(form: Mapping[str, str]) -> Document:
    """The document as typed, also where it is no valid rubric yet. Numbers that are none stay text."""
    return {
        "name": form.get("name", ""),
        "applies_to": form.get("applies_to", ""),
        "guidelines": form.get("guidelines", ""),
        "notice": form.get("notice", ""),
        "criteria": [_criterion(form, f"c-{n}-") for n in range(_count(form, "criteria", MAX_CRITERIA))],
    }


def document_changed(document: Document, action: str) -> Document:
    """The document after a button of the form, such as "add-gate", "remove:2" or "remove-level:2:0".

    An action that does not fit the form (a stale page) changes nothing.
    """
    verb, *places = action.split(":")
    criteria = document["criteria"]
    at = [int(place) if place.isdecimal() else len(criteria) for place in places]
    if verb == "add-levels":
        criteria.append(_new_criterion("levels"))
    elif verb == "add-gate":
        criteria.append(_new_criterion("gate"))
    elif at and at[0] < len(criteria):
        _change_criterion(criteria, verb, at)
    return document


def _change_criterion(criteria: list[Document], verb: str, at: list[int]) -> None:
    position, levels = at[0], criteria[at[0]]["levels"]
    if verb == "remove":
        del criteria[position]
    elif verb in ("up", "down"):
        target = position + (1 if verb == "down" else -1)
        if 0 <= target < len(criteria):
            criteria[position], criteria[target] = criteria[target], criteria[position]
    elif verb == "add-level":
        used = [level["value"] for level in levels if isinstance(level["value"], int)]
        levels.insert(0, _new_level(max(used, default=0) + 1))
    elif verb == "remove-level" and len(at) > 1 and at[1] < len(levels):
        del levels[at[1]]


def _criterion(form: Mapping[str, str], prefix: str) -> Document:
    name = form.get(f"{prefix}name", "")
    evidence = form.get(f"{prefix}evidence_at_or_below", "").strip()
    return {
        # Given once and kept: grades of different versions are compared by key.
        "key": form.get(f"{prefix}key", "") or _key_from(name),
        "name": name,
        "description": form.get(f"{prefix}description", ""),
        "kind": form.get(f"{prefix}kind", "levels"),
        "weight": _number(form.get(f"{prefix}weight", "1")),
        "allow_na": f"{prefix}allow_na" in form,
        "is_critical": f"{prefix}is_critical" in form,
        "evidence_at_or_below": _number(evidence) if evidence else None,
        "levels": [_level(form, f"{prefix}l-{n}-") for n in range(_count(form, f"{prefix}levels", MAX_LEVELS + 1))],
    }


def _level(form: Mapping[str, str], prefix: str) -> Document:
    return {
        "value": _number(form.get(f"{prefix}value", "")),
        "label": form.get(f"{prefix}label", ""),
        "anchor": form.get(f"{prefix}anchor", ""),
    }


def _new_criterion(kind: str) -> Document:
    levels = [_new_level(value) for value in range(N_LEVELS_NEW, 0, -1)]
    if kind == "gate":
        levels = [{"value": 1, "label": "Yes", "anchor": ""}, {"value": 0, "label": "No", "anchor": ""}]
    blank: Document = {"key": "", "name": "", "description": "", "kind": kind, "weight": 1, "allow_na": False}
    return blank | {"is_critical": kind == "gate", "evidence_at_or_below": None, "levels": levels}


def _new_level(value: int) -> Document:
    return {"value": value, "label": "", "anchor": ""}


def _count(form: Mapping[str, str], name: str, most: int) -> int:
    """How many rows the form says it has; never more than can be valid plus one, whatever it says."""
    given = form.get(f"n-{name}", "0")
    return min(int(given), most + 1) if given.isdecimal() and len(given) < 6 else 0


def _number(text: str) -> int | float | str:
    text = text.strip()
    try:
        return int(text)
    except ValueError:
        pass
    try:
        return float(text)
    except ValueError:
        return text


def _key_from(name: str) -> str:
    words = re.sub(r"[^a-z0-9]+", "_", name.casefold()).strip("_")
    words = words if not words or words[0].isalpha() else f"c_{words}"
    # A name in another script leaves no letters; any key will do, as long as it is the criterion's own.
    return words[:40].rstrip("_") or (f"c_{sum(map(ord, name))}" if name.strip() else "")
