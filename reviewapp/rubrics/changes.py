"""What changed between two versions of a rubric, and what the change means for judgements given. Plain Python."""

from __future__ import annotations

import difflib
import re
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from reviewapp.rubrics.documents import CriterionDocument, RubricDocument

SAME, WORDING, WEIGHTING, STRUCTURAL = "same", "wording", "weighting", "structural"
ADDED, REMOVED = "added", "removed"
WORDS = {
    SAME: "Not changed",
    WORDING: "Wording: judgements are kept",
    WEIGHTING: "Weighting: judgements are kept, scores are computed anew",
    STRUCTURAL: "Structure: earlier judgements cannot be compared",
}
NAMES = {
    "name": "Name",
    "description": "What it asks",
    "kind": "Kind",
    "weight": "Weight",
    "allow_na": "May be not applicable",
    "is_critical": "Critical",
    "evidence_at_or_below": "Evidence from",
    "applies_to": "Asked for",
    "direction": "Better is",
    "evidence": "Evidence that counts",
    "unit": "What is counted",
    "most": "Counts up to",
    "points": "Points",
    "levels": "Levels",
    "error_types": "Error types",
}
_WORDED = frozenset({"name", "description"})
_WEIGHED = frozenset({"weight", "is_critical"})
Piece = tuple[str, str]  # ("same" | "del" | "ins", text)


@dataclass(frozen=True)
class FieldChange:
    name: str
    pieces: tuple[Piece, ...]


@dataclass(frozen=True)
class CriterionChange:
    """One criterion in two versions; ``kind`` says what the change means, ``state`` also "added" and "removed"."""

    key: str
    name: str
    kind: str
    state: str
    fields: tuple[FieldChange, ...]

    @property
    def words(self) -> str:
        if self.state == ADDED:
            return "Added: earlier work has no judgement of it"
        return "Removed: its judgements stay with their version" if self.state == REMOVED else WORDS[self.kind]


@dataclass(frozen=True)
class RubricChange:
    """``texts`` are changes of guidelines and notice, which are wording."""

    texts: tuple[FieldChange, ...]
    criteria: tuple[CriterionChange, ...]
    is_reordered: bool

    @property
    def structural(self) -> tuple[CriterionChange, ...]:
        return tuple(change for change in self.criteria if change.kind == STRUCTURAL)

    @property
    def changed(self) -> tuple[CriterionChange, ...]:
        return tuple(change for change in self.criteria if change.kind != SAME)

    @property
    def unchanged(self) -> tuple[CriterionChange, ...]:
        return tuple(change for change in self.criteria if change.kind == SAME)

    @property
    def is_structural(self) -> bool:
        return bool(self.structural)

    @property
    def is_empty(self) -> bool:
        return not (self.changed or self.texts or self.is_reordered)


def change_kind(old: CriterionDocument | None, new: CriterionDocument | None) -> str:
    """ "same", "wording", "weighting" or "structural".

    Wording (names, descriptions, labels, anchors) and weighting keep the judgements that were given. A change is
    structural where an earlier answer may no longer exist, was given on another scale, or lacks what is now asked:
    another kind, other level values, a stricter rule of evidence, error types, points of another sign, a criterion
    that is new or gone.
    """
    if old is None or new is None:
        return STRUCTURAL
    differing = {name for name in CriterionDocument.__dataclass_fields__ if getattr(old, name) != getattr(new, name)}
    if not differing:
        return SAME
    if differing - _WORDED - _WEIGHED - _harmless(old, new):
        return STRUCTURAL
    return WEIGHTING if differing & (_WEIGHED | {"points"}) else WORDING


def _harmless(old: CriterionDocument, new: CriterionDocument) -> set[str]:
    """Fields whose change leaves every earlier answer standing."""
    found = set()
    if [level.value for level in old.levels] == [level.value for level in new.levels]:
        found.add("levels")
    if [(t.key, t.minor, t.major) for t in old.error_types] == [(t.key, t.minor, t.major) for t in new.error_types]:
        found.add("error_types")
    if new.allow_na:
        found.add("allow_na")
    if new.evidence_at_or_below is None:
        found.add("evidence_at_or_below")
    if set(old.evidence) <= set(new.evidence):
        found.add("evidence")
    if old.points and new.points and (old.points > 0) == (new.points > 0):
        found.add("points")
    if old.applies_to == "both":
        found.add("applies_to")
    return found


def rubric_change(old: RubricDocument, new: RubricDocument) -> RubricChange:
    """All changes from one document to another, criteria paired by key, in the order of the newer one."""
    before = {criterion.key: criterion for criterion in old.criteria}
    after = {criterion.key: criterion for criterion in new.criteria}
    changes = [_criterion_change(before.get(key), criterion) for key, criterion in after.items()]
    changes += [_criterion_change(criterion, None) for key, criterion in before.items() if key not in after]
    texts = [
        FieldChange(name, words_changed(getattr(old, field), getattr(new, field)))
        for field, name in (("guidelines", "Guidelines"), ("notice", "Licence and origin"))
        if getattr(old, field) != getattr(new, field)
    ]
    kept_before, kept_after = [k for k in before if k in after], [k for k in after if k in before]
    return RubricChange(tuple(texts), tuple(changes), kept_before != kept_after)


def _criterion_change(old: CriterionDocument | None, new: CriterionDocument | None) -> CriterionChange:
    one = new or old
    assert one is not None  # noqa: S101 - one of the two is always given
    kind = change_kind(old, new)
    state = ADDED if old is None else REMOVED if new is None else kind
    fields = tuple(_field_changes(old, new)) if kind != SAME else ()
    return CriterionChange(one.key, one.name, kind, state, fields)


def _field_changes(old: CriterionDocument | None, new: CriterionDocument | None) -> Iterator[FieldChange]:
    for field, name in NAMES.items():
        before, after = _told(old, field), _told(new, field)
        if before != after:
            yield FieldChange(name, words_changed(before, after))


def _told(criterion: CriterionDocument | None, field: str) -> str:
    """The value of a field in words; "" where there is none."""
    value: Any = getattr(criterion, field, None)
    if field == "levels":
        return "\n".join(f"{level.value} {level.label}: {level.anchor}" for level in value or ())
    if field == "error_types":
        return "\n".join(f"{kind.name}: minor {kind.minor}, major {kind.major}" for kind in value or ())
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, float):
        return f"{value:g}"
    return ", ".join(value) if isinstance(value, tuple) else "" if value is None else str(value)


def words_changed(old: str, new: str) -> tuple[Piece, ...]:
    """The pieces that lead from one text to another, word by word."""
    before, after = re.findall(r"\s+|\w+|[^\w\s]", old), re.findall(r"\s+|\w+|[^\w\s]", new)
    pieces: list[Piece] = []
    for tag, i1, i2, j1, j2 in difflib.SequenceMatcher(None, before, after, autojunk=False).get_opcodes():
        if tag == "equal":
            pieces.append(("same", "".join(before[i1:i2])))
            continue
        pieces += [("del", "".join(before[i1:i2]))] if i2 > i1 else []
        pieces += [("ins", "".join(after[j1:j2]))] if j2 > j1 else []
    return tuple(pieces)
