"""What the page of a comparison shows: two outputs on sides drawn by lot, and where they differ."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime

from django.utils import timezone
from django.utils.translation import gettext as _

from reviewapp.evaluations import preferring, selectors
from reviewapp.evaluations.grade_page import TextTurn
from reviewapp.evaluations.models import GradeAssignment, GradingRound, Preference
from reviewapp.reviews.diffing import Piece, diff_words
from reviewapp.reviews.reading import turns_of
from reviewapp.rubrics.schema import RubricDocument
from reviewapp.rubrics.selectors import version_document


@dataclass(frozen=True)
class Side:
    """One output; ``pieces`` are its own words, those that the other does not have marked."""

    letter: str
    choice: str
    text: str
    pieces: list[Piece]


@dataclass(frozen=True)
class Reason:
    key: str
    label: str
    is_chosen: bool


@dataclass(frozen=True, kw_only=True)
class PairPage:
    assignment: GradeAssignment
    round: GradingRound
    turns: list[TextTurn]
    left: Side
    right: Side
    is_same: bool
    chosen: str
    reasons: list[Reason]
    note: str
    given: int
    needed: int
    seconds_left: int
    saved_at: datetime | None
    undoable: Preference | None
    rubric: RubricDocument

    @property
    def guidelines_title(self) -> str:
        return _("Guidelines, version %(rubric_version_number)s") % {
            "rubric_version_number": self.round.rubric_version.number
        }


def page_of(assignment: GradeAssignment, *, form: Mapping[str, str] | None = None) -> PairPage:
    """The page of a pair in hand; ``form`` is what was sent and refused, otherwise the draft is shown."""
    item, prompt = assignment.item, assignment.item.output.heldout_prompt.prompt
    values = form if form is not None else {key: str(value) for key, value in assignment.draft.items()}
    queue = selectors.queue_state(item.round, assignment.holder)
    left, right = sides(assignment)
    return PairPage(
        assignment=assignment,
        round=item.round,
        turns=[TextTurn(turn, prompt[turn.start : turn.end]) for turn in turns_of(prompt)],
        left=left,
        right=right,
        is_same=left.text == right.text,
        chosen=values.get("choice", ""),
        reasons=[Reason(key, label, bool(values.get(f"reason-{key}"))) for key, label in preferring.REASONS.items()],
        note=values.get("note", ""),
        given=queue.mine_done,
        needed=queue.mine_possible,
        seconds_left=max(0, int((assignment.lease_expires_at - timezone.now()).total_seconds())),
        saved_at=assignment.draft_saved_at,
        undoable=selectors.undoable_preference(assignment.holder, item.round),
        rubric=version_document(item.round.rubric_version),
    )


def sides(assignment: GradeAssignment) -> tuple[Side, Side]:
    """Both outputs as they stand; the same for this person whenever they come back."""
    item = assignment.item
    texts = [item.output.text, item.other_output.text if item.other_output else ""]
    if assignment.is_swapped:
        texts.reverse()
    found = diff_words(texts[0], texts[1]).pieces
    left = [piece for piece in found if piece.kind != "in"]
    right = [piece for piece in found if piece.kind != "out"]
    return Side("A", "left", texts[0], left), Side("B", "right", texts[1], right)
