"""Examples of what a mitigation by copies makes: each text beside the one it was turned from, the changes marked."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

from reviewapp.curation.balance.reading import bars_of
from reviewapp.curation.bias.swapping import Swap, copy_of
from reviewapp.curation.models import CounterfactualCopy, Mitigation
from reviewapp.samples.models import Revision, Sample

SHOWN = 4


@dataclass(frozen=True)
class Piece:
    """Words that stay (``old`` and ``new`` are the same) or are changed."""

    old: str
    new: str

    @property
    def is_same(self) -> bool:
        return self.old == self.new


@dataclass(frozen=True)
class Example:
    """One parent with its two texts in pieces, and the copy once it is made."""

    parent: Sample
    copy: Sample | None
    texts: list[tuple[str, list[Piece]]] = field(default_factory=list)

    @property
    def seen(self) -> list[int]:
        return [self.parent.pk, *([self.copy.pk] if self.copy else [])]


def examples_of(mitigation: Mitigation) -> list[Example]:
    """The first copies of a plan; of other kinds, and of parents that are gone, none."""
    if mitigation.kind != Mitigation.Kind.COPIES:
        return []
    chosen: list[tuple[int, int, str]] = mitigation.plan["chosen"][:SHOWN]
    parents = Sample.objects.filter(project=mitigation.project_id).in_bulk([pk for pk, *_ in chosen])
    revisions = Revision.objects.in_bulk([revision for _, revision, _ in chosen])
    made = CounterfactualCopy.objects.filter(mitigation=mitigation, parent__in=list(parents)).select_related("sample")
    copies = {row.parent_id: row.sample for row in made}
    bars = bars_of(mitigation.report.conditions, mitigation.attribute)
    examples = []
    for pk, revision, to in chosen:
        swaps: Any = (
            copy_of(revisions[revision].prompt, revisions[revision].completion, mitigation.attribute, to, bars)
            if pk in parents and revision in revisions
            else ""
        )
        if not isinstance(swaps, str):
            texts = [("Prompt", pieces_of(swaps[0])), ("Completion", pieces_of(swaps[1]))]
            examples.append(Example(parents[pk], copies.get(pk), texts))
    return examples


def pieces_of(swap: Swap) -> list[Piece]:
    """A swapped text in pieces, in order."""
    pieces, last = [], 0
    for start, old, new in swap.changes:
        if start > last:
            pieces.append(Piece(swap.text[last:start], swap.text[last:start]))
        pieces.append(Piece(old, new))
        last = start + len(new)
    if last < len(swap.text):
        pieces.append(Piece(swap.text[last:], swap.text[last:]))
    return pieces
