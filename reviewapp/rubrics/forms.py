"""The rubric editor's form: between fields named ``c-0-l-1-anchor`` and a rubric document.

The form works without JavaScript: buttons that add, move or remove a row send the whole form, and get it back
changed; nothing is stored until "save".
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Mapping
from dataclasses import asdict
from typing import Any

from reviewapp.rubrics import documents as d
from reviewapp.rubrics.documents import RubricDocument
from reviewapp.rubrics.schema import MAX_CRITERIA, MAX_ERROR_TYPES, MAX_LEVELS, Problem

Document = dict[str, Any]
N_LEVELS_NEW = 4
_LEVELS_NEW = {
    d.LEVELS: [(value, "") for value in range(N_LEVELS_NEW, 0, -1)],
    d.GATE: [(1, "Yes"), (0, "No")],
    d.PREFERENCE: [(1, "A is better"), (0, "No difference"), (-1, "B is better")],
}
_WEIGHTLESS = (d.POINTS, d.TEXT)  # their weight follows from what they are


def document_of(rubric: RubricDocument) -> Document:
    """A rubric with every field, as the form shows it."""
    document: Document = json.loads(json.dumps(asdict(rubric)))
    for criterion in document["criteria"]:
        if criterion["kind"] in _WEIGHTLESS:
            del criterion["weight"]
    return document


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
    if verb.removeprefix("add-") in d.KINDS and verb.startswith("add-"):
        criteria.append(_new_criterion(verb.removeprefix("add-")))
    elif at and at[0] < len(criteria):
        _change_criterion(criteria, verb, at)
    return document


def focus_after(action: str, document: Document) -> str:
    """Where somebody who works by keyboard goes on after a button: the id of a field or a button."""
    verb, *places = action.split(":")
    n = [int(place) for place in places if place.isdecimal()]
    last = len(document["criteria"]) - 1
    if verb.startswith("add-") and not n:
        return f"c-{last}-name"
    if verb == "remove":
        return f"c-{min(n[0], last)}-name" if n and last >= 0 else "add-levels"
    if verb in ("up", "down") and n:
        to = min(max(n[0] + (1 if verb == "down" else -1), 0), last)
        return f"c-{to}-{'down' if to == 0 else 'up' if to == last else verb}"
    return _focus_inside(verb, n, document)


def _focus_inside(verb: str, n: list[int], document: Document) -> str:
    if not n or n[0] >= len(document["criteria"]):
        return ""
    criterion = document["criteria"][n[0]]
    if verb == "add-level":
        return f"c-{n[0]}-l-0-label"
    if verb == "add-type":
        return f"c-{n[0]}-t-{len(criterion['error_types']) - 1}-name"
    if verb in ("level-up", "level-down") and len(n) > 1:
        last = len(criterion["levels"]) - 1
        to = min(max(n[1] + (1 if verb == "level-down" else -1), 0), last)
        return f"c-{n[0]}-l-{to}-{'down' if to == 0 else 'up' if to == last else verb.removeprefix('level-')}"
    return f"c-{n[0]}-add-level" if verb == "remove-level" else f"c-{n[0]}-add-type"


def problems_by_place(problems: Iterable[str]) -> dict[str, list[str]]:
    """Field of the form -> what is wrong there. A key is made from the name, so its problems stand there."""
    places: dict[str, list[str]] = {}
    for problem in problems:
        if isinstance(problem, Problem) and problem.place:
            place = re.sub(r"-key$", "-name", problem.place)
            places.setdefault(place, []).append(problem.brief)
    return places


def _change_criterion(criteria: list[Document], verb: str, at: list[int]) -> None:
    position, criterion = at[0], criteria[at[0]]
    if verb == "remove":
        del criteria[position]
    elif verb in ("up", "down"):
        _swap(criteria, position, verb)
    elif verb == "add-level":
        used = [level["value"] for level in criterion["levels"] if isinstance(level["value"], int)]
        criterion["levels"].insert(0, _new_level(max(used, default=0) + 1))
    elif verb == "add-type":
        criterion["error_types"].append(_new_type())
    elif len(at) > 1:
        _change_inside(criterion, verb, at[1])


def _change_inside(criterion: Document, verb: str, row: int) -> None:
    levels, types = criterion["levels"], criterion["error_types"]
    if verb == "remove-level" and row < len(levels):
        del levels[row]
    elif verb == "remove-type" and row < len(types):
        del types[row]
    elif verb in ("level-up", "level-down") and row < len(levels):
        values = [level["value"] for level in levels]
        _swap(levels, row, verb.removeprefix("level-"))
        # The words change places; the values stay in order.
        for level, value in zip(levels, values, strict=True):
            level["value"] = value


def _swap(rows: list[Document], at: int, verb: str) -> None:
    target = at + (1 if verb == "down" else -1)
    if 0 <= target < len(rows):
        rows[at], rows[target] = rows[target], rows[at]


def _criterion(form: Mapping[str, str], prefix: str) -> Document:
    name, kind = form.get(f"{prefix}name", ""), form.get(f"{prefix}kind", d.LEVELS)
    points = _optional(form.get(f"{prefix}points", ""))
    implied = d.direction_of(kind, points if isinstance(points, int) else None)
    criterion: Document = {
        # Given once and kept: grades of different versions are compared by key.
        "key": form.get(f"{prefix}key", "") or _key_from(name),
        "name": name,
        "description": form.get(f"{prefix}description", ""),
        "kind": kind,
        "allow_na": f"{prefix}allow_na" in form,
        "is_critical": f"{prefix}is_critical" in form,
        "evidence_at_or_below": _optional(form.get(f"{prefix}evidence_at_or_below", "")),
        "levels": [_level(form, f"{prefix}l-{n}-") for n in range(_count(form, f"{prefix}levels", MAX_LEVELS + 1))],
        "applies_to": form.get(f"{prefix}applies_to", "") or d.BOTH,
        "direction": form.get(f"{prefix}direction", "") or implied,
        "evidence": _evidence(form, prefix),
        "unit": form.get(f"{prefix}unit", ""),
        "most": _optional(form.get(f"{prefix}most", "")),
        "points": points,
        "error_types": [_type(form, f"{prefix}t-{n}-") for n in range(_count(form, f"{prefix}types", MAX_ERROR_TYPES))],
    }
    return criterion if kind in _WEIGHTLESS else criterion | {"weight": _number(form.get(f"{prefix}weight", "1"))}


def _evidence(form: Mapping[str, str], prefix: str) -> list[str]:
    """The kinds that are ticked; all of them where the form does not ask."""
    if f"{prefix}asks-evidence" not in form:
        return list(d.EVIDENCE)
    return [kind for kind in d.EVIDENCE if f"{prefix}evidence-{kind}" in form]


def _level(form: Mapping[str, str], prefix: str) -> Document:
    return {
        "value": _number(form.get(f"{prefix}value", "")),
        "label": form.get(f"{prefix}label", ""),
        "anchor": form.get(f"{prefix}anchor", ""),
    }


def _type(form: Mapping[str, str], prefix: str) -> Document:
    name = form.get(f"{prefix}name", "")
    return {
        "key": form.get(f"{prefix}key", "") or _key_from(name),
        "name": name,
        "minor": _number(form.get(f"{prefix}minor", "1")),
        "major": _number(form.get(f"{prefix}major", "5")),
    }


def _new_criterion(kind: str) -> Document:
    blank: Document = {"key": "", "name": "", "description": "", "kind": kind, "weight": 1, "allow_na": False}
    blank |= {
        "is_critical": kind == d.GATE,
        "evidence_at_or_below": {d.GATE: 1, d.COUNT: 1}.get(kind),
        "levels": [_new_level(value, label) for value, label in _LEVELS_NEW.get(kind, ())],
        "applies_to": d.BOTH,
        "direction": d.direction_of(kind),
        "evidence": list(d.EVIDENCE),
        "unit": "",
        "most": {d.COUNT: 20, d.SPANS: 25}.get(kind),
        "points": 1 if kind == d.POINTS else None,
        "error_types": [_new_type()] if kind == d.SPANS else [],
    }
    if kind in _WEIGHTLESS:
        del blank["weight"]
    return blank


def _new_level(value: int, label: str = "") -> Document:
    return {"value": value, "label": label, "anchor": ""}


def _new_type() -> Document:
    return {"key": "", "name": "", "minor": 1, "major": 5}


def _count(form: Mapping[str, str], name: str, most: int) -> int:
    """How many rows the form says it has; never more than can be valid plus one, whatever it says."""
    given = form.get(f"n-{name}", "0")
    return min(int(given), most + 1) if given.isdecimal() and len(given) < 6 else 0


def _optional(text: str) -> int | float | str | None:
    return _number(text) if text.strip() else None


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
