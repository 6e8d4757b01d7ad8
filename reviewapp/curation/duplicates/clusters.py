"""Reading duplicates as clusters: which samples are alike by the open findings, and what was decided about them."""

from __future__ import annotations

import hashlib
from collections import Counter, defaultdict
from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass

from django.db.models import QuerySet
from django.utils import timezone

from reviewapp.core.models import Lease
from reviewapp.curation.checks import exact_duplicates, near_duplicates
from reviewapp.curation.checks.finding import NEAR_LIMIT, Item
from reviewapp.curation.minhash import Link, clusters_of, layout_for, sketches_of
from reviewapp.curation.models import DuplicateDecision, DuplicateLimit, Finding, LimitMeasurement
from reviewapp.projects.models import Project
from reviewapp.samples.models import Sample

State = Sample.State
CHECKS = (exact_duplicates.NAME, near_duplicates.NAME)
KIND_WORDS = {
    "exact_duplicate": "the same to the letter",
    "exact_case_space": "the same apart from case and white space",
    **near_duplicates.KIND_WORDS,
}
EXACT, NEAR = "exact", "near"
_MOST_CHECKED = 2_000  # members of one chain whose texts are compared with each other
# Somebody has judged these already, or is about to: taking them out needs a second yes.
JUDGED = frozenset((State.ACCEPTED, State.IN_REVIEW, State.ADJUDICATE, State.RETURNED))


@dataclass(frozen=True, kw_only=True)
class Cluster:
    """Samples that are alike: ``members`` ascending, ``kinds`` of the findings between them; ``key`` names its page."""

    key: int
    members: tuple[int, ...]
    kinds: Counter[str]

    @property
    def is_exact(self) -> bool:
        return all(kind.startswith("exact") for kind in self.kinds)

    @property
    def seal(self) -> str:
        """Changes with the members: a decision is about those that the person saw."""
        return hashlib.sha256(repr(self.members).encode()).hexdigest()[:16]


@dataclass(frozen=True)
class Edge:
    sample: int
    other: int
    kind: str
    score: float


def near_limit(project: Project) -> float:
    """The similarity from which samples of this project count as near-duplicates."""
    row = DuplicateLimit.objects.filter(project=project).first()
    return row.limit if row else NEAR_LIMIT


def limits_set(project: Project) -> QuerySet[DuplicateLimit]:
    """Newest first."""
    return DuplicateLimit.objects.filter(project=project).select_related("set_by")


def measurement_latest(project: Project) -> LimitMeasurement | None:
    return LimitMeasurement.objects.filter(project=project).select_related("measured_by").first()


def decisions_of(project: Project) -> QuerySet[DuplicateDecision]:
    """Newest first."""
    return DuplicateDecision.objects.filter(project=project).select_related("decided_by", "undone_by")


def findings_open(project: Project) -> QuerySet[Finding]:
    """Open findings that say that two samples are alike, both still in the pool."""
    found = Finding.objects.filter(sample__project=project, check_name__in=CHECKS, state=Finding.State.OPEN)
    found = found.filter(related_sample__isnull=False).exclude(sample__state=State.REJECTED)
    return found.exclude(related_sample__state=State.REJECTED)


def chains_of(project: Project) -> list[list[Edge]]:
    """Findings that hang together, by the first sample of each; exact copies and near-duplicates apart.

    Of exact copies only the first takes part in the search for near ones, so it may be in a chain of either kind.
    """
    rows = findings_open(project).order_by().values_list("sample_id", "related_sample_id", "kind", "score")
    edges = [Edge(sample, other or 0, kind, score or 0.0) for sample, other, kind, score in rows]
    exact = _hanging([edge for edge in edges if edge.kind.startswith(EXACT)])
    near = _hanging([edge for edge in edges if not edge.kind.startswith(EXACT)])
    return sorted([*exact, *near], key=lambda chain: min(min(edge.sample, edge.other) for edge in chain))


def _hanging(edges: Sequence[Edge]) -> list[list[Edge]]:
    root: dict[int, int] = {}

    def find(key: int) -> int:
        while root.setdefault(key, key) != key:
            root[key] = key = root[root[key]]
        return key

    for edge in edges:
        a, b = find(edge.sample), find(edge.other)
        root[max(a, b)] = min(a, b)
    chains: defaultdict[int, list[Edge]] = defaultdict(list)
    for edge in edges:
        chains[find(edge.sample)].append(edge)
    return list(chains.values())


def kind_of(chain: Iterable[Edge]) -> str:
    return EXACT if all(edge.kind.startswith("exact") for edge in chain) else NEAR


def clusters_in(chains: Sequence[list[Edge]]) -> list[Cluster]:
    """The clusters of some chains. A chain whose ends are quite different texts is cut (``minhash.clusters_of``)."""
    long = [chain for chain in chains if len(chain) > 1 and kind_of(chain) == NEAR]
    texts = _texts({key for chain in long for key in _members(chain)[:_MOST_CHECKED]})
    cut = {id(chain): _cut(chain, texts) for chain in long}
    return [cluster for chain in chains for cluster in cut.get(id(chain)) or [_cluster(chain, _members(chain))]]


def cluster_of(project: Project, sample_id: int) -> Cluster | None:
    """The cluster that a sample is in now; None when nothing open says that it is like another."""
    return cluster_among(chains_of(project), sample_id)


def cluster_among(chains: Sequence[list[Edge]], sample_id: int) -> Cluster | None:
    """The same, of chains that are read already; of two clusters that hold the sample the one that it names."""
    holding = [chain for chain in chains if any(sample_id in (edge.sample, edge.other) for edge in chain)]
    found = [cluster for cluster in clusters_in(holding) if sample_id in cluster.members]
    return next((cluster for cluster in found if cluster.key == sample_id), found[0] if found else None)


