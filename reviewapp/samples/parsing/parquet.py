"""Parquet, streamed in batches; a value that cannot be kept costs its row only."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq

from .rows import FileError, Row, RowError, ValueProblem, check_columns, check_storable, plain, row_error

_BATCH_ROWS = 256
MAX_UNPACKED, MAX_RATIO = 512 << 20, 100  # bytes of a column in one row group; no real text packs so well


def iter_parquet(path: Path) -> Iterator[Row | RowError]:
    """Rows by their number in the file. Raises FileError for a damaged file or too many columns."""
    try:
        with pq.ParquetFile(path, read_dictionary=_text_columns(path)) as file:
            check_columns(file.schema_arrow.names, "The file")
            _check_unpacked(file.metadata)
            number = 0
            for batch in file.iter_batches(batch_size=_BATCH_ROWS):
                for place in range(batch.num_rows):
                    number += 1
                    yield _row(number, batch, place)
    except (pa.ArrowException, OSError) as error:
        raise FileError("The Parquet file is damaged or cut short. Save it again.") from error


def _text_columns(path: Path) -> list[str]:
    """Columns of texts: a long one that stands in many rows is then held once and not once a row."""
    schema = pq.read_schema(path)
    return [field.name for field in schema if pa.types.is_string(field.type) or pa.types.is_large_string(field.type)]


def _check_unpacked(metadata: Any) -> None:
    """A small file that unpacks to gigabytes is refused before it does."""
    for group in range(metadata.num_row_groups):
        for place in range(metadata.num_columns):
            column = metadata.row_group(group).column(place)
            packed, unpacked = column.total_compressed_size, column.total_uncompressed_size
            if unpacked > MAX_UNPACKED and unpacked > MAX_RATIO * max(1, packed):
                raise FileError(
                    f"Column “{column.path_in_schema[:80]}” unpacks to {unpacked >> 20:,} MB from {packed:,} bytes. "
                    "If that is what it holds, save the file again with smaller row groups."
                )


def _row(number: int, batch: Any, place: int) -> Row | RowError:
    values: dict[str, Any] = {}
    name = ""
    try:
        for name, column in zip(batch.schema.names, batch.columns, strict=True):
            values[name] = plain(column[place].as_py())
        check_storable(values)
    except ValueProblem as problem:
        return row_error(number, str(problem), repr(values))
    except (ValueError, OverflowError) as error:
        return row_error(number, f"Column “{name[:80]}” cannot be read: {error}.", repr(values))
    return Row(number, values)
