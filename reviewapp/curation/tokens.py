"""Texts made comparable: normal form, words with their places, shingles as 64-bit numbers."""

from __future__ import annotations

import re
import unicodedata
import zlib
from functools import lru_cache

import numpy as np
import numpy.typing as npt

Hashes = npt.NDArray[np.uint64]

_WORD = re.compile(r"\w+(?:['’]\w+)*")
_SPACE = re.compile(r"\s+")
_EMPTY: Hashes = np.empty(0, dtype=np.uint64)


def normal_form(text: str) -> str:
    """NFKC, case folded, white space collapsed: texts that differ in these only are the same text."""
    return _SPACE.sub(" ", unicodedata.normalize("NFKC", text).casefold()).strip()


def words_of(text: str) -> list[tuple[str, int, int]]:
    """(folded word, start, end) of each word; ``text[start:end]`` is the word as written."""
    return [(match[0].casefold(), match.start(), match.end()) for match in _WORD.finditer(text)]


@lru_cache(maxsize=200_000)
def _word_hash(word: str) -> int:
    data = word.encode("utf-8", errors="surrogatepass")
    return zlib.crc32(data) << 32 | zlib.crc32(data, 0x9E3779B9)


def mix(values: Hashes) -> Hashes:
    """SplitMix64's finaliser: neighbouring numbers become unrelated ones. Arithmetic wraps at 64 bits."""
    values = (values ^ (values >> np.uint64(30))) * np.uint64(0xBF58476D1CE4E5B9)
    values = (values ^ (values >> np.uint64(27))) * np.uint64(0x94D049BB133111EB)
    return values ^ (values >> np.uint64(31))


def _windows(units: Hashes, size: int) -> Hashes:
    """A hash of every run of ``size`` units, in order; one hash of all of them when there are fewer."""
    size = min(size, len(units))
    if not size:
        return _EMPTY
    total = np.zeros(len(units) - size + 1, dtype=np.uint64)
    for place in range(size):
        total = mix(total * np.uint64(0x100000001B3) + units[place : len(units) - size + 1 + place] + np.uint64(1))
    return total


def char_shingles(text: str, size: int = 5) -> Hashes:
    """Sorted distinct hashes of the runs of ``size`` characters of the normal form: robust to small typing errors."""
    points = np.frombuffer(normal_form(text).encode("utf-32-le", errors="surrogatepass"), dtype="<u4")
    return np.unique(_windows(points.astype(np.uint64), size))


def word_grams(text: str, size: int) -> Hashes:
    """Hashes of the runs of ``size`` words in the order of the text (the i-th starts at the i-th word)."""
    return _windows(np.array([_word_hash(word) for word, _, _ in words_of(text)], dtype=np.uint64), size)


def word_shingles(text: str, size: int = 3) -> Hashes:
    """Sorted distinct hashes of the runs of ``size`` words."""
    return np.unique(word_grams(text, size))


def jaccard(a: Hashes, b: Hashes) -> float:
    """Share of the union that is common to two sorted sets of hashes; 1.0 for two empty ones."""
    if not len(a) and not len(b):
        return 1.0
    common = len(np.intersect1d(a, b, assume_unique=True))
    return common / (len(a) + len(b) - common)


def containment(a: Hashes, b: Hashes) -> float:
    """Share of the smaller set that the larger holds; 0.0 when one is empty."""
    if not len(a) or not len(b):
        return 0.0
    return len(np.intersect1d(a, b, assume_unique=True)) / min(len(a), len(b))


def known_places(values: Hashes, known: Hashes) -> list[int]:
    """Places of the values that a large sorted set holds, by binary search."""
    if not len(known):
        return []
    found = np.minimum(np.searchsorted(known, values), len(known) - 1)
    places: list[int] = np.flatnonzero(known[found] == values).tolist()
    return places
