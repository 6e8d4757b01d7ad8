"""Sentences of plain modules in the reader's language: they say them here, and what translates is set from outside.

Plain modules know no Django (an import contract holds it). Used without the web application they speak English.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Any, overload

_FIGURE = re.compile(r"[+−±-]?(?:[0-9]{1,3}(?:,[0-9]{3})+(?:\.[0-9]+)?|[0-9]+\.[0-9]+)(?:e[+-][0-9]+)?%?")
_translate: list[Callable[[str], str]] = []


def translate_with(translate: Callable[[str], str]) -> None:
    """Sets what translates; ``reviewapp.core`` does so when the application starts."""
    _translate[:] = [translate]


def say(text: str, /, **values: object) -> str:
    """``text`` in the language of the moment, its %(name)s filled. With values, %% is a per cent sign."""
    told = _told(text) if text else text
    return told % {name: figure_said(value) for name, value in values.items()} if values else told


class _Said(str):
    """A number that is in the reader's form already: read once more, 1.374 would become 1,374."""

    __slots__ = ()


@overload
def figure_said(value: str) -> str: ...
@overload
def figure_said(value: object) -> object: ...
def figure_said(value: object) -> object:
    """A written number with its point and its thousands as the language of the moment has them; else the value."""
    if not isinstance(value, str) or isinstance(value, _Said) or not _FIGURE.fullmatch(value):
        return value
    forms = {",": _told("1,000")[1], ".": _told("0.5")[1]}
    return _Said("".join(forms.get(letter, letter) for letter in value))


def _told(text: str) -> str:
    return _translate[0](text) if _translate else text


def grouped(n: int) -> str:
    """A whole number with its thousands parted as the language of the moment does: 1,374."""
    return figure_said(f"{n:,}")


def named(row: Any, *, is_within: bool = False) -> str:
    """What ``str`` says of a row, in the language of the moment; ``is_within``: inside a sentence.

    Rows whose names hold words have them as ``NAMES``: alone, and within a sentence. Names that people gave stay.
    """
    names: tuple[str, str] | None = getattr(row, "NAMES", None)
    if names is None:
        return str(row)
    parts: dict[str, object] = row.name_parts() if hasattr(row, "name_parts") else {"number": row.number}
    return say(names[is_within], **parts)
