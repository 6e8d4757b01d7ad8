"""JSON Lines, and one JSON document that is a list of objects or an object of objects keyed by id."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from itertools import count
from typing import Any, TextIO

from .rows import (
    MAX_COLUMNS,
    FileError,
    Row,
    RowError,
    ValueProblem,
    check_storable,
    line_of,
    row_error,
)

_SPACE = re.compile(r"[ \t\r\n]*")
_Item = tuple[str | None, Any, str]
_KEY_NAMES = ("id", "key", "_key")


def _object(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    """Refuses a key given twice: ``json`` alone would keep the last and drop the first without a word."""
    values = dict(pairs)
    if len(values) != len(pairs):
        names = [name for name, _ in pairs]
        twice = next(name for name in names if names.count(name) > 1)
        raise ValueProblem(f"The key “{twice[:80]}” appears twice in one object.")
    return values


def _constant(name: str) -> Any:
    raise ValueProblem(f"{name} is not a JSON value. Write null or a number.")


_DECODER = json.JSONDecoder(object_pairs_hook=_object, parse_constant=_constant)
_PLAIN = json.JSONDecoder()


def _reason(error: Exception) -> str:
    if isinstance(error, json.JSONDecodeError):
        return f"Not valid JSON at column {error.colno:,}: {error.msg}."
    if isinstance(error, RecursionError):
        return "The JSON is nested too deeply."
    if isinstance(error, ValueProblem):
        return str(error)
    return "A number in the JSON is too long."


def _checked(line: int, value: Any, raw: str, what: str) -> Row | RowError:
    if isinstance(value, ValueProblem):
        return row_error(line, str(value), raw)
    if not isinstance(value, dict):
        return row_error(line, f"{what} must be an object in braces; this is {_kind(value)}.", raw)
    if len(value) > MAX_COLUMNS:
        return row_error(line, f"The object has more than {MAX_COLUMNS:,} keys.", raw)
    try:
        check_storable(value)
    except ValueProblem as problem:
        return row_error(line, str(problem), raw)
    return Row(line, value)


def _kind(value: Any) -> str:
    kinds = {list: "a list", str: "text", bool: "true or false", type(None): "null"}
    return kinds.get(type(value), "a number")


def iter_jsonl(handle: TextIO) -> Iterator[Row | RowError]:
    """One object a line; blank lines are no rows. Raises FileError when the first row has too many keys."""
    for line in count(1):
        try:
            text = line_of(handle)
        except ValueProblem as problem:
            yield row_error(line, str(problem), "")
            continue
        if not text:
            return
        if text.strip():
            yield _line(line, text)


def _line(line: int, text: str) -> Row | RowError:
    try:
        value = _DECODER.decode(text.rstrip())
    except (ValueError, RecursionError) as error:
        return row_error(line, _reason(error), text)
    return _checked(line, value, text, "A line")


def iter_json(handle: TextIO) -> Iterator[Row | RowError]:
    """Rows of one document, looked through whole before the first is given: a broken document gives none.

    ``line`` is the number of the item, since one document may be one line. Objects keyed by id carry their key in
    a column “id” (or “key” where the objects have an “id” of their own).
    Raises FileError for a document that is neither a list of objects nor an object of objects.
    """
    text = handle.read().lstrip("\ufeff")
    try:
        key_name = _key_name(text)
    except FileError:
        raise
    except (ValueError, RecursionError) as error:
        raise FileError(_document_reason(error, text)) from error
    seen: set[str] = set()
    for number, (key, value, raw) in enumerate(_items(text), start=1):
        if key is not None and key in seen:
            yield row_error(number, f"The id “{key[:80]}” appears twice in the file.", raw)
            continue
        if key is not None:
            seen.add(key)
            value = {key_name: key, **value} if isinstance(value, dict) else value
        yield _checked(number, value, raw, "An item")


def _items(text: str) -> Iterator[_Item]:
    """(key, value, raw) of each member of the outer list or object, in the order of the file."""
    place = _skip(text, 0)
    opening = text[place : place + 1]
    if opening not in ("[", "{"):
        raise json.JSONDecodeError("Expecting a list or an object", text, place)
    closing = "]" if opening == "[" else "}"
    place = _skip(text, place + 1)
    while text[place : place + 1] != closing:
        key, place = _key(text, place) if opening == "{" else (None, place)
        value, end = _value(text, place)
        yield key, value, text[place:end]
        place = _next(text, end, closing)
    if _skip(text, place + 1) != len(text):
        raise json.JSONDecodeError("Extra data", text, place + 1)


def _value(text: str, place: int) -> tuple[Any, int]:
    """The value and where it ends; a value that must not be kept comes as its ValueProblem."""
    try:
        return _DECODER.raw_decode(text, place)
    except ValueProblem as problem:
        return problem, _PLAIN.raw_decode(text, place)[1]


def _skip(text: str, place: int) -> int:
    found = _SPACE.match(text, place)
    return found.end() if found else place


def _key(text: str, place: int) -> tuple[str, int]:
    if text[place : place + 1] != '"':
        raise json.JSONDecodeError("Expecting a key in double quotes", text, place)
    key, place = _DECODER.raw_decode(text, place)
    place = _skip(text, place)
    if text[place : place + 1] != ":":
        raise json.JSONDecodeError("Expecting ':' after the key", text, place)
    return key, _skip(text, place + 1)


def _next(text: str, end: int, closing: str) -> int:
    place = _skip(text, end)
    mark = text[place : place + 1]
    if mark == closing:
        return place
    after = _skip(text, place + 1)
    if mark != "," or text[after : after + 1] == closing:
        raise json.JSONDecodeError("Expecting ',' and another item, or the end", text, place)
    return after


def _document_reason(error: Exception, text: str) -> str:
    if not isinstance(error, json.JSONDecodeError):
        return f"The document cannot be read. {_reason(error)}"
    first, _, rest = text.strip().partition("\n")
    if rest and isinstance(_line(1, first), Row):
        return "The file is named as JSON but holds one object a line. Rename it to end in .jsonl."
    return f"The document is not valid JSON at line {error.lineno:,}, column {error.colno:,}: {error.msg}."


def _key_name(text: str) -> str:
    """What the key of a row is called. Reads all of the document and keeps none of it.

    Raises FileError where there is no row, and what ``json`` raises where the document is broken.
    """
    used, is_empty, has_objects = set[str](), True, False
    for _, value, _ in _items(text):
        is_empty = False
        if isinstance(value, dict):
            has_objects = True
            used.update(name for name in _KEY_NAMES if name in value)
    if is_empty:
        raise FileError("The file holds no rows.")
    if not has_objects:
        raise FileError("The file must hold a list of objects, or an object whose values are objects keyed by id.")
    return next((name for name in _KEY_NAMES if name not in used), "__key")
