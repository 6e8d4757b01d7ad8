"""The inside of an import: rows sorted into drafts and row errors, drafts written as samples or held-out prompts."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path

from reviewapp.samples.mapping import Mapping, SampleDraft, content_hash, draft_of
from reviewapp.samples.models import (
    HeldoutPrompt,
    HeldoutSet,
    ImportBatch,
    ImportRowError,
    Revision,
    Sample,
    SampleGroup,
)
from reviewapp.samples.parsing.rows import Row, RowError, ValueProblem, row_error
from training.contract import canonical_json

_SUFFIX = 8  # characters of the row hash after an id that an earlier file used
_MAX_ID = 200


@dataclass
class Sorted:
    """A stretch of rows: drafts to write, row errors, and rows that the same file had before."""

    drafts: list[SampleDraft] = field(default_factory=list)
    errors: list[RowError] = field(default_factory=list)
    repeats: int = 0

    @property
    def rows(self) -> int:
        return len(self.drafts) + len(self.errors) + self.repeats


class RowSorter:
    """Turns rows into drafts, one file at a time: an id may name one text only within a file."""

    def __init__(self, mapping: Mapping, *, is_heldout: bool, unit: str) -> None:
        """``unit``: what the file counts, "line" or "row"."""
        self._mapping = mapping
        self._unit = unit
        self._is_heldout = is_heldout
        self._hashes: set[str] = set()
        self._lines: dict[str, int] = {}  # id -> line that has it

    def sort(self, item: object, into: Sorted) -> None:
        """Puts a Row or RowError of the parser where it belongs."""
        if isinstance(item, RowError):
            into.errors.append(item)
            return
        if not isinstance(item, Row):
            raise TypeError(f"Not a row: {item!r}")
        try:
            draft = draft_of(item, self._mapping, is_heldout=self._is_heldout)
            self._keep(draft, into)
        except ValueProblem as problem:
            into.errors.append(row_error(item.line, str(problem), canonical_json(item.values)))

    def _keep(self, draft: SampleDraft, into: Sorted) -> None:
        if draft.row_hash in self._hashes:
            into.repeats += 1
            return
        if draft.external_id:
            line = self._lines.setdefault(draft.external_id, draft.line)
            if line != draft.line:
                name = draft.external_id[:80]
                raise ValueProblem(f"The id “{name}” already names another text, in {self._unit} {line:,}.")
        self._hashes.add(draft.row_hash)
        into.drafts.append(draft)


def row_errors_write(batch: ImportBatch, errors: Sequence[RowError]) -> None:
    """Keeps row errors; those of a former attempt at the same file stay as they are."""
    ImportRowError.objects.bulk_create(
        (ImportRowError(batch=batch, line=error.line, reason=error.reason, raw=error.raw) for error in errors),
        ignore_conflicts=True,
    )


def pool_write(batch: ImportBatch, drafts: Sequence[SampleDraft]) -> int:
    """Makes samples of the drafts that are not there yet; returns how many of the drafts this batch made.

    Must run in a transaction that holds the project's row. A row that this batch made in a former attempt counts as
    made, so that the figures are the same however often the worker was killed.
    """
    hashes = [draft.row_hash for draft in drafts]
    known = dict(
        Sample.objects.filter(project=batch.project_id, row_hash__in=hashes).values_list("row_hash", "batch_id")
    )
    new = [draft for draft in drafts if draft.row_hash not in known]
    names = _names(batch, new, set(_ids_taken(batch, new)))
    groups = _groups(batch, new)
    samples = Sample.objects.bulk_create(
        Sample(
            project_id=batch.project_id,
            batch=batch,
            external_id=name,
            group=groups[group_key(draft)],
            row_hash=draft.row_hash,
            language=draft.language,
            metadata=draft.metadata,
        )
        for draft, name in zip(new, names, strict=True)
    )
    _first_revisions(batch, samples, new)
    return len(new) + sum(owner == batch.pk for owner in known.values())


def heldout_write(batch: ImportBatch, heldout_set: HeldoutSet, drafts: Sequence[SampleDraft]) -> int:
    """Adds the drafts that the held-out set does not hold yet; returns how many. Needs a transaction."""
    prompts = HeldoutPrompt.objects.filter(heldout_set=heldout_set)
    known = set(prompts.filter(row_hash__in=[draft.row_hash for draft in drafts]).values_list("row_hash", flat=True))
    new = [draft for draft in drafts if draft.row_hash not in known]
    wanted = [external_id_of(batch, draft) for draft in new]
    names = _names(batch, new, set(prompts.filter(external_id__in=wanted).values_list("external_id", flat=True)))
    groups = _groups(batch, new)
    HeldoutPrompt.objects.bulk_create(
        HeldoutPrompt(
            heldout_set=heldout_set,
            external_id=name,
            group=groups[group_key(draft)],
            prompt=draft.prompt,
            reference=draft.completion,
            facts=draft.facts,
            metadata=draft.metadata,
            row_hash=draft.row_hash,
        )
        for draft, name in zip(new, names, strict=True)
    )
    return len(new)


def group_key(draft: SampleDraft) -> str:
    """The group of a row; without one, a group of its own, named by its text and not by an id that others may use."""
    return draft.group or f"row-{draft.row_hash[:16]}"


def external_id_of(batch: ImportBatch, draft: SampleDraft) -> str:
    """The id in the file, or one made of the file's name and the line."""
    return draft.external_id or f"{Path(batch.file_name).stem[:150]}-{draft.line}"


def _ids_taken(batch: ImportBatch, drafts: Sequence[SampleDraft]) -> list[str]:
    wanted = [external_id_of(batch, draft) for draft in drafts]
    taken = Sample.objects.filter(project=batch.project_id, external_id__in=wanted)
    return list(taken.values_list("external_id", flat=True))


def _names(batch: ImportBatch, drafts: Sequence[SampleDraft], taken: set[str]) -> list[str]:
    """Ids that nobody else has: one that an earlier file used for another text gets the start of its row hash."""
    names = []
    for draft in drafts:
        name = external_id_of(batch, draft)
        if name in taken:
            name = f"{name[: _MAX_ID - _SUFFIX - 1]}~{draft.row_hash[:_SUFFIX]}"
        taken.add(name)
        names.append(name)
    return names


def _groups(batch: ImportBatch, drafts: Sequence[SampleDraft]) -> dict[str, SampleGroup]:
    keys = {group_key(draft) for draft in drafts}
    rows = (SampleGroup(project_id=batch.project_id, key=key) for key in sorted(keys))
    SampleGroup.objects.bulk_create(rows, ignore_conflicts=True)
    return {group.key: group for group in SampleGroup.objects.filter(project=batch.project_id, key__in=keys)}


def _first_revisions(batch: ImportBatch, samples: Sequence[Sample], drafts: Sequence[SampleDraft]) -> None:
    revisions = Revision.objects.bulk_create(
        Revision(
            sample=sample,
            number=1,
            prompt=draft.prompt,
            completion=draft.completion,
            messages=draft.messages,
            reason=Revision.Reason.IMPORT,
            content_hash=content_hash(draft.prompt, draft.completion),
            created_by_id=batch.uploaded_by_id,
        )
        for sample, draft in zip(samples, drafts, strict=True)
    )
    for sample, revision in zip(samples, revisions, strict=True):
        sample.revision = revision
    Sample.objects.bulk_update(samples, ["revision"])
