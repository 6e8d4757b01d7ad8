"""The operator's encoder reads a project's texts: the trainer's ``embed``, some thousand texts at a time.

A text is read once for all samples that have it, and not at all where the version before has its vector by the same
encoder. Run directories hold texts, so they go when the vectors are in use; until then a resume finds in them what is
done.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import numpy.typing as npt
from django.conf import settings

from reviewapp.core.exceptions import JobCancelled, JobFailed
from reviewapp.core.jobs import JobHandle
from reviewapp.curation import services as curation
from reviewapp.curation.meaning.embedded import (
    Digests,
    Embedded,
    EncoderFolder,
    Ids,
    NewVectors,
    embedding_open,
    encoder_folder,
    rows_known,
)
from reviewapp.curation.meaning.files import IndexDamaged
from reviewapp.curation.meaning.searching import samples_indexed
from reviewapp.curation.meaning.vectors import Floats, text_of
from reviewapp.curation.models import TextEmbedding
from reviewapp.projects.models import Project
from reviewapp.runs import launcher, rundir
from reviewapp.samples.models import Revision
from training import contract
from training.contract import EmbedConfig

AT_ONCE = 20_000  # texts of one run directory
_ROWS, _IN_ONE_QUERY, _BLOCK = 10_000, 500, 2_000


@dataclass(frozen=True)
class Present:
    """Of every sample, by its id: its revision and the hash of its text. 32 bytes a sample."""

    samples: Ids
    revisions: Ids
    texts: Digests


@dataclass(frozen=True)
class Read:
    """What the encoder read: ``files`` of vectors one after another, ``starts`` the first row of each."""

    files: list[Floats]
    starts: Ids
    cut: int

    def rows(self, places: npt.NDArray[np.int64]) -> Floats:
        found = np.empty((len(places), self.files[0].shape[1]), dtype=np.float32)
        of = np.searchsorted(self.starts, places, side="right") - 1
        for number in np.unique(of).tolist():
            found[of == number] = self.files[number][places[of == number] - self.starts[number]]
        return found


def embedding_execute(handle: JobHandle, embedding_id: int) -> None:
    """Makes one version; called again it goes on where it stood, and a version that is made stays."""
    row = TextEmbedding.objects.select_related("project", "requested_by").get(pk=embedding_id)
    if row.made_at is not None:
        return
    encoder = encoder_folder()
    if encoder is None:
        raise JobFailed(
            "The encoder of COUNTERSIGN_ENCODER_MODEL is not there any more. Name its folder, then ask again."
        )
    handle.progress(0, message="Looking at the encoder")
    sha256 = contract.folder_sha256(encoder.path)
    present = _present(row.project)
    known, old = _known(row.project, sha256, present.texts)
    new = np.unique(present.texts[old < 0])  # sorted, each once
    read = _read(row, encoder, sha256, present, new, handle)
    dimensions = int((read.files[0] if read.files else known.vectors).shape[1])  # type: ignore[union-attr]
    blocks = _blocks(present, known, old, new, read)
    curation.embedding_finish(
        row=row, new=NewVectors(present.samples, present.revisions, present.texts, dimensions, blocks),
        encoder=encoder.name, encoder_sha256=sha256, look=encoder.look, n_read=len(new), n_cut=read.cut,
    )  # fmt: skip
    handle.progress(1, 1, f"{len(new):,} texts were read; {len(present.samples):,} samples have a vector.")


def _present(project: Project) -> Present:
    rows = samples_indexed(project).order_by("pk").values_list("pk", "revision_id", "revision__content_hash")
    numbers, texts, last = [np.empty((0, 2), dtype=np.int64)], [np.empty(0, dtype="S16")], 0
    while chunk := list(rows.filter(pk__gt=last)[:_ROWS]):
        numbers.append(np.array([each[:2] for each in chunk], dtype=np.int64))
        texts.append(np.array([bytes.fromhex(each[2])[:16] for each in chunk], dtype="S16"))
        last = chunk[-1][0]
    if not last:
        raise JobFailed("There are no samples to read: every sample of this project is gone.")
    samples, revisions = (np.ascontiguousarray(column) for column in np.concatenate(numbers).T)
    return Present(samples, revisions, np.concatenate(texts))


def _known(project: Project, sha256: str, texts: Digests) -> tuple[Embedded | None, Ids]:
    """The version before by the same encoder, and its row for each text; -1 for those it has not."""
    before = project.text_embeddings.filter(made_at__isnull=False, encoder_sha256=sha256).first()
    if before is not None:
        try:
            known = embedding_open(before)
            return known, rows_known(known, texts)
        except IndexDamaged:
            pass  # all are read again
    return None, np.full(len(texts), -1, dtype=np.int64)


def _read(
    row: TextEmbedding, encoder: EncoderFolder, sha256: str, present: Present, new: Digests, handle: JobHandle
) -> Read:
    """Lets the trainer read the texts that are not known, AT_ONCE at a time."""
    files, cut = [], 0
    order = np.argsort(present.texts, kind="stable")
    revisions = present.revisions[order[np.searchsorted(present.texts, new, sorter=order)]]
    for start in range(0, len(new), AT_ONCE):
        wanted = revisions[start : start + AT_ONCE]
        lines = contract.jsonl_text({"id": str(pk), "text": text} for pk, text in _texts(wanted))
        digest = contract.text_sha256(lines)
        run_dir = Path(settings.RUNS_DIR) / f"embedding-{row.pk}-{sha256[:8]}-{digest[:16]}"
        config = EmbedConfig(
            encoder=str(encoder.path), encoder_sha256=sha256, texts_rows=len(wanted), texts_sha256=digest
        )
        rundir.write(run_dir, config, {contract.TEXTS_FILE: lines})
        cut += _embed(run_dir, handle, start, len(new))
        files.append(np.load(run_dir / contract.VECTORS_FILE, mmap_mode="r", allow_pickle=False))
    return Read(files, np.arange(0, len(new), AT_ONCE, dtype=np.int64), cut)


def _texts(revisions: Ids) -> Iterator[tuple[int, str]]:
    """Read by the revision: as they were when the job began."""
    for start in range(0, len(revisions), _IN_ONE_QUERY):
        wanted = revisions[start : start + _IN_ONE_QUERY].tolist()
        found = {pk: text_of(*text) for pk, *text in _found(wanted)}
        yield from ((pk, found[pk]) for pk in wanted)


def _found(wanted: list[int]) -> Iterator[tuple[int, str, str]]:
    yield from Revision.objects.filter(pk__in=wanted).order_by().values_list("pk", "prompt", "completion")


def _embed(run_dir: Path, handle: JobHandle, before: int, total: int) -> int:
    """Runs the trainer until it has ended; returns how many texts were cut."""
    offset = 0

    def on_poll() -> None:
        nonlocal offset
        batch = rundir.read_events(run_dir, offset)
        offset = batch.offset
        steps = [event for event in batch.events if event.get("total_steps")]
        if steps:
            handle.progress(before + int(steps[-1].get("step") or 0), total, "texts read")
        handle.check_cancelled()

    outcome = launcher.run_when_free("embed", run_dir, on_poll=on_poll)
    if outcome.code == contract.EXIT_CANCELLED:
        raise JobCancelled("Stopped. What was read is kept for a resume.")
    result = rundir.read_result(run_dir) if outcome.code == contract.EXIT_OK else None
    if result is None:
        raise JobFailed(rundir.last_failure(run_dir) or f"The encoder ended with status {outcome.code}; see its log.")
    if contract.file_sha256(run_dir / contract.VECTORS_FILE) != result["files"][contract.VECTORS_FILE]:
        raise JobFailed("The vectors were altered after they were written. Nothing was taken in; ask again.")
    return int(result["cut"])


def _blocks(present: Present, known: Embedded | None, old: Ids, new: Digests, read: Read) -> Iterator[Floats]:
    """The vectors of all samples in order."""
    for start in range(0, len(old), _BLOCK):
        rows = np.arange(start, min(len(old), start + _BLOCK))
        is_new = old[rows] < 0
        source = read.files[0] if read.files else known.vectors  # type: ignore[union-attr]
        block = np.empty((len(rows), source.shape[1]), dtype=np.float32)
        if known is not None:
            block[~is_new] = known.vectors[old[rows[~is_new]]]
        if is_new.any():
            block[is_new] = read.rows(np.searchsorted(new, present.texts[rows[is_new]]))
        yield block
