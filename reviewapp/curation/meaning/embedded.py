"""Vectors by an encoder that the operator named: whether they are there, and which vectors nearness is measured by.

An encoder (a sentence-embedding model in COUNTERSIGN_ENCODER_MODEL) is read by a worker through the trainer's ``embed``
alone; here are numpy arrays on disk. A text is known by its hash, so none is read twice by the same encoder. Where the
vectors are missing, damaged, of other files or behind the texts, the index of words is used, and pages say so.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
from django.conf import settings

from reviewapp.core.models import Job
from reviewapp.curation.meaning.files import (
    Files,
    Index,
    IndexDamaged,
    Vectors,
    array_open,
    files_check,
    files_told,
    vectors_write,
)
from reviewapp.curation.meaning.vectors import Floats
from reviewapp.curation.models import TextEmbedding
from reviewapp.projects.models import Project
from reviewapp.samples.models import Sample
from training.contract import canonical_json

ARRAYS = ("samples", "revisions", "texts", "vectors")
_SETTINGS = "config.json"
Ids = npt.NDArray[np.int64]
Digests = npt.NDArray[np.bytes_]  # 16 bytes of the hash of a text


@dataclass(frozen=True)
class EncoderFolder:
    """What the operator named: ``look`` changes when its files do."""

    path: Path
    look: str

    @property
    def name(self) -> str:
        return self.path.name[:200]


@dataclass(frozen=True)
class Embedded(Vectors):
    """``texts``: the hash of each row's text."""

    texts: Digests


@dataclass(frozen=True)
class NewVectors:
    """Vectors to be written: they come in ``blocks`` of rows, in order, and are not kept."""

    samples: Ids
    revisions: Ids
    texts: Digests
    dimensions: int
    blocks: Iterable[Floats]


@dataclass(frozen=True, kw_only=True)
class EmbeddingState:
    """``row`` in use and its arrays; ``problem`` when they cannot be read; ``behind``: texts newer than it."""

    folder: EncoderFolder | None
    row: TextEmbedding | None
    embedded: Embedded | None
    problem: str
    behind: int
    last: TextEmbedding | None  # the newest version, in use or not

    @property
    def job(self) -> Job | None:
        return self.last.job if self.last else None

    @property
    def is_building(self) -> bool:
        return self.job is not None and not self.job.is_terminal

    @property
    def kind(self) -> str:
        """off (none is named), gone (the folder holds none), absent, changed, damaged, behind or ready."""
        if self.folder is None:
            return "gone" if settings.ENCODER_MODEL else "off"
        if self.row is None:
            return "absent"
        if self.row.look != self.folder.look:
            return "changed"
        return "damaged" if self.problem else "behind" if self.behind else "ready"


@dataclass(frozen=True)
class Space:
    """What nearness is measured by. ``row`` of the encoder's vectors, None for those of the index."""

    vectors: Vectors
    row: TextEmbedding | None
    kind: str  # of EmbeddingState

    @property
    def encoder_sha256(self) -> str:
        """Tells the figures of one space from those of another; '' for the index."""
        return self.row.encoder_sha256 if self.row else ""

    @property
    def encoder(self) -> str:
        """Its name; '' for the index."""
        return self.row.encoder if self.row else ""

    @property
    def facts(self) -> dict[str, Any]:
        """As a selection keeps them."""
        told: dict[str, Any] = {"kind": self.kind}
        if self.row is not None:
            told |= {"encoder": self.row.encoder, "sha256": self.row.encoder_sha256, "number": self.row.number}
        return told


def encoder_folder() -> EncoderFolder | None:
    """A few files are looked at, none is read; None where no folder of a model is named."""
    path = Path(settings.ENCODER_MODEL) if settings.ENCODER_MODEL else None
    if path is None or not (path / _SETTINGS).is_file():
        return None
    files = [(each.relative_to(path).as_posix(), each.stat()) for each in sorted(path.rglob("*")) if each.is_file()]
    told = [[name, stat.st_size, stat.st_mtime_ns] for name, stat in files]
    return EncoderFolder(path, hashlib.sha256(canonical_json([str(path), told]).encode()).hexdigest())


