"""Reading the index of a project: which version is in use, whether it is behind, and what is near what."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import numpy as np
from django.conf import settings
from django.db.models import Q, QuerySet

from reviewapp.core.models import Job
from reviewapp.curation.meaning.files import Index, IndexDamaged, Vectors, index_open
from reviewapp.curation.meaning.vectors import Floats, nearest, text_of
from reviewapp.curation.models import Finding, TextIndex
from reviewapp.projects.models import Project
from reviewapp.samples.models import Sample
from reviewapp.samples.selectors import samples_filtered

SHOWN, SIMILAR = 50, 10
_DUPLICATES = ("near_duplicates", "exact_duplicates")


def indexes_folder(project: Project) -> Path:
    return Path(settings.STATE_DIR) / "indexes" / str(project.pk)


def index_folder(row: TextIndex) -> Path:
    """The folder of one version; none is written twice."""
    return Path(settings.STATE_DIR) / "indexes" / str(row.project_id) / str(row.number)


def index_current(project: Project) -> TextIndex | None:
    return TextIndex.objects.filter(project=project, made_at__isnull=False).first()


def samples_indexed(project: Project) -> QuerySet[Sample]:
    """Every sample with a text. Held-out prompts are no samples: no index has them."""
    return Sample.objects.filter(project=project, revision__isnull=False)


@dataclass(frozen=True, kw_only=True)
class IndexState:
    """``row`` in use and its arrays; ``problem`` when they cannot be read; ``behind``: texts newer than it."""

    row: TextIndex | None
    index: Index | None
    problem: str
    behind: int
    last: TextIndex | None  # the newest version, in use or not

    @property
    def job(self) -> Job | None:
        return self.last.job if self.last else None

    @property
    def is_building(self) -> bool:
        return self.job is not None and not self.job.is_terminal

    @property
    def kind(self) -> str:
        """ready, behind, absent, damaged: what a page has to say."""
        if self.problem:
            return "damaged"
        return "absent" if self.row is None else "behind" if self.behind else "ready"


def index_state(project: Project) -> IndexState:
    """At most three queries, whatever the number of samples."""
    last = TextIndex.objects.filter(project=project).select_related("job").first()
    row = last if last is None or last.made_at else index_current(project)
    index, problem, behind = None, "", 0
    if row is not None:
        behind = Sample.objects.filter(project=project, revision_id__gt=row.newest_revision).count()
        try:
            index = index_open(index_folder(row), row.files)
        except IndexDamaged as damage:
            problem = str(damage)
    return IndexState(row=row, index=index, problem=problem, behind=behind, last=last)


@dataclass(frozen=True)
class Near:
    """A sample with how near it is (cosine, 1.00 is the same), and why it counts as a duplicate, if it does."""

    sample: Sample
    value: float
    duplicate: str = ""


def samples_meant(project: Project, index: Index, text: str, chosen: dict[str, str]) -> list[Near] | None:
    """The SHOWN samples nearest to ``text`` that the filters let through; None when the index knows no word of it."""
    query = index.projection.vector(text)
    if not query.any():
        return None
    among = None
    if any(chosen.values()):
        allowed = samples_filtered(project, {**chosen, "q": ""}).order_by().values_list("pk", flat=True)
        among = np.isin(index.samples, np.fromiter(allowed, dtype=np.int64))
    return _nearest(project, index, query, SHOWN, among)


def samples_similar(sample: Sample, index: Index, vectors: Vectors | None = None) -> list[Near]:
    """The SIMILAR samples nearest to the present text of one, those first that are its duplicates among equals.

    By other ``vectors`` than those of the index where they have the sample's present text.
    """
    at = vectors.row_of(sample.pk) if vectors is not None else None
    if vectors is not None and at is not None and vectors.revisions[at] == sample.revision_id:
        return _similar(sample, vectors, np.asarray(vectors.vectors[at]))
    row = index.row_of(sample.pk)
    revision = sample.revision
    if revision is None:
        return []
    if row is not None and index.revisions[row] == revision.pk:
        query = np.asarray(index.vectors[row])
    else:
        query = index.projection.vector(text_of(revision.prompt, revision.completion))
    return _similar(sample, index, query)


def _similar(sample: Sample, index: Vectors, query: Floats) -> list[Near]:
    if not query.any():
        return []
    found = _nearest(sample.project, index, query, SIMILAR, index.samples != sample.pk)
    known = _duplicates(sample)
    return [Near(each.sample, each.value, _why(sample, each.sample, known)) for each in found]


def _nearest(project: Project, index: Vectors, query: Floats, k: int, among: np.ndarray | None) -> list[Near]:
    """Samples that are gone since the index was made are left out."""
    found = nearest(index.vectors, query, k, among)
    wanted = [int(index.samples[row]) for row, _ in found]
    rows = samples_indexed(project).select_related("revision", "group").in_bulk(wanted)
    return [Near(rows[pk], value) for pk, (_, value) in zip(wanted, found, strict=True) if pk in rows]


def _duplicates(sample: Sample) -> set[int]:
    """Samples that a check called duplicates of this one, from either side."""
    found = Finding.objects.filter(check_name__in=_DUPLICATES).exclude(state=Finding.State.GONE)
    either = found.filter(Q(sample=sample) | Q(related_sample=sample), related_sample__isnull=False)
    return {pk for pair in either.values_list("sample", "related_sample") for pk in pair}


def _why(sample: Sample, other: Sample, known: set[int]) -> str:
    mine, theirs = sample.revision, other.revision
    if mine is not None and theirs is not None and mine.content_hash == theirs.content_hash:
        return "the same text"
    return "duplicate by a check" if other.pk in known else ""
