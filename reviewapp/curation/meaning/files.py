"""An index on disk: numpy arrays in a folder of their own, opened without reading them, replaced whole.

Nothing is written into a folder once it is complete, so a reader never sees half of it.
"""

from __future__ import annotations

import hashlib
import shutil
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from reviewapp.curation.meaning.vectors import Floats, Projection

OF_PROJECTION = ("terms", "idf", "is_gram", "directions")
ARRAYS = (*OF_PROJECTION, "samples", "revisions", "vectors")
Files = dict[str, list[Any]]  # name: [bytes, sha256]


class IndexDamaged(Exception):
    """Files of an index are missing or are not those that were written; the message says which."""


@dataclass(frozen=True)
class Vectors:
    """``vectors``: samples x dimensions, of length 1; a row is of ``samples[row]`` at ``revisions[row]``."""

    vectors: Floats
    samples: npt.NDArray[np.int64]
    revisions: npt.NDArray[np.int64]

    def row_of(self, sample: int) -> int | None:
        """The row of a sample; ``samples`` is sorted."""
        row = int(np.searchsorted(self.samples, sample))
        return row if row < len(self.samples) and self.samples[row] == sample else None


@dataclass(frozen=True)
class Index(Vectors):
    """With the projection that made them, by which any text has a vector."""

    projection: Projection


@dataclass(frozen=True)
class NewIndex:
    """An index to be written: the vectors come in ``blocks`` of rows, in order, and are not kept."""

    projection: Projection
    samples: npt.NDArray[np.int64]
    revisions: npt.NDArray[np.int64]
    blocks: Iterable[Floats]


def index_write(folder: Path, index: NewIndex) -> Files:
    """Writes the arrays into a new folder; what lay there of an interrupted attempt goes. Returns sizes and hashes.

    Raises ValueError when the blocks hold more or fewer rows than there are samples.
    """
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir(parents=True)
    vectors_write(folder / "vectors.npy", index.blocks, (len(index.samples), index.projection.dimensions))
    for name in ARRAYS[:-1]:
        array = getattr(index.projection if name in OF_PROJECTION else index, name)
        np.save(folder / f"{name}.npy", array, allow_pickle=False)
    return files_told(folder, ARRAYS)


def files_told(folder: Path, names: Iterable[str]) -> Files:
    """Size and hash of the arrays in a folder."""
    paths = {name: folder / f"{name}.npy" for name in names}
    return {name: [path.stat().st_size, _sha256(path)] for name, path in paths.items()}


def vectors_write(path: Path, blocks: Iterable[Floats], shape: tuple[int, int]) -> None:
    """Writes an array of this shape block by block. Raises ValueError when it comes to more or fewer rows."""
    rows = 0
    with path.open("wb") as file:
        np.lib.format.write_array_header_1_0(file, {"descr": "<f4", "fortran_order": False, "shape": shape})
        for block in blocks:
            file.write(np.ascontiguousarray(block, dtype="<f4").tobytes())
            rows += len(block)
    if rows != shape[0]:
        raise ValueError(f"{rows} vectors were made for {shape[0]} samples.")


def index_open(folder: Path, files: Mapping[str, list[Any]]) -> Index:
    """The arrays, mapped into memory. Raises IndexDamaged when one is missing or has another size."""
    files_check(folder, files, ARRAYS)
    return _opened(str(folder), tuple(str(files[name][1]) for name in ARRAYS))


def files_check(folder: Path, files: Mapping[str, list[Any]], names: Iterable[str]) -> None:
    """Raises IndexDamaged when one of the arrays is missing or has another size."""
    for name in names:
        path = folder / f"{name}.npy"
        if not path.is_file():
            raise IndexDamaged(f"Its file {path.name} is missing.")
        if name not in files or path.stat().st_size != files[name][0]:
            raise IndexDamaged(f"Its file {path.name} is not the one that was written.")


def index_verify(folder: Path, files: Mapping[str, list[Any]]) -> None:
    """Reads every byte. Raises IndexDamaged when a file is not the one that was written."""
    index_open(folder, files)
    for name in ARRAYS:
        if _sha256(folder / f"{name}.npy") != files[name][1]:
            raise IndexDamaged(f"Its file {name}.npy is not the one that was written.")


@lru_cache(maxsize=8)
def _opened(folder: str, written: tuple[str, ...]) -> Index:
    """``written``: hashes of the files, so that a folder that was made anew is opened anew."""
    arrays = {name: array_open(Path(folder), name) for name in ARRAYS}
    projection = Projection(**{name: arrays.pop(name) for name in OF_PROJECTION})
    return Index(projection=projection, **arrays)


def array_open(folder: Path, name: str) -> Any:
    """One array, mapped into memory. Raises IndexDamaged when it cannot be read."""
    try:
        return np.load(folder / f"{name}.npy", mmap_mode="r", allow_pickle=False)
    except (OSError, ValueError) as error:
        raise IndexDamaged(f"Its file {name}.npy cannot be read.") from error


def _sha256(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()
