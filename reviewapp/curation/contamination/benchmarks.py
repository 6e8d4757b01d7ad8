"""Declared benchmarks: which there are, and what a file of one is turned into."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from django.db.models import QuerySet
from django.utils.translation import gettext as _

from reviewapp.core.exceptions import ApplicationError
from reviewapp.curation.contamination.overlapping import Fingerprints, fingerprints_of, unpacked
from reviewapp.curation.models import Benchmark
from reviewapp.curation.tokens import plain_words
from reviewapp.projects.models import Project
from reviewapp.samples.parsing.reading import iter_rows
from reviewapp.samples.parsing.rows import FileError, Row

MOST_ROWS, MOST_BYTES = 50_000, 50 << 20
MIN_WORDS = 3  # rows with fewer in all are left out
_ASKED = ("question", "prompt", "problem", "instruction", "input", "query", "dialogue", "document", "text", "content")


@dataclass(frozen=True, kw_only=True)
class BenchmarkRows:
    """``asked`` is what a model is given, row by row; ``whole`` all words of the row."""

    asked: list[str]
    whole: list[str]
    left_out: int

    def fingerprints(self) -> Fingerprints:
        return fingerprints_of(self.asked, self.whole)


def benchmarks_of(project: Project) -> QuerySet[Benchmark]:
    """Those in force, without their fingerprints."""
    rows = Benchmark.objects.filter(project=project, removed_at=None).select_related("declared_by")
    return rows.defer("fingerprints")


def benchmarks_declared(project: Project) -> list[tuple[str, Fingerprints]]:
    """(name, fingerprints) of each, for the check. Raises ApplicationError for one that another version made."""
    rows = Benchmark.objects.filter(project=project, removed_at=None).values_list("name", "fingerprints")
    return [(name, _read(name, bytes(data))) for name, data in rows]


def _read(name: str, data: bytes) -> Fingerprints:
    try:
        return unpacked(data)
    except ValueError as error:
        raise ApplicationError(
            _("The hashes of the benchmark %(name)s were made by another version. Remove it and declare it again.")
            % {"name": name}
        ) from error


def rows_of(path: Path, name: str) -> BenchmarkRows:
    """Reads JSONL, JSON, CSV, TSV, Parquet, or TXT with one row a line. Raises FileError with a sentence."""
    asked, whole, left_out = list[str](), list[str](), 0
    rows = _lines(path) if name.lower().endswith(".txt") else _values(path, name)
    for values in rows:
        text = "\n".join(_texts(values)) if values is not None else ""
        if len(plain_words(text)) < MIN_WORDS:
            left_out += 1
            continue
        asked.append(_asked(values))
        whole.append(text)
        if len(whole) > MOST_ROWS:
            raise FileError(f"A benchmark may have {MOST_ROWS:,} rows at most. Declare it in parts.")
    if not whole:
        raise FileError("The file holds no row with words. Choose another file.")
    return BenchmarkRows(asked=asked, whole=whole, left_out=left_out)


def _values(path: Path, name: str) -> Iterator[dict[str, Any] | None]:
    for row in iter_rows(path, name=name):
        yield row.values if isinstance(row, Row) else None


def _lines(path: Path) -> Iterator[dict[str, Any] | None]:
    try:
        with path.open(encoding="utf-8") as file:
            yield from ({"text": line.strip()} for line in file if line.strip())
    except UnicodeDecodeError as error:
        raise FileError("The text is not UTF-8. Save it as UTF-8 and try again.") from error


def _texts(value: Any) -> Iterator[str]:
    if isinstance(value, str):
        yield value
    elif isinstance(value, dict):
        for part in value.values():
            yield from _texts(part)
    elif isinstance(value, list):
        for part in value:
            yield from _texts(part)


def _asked(values: Any) -> str:
    """The column that a model is given: by its name, else the longest."""
    texts = {name.casefold(): "\n".join(_texts(part)) for name, part in values.items()}
    named = next((texts[name] for name in _ASKED if texts.get(name, "").strip()), "")
    return named or max(texts.values(), key=len)
