"""Reads the fields of one JSON object and notes what is wrong with it instead of stopping at the first problem."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any


class Reader:
    """``where`` begins every problem, so that a person finds the place; problems are added to the list given."""

    def __init__(self, item: Mapping[str, Any], where: str, problems: list[str]) -> None:
        self.item, self.where, self.problems = item, where, problems

    def problem(self, text: str) -> None:
        self.problems.append(f"{self.where}: {text}")

    def only(self, *known: str) -> None:
        for name in sorted(set(self.item) - set(known)):
            self.problem(f"“{name}” is not known here. Known are {', '.join(known)}.")

    def text(self, name: str, *, longest: int, required: bool = False) -> str:
        value: object = self.item.get(name, "")
        if not isinstance(value, str):
            self.problem(f"{name} must be text.")
            return ""
        # One form for every line end and border, so that equal schemas hash alike. NUL cannot be stored.
        value = value.replace("\r\n", "\n").replace("\x00", "").strip()
        if any("\ud800" <= character <= "\udfff" for character in value):
            self.problem(f"{name} holds half a character (a lone surrogate), which cannot be stored. Type it again.")
            return ""
        if required and not value:
            self.problem(f"{name} is empty.")
        if len(value) > longest:
            self.problem(f"{name} has {len(value)} characters; at most {longest} fit.")
        return value

    def choice(self, name: str, known: tuple[str, ...], *, default: str = "") -> str:
        value = self.item.get(name, default)
        if value not in known:
            self.problem(f"{name} must be one of {', '.join(known)}, not {json.dumps(value, default=str)}.")
            return known[0]
        return str(value)

    def flag(self, name: str, *, default: bool = False) -> bool:
        value = self.item.get(name, default)
        if not isinstance(value, bool):
            self.problem(f"{name} must be true or false.")
        return bool(value)

    def whole(self, name: str, *, least: int, most: int, default: int) -> int:
        value: object = self.item.get(name, default)
        if isinstance(value, int) and not isinstance(value, bool) and least <= value <= most:
            return value
        self.problem(f"{name} must be a whole number from {least} to {most}.")
        return default

    def objects(self, name: str, noun: str) -> list[tuple[int, Mapping[str, Any]]]:
        """The objects of a list, numbered from 1."""
        value = self.item.get(name, [])
        if not isinstance(value, list | tuple):
            self.problem(f"{name} must be a list.")
            return []
        for number, item in enumerate(value, 1):
            if not isinstance(item, Mapping):
                self.problem(f"{noun} {number} must be a JSON object.")
        return [(number, item) for number, item in enumerate(value, 1) if isinstance(item, Mapping)]

    def texts(self, name: str, *, longest: int) -> tuple[str, ...]:
        value = self.item.get(name, [])
        if not isinstance(value, list | tuple) or not all(isinstance(one, str) and one.strip() for one in value):
            self.problem(f"{name} must be a list of texts.")
            return ()
        if any(len(one) > longest for one in value):
            self.problem(f"a text of {name} is longer than {longest} characters.")
        return tuple(one.strip() for one in value)
