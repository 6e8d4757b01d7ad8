"""What a worker does to build an index: folds in what is new, or makes the projection anew."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import numpy.typing as npt

from reviewapp.core.exceptions import JobFailed
from reviewapp.curation import services
from reviewapp.curation.meaning.files import Index
from reviewapp.curation.meaning.fit import projection_fit, vectors_of
from reviewapp.curation.meaning.searching import index_state, samples_indexed
from reviewapp.curation.meaning.vectors import text_of
from reviewapp.curation.models import TextIndex
from reviewapp.projects.models import Project
from reviewapp.samples.models import Revision, Sample

REBUILD_OVER = 0.2  # share that came since the projection was made
Say = Callable[[str], None]
_TEXTS = 500  # in one query


def index_make(row: TextIndex, say: Say) -> None:
    """Makes the version ``row`` of its project's index. Raises JobFailed when there are no words to index."""
    before, known = services.index_known(project=row.project)
    if before is not None and known is None:
        say("The files of the index before are missing or damaged: it is built anew.")
    held_out, samples, revisions, hashes = _present(row.project)
    old = _kept(known, samples, revisions) if known is not None else np.full(len(samples), -1)
    new = int((old < 0).sum())
    folded = new + (before.n_folded if before is not None else 0)
    if known is None or before is None or folded > REBUILD_OVER * max(1, before.n_fitted):
        index = _fitted(samples, revisions, hashes, held_out, say)
        services.index_finish(row=row, index=index, n_fitted=len(samples), n_folded=0)
    else:
        say(f"{new:,} of {len(samples):,} texts are new or changed.")
        index = _folded(known, old, samples, revisions, hashes, say)
        services.index_finish(row=row, index=index, n_fitted=before.n_fitted, n_folded=folded)


def index_ready(project: Project, say: Say) -> tuple[Index, int]:
    """The index of a project, brought up to date first, and its number. Raises JobFailed where it cannot be made."""
    state = index_state(project)
    if state.kind != "ready":
        index_make(services.index_begin(project=project, requested_by=None), say)
        state = index_state(project)
    if state.index is None or state.row is None:
        raise JobFailed("The index could not be made. Build it on the page of search by meaning, then try again.")
    return state.index, state.row.number


Ids = npt.NDArray[np.int64]


def _present(project: Project) -> tuple[npt.NDArray[np.bool_], Ids, Ids, npt.NDArray[np.bytes_]]:
    """Of every sample, by its id: whether it is held out, its id, its revision and that one's hash."""
    fields = ("split", "pk", "revision_id", "revision__content_hash")
    rows = list(samples_indexed(project).order_by("pk").values_list(*fields))
    splits, samples, revisions, hashes = zip(*rows, strict=True) if rows else ((), (), (), ())
    return (
        np.array([split == Sample.Split.HELDOUT for split in splits], dtype=np.bool_),
        np.array(samples, dtype=np.int64),
        np.array(revisions, dtype=np.int64),
        np.array([each.encode() for each in hashes], dtype="S64"),
    )


def _kept(known: Index, samples: Ids, revisions: Ids) -> npt.NDArray[np.intp]:
    """The old row of each sample whose text is still the same; -1 for new and changed ones."""
    if not len(known.samples):
        return np.full(len(samples), -1)
    places = np.minimum(np.searchsorted(known.samples, samples), len(known.samples) - 1)
    is_same = (known.samples[places] == samples) & (known.revisions[places] == revisions)
    return np.where(is_same, places, -1)


def _texts(revisions: Ids) -> list[str]:
    found: dict[int, str] = {}
    for start in range(0, len(revisions), _TEXTS):
        chunk = Revision.objects.filter(pk__in=revisions[start : start + _TEXTS].tolist())
        rows = chunk.order_by().values_list("pk", "prompt", "completion")
        found.update({pk: text_of(prompt, completion) for pk, prompt, completion in rows})
    return [found[int(pk)] for pk in revisions]


def _fitted(
    samples: Ids, revisions: Ids, hashes: npt.NDArray[np.bytes_], held_out: npt.NDArray[np.bool_], say: Say
) -> Index:
    """What is held out takes no part in the projection: it is folded in."""
    say(f"Reading {len(samples):,} texts")
    texts = _texts(revisions)
    say("Working out what goes with what")
    try:
        projection = projection_fit([text for text, is_out in zip(texts, held_out, strict=True) if not is_out])
    except ValueError as error:
        raise JobFailed(f"{error} Nothing can be searched by meaning.") from error
    vectors = vectors_of(projection, texts, lambda done: say(f"{done:,} of {len(texts):,} texts"))
    return Index(projection=projection, vectors=vectors, samples=samples, revisions=revisions, hashes=hashes)


def _folded(
    known: Index, old: npt.NDArray[np.intp], samples: Ids, revisions: Ids, hashes: npt.NDArray[np.bytes_], say: Say
) -> Index:
    is_new = old < 0
    vectors = np.empty((len(samples), known.projection.dimensions), dtype=np.float32)
    vectors[~is_new] = known.vectors[old[~is_new]]
    vectors[is_new] = vectors_of(known.projection, _texts(revisions[is_new]), lambda done: say(f"{done:,} folded in"))
    return Index(projection=known.projection, vectors=vectors, samples=samples, revisions=revisions, hashes=hashes)
