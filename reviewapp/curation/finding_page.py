"""What the pages of findings show of each one."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from django.utils.translation import gettext as _

from reviewapp.curation.checks import negations, unsupported_names, unsupported_numbers
from reviewapp.curation.checks.registry import TITLES
from reviewapp.curation.models import Finding
from reviewapp.curation.showing import Passage, Piece, passage, side_by_side, visible
from reviewapp.samples.models import Revision, Sample

State = Finding.State


@dataclass(frozen=True, kw_only=True)
class FindingCard:
    """One finding with its words; ``refusal`` is the sentence of a decision that was not possible."""

    finding: Finding
    refusal: str = ""

    @property
    def title(self) -> str:
        if self.finding.check_name == Finding.MARKED:
            return Finding.MARKED_TITLE
        return TITLES.get(self.finding.check_name) or _("Marked by a person")

    @property
    def message(self) -> str:
        return visible(self.finding.message)

    @property
    def passage(self) -> Passage:
        finding = self.finding
        return passage(getattr(finding.revision, finding.field), finding.start, finding.end)

    @property
    def words(self) -> str:
        """The words that it is about, as they were when it was made."""
        return visible(self.finding.excerpt) if self.is_replaced else self.passage.words

    @property
    def is_replaced(self) -> bool:
        """Whether other words are suggested, or have taken the place already."""
        return self.finding.suggestion is not None and self.finding.start is not None

    @property
    def suggestion(self) -> str:
        return visible(self.finding.suggestion or "")

    @property
    def is_open(self) -> bool:
        return self.finding.state == State.OPEN

    @property
    def is_current(self) -> bool:
        """Whether it stands on the text that the sample has now."""
        return self.finding.revision_id == self.finding.sample.revision_id

    @property
    def can_accept(self) -> bool:
        return self.is_open and self.is_replaced and self.is_current

    @property
    def can_reopen(self) -> bool:
        return self.finding.state in (State.ACCEPTED, State.DISMISSED) and self.is_current

    @property
    def state_kind(self) -> str:
        return {State.OPEN: "wait", State.ACCEPTED: "pass", State.FIXED: "pass"}.get(State(self.finding.state), "open")


@dataclass(frozen=True, kw_only=True)
class Pair:
    """One field of two samples, cut where they differ."""

    name: str
    left: list[Piece]
    right: list[Piece]


@dataclass(frozen=True, kw_only=True)
class Comparison:
    """Two texts side by side; ``other`` is None for a held-out prompt.

    Marked is what differs, or with ``is_passage`` what both share.
    """

    title: str
    other: Sample | None
    pairs: list[Pair]
    is_passage: bool = False


def comparison_of(finding: Finding, *, may_read_heldout: bool) -> Comparison | None:
    """The text beside the one it resembles; None where there is none, or where it is sealed to this person."""
    other = finding.related_sample
    if other is not None and other.revision is not None:
        title = _("Sample %(sample)s") % {"sample": other.external_id}
        return Comparison(title=title, other=other, pairs=pairs_of(finding.revision, other.revision))
    held = finding.related_heldout
    if held is None or not may_read_heldout:
        return None
    left, right = side_by_side(getattr(finding.revision, finding.field), held.prompt)
    pair = Pair(name=finding.get_field_display(), left=left, right=right)
    title = _("Held-out prompt %(prompt)s") % {"prompt": held.external_id}
    return Comparison(title=title, other=None, pairs=[pair], is_passage=finding.kind == "heldout_passage")


def pairs_of(left: Revision, right: Revision) -> list[Pair]:
    pairs = []
    for field, name in Finding.Field.choices:
        ours, theirs = side_by_side(getattr(left, field), getattr(right, field))
        pairs.append(Pair(name=str(name), left=ours, right=theirs))
    return pairs


@dataclass(frozen=True)
class Stretch:
    """A part of a text: of the finding, what it is held against in the other field ("against"), or neither ("")."""

    text: str
    mark: str


def texts_of(finding: Finding) -> list[tuple[str, list[Stretch]]]:
    """(name, text) of both fields in full, cut at the finding's words and at what they are held against."""
    own = (finding.start, finding.end) if finding.start is not None and finding.end is not None else None
    texts = []
    for field, name in Finding.Field.choices:
        spans, mark = ([own] if own else [], "finding") if field == finding.field else (_against(finding), "against")
        texts.append((str(name), _stretches(getattr(finding.revision, field), spans, mark)))
    return texts


def _against(finding: Finding) -> list[tuple[int, int]]:
    """Where the prompt speaks of what the finding is about, for checks that hold the completion against it."""
    places = _PLACES.get(finding.check_name)
    if places is None or finding.start is None or finding.end is None or finding.field != Finding.Field.COMPLETION:
        return []
    return places(finding.revision.prompt, finding.revision.completion, finding.start, finding.end)


_Places = Callable[[str, str, int, int], list[tuple[int, int]]]
_PLACES: dict[str, _Places] = {
    unsupported_numbers.NAME: unsupported_numbers.places,
    unsupported_names.NAME: unsupported_names.places,
    negations.NAME: negations.places,
}


def _stretches(text: str, spans: Sequence[tuple[int, int]], mark: str) -> list[Stretch]:
    found, done = [], 0
    for start, end in spans:
        if start >= done:
            found += [Stretch(visible(text[done:start]), ""), Stretch(visible(text[start:end]), mark)]
            done = end
    return [one for one in [*found, Stretch(visible(text[done:]), "")] if one.text]
