"""The two ways to read a file: all of its rows, or its columns and first rows for the mapping screen."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from itertools import islice
from pathlib import Path

from .delimited import iter_delimited
from .encodings import encoding_of
from .formats import HEAD_BYTES, Format, check_head, check_text, format_of
from .json_rows import iter_json, iter_jsonl
from .parquet import iter_parquet
from .rows import FileError, Row, RowError, check_columns

PREVIEW_ROWS = 20
_COLUMN_ROWS = 500  # rows looked at for column names: optional keys often start late
MAX_JSON_BYTES = 256 << 20  # one JSON document is read whole


@dataclass(frozen=True)
class Preview:
    """What the mapping screen shows: columns in order of appearance and the first PREVIEW_ROWS rows."""

    format: Format
    encoding: str  # "" for Parquet
    columns: tuple[str, ...]
    rows: tuple[Row, ...]
    errors: tuple[RowError, ...]


def iter_rows(path: Path, *, name: str = "", encoding: str = "") -> Iterator[Row | RowError]:
    """Every row of a file as a Row or a RowError, in order.

    ``name`` is the file's name as the person gave it (default: the path's); ``encoding`` a key of
    ``encodings.ENCODINGS``, or empty to find out. Raises FileError, before the first row where possible, when
    the file is empty, is of another type than named, is in an unknown encoding, or has too many columns.
    """
    named = format_of(name or path.name)
    _check_file(path, named)
    if named == "parquet":
        yield from iter_parquet(path)
        return
    found = encoding_of(path, encoding)
    # Bytes that do not decode become lone surrogates, which turn their row into a row error.
    errors = "strict" if found.startswith(("utf-16", "utf-32")) else "surrogateescape"
    with path.open(encoding=found, errors=errors, newline="") as handle:
        check_text(handle.read(HEAD_BYTES), named)
        handle.seek(0)
        if named == "jsonl":
            yield from iter_jsonl(handle)
        elif named == "json":
            yield from iter_json(handle)
        else:
            yield from iter_delimited(handle, named)


def preview(path: Path, *, name: str = "", encoding: str = "") -> Preview:
    """Columns and first rows. Raises FileError as ``iter_rows`` does, and when no row can be read."""
    named = format_of(name or path.name)
    first = list(islice(iter_rows(path, name=name, encoding=encoding), _COLUMN_ROWS))
    rows = [row for row in first if isinstance(row, Row)]
    errors = [row for row in first if isinstance(row, RowError)]
    if not first:
        raise FileError("The file has a header and no rows." if named in ("csv", "tsv") else "The file holds no rows.")
    if not rows:
        raise FileError(f"No row can be read. Line {errors[0].line:,}: {errors[0].reason}")
    columns = list(dict.fromkeys(column for row in rows for column in row.values))
    check_columns(columns, "The file")
    used = "" if named == "parquet" else encoding_of(path, encoding)
    return Preview(named, used, tuple(columns), tuple(rows[:PREVIEW_ROWS]), tuple(errors[:PREVIEW_ROWS]))


def _check_file(path: Path, named: Format) -> None:
    if not path.is_file():
        raise FileError("There is no such file.")
    with path.open("rb") as handle:
        check_head(handle.read(HEAD_BYTES), named)
    if named == "json" and path.stat().st_size > MAX_JSON_BYTES:
        raise FileError(
            f"A JSON document may hold {MAX_JSON_BYTES >> 20} MB at most. Save it as JSONL, one object a line."
        )
