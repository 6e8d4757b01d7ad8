"""Parquet, streamed in batches; a value that cannot be kept costs its row only."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq

from .rows import FileError, Row, RowError, ValueProblem, check_columns, check_storable, plain, row_error

_BATCH_ROWS = 256


def iter_parquet(path: Path) -> Iterator[Row | RowError]:
    """Rows by their number in the file. Raises FileError for a damaged file or too many columns."""
    try:
        with pq.ParquetFile(path) as file:
            check_columns(file.schema_arrow.names, "The file")
            number = 0
            for batch in file.iter_batches(batch_size=_BATCH_ROWS):
                for place in range(batch.num_rows):
                    number += 1
                    yield _row(number, batch, place)
    except (pa.ArrowException, OSError) as error:
        raise FileError("The Parquet file is damaged or cut short. Save it again.") from error


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
