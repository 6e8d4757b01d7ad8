"""Making a projection from texts, and projecting many: the workers' part of ``meaning``, with scipy's sparse matrices.

The truncated singular value decomposition is the randomised one of Halko, Martinsson and Tropp (2011), with a fixed
seed. New texts are folded in by the stored projection (Berry, Dumais and O'Brien 1995).
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
import numpy.typing as npt
import scipy.sparse as sp

from reviewapp.curation.meaning.vectors import (
    GRAM_WEIGHT,
    Floats,
    Hashes,
    Projection,
    gram_hashes,
    places_of,
    text_words,
    unit,
    word_hash,
)

DIMENSIONS = 128
FIT_MOST = 20_000  # texts that a projection is made from, spread evenly; the rest are folded in
TERMS_MOST = 30_000  # of each kind, those in most texts
_EXTRA, _ROUNDS, _CHUNK = 16, 4, 2_000
Step = Callable[[int], None]


def projection_fit(texts: Sequence[str], dimensions: int = DIMENSIONS) -> Projection:
    """The projection of these texts, evenly thinned out to FIT_MOST. Raises ValueError when no word is in them."""
    chosen = [texts[i] for i in np.linspace(0, len(texts) - 1, min(len(texts), FIT_MOST)).astype(int)] if texts else []
    least = 2 if len(chosen) >= 50 else 1  # a term of one text brings nothing near
    kinds = [_terms(counts, hashes, least) for counts, hashes in _counts(chosen)]
    terms = np.concatenate([kept for kept, _ in kinds])
    if not len(terms):
        raise ValueError("There are no words in these texts.")
    seen_in = np.concatenate([seen for _, seen in kinds])
    is_gram = np.concatenate([np.full(len(kept), number == 1) for number, (kept, _) in enumerate(kinds)])
    order = np.argsort(terms)
    idf = (np.log((1 + len(chosen)) / (1 + seen_in[order])) + 1).astype(np.float32)
    empty = np.empty((len(terms), 0), dtype=np.float16)
    bare = Projection(terms=terms[order], idf=idf, is_gram=is_gram[order], components=empty)
    weights = _weights(bare, chosen)
    components = _components(weights, min(dimensions, *weights.shape))
    return Projection(terms=bare.terms, idf=idf, is_gram=bare.is_gram, components=components.astype(np.float16))


def vectors_of(projection: Projection, texts: Sequence[str], step: Step = lambda done: None) -> Floats:
    """Unit vectors, a row for each text, the same as ``projection.vector`` gives."""
    components = np.asarray(projection.components, dtype=np.float32)
    rows = [np.empty((0, projection.dimensions), dtype=np.float32)]
    for start in range(0, len(texts), _CHUNK):
        rows.append(unit(_weights(projection, texts[start : start + _CHUNK]) @ components))
        step(min(start + _CHUNK, len(texts)))
    return np.concatenate(rows)


def _terms(counts: Any, hashes: Hashes, least: int) -> tuple[Hashes, npt.NDArray[np.int64]]:
    """The hashes to keep, and in how many texts each is."""
    seen = np.bincount(counts.indices, minlength=len(hashes))
    kept = np.flatnonzero(seen >= least)
    kept = kept[np.lexsort((hashes[kept], -seen[kept]))][:TERMS_MOST]
    return hashes[kept], seen[kept]


def _counts(texts: Sequence[str]) -> list[tuple[Any, Hashes]]:
    """Texts x words and texts x character runs, each with the hashes of its columns."""
    numbers: dict[str, int] = {}
    pointers: list[int] = [0]
    columns: list[int] = []
    values: list[int] = []
    for text in texts:
        counted = Counter(text_words(text))
        columns += [numbers.setdefault(word, len(numbers)) for word in counted]
        values += counted.values()
        pointers.append(len(columns))
    shape = (len(texts), len(numbers))
    by_word: Any = sp.csr_array((np.array(values, dtype=np.float32), columns, pointers), shape=shape)
    grams, hashes = _grams(list(numbers))
    by_gram: Any = sp.csr_array(by_word @ grams)
    return [(by_word, np.array([word_hash(word) for word in numbers], dtype=np.uint64)), (by_gram, hashes)]


def _grams(words: Sequence[str]) -> tuple[Any, Hashes]:
    """Words x character runs, and the hashes of those."""
    found = [gram_hashes(word) for word in words]
    flat = np.array([one for runs in found for one in runs], dtype=np.uint64)
    hashes, columns = np.unique(flat, return_inverse=True)
    pointers = np.concatenate([[0], np.cumsum([len(runs) for runs in found])]).astype(np.int64)
    grams = sp.csr_array((np.ones(len(flat), dtype=np.float32), columns, pointers), shape=(len(words), len(hashes)))
    grams.sum_duplicates()
    return grams, hashes


def _weights(projection: Projection, texts: Sequence[str]) -> Any:
    """Texts x terms: words of length 1 and runs of half of it, as ``Projection.vector`` weighs them."""
    total: Any = 0
    for is_gram, (counts, hashes) in enumerate(_counts(texts)):
        places = places_of(projection.terms, hashes)
        known = np.flatnonzero((places >= 0) & (projection.is_gram[places] == bool(is_gram)))
        onto: Any = sp.csr_array(
            (projection.idf[places[known]], (known, places[known])), shape=(len(hashes), len(projection.terms))
        )
        counts.data = 1 + np.log(counts.data)
        part: Any = sp.csr_array(counts @ onto)
        lengths = np.sqrt(np.asarray(part.multiply(part).sum(axis=1)).ravel())
        weight = GRAM_WEIGHT if is_gram else 1.0
        scale = np.divide(weight, lengths, out=np.zeros_like(lengths), where=lengths > 0)
        total = total + sp.diags_array(scale.astype(np.float32)) @ part
    return sp.csr_array(total)


def _components(weights: Any, k: int) -> Floats:
    """The first ``k`` right singular vectors, as columns."""
    width = min(k + _EXTRA, *weights.shape)
    across = weights.T.tocsr()
    basis = np.random.default_rng(0).standard_normal((weights.shape[1], width)).astype(np.float32)
    basis = np.linalg.qr(weights @ basis)[0]
    for _ in range(_ROUNDS):
        basis = np.linalg.qr(weights @ np.linalg.qr(across @ basis)[0])[0]
    small = (across @ basis).T
    return np.asarray(np.linalg.svd(small, full_matrices=False)[2][:k].T, dtype=np.float32)
