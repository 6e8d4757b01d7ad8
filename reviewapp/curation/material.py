"""What checks are given to look at: the current texts of a project, or of one sample and its group."""

from __future__ import annotations

import hashlib
import random
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace

from django.db.models import QuerySet

from reviewapp.curation.checks.finding import NEAR_LIMIT, Corpus, FindingDraft, Item
from reviewapp.curation.checks.registry import Check
from reviewapp.curation.contamination.benchmarks import benchmarks_declared
from reviewapp.curation.contamination.overlapping import Fingerprints
from reviewapp.curation.drafts import item_made
from reviewapp.curation.duplicates.clusters import near_limit
from reviewapp.curation.identifiers.tagging import tagger_file
from reviewapp.curation.models import CounterfactualCopy, SyntheticText
from reviewapp.projects.models import Project
from reviewapp.samples.models import HeldoutPrompt, Sample
from training.contract import canonical_json

HELDOUT, BENCHMARK = "heldout_overlap", "benchmark_overlap"
OF_PROSE = frozenset(("empty_completion", "repeated_completion", "near_prompt"))
COPIES = ("near_duplicates", "repeated_parts")
ASIDE = 200  # samples of its group that a single sample is compared with, the latest


@dataclass(frozen=True, kw_only=True)
class Material:
    """``revisions`` maps each sample to the revision that was read; ``exempt`` descend from held-out prompts."""

    items: list[Item]
    revisions: dict[int, int]
    heldout: list[tuple[int, str]]
    exempt: frozenset[int]
    tagger: tuple[str, str] | None = None  # file and hash of the tagger in use, if not the one that came along
    is_labelled: bool = False  # experts produce the completions: that one is missing or repeated is no finding
    near_limit: float = NEAR_LIMIT
    benchmarks: Sequence[tuple[str, Fingerprints]] = ()
    copied: Mapping[int, int] = field(default_factory=dict)  # a synthetic copy -> the sample it was turned from

    @property
    def fingerprint(self) -> str:
        """Of all that a check of the whole corpus may read: the same again means the same findings."""
        held = [key for key, _ in self.heldout]
        declared = [[name, hashlib.sha256(prints.exact.tobytes()).hexdigest()] for name, prints in self.benchmarks]
        told = [list(self.revisions.items()), held, sorted(self.exempt), self.is_labelled, self.near_limit, declared]
        return hashlib.sha256(canonical_json(told).encode()).hexdigest()[:32]

    def blocks(self, keys: frozenset[int], size: int) -> Iterator[Material]:
        """The items with these keys, ``size`` at a time: for checks that need nothing but the text itself."""
        items = [item for item in self.items if item.key in keys]
        for start in range(0, len(items), size):
            block = items[start : start + size]
            yield replace(self, items=block, revisions={item.key: self.revisions[item.key] for item in block})

    def look(self, check: Check, option: str = "") -> list[FindingDraft]:
        """What one check notices, with what the project chose for it.

        Samples that descend from held-out prompts overlap with them and never train.
        """
        if check.name not in (HELDOUT, BENCHMARK):
            corpus = Corpus(
                items=self.items, tagger=self.tagger, near_limit=self.near_limit, option=option, is_worker=True
            )
            found = check.run(corpus)
            return [draft for draft in found if not self._is_meant(check, draft)]
        items = [item for item in self.items if item.key not in self.exempt]
        return check.run(Corpus(items=items, heldout=self.heldout, benchmarks=self.benchmarks))

    def _is_meant(self, check: Check, draft: FindingDraft) -> bool:
        """A copy is like its parent by intent; a completion that experts will produce is missing by intent."""
        if check.name in COPIES and draft.related is not None:
            return self.copied.get(draft.key, draft.key) == self.copied.get(draft.related, draft.related)
        return self.is_labelled and draft.kind in OF_PROSE


def project_material(project: Project, *, sample_of: int = 0, seed: int = 0) -> Material:
    """Every sample but the rejected ones: nobody has to settle a finding on those, or keep them apart from others.

    ``sample_of``: that many of them at random instead, the same for the same seed.
    """
    rows = Sample.objects.filter(project=project, revision__isnull=False).exclude(state=Sample.State.REJECTED)
    if sample_of:
        keys = list(rows.order_by("pk").values_list("pk", flat=True))
        rows = rows.filter(pk__in=random.Random(seed).sample(keys, min(sample_of, len(keys))))  # noqa: S311
    return _material(project, rows.order_by("pk"))


def sample_material(sample: Sample) -> Material:
    """One sample, with the latest of its group to compare it with."""
    group = Sample.objects.filter(project=sample.project_id, group=sample.group_id, revision__isnull=False)
    latest = group.exclude(state=Sample.State.REJECTED).exclude(pk=sample.pk).order_by("-pk").values("pk")[:ASIDE]
    keys = [sample.pk, *(row["pk"] for row in latest)]
    return _material(sample.project, Sample.objects.filter(pk__in=keys).order_by("pk"))


def _material(project: Project, samples: QuerySet[Sample]) -> Material:
    items: list[Item] = []
    revisions: dict[int, int] = {}
    exempt = set()
    texts = ("revision__prompt", "revision__completion", "language", "metadata", "invented__words")
    rows = samples.values_list("pk", "split", "revision_id", *texts)
    for pk, split, revision, prompt, completion, language, metadata, invented in rows.iterator(chunk_size=2_000):
        items.append(item_made(pk, prompt, completion, language, metadata, invented))
        revisions[pk] = revision
        if split == Sample.Split.HELDOUT:
            exempt.add(pk)
    is_labelled = project.label_schemas.filter(is_active=True).exists()
    held = HeldoutPrompt.objects.filter(heldout_set__project=project).order_by("pk").values_list("pk", "prompt")
    copies = CounterfactualCopy.objects.filter(mitigation__project=project).values_list("sample", "parent")
    made = SyntheticText.objects.filter(augmentation__project=project, sample__isnull=False)
    return Material(
        items=items,
        revisions=revisions,
        heldout=list(held),
        exempt=frozenset(exempt),
        copied=dict([*copies, *made.values_list("sample", "parent")]),
        is_labelled=is_labelled,
        tagger=tagger_file(project.pk),
        near_limit=near_limit(project),
        benchmarks=benchmarks_declared(project),
    )
