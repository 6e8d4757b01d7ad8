"""Which encoding a text file is in: by its mark, by being valid UTF-8, or by the person's choice."""

from __future__ import annotations

import codecs
from dataclasses import dataclass
from pathlib import Path

import charset_normalizer

from .rows import FileError

# Only these can be chosen: a name from outside never reaches the codec registry.
ENCODINGS: dict[str, str] = {
    "utf-8": "UTF-8",
    "cp1252": "Windows-1252 (Western Europe)",
    "latin-1": "ISO 8859-1 (Western Europe)",
    "cp1250": "Windows-1250 (Central Europe)",
    "cp1251": "Windows-1251 (Cyrillic)",
    "mac_roman": "Mac Roman",
    "utf-16": "UTF-16",
    "shift_jis": "Shift JIS (Japanese)",
    "gb18030": "GB 18030 (Chinese)",
}
_MARKS = (
    (codecs.BOM_UTF8, "utf-8-sig"),
    (codecs.BOM_UTF32_LE, "utf-32"),
    (codecs.BOM_UTF32_BE, "utf-32"),
    (codecs.BOM_UTF16_LE, "utf-16"),
    (codecs.BOM_UTF16_BE, "utf-16"),
)
_GUESS_BYTES = 200_000


class EncodingUnknown(FileError):
    """The file is not UTF-8 and says nothing else; ``guess`` is a key of ENCODINGS to offer."""

    def __init__(self, message: str, guess: str) -> None:
        super().__init__(message)
        self.guess = guess


@dataclass(frozen=True)
class _BadByte:
    line: int
    offset: int  # in the file, from 0


def encoding_of(path: Path, chosen: str = "") -> str:
    """The encoding to read the file with.

    A byte-order mark decides; then ``chosen`` (a key of ENCODINGS); then valid UTF-8. Raises EncodingUnknown when
    nothing was chosen and the file is not UTF-8, and FileError when its own mark lies.
    """
    if chosen and chosen not in ENCODINGS:
        raise FileError("Choose one of the listed encodings.")
    marked = _marked(path)
    if marked:
        return _checked(path, marked)
    if chosen:
        return _checked(path, _byte_order(path)) if chosen == "utf-16" else chosen
    bad = _first_bad_byte(path, "utf-8")
    if bad is None and not _is_two_byte(path):
        return "utf-8"
    guess = _guess(path)
    line = bad.line if bad else 1
    raise EncodingUnknown(
        f"The file is not UTF-8: line {line:,} holds other bytes. It looks like {ENCODINGS[guess]}. "
        "Choose the encoding, or choose UTF-8 to set those rows aside as row errors.",
        guess,
    )


def _marked(path: Path) -> str:
    with path.open("rb") as handle:
        head = handle.read(4)
    return next((name for mark, name in _MARKS if head.startswith(mark)), "")


def _head(path: Path) -> bytes:
    with path.open("rb") as handle:
        return handle.read(_GUESS_BYTES)


def _is_two_byte(path: Path) -> bool:
    """Whether almost every second byte is zero, and hardly any of the others: Western text in UTF-16."""
    head = _head(path)
    counts = sorted((head[0::2].count(0), head[1::2].count(0)))
    return counts[1] > 0.4 * len(head) and counts[0] < 0.02 * len(head)


def _byte_order(path: Path) -> str:
    """Of UTF-16 without a mark: which byte of each pair is zero in Western text tells."""
    head = _head(path)
    return "utf-16-be" if head[0::2].count(0) > head[1::2].count(0) else "utf-16-le"


def _checked(path: Path, encoding: str) -> str:
    """Two-byte encodings cannot set single rows aside, so a wrong one is refused before any row is read."""
    if encoding == "utf-8-sig":
        return encoding
    bad = _first_bad_byte(path, encoding)
    if bad:
        raise FileError(f"The file cannot be read as {encoding.upper()} from byte {bad.offset:,} on. Save it as UTF-8.")
    return encoding


def _first_bad_byte(path: Path, encoding: str) -> _BadByte | None:
    decoder = codecs.getincrementaldecoder(encoding)()
    line, offset = 1, 0
    with path.open("rb") as handle:
        while block := handle.read(1 << 20):
            kept = len(decoder.getstate()[0])
            try:
                decoder.decode(block)
            except UnicodeDecodeError as error:
                start = max(0, error.start - kept)
                return _BadByte(line + block[:start].count(b"\n"), offset + start)
            line += block.count(b"\n")
            offset += len(block)
    try:
        decoder.decode(b"", final=True)
    except UnicodeDecodeError:
        return _BadByte(line, offset)
    return None


def _guess(path: Path) -> str:
    if _is_two_byte(path):
        return "utf-16"
    head = _head(path)
    found = charset_normalizer.from_bytes(head, cp_isolation=["cp1252", "cp1250", "cp1251", "shift_jis", "gb18030"])
    best = found.best()
    # Short Western text reads the same in Central European; the Western encoding is by far the likelier.
    if best is None or "cp1252" in best.could_be_from_charset:
        return "cp1252"
    return best.encoding if best.encoding in ENCODINGS else "cp1252"
