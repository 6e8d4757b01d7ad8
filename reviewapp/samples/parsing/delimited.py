"""CSV and TSV: quoted line breaks, mixed line endings, a byte-order mark, and quotes that never close."""

from __future__ import annotations

import csv
from collections import deque
from collections.abc import Iterator
from typing import TextIO

from .rows import (
    MAX_CELL_CHARS,
    FileError,
    Row,
    RowError,
    ValueProblem,
    check_columns,
    check_storable,
    line_of,
    row_error,
)

DELIMITERS = {",": "comma", ";": "semicolon", "\t": "tab", "|": "bar"}


class _Lines:
    """Feeds the csv reader and remembers the physical lines of the record that is being read.

    ``rewind`` gives all of them but the first back: a quote that never closes costs one line, not the file.
    """

    def __init__(self, handle: TextIO) -> None:
        self._handle = handle
        self._pending: deque[str] = deque()
        self.taken: list[str] = []
        self.number = 0

    def __iter__(self) -> _Lines:
        return self

    def __next__(self) -> str:
        self.number += 1
        text = self._pending.popleft() if self._pending else self._read()
        self.taken.append(text)
        return text

    def _read(self) -> str:
        try:
            text = line_of(self._handle)
        except ValueProblem as problem:
            raise csv.Error(str(problem)) from problem
        if not text:
            self.number -= 1
            raise StopIteration
        return text

    def begin(self) -> int:
        """Starts a record; returns the number of its first line."""
        self.taken = []
        return self.number + 1

    def rewind(self) -> None:
        rest = self.taken[1:]
        self._pending.extendleft(reversed(rest))
        self.number -= len(rest)
        del self.taken[1:]

    def push_back(self, text: str) -> None:
        self._pending.appendleft(text)
        self.number -= 1


def delimiter_of(first_line: str, named: str) -> str:
    """The delimiter by the header line; raises FileError when a file named TSV is plainly comma-separated."""
    outside = "".join(part for i, part in enumerate(first_line.split('"')) if i % 2 == 0)
    counts = {mark: outside.count(mark) for mark in DELIMITERS}
    if named == "tsv":
        if not counts["\t"] and counts[","]:
            raise FileError("The file is named as TSV but its first line has commas and no tab. Rename it to .csv.")
        return "\t"
    return max(DELIMITERS, key=lambda mark: counts[mark])


def iter_delimited(handle: TextIO, named: str) -> Iterator[Row | RowError]:
    """Rows of a text stream opened with ``newline=""``. The first record is the header; blank lines are no rows.

    Raises FileError for a header that cannot be used.
    """
    lines = _Lines(handle)
    # The limit belongs to the csv module, not to one reader; it is the same for every file.
    csv.field_size_limit(MAX_CELL_CHARS)
    columns, delimiter = _header(lines, named)
    reader = csv.reader(lines, delimiter=delimiter, strict=True)
    while True:
        line = lines.begin()
        try:
            cells = next(reader)
        except StopIteration:
            return
        except csv.Error as error:
            lines.rewind()
            yield row_error(line, _quote_reason(error), "".join(lines.taken))
            continue
        if cells:
            yield _row(line, columns, cells, "".join(lines.taken))


def _header(lines: _Lines, named: str) -> tuple[list[str], str]:
    try:
        first = next((text for text in lines if text.strip()), "")
    except csv.Error as error:
        raise FileError(f"The header on line {lines.number:,} cannot be read: {_quote_reason(error)}") from error
    delimiter = delimiter_of(first, named)
    line = lines.number
    lines.push_back(first)
    lines.begin()
    try:
        cells = next(csv.reader(lines, delimiter=delimiter, strict=True))
    except (csv.Error, StopIteration) as error:
        raise FileError(f"The header on line {line:,} cannot be read: {_quote_reason(error)}") from error
    columns = [name.strip() or f"column {place}" for place, name in enumerate(cells, start=1)]
    check_columns(columns, "The header")
    return columns, delimiter


def _row(line: int, columns: list[str], cells: list[str], raw: str) -> Row | RowError:
    if len(cells) != len(columns):
        have = f"{len(cells):,} cell{'' if len(cells) == 1 else 's'}"
        return row_error(line, f"{have} where the header names {len(columns):,}. Check quotes and delimiters.", raw)
    values = dict(zip(columns, cells, strict=True))
    try:
        check_storable(values)
    except ValueProblem as problem:
        return row_error(line, str(problem), raw)
    return Row(line, values)


def _quote_reason(error: Exception) -> str:
    text = str(error)
    if text.startswith("The line is longer"):
        return text
    if "field larger" in text:
        return f"A cell is longer than {MAX_CELL_CHARS:,} characters, or a quote opened here never closes."
    if "unexpected end" in text:
        return "A quote opened here never closes. Close it, or double the quotes inside the cell."
    if "expected after" in text:
        return 'A quote stands inside a quoted cell. Double it, as in ""so"".'
    return "The line cannot be split into cells. Check its quotes."
