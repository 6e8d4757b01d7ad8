"""Reads the fields of one JSON object and notes what is wrong with it instead of stopping at the first problem."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

from reviewapp.words import say


class Reader:
    """``where`` begins every problem, so that a person finds the place; problems are added to the list given."""

    def __init__(self, item: Mapping[str, Any], where: str, problems: list[str]) -> None:
        self.item, self.where, self.problems = item, where, problems

    def problem(self, text: str) -> None:
        self.problems.append(f"{self.where}: {text}")

    def only(self, *known: str) -> None:
        for name in sorted(set(self.item) - set(known)):
            self.problem(say("“%(name)s” is not known here. Known are %(known)s.", name=name, known=", ".join(known)))

    def text(self, name: str, *, longest: int, required: bool = False) -> str:
        value: object = self.item.get(name, "")
        if not isinstance(value, str):
            self.problem(say("%(name)s must be text.", name=name))
            return ""
        # One form for every line end and border, so that equal schemas hash alike. NUL cannot be stored.
        value = value.replace("\r\n", "\n").replace("\x00", "").strip()
        if any("\ud800" <= character <= "\udfff" for character in value):
            self.problem(
                say(
                    "%(name)s holds half a character (a lone surrogate), which cannot be stored. Type it again.",
                    name=name,
                )
            )
            return ""
        if required and not value:
            self.problem(say("%(name)s is empty.", name=name))
        if len(value) > longest:
            self.problem(
                say(
                    "%(name)s has %(n_value)s characters; at most %(longest)s fit.",
                    name=name,
                    n_value=len(value),
                    longest=longest,
                )
            )
        return value

    def choice(self, name: str, known: tuple[str, ...], *, default: str = "") -> str:
        value = self.item.get(name, default)
        if value not in known:
            self.problem(
                say(
                    "%(name)s must be one of %(known)s, not %(given)s.",
                    name=name,
                    known=", ".join(known),
                    given=json.dumps(value, default=str),
                )
            )
            return known[0]
        return str(value)

    def flag(self, name: str, *, default: bool = False) -> bool:
        value = self.item.get(name, default)
        if not isinstance(value, bool):
            self.problem(say("%(name)s must be true or false.", name=name))
        return bool(value)

    def whole(self, name: str, *, least: int, most: int, default: int) -> int:
        value: object = self.item.get(name, default)
        if isinstance(value, int) and not isinstance(value, bool) and least <= value <= most:
            return value
        self.problem(
            say("%(name)s must be a whole number from %(least)s to %(most)s.", name=name, least=least, most=most)
        )
        return default

    def objects(self, name: str, noun: str) -> list[tuple[int, Mapping[str, Any]]]:
        """The objects of a list, numbered from 1."""
        value = self.item.get(name, [])
        if not isinstance(value, list | tuple):
            self.problem(say("%(name)s must be a list.", name=name))
            return []
        for number, item in enumerate(value, 1):
            if not isinstance(item, Mapping):
                self.problem(say("%(noun)s %(number)s must be a JSON object.", noun=noun, number=number))
        return [(number, item) for number, item in enumerate(value, 1) if isinstance(item, Mapping)]

    def texts(self, name: str, *, longest: int) -> tuple[str, ...]:
        value = self.item.get(name, [])
        if not isinstance(value, list | tuple) or not all(isinstance(one, str) and one.strip() for one in value):
            self.problem(say("%(name)s must be a list of texts.", name=name))
            return ()
        if any(len(one) > longest for one in value):
            self.problem(say("a text of %(name)s is longer than %(longest)s characters.", name=name, longest=longest))
        return tuple(one.strip() for one in value)
