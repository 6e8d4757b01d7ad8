"""Which format a file is named as, and whether its first bytes agree with that name."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Literal

from .rows import FileError

Format = Literal["jsonl", "csv", "tsv", "json", "parquet"]

_SUFFIXES: dict[str, Format] = {
    ".jsonl": "jsonl",
    ".ndjson": "jsonl",
    ".csv": "csv",
    ".tsv": "tsv",
    ".tab": "tsv",
    ".json": "json",
    ".parquet": "parquet",
    ".pq": "parquet",
}
ACCEPTED = "JSONL, CSV, TSV, JSON or Parquet"
HEAD_BYTES = 65_536

_SIGNATURES: tuple[tuple[bytes, str], ...] = (
    (b"PK\x03\x04", "a zip archive or an Excel workbook"),
    (b"\xd0\xcf\x11\xe0", "an old Excel or Word file"),
    (b"\x1f\x8b", "gzip-compressed"),
    (b"BZh", "bzip2-compressed"),
    (b"\xfd7zXZ", "xz-compressed"),
    (b"\x28\xb5\x2f\xfd", "zstd-compressed"),
    (b"7z\xbc\xaf", "a 7-Zip archive"),
    (b"%PDF", "a PDF"),
    (b"\x89PNG", "a picture"),
    (b"\xff\xd8\xff", "a picture"),
    (b"GIF8", "a picture"),
    (b"SQLite format 3", "a SQLite database"),
    (b"\x7fELF", "a program"),
    (b"MZ\x90", "a program"),
    (b"ARROW1", "an Arrow file"),
    (b"{\\rtf", "a rich-text document"),
    (b"\x80\x02", "a Python pickle, which is never opened"),
    (b"\x80\x03", "a Python pickle, which is never opened"),
    (b"\x80\x04", "a Python pickle, which is never opened"),
    (b"\x80\x05", "a Python pickle, which is never opened"),
)
_MARKUP = re.compile(rb"\s*<(!doctype html|html|\?xml)", re.IGNORECASE)
_JSON_START = re.compile(r"\s*(\{\s*\"|\{\s*$|\[\s*[\[{\"]|\[\s*$)", re.MULTILINE)


def format_of(name: str) -> Format:
    """The format a file name promises. Raises FileError for a name we do not know."""
    suffix = Path(name).suffix.lower()
    if suffix not in _SUFFIXES:
        named = f"ends in “{suffix}”" if suffix else "has no ending"
        raise FileError(f"The file name {named}. Save the file as {ACCEPTED} with the matching ending.")
    return _SUFFIXES[suffix]


def check_head(head: bytes, named: Format) -> None:
    """Raises FileError when the first bytes of a file contradict the format it is named as."""
    if not head.strip(b"\xef\xbb\xbf \t\r\n"):
        raise FileError("The file is empty. Choose a file that holds rows.")
    if head.startswith(b"PAR1"):
        if named != "parquet":
            raise FileError(f"The file is named as {named.upper()} but holds Parquet. Rename it to end in .parquet.")
        return
    for signature, what in _SIGNATURES:
        if head.startswith(signature):
            raise FileError(f"The file is named as {named.upper()} but is {what}. Save it as {ACCEPTED}.")
    if named == "parquet":
        raise FileError("The file is named as Parquet but does not hold Parquet. Check how it was saved.")
    if _MARKUP.match(head):
        raise FileError(f"The file is named as {named.upper()} but holds a web page or XML. Download the data itself.")


def check_text(head: str, named: Format) -> None:
    """Raises FileError when the first lines of a text file contradict the format it is named as."""
    if "\0" in head[:4096] and head[:4096].count("\0") > len(head[:4096]) // 20:
        raise FileError("The file holds binary data, not text. If it is UTF-16 text, choose that encoding.")
    if named in ("csv", "tsv"):
        if _JSON_START.match(head):
            raise FileError(f"The file is named as {named.upper()} but holds JSON. Rename it to .json or .jsonl.")
        return
    lines = [line.strip() for line in head.splitlines() if line.strip()][:5]
    if not any(line.startswith(("{", "[")) for line in lines):
        raise FileError(f"The file is named as {named.upper()} but its first lines are not JSON. Rename it.")
    if named == "jsonl" and (lines[0].startswith("[") or lines[0] == "{"):
        raise FileError("The file is named as JSONL but holds one JSON document. Rename it to end in .json.")