def next_after(chains: Sequence[list[Edge]], cluster: Cluster) -> int | None:
    """Where the next cluster begins, in the order of the list; after the last the first again."""
    inside = set(cluster.members)
    others = [chain for chain in chains if not any(edge.sample in inside for edge in chain)]
    starts = [min(edge.sample for edge in chain) for chain in others]
    return next((key for key in starts if key > cluster.key), starts[0] if starts else None)


def _members(chain: Iterable[Edge]) -> list[int]:
    return sorted({key for edge in chain for key in (edge.sample, edge.other)})


def _texts(keys: Collection[int]) -> dict[int, str]:
    rows = Sample.objects.filter(pk__in=keys, revision__isnull=False)
    found = rows.order_by().values_list("pk", "revision__prompt", "revision__completion")
    return {key: near_duplicates.text_of(Item(key=key, prompt=prompt, completion=done)) for key, prompt, done in found}


def _cut(chain: list[Edge], texts: dict[int, str]) -> list[Cluster]:
    """By the diameter; what is left alone by that stands with the one sample that it resembles."""
    keys = [key for key in _members(chain) if key in texts]
    place = {key: at for at, key in enumerate(keys)}
    links = [
        Link(min(place[edge.sample], place[edge.other]), max(place[edge.sample], place[edge.other]), edge.score)
        for edge in chain
        if edge.sample in place and edge.other in place
    ]
    sketches = sketches_of((texts[key] for key in keys), layout_for(NEAR_LIMIT))
    parts = [[keys[at] for at in part] for part in clusters_of(links, sketches, diameter=near_duplicates.DIAMETER)]
    whole = [_cluster(chain, part) for part in parts]
    kept = {key for part in parts for key in part}
    alone = [edge for edge in chain if edge.sample not in kept]
    return [*whole, *(_cluster([edge], sorted((edge.sample, edge.other)), edge.sample) for edge in alone)]


def _cluster(chain: Iterable[Edge], members: Sequence[int], key: int | None = None) -> Cluster:
    inside = [edge for edge in chain if edge.sample in members]
    first = min((edge.sample for edge in inside), default=members[0])
    return Cluster(key=key or first, members=tuple(members), kinds=Counter(edge.kind for edge in inside))


def samples_of(keys: Collection[int]) -> list[Sample]:
    """Samples with their texts, in the order of the keys."""
    rows = Sample.objects.filter(pk__in=keys).select_related("revision", "group", "project")
    found = {sample.pk: sample for sample in rows}
    return [found[key] for key in keys if key in found]


def suggestion_of(samples: Sequence[Sample], kinds: Counter[str]) -> Sample:
    """Which to keep: one that was accepted, else of parts and wholes the longest, else the first."""

    def rank(sample: Sample) -> tuple[bool, bool, int, int]:
        length = len(sample.revision.prompt) + len(sample.revision.completion) if sample.revision else 0
        is_part = "contained_duplicate" in kinds
        return sample.state != State.ACCEPTED, sample.state not in JUDGED, -length if is_part else 0, sample.pk

    return min(samples, key=rank)


def leased_now(keys: Collection[int]) -> dict[int, str]:
    """Who reviews which of these samples now."""
    rows = Sample.objects.filter(
        pk__in=keys, assignments__state=Lease.State.LEASED, assignments__lease_expires_at__gt=timezone.now()
    )
    return dict(rows.values_list("pk", "assignments__holder__display_name"))


@dataclass(frozen=True, kw_only=True)
class FirstKept:
    """One exact cluster in the act on all: which stays, which go, which are left alone and why."""

    keep: Sample
    go: list[Sample]
    left: dict[str, list[Sample]]


LEASED = "somebody reviews it now"
HELDOUT = "descends from a held-out prompt"
JUDGED_ALREADY = "reviewed already: decide in its cluster"
MOST_CLUSTERS = 1_000  # of one act


def exact_preview(project: Project) -> tuple[list[FirstKept], int]:
    """What "keep the first of each exact cluster" would do, up to 1,000 clusters at once, and how many there are."""
    chains = [chain for chain in chains_of(project) if kind_of(chain) == EXACT]
    clusters = [_members(chain) for chain in chains[:MOST_CLUSTERS]]
    samples = {sample.pk: sample for sample in _samples_in_batches([key for keys in clusters for key in keys])}
    leased = leased_now_in_batches(list(samples))
    return [_first_kept([samples[key] for key in keys if key in samples], leased) for keys in clusters], len(chains)


def _samples_in_batches(keys: Sequence[int]) -> list[Sample]:
    return [sample for start in range(0, len(keys), 1_000) for sample in samples_of(keys[start : start + 1_000])]


def leased_now_in_batches(keys: Sequence[int]) -> set[int]:
    return {key for start in range(0, len(keys), 1_000) for key in leased_now(keys[start : start + 1_000])}


def _first_kept(samples: Sequence[Sample], leased: Collection[int]) -> FirstKept:
    keep = suggestion_of(samples, Counter())
    go: list[Sample] = []
    left: defaultdict[str, list[Sample]] = defaultdict(list)
    for sample in samples:
        if sample.pk == keep.pk:
            continue
        why = left_alone(sample, leased) or (JUDGED_ALREADY if sample.state in JUDGED else "")
        (left[why] if why else go).append(sample)
    return FirstKept(keep=keep, go=go, left=dict(left))


def left_alone(sample: Sample, leased: Collection[int]) -> str:
    """Why a sample cannot be taken out now; "" where it can."""
    if sample.pk in leased:
        return LEASED
    return HELDOUT if sample.split == Sample.Split.HELDOUT else ""