def embeddings_folder(project: Project) -> Path:
    return Path(settings.STATE_DIR) / "embeddings" / str(project.pk)


def embedding_folder(row: TextEmbedding) -> Path:
    """The folder of one version; none is written twice."""
    return Path(settings.STATE_DIR) / "embeddings" / str(row.project_id) / str(row.number)


def embedding_state(project: Project) -> EmbeddingState:
    """At most three queries, whatever the number of samples."""
    folder = encoder_folder()
    last = TextEmbedding.objects.filter(project=project).select_related("job").first()
    row = last if last is None or last.made_at else _current(project)
    embedded, problem, behind = None, "", 0
    if row is not None and folder is not None:
        behind = Sample.objects.filter(project=project, revision_id__gt=row.newest_revision).count()
        try:
            embedded = embedding_open(row)
        except IndexDamaged as damage:
            problem = str(damage)
    return EmbeddingState(folder=folder, row=row, embedded=embedded, problem=problem, behind=behind, last=last)


def _current(project: Project) -> TextEmbedding | None:
    return TextEmbedding.objects.filter(project=project, made_at__isnull=False).first()


def space_of(project: Project, index: Index) -> Space:
    """The encoder's vectors where they are of all texts as they are now, else those of the index.

    No query where no encoder is named, three otherwise.
    """
    if encoder_folder() is None:
        return Space(index, None, "gone" if settings.ENCODER_MODEL else "off")
    state = embedding_state(project)
    if state.kind == "ready" and state.embedded is not None:
        return Space(state.embedded, state.row, state.kind)
    return Space(index, None, state.kind)


def encoder_in_use(project: Project) -> str:
    """The hash of the encoder that nearness is measured by now; '' for the index."""
    if encoder_folder() is None:
        return ""
    state = embedding_state(project)
    return state.row.encoder_sha256 if state.kind == "ready" and state.row is not None else ""


def embedding_open(row: TextEmbedding) -> Embedded:
    """The arrays, mapped into memory. Raises IndexDamaged when one is missing or has another size."""
    folder = embedding_folder(row)
    files_check(folder, row.files, ARRAYS)
    return _opened(str(folder), tuple(str(row.files[name][1]) for name in ARRAYS))


@lru_cache(maxsize=8)
def _opened(folder: str, written: tuple[str, ...]) -> Embedded:
    """``written``: hashes of the files, so that a folder that was made anew is opened anew."""
    return Embedded(**{name: array_open(Path(folder), name) for name in ARRAYS})


def embedding_write(folder: Path, new: NewVectors) -> Files:
    """Writes the arrays into a folder that is empty or of an interrupted attempt. Returns sizes and hashes."""
    folder.mkdir(parents=True, exist_ok=True)
    vectors_write(folder / "vectors.npy", new.blocks, (len(new.samples), new.dimensions))
    for name in ("samples", "revisions", "texts"):
        np.save(folder / f"{name}.npy", getattr(new, name), allow_pickle=False)
    return files_told(folder, ARRAYS)


def rows_known(known: Embedded, texts: Digests) -> Ids:
    """The row that has the vector of each text; -1 for those that none has."""
    if not len(known.texts):
        return np.full(len(texts), -1, dtype=np.int64)
    order = np.argsort(known.texts, kind="stable")
    places = np.minimum(np.searchsorted(known.texts, texts, sorter=order), len(order) - 1)
    rows = order[places]
    return np.where(known.texts[rows] == texts, rows, -1).astype(np.int64)


def space_told(counts: Mapping[str, Any]) -> dict[str, Any]:
    """What a made selection keeps of it; of those made before there were encoders it is the index."""
    return {"kind": "off", "encoder": "", **counts.get("space", {})}
