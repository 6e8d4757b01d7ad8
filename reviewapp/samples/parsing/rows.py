"""What a parser gives: a row, or a row error; never nothing. And the limits every parser holds."""

from __future__ import annotations

import base64
import datetime
import decimal
import math
import uuid
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any, TextIO

MAX_COLUMNS = 2_000
MAX_CELL_CHARS = 4_000_000
MAX_LINE_CHARS = 4 * MAX_CELL_CHARS  # the rest of a longer line is passed over, never held
MAX_RAW_CHARS = 20_000  # of a bad row, kept beside its reason


class FileError(ValueError):
    """The file as a whole cannot be read; the message tells a person what to do."""


class ValueProblem(ValueError):
    """One row holds something that cannot be kept; the message becomes the reason of its row error."""


@dataclass(frozen=True)
class Row:
    """One row. ``line`` is the physical line on which it starts (1 is the first); in JSON and Parquet, its number."""

    line: int
    values: dict[str, Any]


@dataclass(frozen=True)
class RowError:
    """A row that could not be read, why, and what it held (shortened to MAX_RAW_CHARS)."""

    line: int
    reason: str
    raw: str


def row_error(line: int, reason: str, raw: str) -> RowError:
    """A RowError whose raw text can be stored and shown: unreadable characters written as escapes."""
    text = raw.rstrip("\r\n")
    if len(text) > MAX_RAW_CHARS:
        text = text[:MAX_RAW_CHARS] + " …"
    text = text.encode("utf-8", errors="backslashreplace").decode("utf-8").replace("\0", "\\x00")
    return RowError(line=line, reason=reason, raw=text)


def check_columns(names: Iterable[str], what: str) -> None:
    """Raises FileError for too many columns or for a name that appears twice."""
    seen: set[str] = set()
    for count, name in enumerate(names, start=1):
        if count > MAX_COLUMNS:
            raise FileError(f"{what} has more than {MAX_COLUMNS:,} columns. Keep the columns you need and try again.")
        if name in seen:
            raise FileError(f"The column “{name[:80]}” appears twice in {what.lower()}. Give each column its own name.")
        seen.add(name)


def check_storable(values: dict[str, Any]) -> None:
    """Raises ValueProblem for characters that no database keeps: NUL, and bytes that are not text."""
    for name, value in values.items():
        _check_text(name, "name")
        for text in _texts(value):
            _check_text(text, f"column “{name[:80]}”")


def _texts(value: Any) -> Iterable[str]:
    if isinstance(value, str):
        yield value
    elif isinstance(value, dict):
        for key, item in value.items():
            yield str(key)
            yield from _texts(item)
    elif isinstance(value, list):
        for item in value:
            yield from _texts(item)


def _check_text(text: str, where: str) -> None:
    nul = text.find("\0")
    if nul >= 0:
        raise ValueProblem(f"NUL character in {where}, at character {nul + 1:,}. Remove it and import the row again.")
    try:
        text.encode("utf-8")
    except UnicodeEncodeError as error:
        where = f"{where}, at character {error.start + 1:,}"
        raise ValueProblem(
            f"Unreadable characters in {where}. The row is in another encoding than the file."
        ) from error


def plain(value: Any) -> Any:
    """A Parquet value as JSON knows it. Not-a-number becomes None; dates, decimals and bytes become text."""
    if value is None or isinstance(value, bool | int | str):
        return value
    if isinstance(value, float):
        return None if math.isnan(value) else value if math.isfinite(value) else str(value)
    if isinstance(value, dict):
        return {str(key): plain(item) for key, item in value.items()}
    if isinstance(value, list | tuple):  # a map column comes as a list of pairs
        return [plain(item) for item in value]
    if isinstance(value, datetime.date | datetime.time):
        return value.isoformat()
    if isinstance(value, bytes):
        return base64.b64encode(value).decode("ascii")
    if isinstance(value, decimal.Decimal | uuid.UUID | datetime.timedelta):
        return str(value)
    raise ValueProblem(f"A value of type {type(value).__name__} cannot be kept.")


def line_of(handle: TextIO) -> str:
    """The next line with its ending, "" at the end; raises ValueProblem for one that is too long, after passing it."""
    text = handle.readline(MAX_LINE_CHARS + 1)
    if len(text) <= MAX_LINE_CHARS:
        return text
    part = text
    while part and not part.endswith(("\n", "\r")):
        part = handle.readline(1 << 20)
    raise ValueProblem(f"The line is longer than {MAX_LINE_CHARS:,} characters.")
