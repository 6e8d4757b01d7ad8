"""What checks are given to look at: the current texts of a project, or of one sample and its group."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from django.db.models import QuerySet

from reviewapp.curation.checks.finding import Corpus, FindingDraft, Item
from reviewapp.curation.checks.registry import Check
from reviewapp.curation.models import CounterfactualCopy
from reviewapp.projects.models import Project
from reviewapp.samples.models import HeldoutPrompt, Sample

HELDOUT = "heldout_overlap"
EMPTY = "empty_completion"
NEAR = "near_duplicates"
ASIDE = 200  # samples of its group that a single sample is compared with, the latest


@dataclass(frozen=True, kw_only=True)
class Material:
    """``revisions`` maps each sample to the revision that was read; ``exempt`` descend from held-out prompts."""

    items: list[Item]
    revisions: dict[int, int]
    heldout: list[tuple[int, str]]
    exempt: frozenset[int]
    is_labelled: bool = False  # experts produce the completions: that one is missing is no finding
    copied: Mapping[int, int] = field(default_factory=dict)  # a synthetic copy -> the sample it was turned from

    def look(self, check: Check) -> list[FindingDraft]:
        """What one check notices. Samples that descend from held-out prompts overlap with them and never train."""
        if check.name != HELDOUT:
            found = check.run(Corpus(items=self.items))
            return [draft for draft in found if not self._is_meant(check, draft)]
        items = [item for item in self.items if item.key not in self.exempt]
        return check.run(Corpus(items=items, heldout=self.heldout))

    def _is_meant(self, check: Check, draft: FindingDraft) -> bool:
        """A copy is like its parent by intent; a completion that experts will produce is missing by intent."""
        if check.name == NEAR and draft.related is not None:
            return self.copied.get(draft.key, draft.key) == self.copied.get(draft.related, draft.related)
        return self.is_labelled and draft.kind == EMPTY


def project_material(project: Project) -> Material:
    """Every sample but the rejected ones: nobody has to settle a finding on those, or keep them apart from others."""
    rows = Sample.objects.filter(project=project, revision__isnull=False).exclude(state=Sample.State.REJECTED)
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
    fields = ("pk", "split", "revision_id", "revision__prompt", "revision__completion")
    for pk, split, revision, prompt, completion in samples.values_list(*fields).iterator(chunk_size=2_000):
        items.append(Item(key=pk, prompt=prompt, completion=completion))
        revisions[pk] = revision
        if split == Sample.Split.HELDOUT:
            exempt.add(pk)
    is_labelled = project.label_schemas.filter(is_active=True).exists()
    held = HeldoutPrompt.objects.filter(heldout_set__project=project).order_by("pk").values_list("pk", "prompt")
    copies = CounterfactualCopy.objects.filter(mitigation__project=project).values_list("sample", "parent")
    return Material(
        items=items,
        revisions=revisions,
        heldout=list(held),
        exempt=frozenset(exempt),
        copied=dict(copies),
        is_labelled=is_labelled,
    )
