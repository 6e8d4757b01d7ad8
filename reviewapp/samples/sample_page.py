"""The page of one sample: a revision with its findings in place, and how the text came to be."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from reviewapp.samples.cleaning import ACTIONS
from reviewapp.samples.mapping import text_of
from reviewapp.samples.models import Revision, Sample
from reviewapp.samples.passages import Change, Piece, changes_of, pieces_of
from reviewapp.samples.selectors import revisions_of


@dataclass(frozen=True)
class Noted:
    """A finding on the revision shown. ``row`` is curation's row; that app lies above this one."""

    number: int
    row: Any

    @property
    def start(self) -> int | None:
        return None if self.row.start is None else int(self.row.start)

    @property
    def end(self) -> int | None:
        return None if self.row.end is None else int(self.row.end)

    @property
    def is_open(self) -> bool:
        return bool(self.row.state == "open")


@dataclass(frozen=True)
class Text:
    """Prompt or completion, either in pieces with findings or as changes against the revision before."""

    name: str
    label: str
    pieces: list[Piece]
    changes: list[Change]
    noted: list[Noted]


@dataclass(frozen=True)
class Step:
    """A revision in the list of all: what was done, in words."""

    revision: Revision
    done: list[str]
    is_shown: bool
    is_current: bool


@dataclass(frozen=True)
class SamplePage:
    revision: Revision | None
    before: Revision | None  # compared with, when an earlier state was asked for
    texts: list[Text]
    steps: list[Step]
    noted: list[Noted]
    metadata: list[tuple[str, str]]

    @property
    def open_findings(self) -> int:
        return sum(noted.is_open for noted in self.noted)


def page_of(sample: Sample, wanted: str) -> SamplePage:
    """The current revision with its findings; or revision number ``wanted`` against the one before it."""
    revisions = revisions_of(sample)
    asked = next((row for row in revisions if str(row.number) == wanted), None)
    shown = asked or next((row for row in revisions if row.pk == sample.revision_id), None)
    before = _before(revisions, asked) if asked else None
    noted = _noted(shown) if shown and asked is None else []
    return SamplePage(
        revision=shown,
        before=before,
        texts=[_text(shown, before, name, noted) for name in ("prompt", "completion")] if shown else [],
        steps=[_step(row, shown, sample) for row in reversed(revisions)],
        noted=noted,
        metadata=[(name, text_of(value)) for name, value in sample.metadata.items()],
    )


def _before(revisions: list[Revision], asked: Revision) -> Revision | None:
    earlier = [row for row in revisions if row.number < asked.number]
    return earlier[-1] if earlier else None


def _noted(revision: Revision) -> list[Noted]:
    rows = revision.findings.exclude(state="gone").select_related("related_sample", "related_heldout", "decided_by")
    ordered = sorted(rows, key=lambda row: (row.field != "prompt", row.start is not None, row.start or 0, row.pk))
    return [Noted(number, row) for number, row in enumerate(ordered, start=1)]


def _text(shown: Revision, before: Revision | None, name: str, noted: list[Noted]) -> Text:
    text: str = getattr(shown, name)
    own = [each for each in noted if each.row.field == name]
    changes = changes_of(getattr(before, name), text) if before else []
    return Text(name, name.capitalize(), pieces_of(text, own), changes, own)


def _step(revision: Revision, shown: Revision | None, sample: Sample) -> Step:
    return Step(
        revision=revision,
        done=[_words(action) for action in revision.actions],
        is_shown=shown is not None and revision.pk == shown.pk,
        is_current=revision.pk == sample.revision_id,
    )


def _words(action: dict[str, Any]) -> str:
    """One entry of a revision's actions as a person reads it."""
    name = str(action.get("action", ""))
    words = ACTIONS.get(name, name.replace("_", " "))
    where = f" in the {action['field']}" if action.get("field") else ""
    count = f", {action['count']} times" if int(action.get("count") or 1) > 1 else ""
    detail = f": {action['detail']}" if action.get("detail") else ""
    return f"{words}{where}{count}{detail}".capitalize() if not detail else f"{words}{where}{count}{detail}"
