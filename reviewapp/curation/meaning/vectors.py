"""Nearness of texts by latent semantic analysis: from a text to a vector, and the nearest of many. numpy alone.

Deerwester, Dumais, Furnas, Landauer and Harshman (1990), "Indexing by latent semantic analysis": terms are weighed by
``(1 + log count) * idf`` and projected on the first singular vectors. Terms are words and, at half their weight, runs
of three to five characters inside a word, which bring near what is spelt or inflected otherwise.
"""

from __future__ import annotations

import hashlib
from collections import Counter
from dataclasses import dataclass
from functools import lru_cache

import numpy as np
import numpy.typing as npt

from reviewapp.curation.tokens import normal_form, words_of

Floats = npt.NDArray[np.float32]
Hashes = npt.NDArray[np.uint64]
GRAM_LEAST, GRAM_MOST = 3, 5
GRAM_WEIGHT = 0.5
QUERY_WORDS = 2_000  # a longer text is looked at up to here by the web process


@dataclass(frozen=True)
class Projection:
    """``terms``: sorted hashes; ``idf`` and ``is_gram`` of each; ``components``: terms x dimensions."""

    terms: Hashes
    idf: Floats
    is_gram: npt.NDArray[np.bool_]
    components: npt.NDArray[np.floating]

    @property
    def dimensions(self) -> int:
        return int(self.components.shape[1])

    @property
    def vocabulary_hash(self) -> str:
        return hashlib.sha256(np.ascontiguousarray(self.terms).tobytes()).hexdigest()

    def vector(self, text: str) -> Floats:
        """The unit vector of one text, ``dimensions`` long; all zeros when no term of it is known."""
        words = Counter(text_words(text)[:QUERY_WORDS])
        parts = [
            (weight, *self._weights(_counted(words, is_gram), is_gram))
            for weight, is_gram in ((1.0, False), (GRAM_WEIGHT, True))
        ]
        total = np.zeros(self.dimensions, dtype=np.float32)
        for weight, places, values in parts:
            if len(places):
                rows = np.asarray(self.components[places], dtype=np.float32)
                total += weight * (values / np.linalg.norm(values)) @ rows
        return unit(total)

    def _weights(self, counts: dict[int, int], is_gram: bool) -> tuple[npt.NDArray[np.intp], Floats]:
        """Where the known terms are, and their weights."""
        hashes = np.array(sorted(counts), dtype=np.uint64)
        places = places_of(self.terms, hashes)
        known = places >= 0
        known[known] = self.is_gram[places[known]] == is_gram
        numbers = np.array([counts[int(one)] for one in hashes[known]], dtype=np.float32)
        return places[known], np.asarray((1 + np.log(numbers)) * self.idf[places[known]], dtype=np.float32)


def text_of(prompt: str, completion: str) -> str:
    """What of a revision is looked at."""
    return f"{prompt}\n{completion}"


def text_words(text: str) -> list[str]:
    return [word for word, _, _ in words_of(normal_form(text))]


@lru_cache(maxsize=200_000)
def word_hash(word: str) -> int:
    return _hash(f"w{word}")


@lru_cache(maxsize=50_000)
def gram_hashes(word: str) -> tuple[int, ...]:
    """The runs of characters of a word between its two ends, each as often as it is there."""
    padded = f" {word} "
    sizes = range(GRAM_LEAST, min(GRAM_MOST, len(padded)) + 1)
    return tuple(_hash(f"g{padded[start : start + size]}") for size in sizes for start in range(len(padded) - size + 1))


def _hash(term: str) -> int:
    return int.from_bytes(hashlib.blake2b(term.encode(errors="surrogatepass"), digest_size=8).digest(), "little")


def _counted(words: Counter[str], is_gram: bool) -> dict[int, int]:
    counts: Counter[int] = Counter()
    for word, n in words.items():
        for one in gram_hashes(word) if is_gram else (word_hash(word),):
            counts[one] += n
    return counts


def places_of(terms: Hashes, wanted: Hashes) -> npt.NDArray[np.intp]:
    """The place of each wanted hash in the sorted ``terms``; -1 for what is not there."""
    if not len(terms):
        return np.full(len(wanted), -1, dtype=np.intp)
    places = np.minimum(np.searchsorted(terms, wanted), len(terms) - 1)
    return np.where(terms[places] == wanted, places, -1)


def unit(vectors: npt.NDArray[np.floating]) -> Floats:
    """Rows (or one vector) of length 1; zeros stay zeros."""
    lengths = np.linalg.norm(vectors, axis=-1, keepdims=True)
    return np.asarray(np.divide(vectors, lengths, out=np.zeros_like(vectors), where=lengths > 0), dtype=np.float32)


def nearest(
    vectors: Floats, query: Floats, k: int, among: npt.NDArray[np.bool_] | None = None
) -> list[tuple[int, float]]:
    """(row, cosine) of the ``k`` nearest unit rows, the nearest first; equal ones by row. ``among`` picks rows."""
    values = vectors @ query
    if among is not None:
        values = np.where(among, values, -np.inf)
    k = min(k, int(among.sum()) if among is not None else len(values))
    if k <= 0:
        return []
    least = np.partition(values, len(values) - k)[len(values) - k]
    found = np.flatnonzero(values >= least)
    order = sorted(found, key=lambda row: (-values[row], row))[:k]
    return [(int(row), float(values[row])) for row in order]
