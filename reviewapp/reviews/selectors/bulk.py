"""What bulk acts need to know about the samples chosen."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator, Sequence

from reviewapp.projects.models import Project
from reviewapp.reviews.bulk import Standing
from reviewapp.reviews.models import Assignment
from reviewapp.samples.models import Sample, SampleTag

CHUNK = 1_000  # ids in one statement


def chunks(ids: Sequence[int]) -> Iterator[Sequence[int]]:
    for start in range(0, len(ids), CHUNK):
        yield ids[start : start + CHUNK]


def standing_of(project: Project, samples: Sequence[Sample], *, with_tags: bool) -> Standing:
    """Leases and flags of the whole project are few; tags are read for these samples, where the act is about tags."""
    of_project = Assignment.objects.filter(sample__project=project)
    tags: defaultdict[int, set[str]] = defaultdict(set)
    for some in chunks([sample.pk for sample in samples]) if with_tags else ():
        for pk, name in SampleTag.objects.filter(sample__in=some).order_by().values_list("sample", "name"):
            tags[pk].add(name)
    return Standing(
        leased=frozenset(of_project.live().values_list("sample", flat=True)),
        flagged=frozenset(of_project.filter(is_flagged=True).values_list("sample", flat=True)),
        tags={pk: frozenset(names) for pk, names in tags.items()},
    )
