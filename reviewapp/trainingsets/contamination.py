"""The join of a version's samples with every held-out set and benchmark of its project: it has to be empty.

Unlike a finding on a sample, this is computed from the very texts that would be frozen, and nobody's decision
can make it pass. It takes some seconds for a thousand samples, so a worker does it and the result is kept with a
key of what was compared: a later look at the same texts and held-out prompts need not compare again.
"""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from dataclasses import asdict, dataclass, field
from typing import Any, Protocol

from reviewapp.curation.checks import benchmark_overlap, heldout_overlap
from reviewapp.curation.checks.finding import Corpus, FindingDraft, Item
from reviewapp.curation.contamination.benchmarks import benchmarks_declared, benchmarks_of
from reviewapp.curation.contamination.overlapping import Fingerprints
from reviewapp.projects.models import Project
from reviewapp.samples.models import HeldoutPrompt
from training.contract import canonical_json

KINDS = {
    "heldout_exact": "Same prompt, apart from case and spaces",
    "heldout_near": "Near-duplicate prompt, 70% alike or more",  # heldout_overlap.LIMIT
    "heldout_passage": "Passage in common, runs of 8 words",  # heldout_overlap.RUN
}
BENCHMARK_KINDS = {
    "benchmark_exact": "Same prompt as in a declared benchmark",
    "benchmark_near": "Near-duplicate of a declared benchmark's row",
    "benchmark_passage": "Passage in common with a declared benchmark",
}


class Text(Protocol):
    """A sample as far as this module reads it."""

    @property
    def sample_id(self) -> int: ...
    @property
    def external_id(self) -> str: ...
    @property
    def revision_hash(self) -> str: ...
    @property
    def prompt(self) -> str: ...
    @property
    def completion(self) -> str: ...


@dataclass(frozen=True, kw_only=True)
class Pair:
    """A sample and a held-out prompt, or a row of a benchmark, that share text."""

    kind: str
    sample_id: int
    sample: str
    heldout: str
    words: str
    excerpt: str


@dataclass(frozen=True, kw_only=True)
class CheckRow:
    name: str
    compared: int  # pairs of a sample and a held-out prompt
    found: int


@dataclass(frozen=True, kw_only=True)
class ContaminationCheck:
    """``rows`` say what was compared; ``pairs`` is empty when the version may be frozen."""

    key: str
    heldout_prompts: int
    samples: int
    rows: list[CheckRow]
    pairs: list[Pair] = field(default_factory=list)

    @property
    def sample_ids(self) -> set[int]:
        return {pair.sample_id for pair in self.pairs}

    @property
    def words(self) -> str:
        count = len(self.sample_ids)
        return "1 sample overlaps" if count == 1 else f"{count} samples overlap"

    @property
    def with_what(self) -> str:
        """What they overlap with, after "2 samples overlap with"."""
        of_benchmarks = [pair.kind in BENCHMARK_KINDS for pair in self.pairs]
        if not any(of_benchmarks):
            return "held-out prompts"
        return "declared benchmarks" if all(of_benchmarks) else "held-out prompts and declared benchmarks"

    def as_json(self) -> dict[str, Any]:
        return asdict(self)

    @classmethod
    def of_json(cls, values: dict[str, Any]) -> ContaminationCheck:
        """Reads what ``as_json`` wrote."""
        rows = [CheckRow(**row) for row in values["rows"]]
        return cls(**{**values, "rows": rows, "pairs": [Pair(**pair) for pair in values["pairs"]]})


def key_of(project: Project, chosen: Sequence[Text]) -> str:
    """Names what a comparison would compare: the texts by their hashes, and the held-out prompts."""
    held = HeldoutPrompt.objects.filter(heldout_set__project=project).order_by("pk").values_list("pk", flat=True)
    texts = sorted((item.sample_id, item.revision_hash) for item in chosen)
    declared = benchmarks_of(project).values_list("pk", flat=True)
    compared = [texts, list(held), *([list(declared)] if declared else [])]
    return hashlib.sha256(canonical_json(compared).encode()).hexdigest()


def check_texts(project: Project, chosen: Sequence[Text]) -> ContaminationCheck:
    """Compares each chosen sample with each held-out prompt, of open sets as well, and each declared benchmark."""
    rows = HeldoutPrompt.objects.filter(heldout_set__project=project).order_by("-pk")
    # a set that extends another begins with the same prompts: each is compared once
    once = {row[0]: row[1:] for row in rows.values_list("row_hash", "pk", "prompt", "external_id")}
    held = sorted(once.values())
    names = {key: name for key, _, name in held}
    by_key = {item.sample_id: item for item in chosen}
    # a raw text has no prompt: it is itself compared with what is asked
    items = [
        Item(key=key, prompt=by_key[key].prompt or by_key[key].completion, completion=by_key[key].completion)
        for key in sorted(by_key)
    ]
    found = heldout_overlap.check(Corpus(items=items, heldout=[row[:2] for row in held]))
    pairs = [_pair(draft, by_key[draft.key], names.get(draft.related_heldout or 0, "")) for draft in found]
    declared = benchmarks_declared(project)
    leaked = benchmark_overlap.check(Corpus(items=items, benchmarks=declared))
    pairs += [_pair(draft, by_key[draft.key], _rows_named(draft.message)) for draft in leaked]
    kinds = {**dict.fromkeys(KINDS, len(held)), **dict.fromkeys(BENCHMARK_KINDS if declared else (), _rows(declared))}
    return ContaminationCheck(
        key=key_of(project, chosen),
        heldout_prompts=len(held),
        samples=len(chosen),
        rows=[
            CheckRow(name=_NAMES[kind], compared=len(chosen) * n, found=sum(pair.kind == kind for pair in pairs))
            for kind, n in kinds.items()
        ],
        pairs=sorted(pairs, key=lambda pair: (pair.sample, pair.heldout)),
    )


_NAMES = {**KINDS, **BENCHMARK_KINDS}


def _rows(declared: Sequence[tuple[str, Fingerprints]]) -> int:
    return sum(len(prints) for _, prints in declared)


def _rows_named(message: str) -> str:
    """The rows of benchmarks that a finding names in brackets."""
    return message.partition("(")[2].rpartition(")")[0]


def _pair(draft: FindingDraft, item: Text, heldout: str) -> Pair:
    return Pair(
        kind=draft.kind,
        sample_id=item.sample_id,
        sample=item.external_id,
        heldout=heldout,
        words=draft.message.partition(".")[0] + ".",
        excerpt=draft.excerpt,
    )
