"""How many of a version's examples may be synthetic: a share that the project sets."""

from __future__ import annotations

from collections.abc import Iterable

from reviewapp.curation.augmenting.reading import most_synthetic
from reviewapp.projects.models import Project
from reviewapp.samples.models import Sample
from reviewapp.trainingsets.models import TrainingSetVersion
from reviewapp.words import grouped, say


def synthetic_problem(project: Project, origins: Iterable[str]) -> str:
    """A sentence when more of these examples are synthetic than the project allows; empty when not."""
    found = list(origins)
    n, total = sum(origin == Sample.Origin.COPY for origin in found), len(found)
    if not n:
        return ""
    most = most_synthetic(project)
    if 100 * n <= most * total:
        return ""
    return say(
        "%(n)s of %(total)s examples are synthetic (%(share)s%%), and this project allows %(most)s%%. Take %(out)s of "
        "them out, add samples that people wrote, or let a lead set another share under Samples, Synthetic.",
        n=grouped(n),
        total=grouped(total),
        share=f"{100 * n / total:.1f}",
        most=most,
        out=grouped(out_of(n, total, most)),
    )


def out_of(n: int, total: int, most: int) -> int:
    """How many of ``n`` synthetic examples have to go so that at most ``most`` per cent of the rest are synthetic."""
    own = total - n
    return n if most == 0 else n - min(n, (most * own) // (100 - most)) if most < 100 else 0


def version_problem(version: TrainingSetVersion) -> str:
    """The same of a frozen version, for whoever signs it."""
    origins = version.examples.order_by().values_list("sample__origin", flat=True)
    return synthetic_problem(version.training_set.project, origins)
