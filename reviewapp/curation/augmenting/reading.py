"""Reading what synthetic samples are made from, what became of them, and how many of them there may be."""

from __future__ import annotations

import hashlib
from collections import Counter
from collections.abc import Iterator
from typing import Any

from django.db.models import Count, F, QuerySet

from reviewapp.curation.augmenting.estimating import Estimate, noise_of
from reviewapp.curation.augmenting.proposing import Proposal, phrases_of, proposals_of
from reviewapp.curation.balance.reading import held_groups
from reviewapp.curation.models import MOST_SYNTHETIC, Augmentation, AugmentationSettings, Finding, SyntheticText
from reviewapp.projects.models import Project
from reviewapp.samples.models import Revision, Sample

State = Sample.State
READ = 2_000  # samples from which noise is estimated and templates are proposed: a second at most
_FIELDS = (
    "pk", "group_id", "state", "origin", "split", "withdrawn_at", "revision_id", "revision__labels",
    "revision__prompt", "revision__completion",
)  # fmt: skip


def most_synthetic(project: Project) -> int:
    """Per cent of a version's examples that may be synthetic."""
    row = AugmentationSettings.objects.filter(project=project).first()
    return row.most_synthetic if row else MOST_SYNTHETIC


def augmentations_of(project: Project) -> QuerySet[Augmentation]:
    """Newest first, with their jobs and people."""
    return Augmentation.objects.filter(project=project).select_related(
        "project", "job", "requested_by", "applied_by", "withdrawn_by"
    )


def parents_chosen(project: Project, recipe: dict[str, Any]) -> tuple[list[tuple[int, int]], dict[str, int]]:
    """(sample, revision) to make texts from, drawn by the seed, and how many samples are none for which reason.

    A sample is counted under the first reason that holds. The order depends on seed and sample alone.
    """
    flagged = set(
        Finding.objects.filter(
            sample__project=project, severity=Finding.Severity.HIGH, state=Finding.State.OPEN,
            revision=F("sample__revision"),
        ).values_list("sample_id", flat=True)
    )  # fmt: skip
    held = held_groups(project)
    left: Counter[str] = Counter()
    able: list[tuple[str, int, int]] = []
    for row in _samples(project):
        reason = _reason(row, recipe["of"], held, flagged)
        if reason:
            left[reason] += 1
        else:
            draw = hashlib.sha256(f"{recipe['seed']}:{row[0]}".encode()).hexdigest()
            able.append((draw, row[0], row[6]))
    able.sort()
    left["number"] = max(0, len(able) - recipe["most"])
    return [(pk, revision) for _, pk, revision in able[: recipe["most"]]], dict(+left)


def _samples(project: Project) -> Iterator[tuple[Any, ...]]:
    return Sample.objects.filter(project=project).order_by("pk").values_list(*_FIELDS).iterator(chunk_size=1_000)


def _reason(row: tuple[Any, ...], of: str, held: set[int], flagged: set[int]) -> str:
    pk, group, state, origin, split, withdrawn_at, _revision, labels, prompt, completion = row
    checks = (
        (withdrawn_at is not None, "withdrawn"),
        (state == State.REJECTED, "rejected"),
        (split == Sample.Split.HELDOUT or group in held, "held_out"),
        (origin == Sample.Origin.COPY, "synthetic"),
        (labels is not None, "labelled"),
        (not (prompt or "").strip() or not (completion or "").strip(), "blank"),
        (pk in flagged, "findings"),
        (of == "accepted" and state != State.ACCEPTED, "waiting"),
    )
    return next((reason for holds, reason in checks if holds), "")


def _prompts(project: Project) -> list[tuple[str, str]]:
    """(prompt, language) of samples that people or their machines wrote, the newest left aside beyond READ."""
    found = Sample.objects.filter(project=project, revision__isnull=False).exclude(state=State.REJECTED)
    own = found.exclude(origin=Sample.Origin.COPY).exclude(split=Sample.Split.HELDOUT)
    return list(own.order_by("pk").values_list("revision__prompt", "language")[:READ])


def noise_estimate(project: Project) -> Estimate:
    return noise_of(_prompts(project))


def templates_proposed(project: Project) -> list[Proposal]:
    return proposals_of(phrases_of(prompt for prompt, _ in _prompts(project)))


def decided_of(rows: list[Augmentation]) -> dict[int, Counter[str]]:
    """By augmentation: how its samples stand (accepted, fixed, rejected, withdrawn, waiting), in one query."""
    found = (
        SyntheticText.objects.filter(augmentation__in=rows, sample__isnull=False)
        .order_by()
        .values_list("augmentation", "sample__state", "sample__withdrawn_at", "sample__revision__reason")
        .annotate(n=Count("pk"))
    )
    counts: dict[int, Counter[str]] = {row.pk: Counter() for row in rows}
    for key, state, withdrawn_at, reason, n in found:
        counts[key][_standing(state, withdrawn_at is not None)] += n
        counts[key]["fixed"] += n * (state == State.ACCEPTED and reason != Revision.Reason.COPY)
    return counts


def _standing(state: str, is_withdrawn: bool) -> str:
    if is_withdrawn:
        return "withdrawn"
    return state if state in (State.ACCEPTED, State.REJECTED) else "waiting"


def kept_otherwise(project: Project) -> tuple[int, int]:
    """Of all other samples that experts decided: how many were accepted, of how many, withdrawn ones aside."""
    found = Sample.objects.filter(project=project, withdrawn_at__isnull=True).exclude(origin=Sample.Origin.COPY)
    counts = dict(found.order_by().values_list("state").annotate(n=Count("pk")))
    accepted, rejected = counts.get(State.ACCEPTED, 0), counts.get(State.REJECTED, 0)
    return accepted, accepted + rejected


def synthetic_count(project: Project) -> tuple[int, int]:
    """Synthetic samples and all samples that are not rejected."""
    found = Sample.objects.filter(project=project).exclude(state=State.REJECTED)
    return found.filter(origin=Sample.Origin.COPY).count(), found.count()
