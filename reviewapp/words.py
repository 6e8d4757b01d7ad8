"""Sentences of plain modules in the reader's language: they say them here, and what translates is set from outside.

Plain modules know no Django (an import contract holds it). Used without the web application they speak English.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

_translate: list[Callable[[str], str]] = []


def translate_with(translate: Callable[[str], str]) -> None:
    """Sets what translates; ``reviewapp.core`` does so when the application starts."""
    _translate[:] = [translate]


def say(text: str, /, **values: object) -> str:
    """``text`` in the language of the moment, its %(name)s filled. With values, %% is a per cent sign."""
    told = _translate[0](text) if _translate and text else text
    return told % values if values else told


def named(row: Any, *, is_within: bool = False) -> str:
    """What ``str`` says of a row, in the language of the moment; ``is_within``: inside a sentence.

    Rows whose names hold words have them as ``NAMES``: alone, and within a sentence. Names that people gave stay.
    """
    names: tuple[str, str] | None = getattr(row, "NAMES", None)
    if names is None:
        return str(row)
    parts: dict[str, object] = row.name_parts() if hasattr(row, "name_parts") else {"number": row.number}
    return say(names[is_within], **parts)
