"""Reads fields of JSON objects and notes what is wrong, and where, instead of stopping at the first problem."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from typing import Any, Self, TypeGuard

from reviewapp.words import say


class Problem(str):
    """A sentence that says what to do; ``place`` names the field of the editor that it stands beside, or "".

    ``brief`` is the sentence without the name of its criterion, for beside the field.
    """

    place: str
    brief: str

    def __new__(cls, text: str, place: str = "", brief: str = "") -> Self:
        problem = super().__new__(cls, text)
        problem.place, problem.brief = place, brief or text
        return problem


class RubricInvalid(ValueError):
    """A document that cannot be a rubric; ``problems`` are sentences that say where and what to do."""

    def __init__(self, problems: Iterable[str]) -> None:
        self.problems = tuple(p if isinstance(p, Problem) else Problem(p) for p in problems)
        super().__init__(" ".join(self.problems))


class Reader:
    """``where`` begins each sentence, ``place`` the name of each field (``c-0-``, ``c-0-l-1-``)."""

    def __init__(self, item: Mapping[str, Any], where: str, problems: list[Problem], place: str = "") -> None:
        self.item, self.where, self.problems, self.place = item, where, problems, place

    def problem(self, text: str, name: str = "") -> None:
        self.problems.append(Problem(f"{self.where}: {text}", f"{self.place}{name}", text[:1].upper() + text[1:]))

    def only(self, *known: str) -> None:
        for name in sorted(set(self.item) - set(known)):
            self.problem(f"“{name}” is not known here. Known are {', '.join(known)}.")

    def text(self, name: str, *, longest: int, required: bool = False) -> str:
        value: object = self.item.get(name, "")
        if not isinstance(value, str):
            self.problem(f"{name} must be text.", name)
            return ""
        # One form for every line end and border, so that equal rubrics hash alike. NUL cannot be stored.
        value = value.replace("\r\n", "\n").replace("\x00", "").strip()
        if any("\ud800" <= character <= "\udfff" for character in value):
            self.problem(
                f"{name} holds half a character (a lone surrogate), which cannot be stored. Type it again.", name
            )
            return ""
        if required and not value:
            self.problem(say("%(name)s is empty.", name=name), name)
        if len(value) > longest:
            self.problem(f"{name} has {len(value)} characters; at most {longest} fit.", name)
        return value

    def choice(self, name: str, known: tuple[str, ...], default: str | None = None) -> str:
        value = self.item.get(name, default)
        if value not in known:
            self.problem(f"{name} must be one of {', '.join(known)}, not {json.dumps(value)}.", name)
        return str(value)

    def choices(self, name: str, known: tuple[str, ...]) -> tuple[str, ...]:
        """Some of a list of known words, in the list's own order; all of them where nothing is said."""
        value = self.item.get(name, list(known))
        if not isinstance(value, list | tuple) or not all(isinstance(one, str) and one in known for one in value):
            self.problem(f"{name} must be a list of {', '.join(known)}.", name)
            return known
        return tuple(one for one in known if one in value)

    def objects(self, name: str, noun: str) -> list[tuple[int, Mapping[str, Any]]]:
        """The objects of a list, numbered from 1."""
        value = self.item.get(name, [])
        if not isinstance(value, list | tuple):
            self.problem(f"{name} must be a list.", name)
            return []
        for number, item in enumerate(value, 1):
            if not isinstance(item, Mapping):
                self.problem(f"{noun} {number} must be a JSON object.", name)
        return [(number, item) for number, item in enumerate(value, 1) if isinstance(item, Mapping)]

    def flag(self, name: str) -> bool:
        value = self.item.get(name, False)
        if not isinstance(value, bool):
            self.problem(f"{name} must be true or false.", name)
        return bool(value)

    def number(self, name: str, *, default: float) -> float:
        value: object = self.item.get(name, default)
        if is_number(value) and abs(value) < 1e9:  # also refuses nan and infinity, which JSON readers let in
            return float(value)
        self.problem(f"{name} must be a number.", name)
        return default

    def whole(self, name: str, *, optional: bool = False, default: int | None = None) -> int | None:
        value: object = self.item.get(name, default)
        if value is None and optional:
            return default
        if is_number(value) and value == value // 1 and abs(value) < 1_000:
            return int(value)
        self.problem(f"{name} must be a whole number.", name)
        return None


def is_number(value: object) -> TypeGuard[float]:
    return isinstance(value, int | float) and not isinstance(value, bool)
